"""Slots for reading the change feed: few at once, and users take turns.

A hint may wake thousands of requests. Without slots their reads would take every database connection, and with slots in
order of arrival one user with many streams would delay all others.
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
        self._waiting: dict[Hashable, deque[asyncio.Future[None]]] = {}  # in the order of turns

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
            self._pass_on()

    async def _wait(self, user: Hashable) -> None:
        turn = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(user, deque()).append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._pass_on()  # the turn came just before the cancellation
            raise

    def _pass_on(self) -> None:
        """Give a slot that is free now to the next user."""
        while self._waiting:
            user = next(iter(self._waiting))  # guard: read-slots-turns
            turns = self._waiting.pop(user)
            turn = turns.popleft()
            if turns:
                self._waiting[user] = turns  # at the end: the others come first
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1
