"""Uploads of bytes to the object store, through presigned URLs.

A presigned PUT allows one content under one key, so repeating it is safe. An expired URL is signed again. A permanent
refusal of the store raises `StoreError`.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

from .errors import NetworkError, StoreError
from .retry_policy import Retries, RetryPolicy
from .upload_sources import Source

if TYPE_CHECKING:
    from .transport import FullResponse, Transport

_READ_SIZE: Final = 2 * 2**20
"""The number of bytes that are read from a source at once."""
_CHUNK_SIZE: Final = 256 * 1024
"""The number of bytes that are written to the connection at once."""
_MAX_SIGNINGS: Final = 3
"""How often a PUT may get a new URL, because the store refuses an expired URL."""
_MAX_RESENDS: Final = 3
"""How often a body that arrived damaged is sent again."""
_ERROR_CODE: Final = re.compile(rb"<Code>([A-Za-z0-9.]{1,64})</Code>")

Progress: TypeAlias = Callable[[int, int], None]
"""Called with the transferred bytes and the total bytes."""


class ProgressCounter:
    """Adds transferred bytes and reports the sum to a `Progress` callback."""

    def __init__(self, total: int, progress: Progress | None) -> None:
        self._total = total
        self._done = 0
        self._progress = progress

    def add(self, size: int) -> None:
        """Count `size` more bytes. A negative size subtracts bytes that are sent again."""
        self._done += size
        if self._progress is not None and size:
            self._progress(self._done, self._total)


@dataclass(frozen=True)
class SignedRequest:
    """A presigned request: its method, URL and headers are sent unchanged."""

    method: str
    url: str
    headers: Mapping[str, str]

    def __repr__(self) -> str:
        return f"SignedRequest({self.method})"


@dataclass(frozen=True)
class PutRequest:
    """The upload of `length` bytes at `offset` of a source.

    `action` describes the request in error messages. `sign` returns a new presigned request, or None if the upload is
    already complete.
    """

    action: str
    signed: SignedRequest
    sign: Callable[[], Awaitable[SignedRequest | None]]
    source: Source
    offset: int
    length: int


class StoreClient:
    """Sends bodies to the object store, at most `parallel` at once."""

    def __init__(self, transport: Transport, retry_policy: RetryPolicy, parallel: int) -> None:
        self.transport = transport
        self.retry_policy = retry_policy
        self.parallel = parallel
        self.slots = asyncio.Semaphore(parallel)

    async def put(self, request: PutRequest, progress: ProgressCounter) -> None:
        """Send the bytes until the store has them. Raises NetworkError, StoreError, ContentChanged."""
        retries = Retries(self.retry_policy)
        signed: SignedRequest | None = request.signed
        signings = resends = 0
        while signed is not None:
            body = _Body(request, progress)
            try:
                response = await self._send(signed, body)
            except NetworkError as error:
                body.undo_progress()
                await retries.wait(error)
                continue
            # 412: an earlier attempt succeeded and its response was lost.
            if response.status < 300 or response.status == 412:
                body.complete_progress()
                return
            body.undo_progress()
            request.source.check()
            if response.status == 403 and signings < _MAX_SIGNINGS:
                signings += 1
                signed = await request.sign()
            elif response.status == 400 and resends < _MAX_RESENDS:
                resends += 1  # the body was damaged or cut off on the way
            else:
                await retries.wait(store_error(request.action, response))

    async def _send(self, signed: SignedRequest, body: _Body) -> FullResponse:
        headers = {**signed.headers, "Content-Length": str(body.length)}
        async with self.slots:
            return await self.transport.fetch(signed.method, signed.url, headers, body.in_memory() or body)


class _Body:
    """The body of one attempt. It is read from the source in a thread, and sent in chunks."""

    def __init__(self, request: PutRequest, progress: ProgressCounter) -> None:
        self._source = request.source
        self._offset = request.offset
        self.length = request.length
        self._progress = progress
        self._sent = 0

    def in_memory(self) -> bytes | None:
        """Return the whole body if the source is in memory and the body fits in one chunk."""
        content = self._source.content
        if content is None or self.length > _CHUNK_SIZE:
            return None
        return content[self._offset : self._offset + self.length]

    async def __aiter__(self) -> AsyncIterator[bytes]:
        position = self._offset
        end = self._offset + self.length
        while position < end:
            block = await asyncio.to_thread(self._source.read, position, min(_READ_SIZE, end - position))
            position += len(block)
            for start in range(0, len(block), _CHUNK_SIZE):
                chunk = block[start : start + _CHUNK_SIZE]
                if position == end and start + _CHUNK_SIZE >= len(block):
                    # The last chunk creates the object, and the object becomes a file. So check the source before it.
                    self._source.check()
                yield chunk
                self._sent += len(chunk)
                self._progress.add(len(chunk))

    def undo_progress(self) -> None:
        self._progress.add(-self._sent)

    def complete_progress(self) -> None:
        """Count the whole body, including bytes that an earlier attempt sent."""
        self._progress.add(self.length - self._sent)


def store_error(action: str, response: FullResponse) -> StoreError:
    """Return the exception for an error response of the store. `action` describes what was refused."""
    code = _ERROR_CODE.search(response.body[:4096])
    return StoreError(action, response.status, code[1].decode() if code else "")
