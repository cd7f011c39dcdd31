"""Reads a stored file by byte ranges, with retries after broken connections.

One reader reads one version. It sends the ETag of the store's first response with each later request, and compares it
with each response.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Final, Protocol

from .api_client import ApiClient, ApiRequest, item_result
from .api_models import DownloadResults, File, Link
from .batcher import Batcher
from .errors import ContentChanged, Error, NetworkError, StoreError
from .retry_policy import Retries
from .store_client import StoreClient, store_error

if TYPE_CHECKING:
    from .transport import Response

_MAX_SIGNINGS: Final = 5
"""How often a call may get a new URL, because the store refuses an expired URL."""
_BLOCK_SIZE: Final = 2**20
"""The minimum number of bytes of a block that `blocks` yields. Only the last block may be smaller."""


class RangedReader:
    """Reads one version of one file. `etag` is the ETag in the store, or None before the first response.

    `sign` returns a new presigned URL when `link` has expired.
    """

    def __init__(self, sign: Callable[[], Awaitable[Link]], store: StoreClient, file: File, link: Link) -> None:
        self._sign = sign
        self._store = store
        self._link = link
        self._sign_lock = asyncio.Lock()
        self.file = file
        self.etag: str | None = None
        # An older server sends no size and no checksums with a presigned URL. Then use the values of the file, which
        # may belong to another version.
        checksums = file if link.size is None else link
        self.size = file.size if link.size is None else link.size
        self.sha256 = checksums.sha256
        self.parts_sha256 = checksums.parts_sha256
        self.part_size = checksums.part_size

    async def blocks(self, start: int, stop: int) -> AsyncGenerator[bytes, None]:
        """Yield the bytes from `start` up to `stop` (exclusive) in blocks of about 1 MiB.

        Raises ContentChanged, ApiError, NetworkError, StoreError.
        """
        buffer = bytearray()
        async with aclosing(self.chunks(start, stop)) as chunks:
            async for chunk in chunks:
                buffer += chunk
                if len(buffer) >= _BLOCK_SIZE:
                    yield bytes(buffer)
                    buffer.clear()
        if buffer:
            yield bytes(buffer)

    async def chunks(self, start: int, stop: int) -> AsyncGenerator[bytes, None]:
        """Yield the same bytes as `blocks`, in the sizes in which they arrive. Raises the errors of `blocks`."""
        retries = Retries(self._store.retry_policy)
        position, signings = start, 0
        while position < stop:
            link = self._link
            try:
                async with self._store.transport.open("GET", link.url, self._headers(position, stop)) as response:
                    if response.status == 403 and signings < _MAX_SIGNINGS:
                        signings += 1
                        await self._sign_again(link)
                        continue
                    await self._validate(response, position)
                    async with aclosing(response.chunks()) as chunks:
                        async for received in chunks:
                            chunk = received[: stop - position]
                            position += len(chunk)
                            yield chunk
                            retries.record_progress()
                if position < stop:
                    raise NetworkError(f"the object store sent only a part of {self.file.name}")
            except (NetworkError, StoreError) as error:
                await retries.wait(error)

    def _headers(self, position: int, stop: int) -> dict[str, str]:
        headers = {"Accept-Encoding": "identity"}
        if position or stop < self.size:
            headers["Range"] = f"bytes={position}-{stop - 1}"
        if self.etag:
            headers["If-Match"] = self.etag
        return headers

    async def _validate(self, response: Response, position: int) -> None:
        """Check that the response has the requested bytes of this version. Raises ContentChanged, StoreError."""
        action = f"reading {self.file.name}"
        if response.status == 412:
            raise self._replaced_error()
        if response.status not in (200, 206):
            raise store_error(action, await response.read())
        etag = response.headers.get("ETag", "")
        if self.etag and etag != self.etag:
            raise self._replaced_error()
        self.etag = etag
        start = response.headers.get("Content-Range", "bytes 0-").removeprefix("bytes ").partition("-")[0]
        if start != str(position):
            raise StoreError(f"{action}: got bytes from {start} instead of {position}", response.status)

    def _replaced_error(self) -> Error:
        return ContentChanged(f"{self.file.name} was replaced while it was read: read it again")

    async def _sign_again(self, expired: Link) -> None:
        async with self._sign_lock:
            if self._link is expired:
                self._link = await self._sign()


class Readers(Protocol):
    async def open(self, file: File) -> RangedReader:
        """Return a reader of the file's current version. Raises ApiError, NetworkError."""
        ...


class ReaderFactory:
    """Opens readers of files. Concurrent calls share a request for presigned URLs."""

    def __init__(self, api: ApiClient, store: StoreClient) -> None:
        self._api = api
        self._store = store
        self._links: Batcher[str, Link] = Batcher(self._get_links)

    async def open(self, file: File) -> RangedReader:
        """Return a reader of the file's current version. Raises ApiError, NetworkError."""

        async def sign() -> Link:
            return await self._api.call(_link_request(file.id))

        return RangedReader(sign, self._store, file, await self._links.submit(file.id))

    async def close(self) -> None:
        await self._links.close(0)

    async def _get_links(self, file_ids: Sequence[str]) -> Sequence[Link | Exception]:
        if len(file_ids) == 1:
            return [await self._api.call(_link_request(file_ids[0]))]
        body = {"ids": file_ids}
        request = ApiRequest(DownloadResults, "POST", "/v1/files/batch/download", body, idempotent=True)
        return [item_result(result.download, result.error) for result in (await self._api.call(request)).items]


class ChecksumVerifier:
    """Computes the checksum of a stream and compares it with the stored checksum, if there is one."""

    def __init__(self, reader: RangedReader) -> None:
        self._reader = reader
        self._digest = hashlib.sha256()
        self._digest_of_parts = hashlib.sha256()
        self._part_size = 0 if reader.sha256 is not None else reader.part_size or 0
        self._left_in_part = self._part_size

    def update(self, block: bytes) -> None:
        """Add the next bytes of the stream."""
        while self._part_size and len(block) > self._left_in_part:
            self._digest.update(block[: self._left_in_part])
            block = block[self._left_in_part :]
            self._end_part()
        self._digest.update(block)
        self._left_in_part -= len(block)

    def matches(self) -> bool:
        """Return whether the stream has the stored checksum. Call it once, after the last block."""
        if self._reader.sha256 is not None:
            return self._digest.digest() == self._reader.sha256
        if self._reader.parts_sha256 is None:
            return True
        self._end_part()  # an empty file has one empty part
        return self._digest_of_parts.digest() == self._reader.parts_sha256

    def _end_part(self) -> None:
        self._digest_of_parts.update(self._digest.digest())
        self._digest = hashlib.sha256()
        self._left_in_part = self._part_size


def _link_request(file_id: str) -> ApiRequest[Link]:
    return ApiRequest(Link, "GET", f"/v1/files/{file_id}/download")
