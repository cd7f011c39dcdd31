"""Whose turn it is to send an upload's bytes: of the requests of one process the newest one's.

A client that lost its connection comes again before we notice. So the newer request ends the older one, and looks
at what is kept only when that has put away what it had. Across processes nobody waits: there what is kept decides,
which never becomes less.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from ..contract.files import UploadRef
from ..errors import Locked, Unavailable
from .request import Call

_PUT_AWAY_WITHIN: Final = 30.0
"""Seconds for an older request to put away what it had: as long as a part may take."""


class Turn:
    """One request's. `within` is how many seconds it waits for the next bytes, `ends` when it is over in any case (by
    the loop's clock)."""

    def __init__(self, within: float, ends: float) -> None:
        self._within = within
        self._ends = ends
        self._waiting: asyncio.Timeout | None = None
        self._overtaken = False
        self.over = asyncio.Event()

    async def chunk(self, call: Call) -> tuple[bytes, bool]:
        """The next bytes, and whether there are more. Raises MalformedBody (broken off), Locked (a newer request
        has come), Unavailable (too slow)."""
        self.check()
        now = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout_at(min(now + self._within, self._ends)) as self._waiting:
                return await call.chunk()
        except TimeoutError:
            self.check()
            raise Unavailable("the bytes come too slowly: what came is kept; go on with it", retry_after=1) from None
        finally:
            self._waiting = None

    def check(self) -> None:
        if self._overtaken:
            raise Locked("a newer request sends the bytes of this upload")

    def overtake(self) -> None:
        self._overtaken = True
        if self._waiting is not None and not self._waiting.expired():
            self._waiting.reschedule(asyncio.get_running_loop().time())


class Turns:
    """`within` is how many seconds a client may keep us waiting for bytes, `longest` how many a request may last."""

    def __init__(self, within: float, longest: float) -> None:
        self._within = within
        self._longest = longest
        self._turns: dict[UploadRef, Turn] = {}

    @asynccontextmanager
    async def take(self, upload: UploadRef) -> AsyncIterator[Turn]:
        """Be the one. Raises Locked when the one before does not end, or a newer one comes meanwhile."""
        turn = Turn(self._within, asyncio.get_running_loop().time() + self._longest)
        before = self._turns.get(upload)
        self._turns[upload] = turn
        try:
            if before is not None:
                before.overtake()
                try:
                    await asyncio.wait_for(before.over.wait(), _PUT_AWAY_WITHIN)
                except TimeoutError:
                    raise Locked("an older request for this upload is not over yet") from None
                turn.check()
            yield turn
        finally:
            turn.over.set()
            if self._turns.get(upload) is turn:
                del self._turns[upload]
