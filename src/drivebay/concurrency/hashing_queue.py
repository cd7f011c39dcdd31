"""The queue of passwords to hash. The client with the fewest recent hashes is served first.

A hash takes a quarter of a second of CPU time, so an attacker can easily request more hashes than the threads can
compute. The queue is full when its last hash would wait too long, or when 128 hashes wait. A full queue refuses a hash
of the client with the largest number of recent hashes, so one client cannot use up the queue. If two clients have the
same number of recent hashes, a client from a known network is served first.
"""

from __future__ import annotations

import asyncio
import itertools
import math
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

from ..errors import Unavailable

MAX_HASH_SECONDS: Final = 4.0
"""Seconds that one hash may take, including its wait for a thread. The call times out after ten seconds."""
MAX_WAITING_HASHES: Final = 128
"""The maximum number of waiting hashes, even if hashes are fast."""
SECONDS_AT_COST_ZERO: Final = 0.25 / 2**12
"""Seconds. The first estimate of the duration of a bcrypt hash is this number times `2**cost`. Measured durations then
replace the estimate."""
SMOOTHING: Final = 0.125
"""The weight of the newest duration in the moving average."""
_HALF_LIFE: Final = 60.0
"""The number of seconds after which a hash of a client counts as half a hash."""
_NEGLIGIBLE_COUNT: Final = 0.1
"""A client with fewer recent hashes is forgotten, to save memory."""


@dataclass(frozen=True, slots=True)
class HashClient:
    """The client of a hash. `key` names the user of a session, or the account and the network of a login from a known
    network. For any other hash it names only the network."""

    key: str = ""
    is_known: bool = False


UNKNOWN_CLIENT: Final = HashClient()


@dataclass(frozen=True, slots=True, eq=False)
class _Waiter:
    client: HashClient
    order: int
    admitted: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class HashingQueue:
    """Admits as many hashes at the same time as there are threads.

    `average_seconds` is the expected duration of a hash. The owner must call `record` after each hash. `clock` is
    monotonic.
    """

    def __init__(self, threads: int, average_seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.average_seconds = average_seconds
        self._threads = threads
        self._clock = clock
        self._running = 0
        self._waiting: list[_Waiter] = []
        self._hashes: dict[str, float] = {}  # recent hashes by client
        self._aged_at = clock()
        self._order = itertools.count()

    @property
    def is_busy(self) -> bool:
        """Whether all threads are in use, so that the next hash has to wait."""
        return self._running >= self._threads

    def record(self, seconds: float) -> None:
        """Add the duration of a hash to the average."""
        self.average_seconds += (seconds - self.average_seconds) * SMOOTHING

    @asynccontextmanager
    async def slot(self, client: HashClient) -> AsyncIterator[None]:
        """Wait for a thread, and keep it until the block ends.

        Raises Unavailable if the queue is full, also later: a full queue may refuse a hash that waits already.
        """
        self._age()
        if self.is_busy:
            await self._wait(client)
        else:
            self._running += 1
        self._hashes[client.key] = self._hashes.get(client.key, 0.0) + 1
        try:
            yield
        finally:
            self._running -= 1
            self._admit_next()

    async def _wait(self, client: HashClient) -> None:
        waiter = _Waiter(client, next(self._order))
        if self._is_full():  # guard: hashing-queue-limit
            self._refuse_one(waiter)
        self._waiting.append(waiter)
        try:
            await waiter.admitted
        except asyncio.CancelledError:
            if waiter in self._waiting:
                self._waiting.remove(waiter)
            elif not waiter.admitted.cancelled() and waiter.admitted.exception() is None:
                self._running -= 1  # the waiter was admitted just before it was cancelled
                self._admit_next()
            raise

    def _is_full(self) -> bool:
        pending = self._running + len(self._waiting)
        # A free thread always accepts work. Otherwise one very slow hash would raise the average permanently.
        expected_seconds = (pending // self._threads + 1) * self.average_seconds
        return expected_seconds > MAX_HASH_SECONDS or len(self._waiting) >= MAX_WAITING_HASHES

    def _refuse_one(self, newcomer: _Waiter) -> None:
        """Refuse the waiter with the lowest priority. Raises Unavailable if the newcomer has the lowest priority."""
        error = Unavailable(
            "too many passwords are being checked, try again later", retry_after=math.ceil(MAX_HASH_SECONDS)
        )
        ranks = self._ranks([*self._waiting, newcomer])
        last = max(self._waiting, key=ranks.__getitem__, default=newcomer)
        if ranks[newcomer] >= ranks[last]:  # guard: hashing-queue-share
            raise error
        self._waiting.remove(last)
        last.admitted.set_exception(error)

    def _admit_next(self) -> None:
        while self._waiting and not self.is_busy:
            waiter = min(self._waiting, key=self._ranks(self._waiting).__getitem__)  # guard: hashing-queue-order
            self._waiting.remove(waiter)
            if not waiter.admitted.done():
                self._running += 1
                waiter.admitted.set_result(None)

    def _ranks(self, waiters: Iterable[_Waiter]) -> dict[_Waiter, tuple[float, bool, int]]:
        """Return the rank of each waiter. The waiter with the lowest rank is served next.

        `waiters` must be in the order of their arrival.
        """
        hashes: dict[str, float] = {}
        ranks: dict[_Waiter, tuple[float, bool, int]] = {}
        for waiter in waiters:
            key = waiter.client.key
            count = hashes.get(key, self._hashes.get(key, 0.0))
            hashes[key] = count + 1
            ranks[waiter] = (round(count), not waiter.client.is_known, waiter.order)
        return ranks

    def _age(self) -> None:
        """Reduce the weight of past hashes, at most once in each half-life."""
        now = self._clock()
        if now - self._aged_at < _HALF_LIFE:
            return
        factor = 0.5 ** ((now - self._aged_at) / _HALF_LIFE)
        self._hashes = {
            key: count * factor for key, count in self._hashes.items() if count * factor > _NEGLIGIBLE_COUNT
        }
        self._aged_at = now
