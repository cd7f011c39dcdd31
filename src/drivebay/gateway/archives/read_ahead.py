"""Reads pieces of objects in order, and the next ones while the client receives the current one."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from ...contract.storage import Storage

PIECE_SIZE: Final = 2**20
"""The maximum number of bytes that one call reads."""
_MAX_CALLS: Final = 8
_MAX_BYTES: Final = 4 * PIECE_SIZE
"""The maximum number of calls that are running or whose bytes the caller has not read yet, and of the bytes of these
calls."""


class Piece(NamedTuple):
    """A part of an object: at most PIECE_SIZE bytes."""

    key: str
    offset: int
    length: int


def split_pieces(key: str, start: int, stop: int) -> Iterator[Piece]:
    """Yield the pieces of an object from `start` up to `stop` (exclusive)."""
    for offset in range(start, stop, PIECE_SIZE):
        yield Piece(key, offset, min(PIECE_SIZE, stop - offset))


class ReadAhead:
    """Reads pieces. `close` ends the calls that still run."""

    def __init__(self, storage: Storage, pieces: Iterable[Piece]) -> None:
        self._storage = storage
        self._pieces = iter(pieces)
        self._next: Piece | None = next(self._pieces, None)
        self._calls: deque[tuple[Piece, asyncio.Task[bytes]]] = deque()
        self._bytes = 0

    async def read(self) -> bytes:
        """Return the bytes of the next piece. Raises NotFound, Unavailable."""
        self._begin_calls()
        piece, call = self._calls.popleft()
        try:
            return await call
        finally:
            self._bytes -= piece.length

    def _begin_calls(self) -> None:
        # guard: archive-memory
        while self._next is not None and (
            not self._calls or (len(self._calls) < _MAX_CALLS and self._bytes + self._next.length <= _MAX_BYTES)
        ):
            piece = self._next
            self._calls.append((piece, asyncio.create_task(self._storage.read_object(*piece), name="read object")))
            self._bytes += piece.length
            self._next = next(self._pieces, None)

    async def close(self) -> None:
        calls = [call for _, call in self._calls]
        self._calls.clear()
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
