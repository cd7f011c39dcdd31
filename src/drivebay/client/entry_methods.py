"""The methods of `AsyncDrive` about files and folders: find, list, change, versions."""

from __future__ import annotations

import asyncio
import unicodedata
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Literal
from urllib.parse import quote

from .api_client import ApiRequest
from .api_methods import ApiMethods
from .api_models import (
    ROOT,
    Activity,
    ActivityPage,
    Disposition,
    File,
    FilePage,
    FilePath,
    FoundFile,
    Link,
    OnConflict,
    SearchPage,
    Sort,
    TreeSize,
    Version,
    VersionPage,
)
from .drive_paths import split_path, trashed_id
from .entry_batches import change_files, if_match
from .errors import ApiError, Conflict, NotFound, Unavailable


class EntryMethods(ApiMethods):
    """Finding, listing and changing files and folders, and the versions of files."""

    # Finding and listing

    async def resolve(self, file: str | File, drive_id: str | None = None) -> File:
        """Return the file or folder with this path or id. A `File` is returned unchanged. Raises NotFound.

        `drive_id` is the drive to look in, by default the drive of this object.
        """
        return await self._finder.in_drive(drive_id).resolve(file)

    async def child(self, folder: str | File, name: str) -> File:
        """Return the file or folder with this name in a folder. Raises NotFound."""
        parent = await self._finder.resolve_folder(folder)
        return await self._finder.find_child(parent, name, f"{name} in {parent.name}")

    async def file(self, id: str) -> File:
        """Return the file or folder with this id, in its current state. Raises NotFound."""
        return await self._api.call(ApiRequest(File, "GET", f"/v1/files/{quote(id, '')}"))

    async def files(self, folder: str | File = "/", sort: Sort = "name") -> AsyncGenerator[File, None]:
        """Yield the files and folders in a folder. Pages are fetched as they are needed."""
        parent = await self._finder.resolve_folder(folder)
        async with aclosing(
            self._finder.list_pages("/v1/files", {"parent_id": parent.id, "sort": sort}, FilePage)
        ) as files:
            async for file in files:
                yield file

    async def all_files(self, sort: Sort = "-created") -> AsyncGenerator[File, None]:
        """Yield every file of the drive, in all folders, without the folders themselves."""
        async with aclosing(self._finder.list_pages("/v1/files", {"sort": sort}, FilePage)) as files:
            async for file in files:
                yield file

    async def starred(self, sort: Sort = "name") -> AsyncGenerator[File, None]:
        """Yield every file and folder that has a star."""
        query: dict[str, str] = {"starred": "true", "sort": sort}
        async with aclosing(self._finder.list_pages("/v1/files", query, FilePage)) as files:
            async for file in files:
                yield file

    async def path(self, file: str | File) -> list[File]:
        """Return the folders above a file or folder, from the top down, then the item itself. Raises NotFound."""
        id = await self._finder.non_root_id(file)
        return (await self._api.call(ApiRequest(FilePath, "GET", f"/v1/files/{quote(id, '')}/path"))).items

    async def size(self, folder: str | File = "/") -> TreeSize:
        """Return the size of a folder with everything below it, without the trash. Raises NotFound."""
        id = (await self._finder.resolve(folder)).id
        return await self._api.call(ApiRequest(TreeSize, "GET", f"/v1/files/{quote(id, '')}/size", is_slow=True))

    async def trashed(self) -> AsyncGenerator[File, None]:
        """Yield the files and folders in the trash, latest first."""
        async with aclosing(self._finder.list_pages("/v1/trash", {}, FilePage)) as files:
            async for file in files:
                yield file

    async def search(
        self,
        text: str,
        *,
        folder: str | File | None = None,
        kind: Literal["file", "folder"] | None = None,
        type: str | None = None,
        size: tuple[int | None, int | None] = (None, None),
        modified: tuple[datetime | None, datetime | None] = (None, None),
        starred: bool | None = None,
    ) -> AsyncGenerator[FoundFile, None]:
        """Yield the files and folders whose name matches a text, best first. The trash is not searched.

        A name matches if it begins with the text or contains it, without regard to case and accents. In a text of 4 to
        32 characters, one letter may be missing, added or wrong, or two may be swapped. `folder` limits the search to
        the items below it, `type` to a media type or to `image`, `video`, `audio` or `document`. `size` is the smallest
        and the largest size in bytes. `modified` are two times between which the file was modified. With `starred`,
        only items with a star (True) or without a star (False) are returned. Raises ValueError if a time has no time
        zone.
        """
        if folder is None and self._finder.root is not ROOT:
            folder = "/"  # only the shared item can be searched, not its drive
        below = None if folder is None else (await self._finder.resolve_folder(folder)).id
        values = {
            "q": text,
            "kind": kind,
            "type": type,
            "min_size": size[0],
            "max_size": size[1],
            "modified_after": _time_text(modified[0]),
            "modified_before": _time_text(modified[1]),
            "parent_id": below,
            "starred": None if starred is None else str(starred).lower(),
        }
        query = {name: str(value) for name, value in values.items() if value is not None}
        async with aclosing(self._finder.list_pages("/v1/search", query, SearchPage)) as files:
            async for file in files:
                yield file

    # Modifying

    async def make_folder(self, path: str, *, parents: bool = False) -> File:
        """Create a folder. With `parents`, create missing parent folders too, and accept a folder that exists.

        Raises Conflict `name_taken`, NotFound.
        """
        names = split_path(path)
        if not names:
            raise Conflict(409, "name_taken", "/ is the root folder and always exists")
        if parents and self._finder.root is not ROOT:
            folder = self._finder.root
            for name in names:
                folder = await self.make_folder_in(folder, name, exist_ok=True)
            return folder
        if parents:
            body, key = {"path": "/" + "/".join(names)}, self._api.new_key()
            return await self._api.call(ApiRequest(File, "POST", "/v1/folders", body, idempotency_key=key))
        return await self.make_folder_in("/" + "/".join(names[:-1]), names[-1])

    async def make_folder_in(self, parent: str | File, name: str, *, exist_ok: bool = False) -> File:
        """Create a folder in another folder. With `exist_ok`, return a folder that exists already.

        Raises Conflict `name_taken`, NotFound.
        """
        folder = await self._finder.resolve_folder(parent)
        body = {"name": name, "parent_id": folder.id}
        try:
            return await self._api.call(
                ApiRequest(File, "POST", "/v1/folders", body, idempotency_key=self._api.new_key())
            )
        except Conflict as error:
            if not exist_ok or error.code != "name_taken":
                raise
            existing = await self.child(folder, unicodedata.normalize("NFC", name))
            if not existing.is_folder:
                raise
            return existing

    async def move(self, file: str | File, target: str) -> File:
        """Move or rename a file or folder to the path `target`. If `target` is a folder, move into it.

        Raises Conflict `name_taken`, NotFound. The request is sent once: after a NetworkError the file may have moved.
        """
        moved = await self.resolve(file)
        parent, name = await self._finder.find_destination(moved, target)
        return await self.update(moved, name=name, parent_id=parent.id)

    async def update(
        self,
        file: str | File,
        *,
        name: str | None = None,
        parent_id: str | None = None,
        on_conflict: OnConflict | str = OnConflict.FAIL,
        modified_at: datetime | None = None,
        starred: bool | None = None,
        properties: Mapping[str, str | None] | None = None,
        etag: str | None = None,
    ) -> File:
        """Change the values that are not None. With `etag`, raise Conflict if the file has another ETag now.

        `on_conflict` is the rule for a name that is taken. With `OnConflict.REPLACE`, the file becomes a new version of
        the other file with this name, and the other file is returned. `properties` are added to the properties of the
        file. A property with the value None is removed. The request is sent once: after a NetworkError the change may
        have happened. Raises Conflict `name_taken`, `would_cycle`.
        """
        id = await self._finder.non_root_id(file)
        values: dict[str, object] = {
            "name": name,
            "parent_id": parent_id,
            "on_conflict": OnConflict(on_conflict).value,
            "modified_at": modified_at,
            "starred": starred,
            "properties": properties,
        }
        body = {key: value for key, value in values.items() if value is not None}
        return await self._api.call(
            ApiRequest(File, "PATCH", f"/v1/files/{quote(id, '')}", body, headers=if_match(etag))
        )

    async def move_all(
        self, files: Sequence[str | File], folder: str | File, on_conflict: OnConflict | str = OnConflict.FAIL
    ) -> list[File | ApiError]:
        """Move files and folders to a folder, 100 in each request. Return the moved file, or its error, for each."""
        parent = await self._finder.resolve_folder(folder)
        ids = [await self._finder.id_for_batch(file) for file in files]
        options: dict[str, object] = {"parent_id": parent.id, "on_conflict": OnConflict(on_conflict).value}
        return await change_files(self._api, "move", ids, options)

    async def trash_all(self, files: Sequence[str | File]) -> list[File | ApiError]:
        """Move files and folders to the trash, 100 in each request. Return the file, or its error, for each."""
        return await change_files(self._api, "trash", [await self._finder.id_for_batch(file) for file in files])

    async def restore_all(self, files: Sequence[str | File]) -> list[File | ApiError]:
        """Restore files and folders as `restore` does, 100 in each request. Return the file, or its error, for each."""
        return await change_files(self._api, "restore", [trashed_id(file) for file in files])

    async def trash(self, file: str | File, *, etag: str | None = None) -> None:
        """Move a file to the trash, or a folder with everything in it. `etag` as in `update`."""
        path = f"/v1/files/{quote(await self._finder.non_root_id(file), '')}"
        await self._api.call(ApiRequest(type(None), "DELETE", path, headers=if_match(etag), absent_is_success=True))

    async def restore(
        self,
        file: str | File,
        folder: str | File | None = None,
        on_conflict: OnConflict | str = OnConflict.RENAME,
    ) -> File:
        """Move a file out of the trash to `folder`. The default is its old folder, or the root if the old folder no
        longer exists.

        Files in the trash have no path: give an id or a `File`. `on_conflict` as in `update`.
        """
        body: dict[str, object] = {"on_conflict": OnConflict(on_conflict).value}
        if folder is not None:
            body["parent_id"] = (await self._finder.resolve_folder(folder)).id
        return await self._api.call(ApiRequest(File, "POST", f"/v1/files/{quote(trashed_id(file), '')}/restore", body))

    async def delete_trashed(self, file: str | File) -> None:
        """Delete a file in the trash for good, or a folder with everything in it.

        After at most a minute, its bytes do not count in the quota any more. Files in the trash have no path: give an
        id or a `File`.
        """
        path = f"/v1/trash/{quote(trashed_id(file), '')}"
        await self._api.call(ApiRequest(type(None), "DELETE", path, absent_is_success=True))

    async def empty_trash(self) -> None:
        """Delete everything in the trash for good. After at most a minute, the bytes do not count in the quota any
        more."""
        await self._api.call(ApiRequest(type(None), "DELETE", "/v1/trash"))

    async def thumbnail(self, file: str | File, size: Literal[64, 256, 1024] = 256, wait: float = 60.0) -> bytes | None:
        """Return a thumbnail of a file: a WebP image that fits into a square with sides of `size` pixels.

        Return None if the file can have no thumbnail. The server makes the image after the first request. The call
        waits at most `wait` seconds for the image. Raises NotFound, and Unavailable if the image was not made in time.
        """
        id = await self._finder.non_root_id(file)
        path = f"/v1/files/{quote(id, '')}/thumbnail"
        request = ApiRequest(type(None), "GET", path, query={"size": size}, expects_redirect=True)
        clock = asyncio.get_running_loop().time
        ends_at = clock() + wait
        while True:
            try:
                response = await self._api.fetch(request)
            except NotFound as error:
                if error.code == "no_preview":
                    return None
                raise
            if response.status == 302:
                return await self._api.fetch_signed(response.headers["Location"], "reading the thumbnail")
            pause = max(1.0, float(response.headers.get("Retry-After", "1")))
            if clock() + pause > ends_at:
                raise Unavailable(503, "unavailable", "the thumbnail is not ready yet: try again", retry_after=pause)
            await asyncio.sleep(pause)

    async def activity(self, file: str | File) -> AsyncGenerator[Activity, None]:
        """Yield the changes of a file or folder in the last 30 days, newest first. Raises NotFound.

        Changes of the folders above the item are not included.
        """
        path = f"/v1/files/{quote((await self._finder.resolve(file)).id, '')}/activity"
        async with aclosing(self._finder.list_pages(path, {}, ActivityPage)) as changes:
            async for change in changes:
                yield change

    # Versions

    async def versions(self, file: str | File) -> AsyncGenerator[Version, None]:
        """Yield the versions of a file, newest first. Raises NotFound."""
        path = _versions_path(await self._finder.resolve_file(file))
        async with aclosing(self._finder.list_pages(path, {}, VersionPage)) as versions:
            async for version in versions:
                yield version

    async def version_link(
        self, file: str | File, version_id: str, disposition: Disposition | str = Disposition.ATTACHMENT
    ) -> Link:
        """Return a presigned URL of a version, with which anyone can read its bytes for some minutes. Raises NotFound.

        The method `link` returns such a URL of the current version.
        """
        path = f"{_versions_path(await self._finder.resolve_file(file))}/{quote(version_id, '')}/download"
        query = {"disposition": Disposition(disposition).value}
        return await self._api.call(ApiRequest(Link, "GET", path, query=query))

    async def restore_version(self, file: str | File, version_id: str) -> File:
        """Create a new version with the content of an old version, and return the file.

        The new version becomes the current version. A repeat changes nothing. Raises NotFound, and ApiError
        `quota_exceeded`.
        """
        path = f"{_versions_path(await self._finder.resolve_file(file))}/{quote(version_id, '')}/restore"
        return await self._api.call(ApiRequest(File, "POST", path, idempotent=True))

    async def delete_version(self, file: str | File, version_id: str) -> None:
        """Delete an old version for good. Raises NotFound, and Conflict if it is the current version."""
        path = f"{_versions_path(await self._finder.resolve_file(file))}/{quote(version_id, '')}"
        await self._api.call(ApiRequest(type(None), "DELETE", path, absent_is_success=True))


def _versions_path(file: File) -> str:
    return f"/v1/files/{quote(file.id, '')}/versions"


def _time_text(time: datetime | None) -> str | None:
    if time is None:
        return None
    if time.tzinfo is None:
        raise ValueError(f"{time} has no time zone: give one, for example datetime.now(UTC)")
    return time.astimezone(UTC).isoformat().replace("+00:00", "Z")
