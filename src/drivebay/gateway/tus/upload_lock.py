"""Upload locks: one request at a time writes the bytes of an upload, and the newest request preempts the others.

A client that lost its connection may reconnect before the gateway notices the loss. So a newer request preempts the
older request, and reads the stored offset only after the older request has stored its bytes. The locks work in one
process. Processes need no lock between them, because the offset is read from the store and never decreases.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from ...contract.files import UploadRef
from ...errors import Locked, Unavailable
from ..body_rate import BodyRate

_RELEASE_TIMEOUT: Final = 30.0
"""The number of seconds in which a preempted request must store its bytes. Writing one part may take that long."""


class UploadLock:
    """The lock that one request holds on an upload.

    `chunk_timeout` is how many seconds the request waits for the next bytes, and the window of the minimum rate.
    `deadline` is the time of the loop's clock at which the request must end.
    """

    def __init__(self, chunk_timeout: float, deadline: float) -> None:
        self._chunk_timeout = chunk_timeout
        self._deadline = deadline
        self._rate = BodyRate(chunk_timeout)
        self._read_timeout: asyncio.Timeout | None = None
        self._preempted = False
        self.released = asyncio.Event()
        self.next: UploadLock | None = None
        """The lock of a request that stopped waiting for this lock. It is released together with this lock, because
        later requests may be waiting for it."""

    async def read_chunk(self, chunks: AsyncIterator[bytes]) -> bytes | None:
        """Return the next bytes of the body, or None at its end.

        Raises MalformedBody if the connection closes, Locked if a newer request preempts this one, and Unavailable if
        the client is too slow.
        """
        self.check()
        loop = asyncio.get_running_loop()
        started = loop.time()
        limit = 0.0 if self._rate.is_too_slow else self._chunk_timeout  # guard: body-rate
        try:
            async with asyncio.timeout_at(min(started + limit, self._deadline)) as self._read_timeout:
                chunk = await anext(chunks, None)
                self._rate.add(loop.time() - started, len(chunk or b""))
                return chunk
        except TimeoutError:
            self.check()
            raise Unavailable(
                "the request took too long, or its bytes arrived too slowly; resume at the stored offset", retry_after=1
            ) from None
        finally:
            self._read_timeout = None

    def check(self) -> None:
        """Raise Locked if a newer request has preempted this one."""
        if self._preempted:
            raise Locked("a newer request writes this upload")

    def preempt(self) -> None:
        """End the request that holds the lock: its next read fails, and a read that is waiting fails at once."""
        self._preempted = True
        if self._read_timeout is not None and not self._read_timeout.expired():
            self._read_timeout.reschedule(asyncio.get_running_loop().time())


class UploadLocks:
    """The locks of one process, at most one for each upload.

    `chunk_timeout` is how many seconds a request waits for the next bytes. `request_timeout` is the maximum duration of
    a request in seconds.
    """

    def __init__(self, chunk_timeout: float, request_timeout: float) -> None:
        self._chunk_timeout = chunk_timeout
        self._request_timeout = request_timeout
        self._locks: dict[UploadRef, UploadLock] = {}

    @asynccontextmanager
    async def hold(self, upload: UploadRef) -> AsyncIterator[UploadLock]:
        """Take the lock of an upload for the block. Preempts the request that holds it.

        Raises Locked if that request does not end in time, or if a newer request preempts this one during the wait.
        """
        lock = UploadLock(self._chunk_timeout, asyncio.get_running_loop().time() + self._request_timeout)
        previous = self._locks.get(upload)
        self._locks[upload] = lock
        try:
            if previous is not None:
                previous.preempt()
                try:
                    async with asyncio.timeout(_RELEASE_TIMEOUT):
                        await previous.released.wait()
                except TimeoutError:
                    raise Locked("an older request still writes this upload") from None
                lock.check()
            yield lock
        finally:
            if previous is None or previous.released.is_set():
                self._release(upload, lock)
            else:
                previous.next = lock  # guard: upload-lock-given-up

    def _release(self, upload: UploadRef, lock: UploadLock) -> None:
        released: UploadLock | None = lock
        while released is not None:
            released.released.set()
            if self._locks.get(upload) is released:
                del self._locks[upload]
            released = released.next
