"""Requests that wait for changes: hints wake them, and their number is bounded in total and by user.

A request that waits holds no database connection, and does not count in the concurrency limit of other requests. While
the channel of hints works, a hint ends the wait. While the channel is down, the request polls every 8 to 12 seconds. If
a drive changes all the time, hints wake a request at most five times a second.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, contextmanager, suppress
from enum import Enum, auto
from typing import Final
from uuid import UUID

from ...contract.ids import UserId
from ...errors import RateLimited, Unavailable
from ...hints import HintChannel
from ..concurrency import WAITS, ConcurrencyLimiter
from ..user_limiter import UserLimiter
from .read_slots import ReadSlots

MAX_WAITS: Final = 8000
"""The maximum number of waiting requests of one process. The rest of its 10,000 connections stays free for other
requests."""
POLL_INTERVAL: Final = (8.0, 12.0)
"""The shortest and the longest time between two polls, in seconds. The time is random, so that requests do not poll
together."""
MIN_READ_INTERVAL: Final = 0.2
"""Seconds between two reads of one request. One read serves all hints that arrive in this time."""


class Wake(Enum):
    """The reason for the end of a wait."""

    CHANGE = auto()
    """There may be a change: read the feed."""
    END = auto()
    """The request must end: its time is over, the client has disconnected, or the process stops."""


class Waiter:
    """Waits for changes of one drive. Hints that arrive between two waits end the next wait at once."""

    def __init__(self, hints: HintChannel, poll_interval: tuple[float, float] = POLL_INTERVAL) -> None:
        self._hints = hints
        self._poll_interval = poll_interval
        self._is_woken = asyncio.Event()
        self._next_poll_at = self._next_poll()
        self._woken_at = float("-inf")
        self._has_ended = asyncio.Event()

    def wake(self) -> None:
        """End the wait, because of a hint."""
        self._is_woken.set()

    @property
    def is_ended(self) -> bool:
        """Whether this wait and all later waits have ended."""
        return self._has_ended.is_set()

    def end(self) -> None:
        """End this wait and all later waits."""
        self._has_ended.set()
        self._is_woken.set()

    def _next_poll(self) -> float:
        return time.monotonic() + random.uniform(*self._poll_interval)  # noqa: S311

    async def wait(self, until: float) -> Wake:
        """Wait until a hint arrives, a poll is due, `end` is called, or the monotonic clock reaches `until`.

        Return the reason.
        """
        while not self.is_ended and (now := time.monotonic()) < until:
            try:
                async with asyncio.timeout(min(until, self._next_poll_at) - now):
                    await self._is_woken.wait()
            except TimeoutError:
                if time.monotonic() < self._next_poll_at:
                    continue
                self._next_poll_at = self._next_poll()
                if not self._hints.is_healthy:  # guard: waits-poll
                    return Wake.CHANGE
                continue
            await self._gather_hints()
            self._is_woken.clear()
            if not self.is_ended:
                return Wake.CHANGE
        return Wake.END

    async def _gather_hints(self) -> None:
        """Wait until `MIN_READ_INTERVAL` has passed since the last wake, or until `end` is called."""
        pause = self._woken_at + MIN_READ_INTERVAL - time.monotonic()
        if pause > 0:  # guard: waits-gather-hints
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._has_ended.wait()
        self._woken_at = time.monotonic()


class ChangeWaiters:
    """The waiting requests of a gateway. `hints` wake them. Each user may have at most `user_waits` of them.

    `poll_interval` is the shortest and the longest time in seconds between two polls while hints are not available.
    """

    def __init__(self, hints: HintChannel, user_waits: int, poll_interval: tuple[float, float] = POLL_INTERVAL) -> None:
        self.hints = hints
        self._poll_interval = poll_interval
        self._waiters: dict[UUID, set[Waiter]] = {}
        self._limiter = ConcurrencyLimiter(WAITS, MAX_WAITS)
        self._user_limiter = UserLimiter(WAITS, user_waits)
        self._reads = ReadSlots()
        self.is_closed = False
        hints.listen(self._wake)

    @property
    def waiting(self) -> int:
        """The number of requests that wait."""
        return self._limiter.running

    @contextmanager
    def listen(self, drive: UUID) -> Iterator[Waiter]:
        """Yield a waiter. Begin to listen before you read: a change after the read then ends the wait."""
        waiter = Waiter(self.hints, self._poll_interval)
        if self.is_closed:
            waiter.end()
        waiters = self._waiters.setdefault(drive, set())
        waiters.add(waiter)
        try:
            yield waiter
        finally:
            waiters.discard(waiter)
            if not waiters and self._waiters.get(drive) is waiters:
                del self._waiters[drive]  # only drives with waiting requests take memory

    def admit(self, user: UserId) -> None:
        """Admit one request that waits. Raises RateLimited, Unavailable. Each success needs one `release`."""
        if not self._user_limiter.acquire(user):
            raise RateLimited("too many requests of this user wait for changes; end one of them", retry_after=5)
        if not self._limiter.acquire():
            self._user_limiter.release(user)
            raise Unavailable("too many requests wait for changes; retry soon", retry_after=10)

    def release(self, user: UserId) -> None:
        """End an admitted request."""
        now = time.perf_counter()
        self._limiter.release(now, now)
        self._user_limiter.release(user)

    def read_slot(self, user: UserId) -> AbstractAsyncContextManager[None]:
        """Wait for a slot to read the feed again."""
        return self._reads.slot(user)

    def close(self) -> None:
        """End all waits, also the waits that begin later, because the process stops."""
        self.is_closed = True
        for waiters in self._waiters.values():
            for waiter in waiters:
                waiter.end()

    def _wake(self, drive: UUID | None) -> None:
        woken_sets = self._waiters.values() if drive is None else (self._waiters.get(drive, ()),)
        for waiters in woken_sets:
            for waiter in waiters:
                waiter.wake()
