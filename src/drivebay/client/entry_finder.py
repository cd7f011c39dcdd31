"""Finds files and folders on the server by path, by id or by name, and lists them page by page."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from typing import Protocol, TypeVar
from urllib.parse import quote

from .api_client import ApiClient, ApiRequest
from .api_models import ROOT, File, FilePage
from .drive_paths import split_parent, split_path, validate_id
from .errors import ApiError, NotFound

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

_PAGE_SIZE = 1000


class _Page(Protocol[T_co]):
    """One page of a listing."""

    @property
    def items(self) -> Sequence[T_co]: ...

    @property
    def next_cursor(self) -> str | None: ...


class EntryFinder:
    """Finds entries of one user. Every method may raise ApiError and NetworkError.

    `drive_id` is the drive to look in. None: the drive of `api`. `root` is the item at which paths begin.
    """

    def __init__(self, api: ApiClient, drive_id: str | None = None) -> None:
        self._api = api
        self._drive_id = drive_id
        self.root = ROOT

    def in_drive(self, drive_id: str | None) -> EntryFinder:
        """Return a finder for another drive. None: this finder."""
        return self if drive_id is None else EntryFinder(self._api, validate_id(drive_id))

    async def resolve(self, file: str | File) -> File:
        """Return the file or folder with this path or id. A `File` is returned unchanged. Raises NotFound."""
        if isinstance(file, File):
            return file
        if not file.startswith("/"):
            return ROOT if file == ROOT.id else await self._get_by_id(validate_id(file))
        names = split_path(file)
        if not names:
            return self.root
        if self.root is not ROOT:
            return await self._find_by_names(names)
        query = {"path": "/" + "/".join(names), "drive_id": self._drive_id}
        try:
            return await self._api.call(ApiRequest(File, "GET", "/v1/files/by-path", query=query))
        except ApiError as error:
            if error.code not in ("not_found", "invalid_request"):  # no file can have a name that is not valid
                raise
            raise NotFound(404, "not_found", f"there is no {file}", request_id=error.request_id) from None

    async def _find_by_names(self, names: Sequence[str]) -> File:
        """Return the item at a path that begins at a shared item. The server only knows paths that begin at a root."""
        item = self.root
        for depth, name in enumerate(names, 1):
            item = await self.find_child(item, name, "/" + "/".join(names[:depth]))
        return item

    async def _get_by_id(self, id: str) -> File:
        return await self._api.call(
            ApiRequest(File, "GET", f"/v1/files/{quote(id, '')}", query={"drive_id": self._drive_id})
        )

    async def find_child(self, parent: File, name: str, path: str) -> File:
        """Return the child with this name. Raises NotFound, with `path` in its message."""
        if parent.is_folder:
            query = {"parent_id": parent.id, "name": name, "drive_id": self._drive_id}
            try:
                matches = (await self._api.call(ApiRequest(FilePage, "GET", "/v1/files", query=query))).items
            except ApiError as error:
                if error.code != "invalid_request":
                    raise
                matches = []  # the name is not valid, so no file can have it
            if matches:
                return matches[0]
        raise NotFound(404, "not_found", f"there is no {path}")

    async def non_root_id(self, file: str | File) -> str:
        """Return the id of a file or folder that is not the root. Raises ValueError for the root."""
        entry = await self.resolve(file)
        if entry.id == ROOT.id:
            raise ValueError("/ is the root folder: give a file or a folder below it")
        return entry.id

    async def id_for_batch(self, file: str | File) -> str:
        """Return the id of a file or folder, as an item of a batch. Raises ValueError for the root.

        An id is returned without a request. If it does not exist, the result of the batch has an error for this item.
        """
        if isinstance(file, str) and not file.startswith("/"):
            return validate_id(file)
        return await self.non_root_id(file)

    async def resolve_folder(self, folder: str | File) -> File:
        """Return a folder as `resolve` does. Also raises NotFound for a file."""
        entry = await self.resolve(folder)
        if not entry.is_folder:
            raise NotFound(404, "not_found", f"{entry.name} is not a folder")
        return entry

    async def find_destination(self, file: File, target: str) -> tuple[File, str]:
        """Return the new folder and name of a file: its own name in the folder `target`, or the path `target`."""
        try:
            return await self.resolve_folder(target), file.name
        except NotFound:
            parent_path, name = split_parent(target)
            return await self.resolve_folder(parent_path), name

    async def resolve_file(self, file: str | File) -> File:
        """Return a file as `resolve` does. Also raises NotFound for a folder."""
        entry = await self.resolve(file)
        if entry.is_folder:
            raise NotFound(404, "not_found", f"{entry.name} is a folder and has no content")
        return entry

    async def list_pages(self, path: str, query: dict[str, str], page_type: type[_Page[T]]) -> AsyncGenerator[T, None]:
        """Yield the items of all pages of a listing."""
        cursor: str | None = None
        while True:
            page_query = {**query, "limit": _PAGE_SIZE, "cursor": cursor}
            page = await self._api.call(ApiRequest(page_type, "GET", path, query=page_query))
            for item in page.items:
                yield item
            if page.next_cursor is None:
                return
            cursor = page.next_cursor
