"""`AsyncDrive`: everything a user can do with their files, as calls.

A file is named by its path (`/reports/2026/a.pdf`), by its id, or by the `File` that another call gave. What begins
with a slash is a path.
"""

from __future__ import annotations

import mimetypes
import unicodedata
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

from . import reading, sources
from .beginnings import Beginnings
from .downloads import Downloads
from .errors import ApiError, Conflict, Damaged, NotFound, Unauthenticated
from .http import Http
from .models import (
    ROOT,
    Account,
    Disposition,
    File,
    FilePage,
    Link,
    Moment,
    Moments,
    OnConflict,
    Sort,
    Tokens,
    Upload,
)
from .network import Network
from .paths import checked_id, local_target, names_of, parent_and_name
from .resume import Resume
from .retry import Patience
from .sessions import InMemory, Session
from .sources import Content
from .store import Store
from .uploads import Progress, Target, Uploads

_PAGE = 1000
_THREAD_WITHIN = 5.0
OCTETS = "application/octet-stream"


class AsyncDrive:
    """One user of one Drivebay. Use it as a context: `async with AsyncDrive("https://drive.example.com") as drive:`.

    `session` keeps the tokens of a login, in memory by default. `resume` keeps what is needed to go on with large
    uploads in another process, and to give up small ones that this one leaves behind; without it an upload that fails
    is given up. `parallel` bodies are sent or fetched at once, over `network`: httpx by default. What may be repeated
    is repeated until nothing has worked for `patience`; then the last error is raised.

    Small files that are sent or fetched at the same time share requests, up to a hundred of them one.

    Every call may raise `ApiError` and its kinds, and `NetworkError`; what it raises besides, it says.
    """

    def __init__(
        self,
        server: str,
        *,
        session: Session | None = None,
        resume: Resume | None = None,
        parallel: int = 4,
        patience: Patience | None = None,
        network: Network | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        own = patience or Patience()
        if network is None:
            # Imported only where it is used: that takes as long as many a request.
            from .httpx_network import HttpxNetwork

            network = HttpxNetwork(connections=max(32, 2 * parallel))
        self._network = network
        self._http = Http(server, session or InMemory(), self._network, own)
        self._store = Store(self._network, own, parallel)
        self._beginnings = Beginnings(self._http, resume, own)
        self._uploads = Uploads(self._http, self._store, self._beginnings, resume, now)
        self._files = sources.files()
        self._links = reading.Links(self._http)
        self._downloads = Downloads(self._http, self._store, self._links)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close every connection. The session stays."""
        await self._beginnings.close()
        await self._links.close()
        await self._downloads.close()
        await self._files.close(_THREAD_WITHIN)
        await self._http.close()
        await self._network.close()

    # Accounts

    async def sign_up(self, email: str, password: str) -> Account:
        """Make an account; it is not logged in yet. Raises Conflict `email_taken`."""
        body = {"email": email, "password": password}
        return await self._http.call(Account, "POST", "/v1/signup", body, keyed=True, public=True)

    async def log_in(self, email: str, password: str) -> None:
        """Begin a session and keep its tokens. Raises Unauthenticated `invalid_credentials`."""
        body = {"email": email, "password": password}
        await self._http.keep(await self._http.call(Tokens, "POST", "/v1/login", body, public=True))

    async def log_out(self) -> None:
        """End the session, here and on the server. Does nothing if there is none."""
        try:
            tokens = await self._http.logged_in()
        except Unauthenticated:
            return
        # Forgotten first: whoever logs out must not stay logged in because the network is down.
        await self._http.keep(None)
        if tokens.refresh_token is not None:
            body = {"refresh_token": tokens.refresh_token}
            await self._http.call(type(None), "POST", "/v1/logout", body, idempotent=True, public=True)

    async def me(self) -> Account:
        """Who is logged in, and what they use."""
        return await self._http.call(Account, "GET", "/v1/me")

    # Looking

    async def resolve(self, file: str | File) -> File:
        """The file or folder of this path or id; a `File` as it was given. Raises NotFound.

        A path costs a request for each of its names.
        """
        if isinstance(file, File):
            return file
        if not file.startswith("/"):
            return ROOT if file == ROOT.id else await self.file(checked_id(file))
        found = ROOT
        for name in names_of(file):
            found = await self._below(found, name, file)
        return found

    async def child(self, folder: str | File, name: str) -> File:
        """What has this name in a folder. Raises NotFound."""
        parent = await self._folder(folder)
        return await self._below(parent, name, f"{name} in {parent.name}")

    async def file(self, id: str) -> File:
        """The file or folder with this id, as it is now."""
        return await self._http.call(File, "GET", f"/v1/files/{quote(id, '')}")

    async def files(self, folder: str | File = "/", sort: Sort = "name") -> AsyncGenerator[File, None]:
        """What is in a folder, one after another, a page at a time."""
        parent = await self._folder(folder)
        async with aclosing(self._pages("/v1/files", {"parent_id": parent.id, "sort": sort})) as pages:
            async for file in pages:
                yield file

    async def all_files(self, sort: Sort = "-created") -> AsyncGenerator[File, None]:
        """Every file of the user, in whatever folder, without the folders."""
        async with aclosing(self._pages("/v1/files", {"sort": sort})) as pages:
            async for file in pages:
                yield file

    async def trashed(self) -> AsyncGenerator[File, None]:
        """What is in the trash, latest first."""
        async with aclosing(self._pages("/v1/trash", {})) as pages:
            async for file in pages:
                yield file

    # Changing

    async def make_folder(self, path: str, *, parents: bool = False) -> File:
        """A new folder. With `parents`, those on the way too, and one that is there already is as good.

        Raises Conflict `name_taken`, NotFound.
        """
        names = names_of(path)
        if not names:
            raise Conflict(409, "name_taken", "/ is always there")
        parent = ROOT
        for name in names[:-1]:
            if parents:
                parent = await self.make_folder_in(parent, name, exist_ok=True)
            else:
                parent = await self._below(parent, name, path)
        return await self.make_folder_in(parent, names[-1], exist_ok=parents)

    async def make_folder_in(self, parent: str | File, name: str, *, exist_ok: bool = False) -> File:
        """A new folder of this name in another one; with `exist_ok` one that is there already is as good.

        Raises Conflict `name_taken`.
        """
        folder = await self._folder(parent)
        body = {"name": name, "parent_id": folder.id}
        try:
            return await self._http.call(File, "POST", "/v1/folders", body, keyed=True)
        except Conflict as error:
            if not exist_ok or error.code != "name_taken":
                raise
            found = await self.child(folder, unicodedata.normalize("NFC", name))
            if not found.is_folder:
                raise
            return found

    async def move(self, file: str | File, target: str) -> File:
        """Rename or move to this path; into it, if it is a folder. Raises Conflict `name_taken`, NotFound.

        Sent once: a lost answer is a NetworkError, and the file may have moved.
        """
        moved = await self.resolve(file)
        try:
            parent, name = await self._folder(target), moved.name
        except NotFound:
            above, name = parent_and_name(target)
            parent = await self._folder(above)
        return await self.change(moved, name=name, parent_id=parent.id)

    async def change(
        self, file: str | File, *, name: str | None = None, parent_id: str | None = None, etag: str | None = None
    ) -> File:
        """A new name, a new folder, or both; only if it has still this `etag`, if one is given (else Conflict)."""
        id = (await self.resolve(file)).id
        body = {key: value for key, value in (("name", name), ("parent_id", parent_id)) if value is not None}
        return await self._http.call(File, "PATCH", f"/v1/files/{quote(id, '')}", body, headers=_if_match(etag))

    async def trash(self, file: str | File, *, etag: str | None = None) -> None:
        """Into the trash, a folder with all that is in it."""
        id = (await self.resolve(file)).id
        path = f"/v1/files/{quote(id, '')}"
        await self._http.call(type(None), "DELETE", path, headers=_if_match(etag), gone_is_done=True)

    async def restore(self, file: str | File) -> File:
        """Out of the trash, to where it was, or to the root if that is gone. By its id: the trash has no paths."""
        id = file.id if isinstance(file, File) else file
        return await self._http.call(File, "POST", f"/v1/files/{quote(id, '')}/restore")

    # Bytes

    async def upload(
        self,
        content: Content,
        folder: str | File = "/",
        name: str | None = None,
        *,
        content_type: str | None = None,
        on_conflict: OnConflict | str = OnConflict.RENAME,
        progress: Progress | None = None,
    ) -> File:
        """Store this content in a folder; the file that it became.

        `content` is a path, bytes, an open binary file, or an async iterator of bytes. Without `name` a path's own
        is taken. It arrives whole and as it was read, or not at all. Raises OSError, ValueError, Changed,
        Conflict, UploadFailed, StoreError.
        """
        sent = await self.send(
            content, folder, name, content_type=content_type, on_conflict=on_conflict, progress=progress
        )
        return await self.file(sent.file_id or "")

    async def send(
        self,
        content: Content,
        folder: str | File = "/",
        name: str | None = None,
        *,
        content_type: str | None = None,
        on_conflict: OnConflict | str = OnConflict.RENAME,
        progress: Progress | None = None,
    ) -> Upload:
        """As `upload`, without a last look at the file: a request less for each of many files."""
        if name is None:
            if not isinstance(content, str | Path):
                raise ValueError("what has no path needs a name")
            name = Path(content).name
        parent = await self._folder(folder)
        kind = content_type or mimetypes.guess_type(name)[0] or OCTETS
        async with sources.opened(content, self._files) as source:
            return await self._uploads.send(source, Target(parent.id, name, kind, OnConflict(on_conflict)), progress)

    async def download(
        self, file: str | File, path: str | Path, *, overwrite: bool = False, progress: Progress | None = None
    ) -> File:
        """Store a file's bytes at a local path, or in it if it is a folder; the file that it was.

        Whole, with the right checksum, and on disk, or not there at all. What has come before a failure is kept
        beside it, as `.<name>.<id>.part`, for the next attempt. Raises FileExistsError unless `overwrite`;
        OSError, Damaged, StoreError.
        """
        found = await self._readable(file)
        target = local_target(Path(path), found)
        await self._downloads.to_path(found, target, overwrite=overwrite, progress=progress)
        return found

    async def stream(self, file: str | File) -> AsyncGenerator[bytes, None]:
        """A file's bytes, from the first to the last, as they come.

        Raises Damaged after the last ones if they were not what was stored; Changed, StoreError.
        """
        source = await reading.begin(self._http, self._store, self._links, await self._readable(file))
        check = reading.Check(source)
        async with aclosing(source.blocks(0, source.size)) as blocks:
            async for block in blocks:
                check.update(block)
                yield block
        if not check.holds():
            raise Damaged(f"{source.file.name} came with other bytes than were stored")

    async def read(self, file: str | File) -> bytes:
        """All bytes of a file, in memory. Raises as `stream` does, and then gives nothing."""
        async with aclosing(self.stream(file)) as blocks:
            return b"".join([block async for block in blocks])

    async def link(self, file: str | File, disposition: Disposition | str = Disposition.ATTACHMENT) -> Link:
        """A signed URL by which anybody may read the file's bytes for some minutes."""
        found = await self._readable(file)
        query = {"disposition": Disposition(disposition).value}
        return await self._http.call(Link, "GET", f"/v1/files/{quote(found.id, '')}/download", query=query)

    # Uploads

    async def show_upload(self, id: str) -> Upload:
        """What became of an upload."""
        return await self._http.call(Upload, "GET", f"/v1/uploads/{quote(id, '')}")

    async def abort_upload(self, id: str) -> None:
        """Give an upload up, with all that was stored of it. Raises Conflict if it is complete."""
        await self._http.call(type(None), "DELETE", f"/v1/uploads/{quote(id, '')}", gone_is_done=True)

    async def timeline(self, id: str) -> list[Moment]:
        """What happened to an upload, oldest first."""
        return (await self._http.call(Moments, "GET", f"/v1/uploads/{quote(id, '')}/timeline")).items

    async def _pages(self, path: str, query: dict[str, str]) -> AsyncGenerator[File, None]:
        cursor: str | None = None
        while True:
            page = await self._http.call(FilePage, "GET", path, query={**query, "limit": _PAGE, "cursor": cursor})
            for file in page.items:
                yield file
            if page.next_cursor is None:
                return
            cursor = page.next_cursor

    async def _below(self, parent: File, name: str, path: str) -> File:
        if parent.is_folder:
            query = {"parent_id": parent.id, "name": name}
            try:
                found = (await self._http.call(FilePage, "GET", "/v1/files", query=query)).items
            except ApiError as error:
                if error.code != "invalid_request":
                    raise
                found = []  # what can be no name is nobody's
            if found:
                return found[0]
        raise NotFound(404, "not_found", f"there is no {path}")

    async def _folder(self, folder: str | File) -> File:
        found = await self.resolve(folder)
        if not found.is_folder:
            raise NotFound(404, "not_found", f"{found.name} is no folder")
        return found

    async def _readable(self, file: str | File) -> File:
        found = await self.resolve(file)
        if found.is_folder:
            raise NotFound(404, "not_found", f"{found.name} is a folder and has no bytes")
        return found


def _if_match(etag: str | None) -> dict[str, str]:
    return {} if etag is None else {"If-Match": etag}
