"""`AsyncDrive`: all operations of a user on their files.

A file is given by its path (`/reports/2026/a.pdf`), by its id, or by a `File` that another call returned. A string
that starts with a slash is a path.
"""

from __future__ import annotations

import mimetypes
import os
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Literal, Self
from urllib.parse import quote

from .account_methods import AccountMethods
from .api_client import ApiClient, ApiRequest
from .api_models import (
    ROOT,
    Archive,
    Change,
    ChangePage,
    Disposition,
    File,
    Link,
    OnConflict,
    Timeline,
    Upload,
    UploadEvent,
    UploadPage,
)
from .archive_download import fetch_archive
from .async_admin import AsyncAdmin
from .change_follower import follow_changes
from .downloader import Downloader
from .drive_paths import local_target
from .entry_finder import EntryFinder
from .entry_methods import EntryMethods
from .errors import ChecksumMismatch, NotFound
from .job_methods import JobMethods
from .part_file import check_target
from .ranged_reader import ChecksumVerifier, ReaderFactory
from .resume_store import ResumeStore
from .retry_policy import RetryPolicy
from .sharing_methods import SharingMethods
from .store_client import Progress, StoreClient
from .token_store import MemoryTokenStore, TokenStore
from .upload_batcher import UploadBatcher
from .upload_sources import Content, open_source, path_opener
from .uploader import Target, Uploader
from .webhook_methods import WebhookMethods

_OPENER_CLOSE_TIMEOUT = 5.0
"""The maximum number of seconds for which `close` waits for files that are being opened."""
_MIN_CONNECTIONS = 32
"""The lowest value of the maximum number of connections to each server. Requests to the API are concurrent even if
`parallel` is small."""
_DEFAULT_CONTENT_TYPE = "application/octet-stream"


class AsyncDrive(AccountMethods, SharingMethods, EntryMethods, JobMethods, WebhookMethods):
    """The files of one user on one server. Use it as `async with AsyncDrive("https://drive.example.com") as drive:`.

    `drive_id` is the id of the shared drive whose files the methods use. The default is the personal drive. `use_drive`
    changes the drive. `token_store` stores the tokens of a login, by default in memory. `resume_store` records
    unfinished uploads, so that another process can resume large uploads and abort small uploads. Without a
    `resume_store`, a failed upload is aborted. `parallel` is the maximum number of bodies that are sent or fetched at
    once. `retry_policy` sets how long failed requests are repeated. `connect_timeout` is the time in seconds for one
    attempt to connect. `now` is the clock of resume records.

    Small files that are sent or fetched concurrently share requests, up to 100 files in each request.

    `admin` has the operations of admins.

    Every method may raise `ApiError` and its subclasses, and `NetworkError`. Other errors are listed with the method.
    """

    def __init__(
        self,
        server: str,
        *,
        drive_id: str | None = None,
        token_store: TokenStore | None = None,
        resume_store: ResumeStore | None = None,
        parallel: int = 4,
        retry_policy: RetryPolicy | None = None,
        connect_timeout: float = 10.0,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        # Import aiohttp only here, because loading it takes longer than many requests. `drivebay --help` does not need
        # it.
        from .transport import Transport

        policy = retry_policy or RetryPolicy()
        self._transport = Transport(max(_MIN_CONNECTIONS, 2 * parallel), connect_timeout)
        self._api = ApiClient(server, token_store or MemoryTokenStore(), self._transport, policy)
        self._finder = EntryFinder(self._api)
        self.use_drive(drive_id)
        self.admin = AsyncAdmin(self._api, self._finder)
        store = self._store = StoreClient(self._transport, policy, parallel)
        self._upload_batcher = UploadBatcher(self._api, resume_store, policy)
        self._uploader = Uploader(self._api, store, self._upload_batcher, resume_store, now)
        self._path_opener = path_opener()
        self._readers = ReaderFactory(self._api, store)
        self._downloader = Downloader(store, self._readers)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections. The login stays in the token store."""
        await self._upload_batcher.close()
        await self._readers.close()
        await self._downloader.close()
        await self._path_opener.close(_OPENER_CLOSE_TIMEOUT)
        await self._api.close()
        await self._transport.close()

    def use_drive(self, id: str | None) -> None:
        """From now on, use the files of this shared drive. None: the personal drive. Call it before any transfer."""
        self._api.drive_id = id
        self._finder.root = ROOT

    def use_shared_item(self, item: File) -> None:
        """From now on, use this item of `shared_with_me`: `/` is the item itself, and paths begin there.

        Call it before any transfer. `use_drive` ends it.
        """
        self._api.drive_id = item.drive_id
        self._finder.root = item

    # Transfers

    async def upload(
        self,
        content: Content,
        folder: str | File = "/",
        name: str | None = None,
        *,
        content_type: str | None = None,
        on_conflict: OnConflict | str = OnConflict.RENAME,
        modified_at: datetime | None = None,
        progress: Progress | None = None,
    ) -> File:
        """Upload content to a folder and return the new file.

        `content` is a path, bytes, an open binary file, or a generator or other iterable of bytes, which may be
        asynchronous. The default of `name` is the name of the path. The default of `modified_at` is the modification
        time of the path, or the current time. The file is stored completely, or not at all. Raises OSError,
        ValueError, TypeError, NotFound (the folder, also if it is moved to the trash during the upload),
        ContentChanged, Conflict, UploadFailed, StoreError.
        """
        upload = await self.send(
            content,
            folder,
            name,
            content_type=content_type,
            on_conflict=on_conflict,
            modified_at=modified_at,
            progress=progress,
        )
        try:
            return await self.file(upload.file_id or "")
        except NotFound as error:
            problem = f"{upload.name!r} is stored, but its folder was moved to the trash: restore the folder"
            raise NotFound(error.status, error.code, problem, request_id=error.request_id) from error

    async def send(
        self,
        content: Content,
        folder: str | File = "/",
        name: str | None = None,
        *,
        content_type: str | None = None,
        on_conflict: OnConflict | str = OnConflict.RENAME,
        modified_at: datetime | None = None,
        progress: Progress | None = None,
    ) -> Upload:
        """Upload content as `upload` does, but return the upload instead of the file. This saves one request."""
        if name is None:
            if not isinstance(content, str | os.PathLike):
                raise ValueError("the content has no path to take a name from: give the argument `name`")
            name = Path(content).name
        parent = await self._finder.resolve_folder(folder)
        content_type = content_type or mimetypes.guess_type(name)[0] or _DEFAULT_CONTENT_TYPE
        target = Target(parent.id, name, content_type, OnConflict(on_conflict), modified_at)
        async with open_source(content, self._path_opener) as source:
            return await self._uploader.send(source, target, progress)

    async def download(
        self, file: str | File, path: str | Path, *, overwrite: bool = False, progress: Progress | None = None
    ) -> File:
        """Download a file to a local path. If the path is a folder, download into the folder. Return the file.

        The local file gets the modification time of the file.

        The local file appears when it is complete, verified and on disk. After a failure the received bytes stay in the
        same folder, as `.drivebay-<32 hex digits>.part`, and the next attempt continues with these bytes. Raises
        FileExistsError if the file exists and `overwrite` is False. Raises OSError, ChecksumMismatch, StoreError.
        """
        resolved = await self._finder.resolve_file(file)
        target = local_target(Path(path), resolved)
        await self._downloader.fetch(resolved, target, overwrite=overwrite, progress=progress)
        return resolved

    async def stream(self, file: str | File) -> AsyncGenerator[bytes, None]:
        """Yield the bytes of a file in order, as they arrive.

        Raises ContentChanged, StoreError, and ChecksumMismatch after the last block if the bytes have a wrong checksum.
        """
        reader = await self._readers.open(await self._finder.resolve_file(file))
        verifier = ChecksumVerifier(reader)
        async with aclosing(reader.blocks(0, reader.size)) as blocks:
            async for block in blocks:
                verifier.update(block)
                yield block
        if not verifier.matches():
            raise ChecksumMismatch(f"{reader.file.name}: the received bytes have a wrong checksum. Try again")

    async def read(self, file: str | File) -> bytes:
        """Return all bytes of a file. Raises the errors of `stream`."""
        async with aclosing(self.stream(file)) as blocks:
            return b"".join([block async for block in blocks])

    async def link(self, file: str | File, disposition: Disposition | str = Disposition.ATTACHMENT) -> Link:
        """Return a presigned URL with which anyone can read the file for some minutes.

        For a link that works until you delete it, call `create_link`.
        """
        resolved = await self._finder.resolve_file(file)
        query = {"disposition": Disposition(disposition).value}
        path = f"/v1/files/{quote(resolved.id, '')}/download"
        return await self._api.call(ApiRequest(Link, "GET", path, query=query))

    # Archives

    async def archive(self, files: Sequence[str | File], *, name: str | None = None) -> Archive:
        """Return a URL that downloads files and folders as one ZIP file, with everything below the folders.

        Anyone can use the URL for some hours, without a login. `name` is the name of the ZIP file. Raises NotFound, and
        ApiError `invalid_request` if `files` has more than 1,000 items, or if the ZIP file would have more than 10,000
        files and folders.
        """
        ids = [(await self._finder.resolve(file)).id for file in files]
        body: dict[str, object] = {"ids": ids} if name is None else {"ids": ids, "name": name}
        key = self._api.new_key()
        return await self._api.call(
            ApiRequest(Archive, "POST", "/v1/archives", body, idempotency_key=key, is_slow=True)
        )

    async def download_archive(
        self,
        files: Sequence[str | File] | Archive,
        path: str | Path,
        *,
        overwrite: bool = False,
        progress: Progress | None = None,
    ) -> None:
        """Download files and folders, or the result of `archive`, as one ZIP file to the local path `path`.

        The ZIP file appears when it is complete and on disk. Raises FileExistsError if the file exists and `overwrite`
        is False. Raises OSError, StoreError, and the errors of `archive`.
        """
        target = Path(path)
        check_target(target, overwrite)
        archive = files if isinstance(files, Archive) else await self.archive(files)
        await fetch_archive(self._api, self._store, archive, target, overwrite=overwrite, progress=progress)

    # Changes

    async def changes(self, cursor: str | None = None, *, limit: int = 100, wait: int = 0) -> ChangePage:
        """Return up to `limit` changes after a cursor. Without a cursor, return no changes and the current cursor.

        If there is no change, wait up to `wait` seconds (at most 50) for a change. Raises CursorExpired if the cursor
        is older than 30 days.
        """
        query = {"cursor": cursor, "limit": limit, "wait": wait or None}
        return await self._api.call(ApiRequest(ChangePage, "GET", "/v1/changes", query=query, is_slow=True))

    async def follow(self, cursor: str | None = None) -> AsyncGenerator[Change, None]:
        """Yield each change after a cursor, then wait for new changes, without end. Without a cursor, yield new changes
        only.

        A new login or a lost connection does not end the generator. Raises CursorExpired if the cursor is older than 30
        days: list the files again.
        """
        async with aclosing(follow_changes(self.changes, cursor)) as changes:
            async for change in changes:
                yield change

    # Uploads

    async def get_upload(self, id: str) -> Upload:
        """Return the current state of an upload. Raises NotFound."""
        return await self._api.call(ApiRequest(Upload, "GET", f"/v1/uploads/{quote(id, '')}"))

    async def abort_upload(self, id: str) -> None:
        """Abort an upload and delete its stored bytes. Raises Conflict if it is complete."""
        await self._api.call(ApiRequest(type(None), "DELETE", f"/v1/uploads/{quote(id, '')}", absent_is_success=True))

    async def uploads(self, sort: Literal["created", "-created"] = "-created") -> AsyncGenerator[Upload, None]:
        """Yield the pending uploads of the drive, by default the newest first.

        A pending upload reserves its name, and its bytes in the quota. `abort_upload` ends an upload.
        """
        query: dict[str, str] = {"status": "pending", "sort": sort}
        async with aclosing(self._finder.list_pages("/v1/uploads", query, UploadPage)) as uploads:
            async for upload in uploads:
                yield upload

    async def timeline(self, id: str) -> list[UploadEvent]:
        """Return the events of an upload, oldest first."""
        return (await self._api.call(ApiRequest(Timeline, "GET", f"/v1/uploads/{quote(id, '')}/timeline"))).items
