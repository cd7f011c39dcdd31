"""`AsyncPublicLink`, and `PublicLink` for programs without asyncio: the operations with the URL of a link.

`PublicLink` is in `sync_drive`.
"""

from __future__ import annotations

import asyncio
import mimetypes
import os
from base64 import b64encode
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Final, Self, TypeVar
from urllib.parse import quote, urlsplit

from .api_client import ApiClient, ApiRequest
from .api_models import Archive, File, Link, SignedPart, SignedParts, Upload
from .archive_download import fetch_archive
from .downloader import Downloader
from .drive_paths import check_name
from .errors import Unauthenticated, UploadFailed
from .link_models import LinkFile, LinkFilePage, LinkInfo, UnlockedLink
from .part_file import check_target
from .ranged_reader import RangedReader
from .retry_policy import RetryPolicy
from .store_client import Progress, ProgressCounter, PutRequest, SignedRequest, StoreClient
from .token_store import MemoryTokenStore
from .upload_sources import Content, Source, open_source, path_opener, sha256_of

T = TypeVar("T")
_PAGE_SIZE: Final = 1000
_PARALLEL: Final = 4
"""The maximum number of bodies that are sent or fetched at once."""
_MAX_HASHED: Final = 64 * 2**20
"""Content of more than this number of bytes is sent without a checksum of all its bytes."""
_OPENER_CLOSE_TIMEOUT: Final = 5.0
"""The maximum number of seconds for which `close` waits for files that are being opened."""


class AsyncPublicLink:
    """A link to a file or folder, without an account. `url` is the URL of the link.

    Use it as `async with AsyncPublicLink(url) as link:`. Every method may raise `ApiError` and its subclasses, and
    `NetworkError`: NotFound if the link has ended, Unauthenticated `password_required` if it has a password. Call
    `unlock` then.
    """

    def __init__(self, url: str, *, retry_policy: RetryPolicy | None = None, connect_timeout: float = 10.0) -> None:
        # Import aiohttp only here, because loading it takes long.
        from .transport import Transport

        server, token = _split(url)
        policy = retry_policy or RetryPolicy()
        self._path = f"/v1/public/{quote(token, '')}"
        self._transport = Transport(2 * _PARALLEL, connect_timeout)
        self._api = ApiClient(server, MemoryTokenStore(), self._transport, policy)
        self._store = StoreClient(self._transport, policy, _PARALLEL)
        self._path_opener = path_opener()
        self._downloader = Downloader(self._store, _LinkReaders(self._sign, self._store))
        self._headers: dict[str, str] = {}
        self._password: str | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections."""
        await self._downloader.close()
        await self._path_opener.close(_OPENER_CLOSE_TIMEOUT)
        await self._transport.close()

    async def unlock(self, password: str) -> None:
        """Begin a link session with the password. A session ends after an hour. The password then begins a new session.

        Raises Unauthenticated `invalid_credentials`.
        """
        body = {"password": password}
        request = ApiRequest(UnlockedLink, "POST", f"{self._path}/unlock", body, authenticate=False)
        self._headers = {"X-Link-Session": (await self._api.call(request)).link_session}
        self._password = password

    async def info(self) -> LinkInfo:
        """Return the name, the kind and the role of the link."""
        return await self._call(LinkInfo, "GET", "")

    async def files(self, folder: str | LinkFile = "root") -> AsyncGenerator[LinkFile, None]:
        """Yield the files and folders in a folder of the link, by name. `root` is the shared folder."""
        cursor: str | None = None
        while True:
            query: dict[str, str | int | None] = {"parent_id": _id(folder), "limit": _PAGE_SIZE, "cursor": cursor}
            page = await self._call(LinkFilePage, "GET", "/files", query=query)
            for file in page.items:
                yield file
            if page.next_cursor is None:
                return
            cursor = page.next_cursor

    async def download(
        self,
        path: str | Path,
        file: LinkFile | None = None,
        *,
        overwrite: bool = False,
        progress: Progress | None = None,
    ) -> Path:
        """Download a file of the link, by default the shared file itself, and return the local path.

        `path` is the local path, or a folder to download into. The file appears when it is complete and verified. A
        file of a folder keeps its modification time. A large file that was interrupted is resumed by the next call.
        Each call counts as a download of the link. Raises FileExistsError if the file exists and `overwrite` is False.
        Raises OSError, ChecksumMismatch, ContentChanged, StoreError, UnsafeName.
        """
        target = Path(path)
        if await asyncio.to_thread(target.is_dir):
            target /= check_name((await self.info()).name if file is None else file.name)
        await self._downloader.fetch(self._file(file, target.name), target, overwrite=overwrite, progress=progress)
        return target

    async def archive(self, files: Sequence[str | LinkFile] = ("root",), *, name: str | None = None) -> Archive:
        """Return a URL that downloads files and folders of the link as one ZIP file, by default all of them.

        The archive counts as one download of the link. The URL works without a password until the archive expires or
        the link ends. `name` is the name of the ZIP file. Raises the errors of `AsyncDrive.archive`.
        """
        body: dict[str, object] = {"ids": [_id(file) for file in files]}
        if name is not None:
            body["name"] = name
        key = self._api.new_key()
        return await self._call(Archive, "POST", "/archives", body, idempotency_key=key, is_slow=True)

    async def download_archive(
        self,
        path: str | Path,
        files: Sequence[str | LinkFile] | Archive = ("root",),
        *,
        overwrite: bool = False,
        progress: Progress | None = None,
    ) -> None:
        """Download files and folders of the link, or the result of `archive`, as one ZIP file to the local path `path`.

        The ZIP file appears when it is complete and on disk. Raises FileExistsError if the file exists and `overwrite`
        is False. Raises OSError, StoreError, and the errors of `archive`.
        """
        target = Path(path)
        check_target(target, overwrite)
        archive = files if isinstance(files, Archive) else await self.archive(files)
        await fetch_archive(self._api, self._store, archive, target, overwrite=overwrite, progress=progress)

    async def upload(
        self,
        content: Content,
        name: str | None = None,
        folder: str | LinkFile = "root",
        *,
        content_type: str | None = None,
        progress: Progress | None = None,
    ) -> Upload:
        """Upload content to a folder of a link that allows uploads, and return the upload.

        `content` and `name` are as for `AsyncDrive.upload`. Raises Forbidden if the link allows no uploads. Raises
        OSError, ValueError, TypeError, ContentChanged, UploadFailed, StoreError.
        """
        if name is None:
            if not isinstance(content, str | os.PathLike):
                raise ValueError("the content has no path to take a name from: give the argument `name`")
            name = Path(content).name
        media_type = content_type or mimetypes.guess_type(name)[0] or "application/octet-stream"
        async with open_source(content, self._path_opener) as source:
            intent: dict[str, object] = {
                "name": name,
                "size": source.size,
                "content_type": media_type,
                "parent_id": _id(folder),
            }
            if source.size <= _MAX_HASHED:  # the store refuses other bytes; parts have checksums of their own
                sha256 = source.sha256
                if sha256 is None:
                    sha256 = await asyncio.to_thread(sha256_of, source)
                intent["sha256"] = b64encode(sha256).decode()
            key = self._api.new_key()
            upload = await self._call(Upload, "POST", "/uploads", intent, idempotency_key=key)
            counter = ProgressCounter(source.size, progress)
            if upload.part_size is None:
                await self._send_single(upload, source, counter)
            else:
                await self._send_parts(upload, source, counter)
            completed = await self._call(Upload, "POST", f"/uploads/{upload.id}/complete", idempotent=True)
        if completed.status != "complete":
            raise UploadFailed(completed.id, completed.status, completed.reason)
        return completed

    async def _send_single(self, upload: Upload, source: Source, progress: ProgressCounter) -> None:
        async def sign() -> SignedRequest | None:
            current = await self._call(Upload, "GET", f"/uploads/{upload.id}")
            return None if current.status == "complete" else _signed_request(current)

        await self._store.put(PutRequest(upload.name, _signed_request(upload), sign, source, 0, source.size), progress)

    async def _send_parts(self, upload: Upload, source: Source, progress: ProgressCounter) -> None:
        part_size, numbers = upload.part_size or source.size, iter(range(1, (upload.part_count or 1) + 1))

        async def send() -> None:
            for number in numbers:
                offset = (number - 1) * part_size
                length = min(part_size, source.size - offset)
                digest = b64encode(await asyncio.to_thread(sha256_of, source, offset, length)).decode()

                async def sign(number: int = number, digest: str = digest) -> SignedRequest | None:
                    body = {"parts": [{"number": number, "sha256": digest}]}
                    path = f"/uploads/{upload.id}/parts"
                    (part,) = (await self._call(SignedParts, "POST", path, body, idempotent=True)).parts
                    return _signed_part(part)

                signed = await sign()
                if signed is not None:
                    action = f"part {number} of {upload.name}"
                    await self._store.put(PutRequest(action, signed, sign, source, offset, length), progress)

        async with asyncio.TaskGroup() as tasks:
            for _ in range(_PARALLEL):
                tasks.create_task(send())

    def _file(self, file: LinkFile | None, name: str) -> File:
        """Return a `File` for the downloader: a file of the link, by default the shared file itself."""
        if file is None:
            now = datetime.now(UTC)
            return File(self._path, "file", name, None, 0, "", "", now, now)
        return File(
            file.id, "file", file.name, None, file.size, file.content_type, "", file.modified_at, file.modified_at
        )

    async def _sign(self, file: File) -> Link:
        """Return a presigned URL of a file of the link. Each call counts as a download."""
        file_path = "" if file.id == self._path else f"/files/{quote(file.id, '')}"
        return await self._call(Link, "GET", f"{file_path}/download")

    async def _call(
        self,
        response_type: type[T],
        method: str,
        path: str,
        body: object = None,
        *,
        query: dict[str, str | int | None] | None = None,
        idempotency_key: str | None = None,
        idempotent: bool = False,
        is_slow: bool = False,
    ) -> T:
        call = ApiRequest(
            response_type,
            method,
            self._path + path,
            body,
            query=query or {},
            headers=self._headers,
            idempotency_key=idempotency_key,
            idempotent=idempotent,
            is_slow=is_slow,
            authenticate=False,
        )
        try:
            return await self._api.call(call)
        except Unauthenticated as error:
            if error.code != "password_required" or self._password is None:
                raise
        await self._unlock_again(self._password)
        return await self._api.call(replace(call, headers=self._headers))

    async def _unlock_again(self, password: str) -> None:
        """Begin a new link session, because the last session has ended. Raises Unauthenticated if the password was
        changed."""
        try:
            await self.unlock(password)
        except Unauthenticated:
            self._password = None  # each attempt counts in the limit of wrong passwords
            raise


class _LinkReaders:
    """Opens readers of the files of a link."""

    def __init__(self, sign: Callable[[File], Awaitable[Link]], store: StoreClient) -> None:
        self._sign = sign
        self._store = store

    async def open(self, file: File) -> RangedReader:
        return RangedReader(lambda: self._sign(file), self._store, file, await self._sign(file))


def is_link_url(text: str) -> bool:
    """Return whether a text is the URL of a link."""
    try:
        _split(text)
    except ValueError:
        return False
    return True


def _split(url: str) -> tuple[str, str]:
    """Return the URL of the server and the token from the URL of a link. Raises ValueError."""
    parts = urlsplit(url)
    for path_start in ("/s/", "/v1/public/"):
        prefix, separator, token = parts.path.rpartition(path_start)
        if parts.scheme in ("http", "https") and parts.netloc and separator and token and "/" not in token:
            return f"{parts.scheme}://{parts.netloc}{prefix}", token
    raise ValueError("this is not the URL of a link: it looks like https://drive.example.com/s/...")


def _id(folder: str | LinkFile) -> str:
    return folder if isinstance(folder, str) else folder.id


def _signed_request(upload: Upload) -> SignedRequest:
    if upload.url is None:
        raise UploadFailed(upload.id, upload.status, upload.reason)
    return SignedRequest(upload.method or "PUT", upload.url, upload.headers or {})


def _signed_part(part: SignedPart) -> SignedRequest:
    return SignedRequest(part.method, part.url, part.headers)
