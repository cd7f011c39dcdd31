"""Slots for reading the change feed. There are few, and waiting users get them round-robin.

A hint may wake thousands of requests. Without slots, their reads would use every database connection. With slots in the
order of arrival, one user with many streams would delay all other users.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager
from typing import Final

MAX_READS: Final = 4
"""Reads of one process at once. The pool of database connections has ten, by default."""


class ReadSlots:
    """Admits `maximum` reads at once. Waiting users are admitted round-robin."""

    def __init__(self, maximum: int = MAX_READS) -> None:
        self._free = maximum
        self._waiting: dict[Hashable, deque[asyncio.Future[None]]] = {}  # the first user gets the next free slot

    @asynccontextmanager
    async def slot(self, user: Hashable) -> AsyncIterator[None]:
        """Wait for a slot and keep it until the block ends."""
        if self._free:  # guard: read-slots
            self._free -= 1
        else:
            await self._wait(user)
        try:
            yield
        finally:
            self._release()

    async def _wait(self, user: Hashable) -> None:
        future = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(user, deque()).append(future)
        try:
            await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled():
                self._release()  # the slot was assigned just before the cancellation
            raise

    def _release(self) -> None:
        """Free a slot: give it to the next waiting user, if there is one."""
        while self._waiting:
            user = next(iter(self._waiting))  # guard: read-slots-round-robin
            futures = self._waiting.pop(user)
            future = futures.popleft()
            if futures:
                self._waiting[user] = futures  # at the end, because the other users come first
            if not future.done():
                future.set_result(None)
                return
        self._free += 1
