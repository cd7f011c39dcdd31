"""The response body of an archive. It ends early when the client disconnects or reads too slowly, and when the
archive may no longer be read.

The server closes the connection then, so the client notices that the body is incomplete.
"""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import Final, NamedTuple

import structlog

from ...errors import Error, MalformedBody, Unavailable
from ..body_rate import BodyRate
from ..http_request import Request
from .crc_states import CrcStates

log = structlog.get_logger(__name__)

MIN_BYTES_PER_SECOND: Final = 16 * 2**10
"""The transfer of a slower client is stopped, because it would hold one of the few slots for hours."""


class IncompleteArchive(Exception):
    """The rest of an archive cannot be sent. The server closes the connection, so the client notices that the file is
    incomplete."""


class Admission(NamedTuple):
    """The permission of a client to read an archive, and its time limit.

    `check` raises NotFound if the archive may not be read any more. It is called again every `timeout` seconds. The
    client has `timeout` seconds to accept a block, and its rate is measured in windows of this length. `release` frees
    the slot of the request.
    """

    check: Callable[[], Awaitable[None]]
    release: Callable[[], None]
    timeout: float


class ArchiveStream:
    """An iterable of blocks for Falcon, which calls `close` at the end."""

    def __init__(
        self,
        req: Request,
        blocks: AsyncGenerator[bytes, None],
        crcs: CrcStates,
        admission: Admission,
    ) -> None:
        self._req = req
        self._blocks = blocks
        self._crcs = crcs
        self._check = admission.check
        self._timeout = admission.timeout
        # A finalizer frees the slot also if Falcon drops the response before it sends it.
        self._release = weakref.finalize(self, admission.release)
        self._rate = BodyRate(admission.timeout, MIN_BYTES_PER_SECOND)
        self._loop = asyncio.get_running_loop()
        self._next_check = self._loop.time() + admission.timeout
        self._sent_at = 0.0
        self._sent_bytes = 0
        self._first: bytes | None = None
        self._failure: Error | None = None
        self._disconnect: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None

    async def begin(self) -> None:
        """Read the first block before the response begins, because an error can still be the response then.

        Raises Unavailable. The stream is closed then.
        """
        try:
            self._first = await anext(self._blocks, b"")
        except Unavailable:
            await self.close()
            raise
        except Error as error:
            self._failure = error
        except BaseException:
            await self.close()
            raise

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        self._stop_timer()
        if self._disconnect is None:
            self._disconnect = asyncio.create_task(_wait_for_disconnect(self._req), name="archive disconnect")
        try:
            self._check_rate()
            while True:
                await self._recheck_access()
                block = await self._read_block()
                if self._crcs.needs_save:
                    await self._crcs.save()
                if self._disconnect.done():  # guard: archive-disconnect
                    raise StopAsyncIteration
                if block:
                    self._start_timer(len(block))
                    return block
        except Error as error:
            # The response has begun, so no error can be sent. A normal end would look like a complete file.
            log.warning("archive_incomplete", code=error.code, reason=error.detail)
            incomplete: Exception = IncompleteArchive(error.detail)  # guard: archive-incomplete
            raise incomplete from None

    async def close(self) -> None:
        """Cancel the tasks that still run, and save the CRC-32 values for the next request."""
        self._stop_timer()
        try:
            if self._disconnect is not None:
                self._disconnect.cancel()
            await self._blocks.aclose()
            await self._crcs.save()
        finally:
            self._release()  # guard: archive-release

    async def _read_block(self) -> bytes:
        if self._failure is not None:
            raise self._failure
        if self._first is None:
            return await anext(self._blocks)
        block, self._first = self._first, None
        return block

    def _check_rate(self) -> None:
        """Raise IncompleteArchive if the client accepts blocks too slowly."""
        if self._sent_bytes:
            self._rate.add(self._loop.time() - self._sent_at, self._sent_bytes)
        if self._rate.is_too_slow:  # guard: archive-rate
            log.info("archive_client_slow", bytes_per_second=MIN_BYTES_PER_SECOND)
            raise IncompleteArchive("the client reads too slowly")

    async def _recheck_access(self) -> None:
        """Check that the archive may still be read, once in each `timeout`. Raises NotFound."""
        if self._loop.time() < self._next_check:
            return
        try:
            await self._check()  # guard: archive-check-again
        except Unavailable as error:
            # A restart of another service is no reason to end a download. The next check follows after `timeout`.
            log.warning("archive_check_postponed", reason=error.detail)
        self._next_check = self._loop.time() + self._timeout

    def _start_timer(self, size: int) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a coroutine runs in a task
        self._sent_at, self._sent_bytes = self._loop.time(), size
        self._timer = self._loop.call_later(self._timeout, self._cancel, task)  # guard: archive-stall

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _cancel(self, task: asyncio.Task[object]) -> None:
        log.info("archive_client_stopped", seconds=self._timeout)
        task.cancel()


async def _wait_for_disconnect(req: Request) -> None:
    with suppress(MalformedBody):  # the client closed the connection before its body was complete
        while (await req.receive_event())["type"] != "http.disconnect":
            pass
