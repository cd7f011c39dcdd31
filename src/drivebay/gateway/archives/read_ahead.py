"""Reads pieces of objects in order. While the client receives a piece, the next pieces are read."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from ...contract.storage import Storage

PIECE_SIZE: Final = 4 * 2**20
"""The maximum number of bytes that one call reads. SeaweedFS stores a file in chunks of this size, and reads a whole
chunk to serve any range of it."""
BLOCK_SIZE: Final = 2**20
"""The maximum number of bytes that `read` returns. The client has a limited time to accept them."""
_MAX_CALLS: Final = 8
"""The maximum number of calls at one time. A call counts from its beginning until the caller has read its bytes."""
MAX_BYTES: Final = 2 * PIECE_SIZE
"""The maximum number of bytes that these calls read together."""


class Piece(NamedTuple):
    """A part of an object: at most PIECE_SIZE bytes."""

    key: str
    offset: int
    length: int


def split_pieces(key: str, start: int, stop: int) -> Iterator[Piece]:
    """Yield the pieces of an object from `start` up to `stop` (exclusive). Each but the last ends at a multiple
    of PIECE_SIZE."""
    while start < stop:
        end = min(stop, (start // PIECE_SIZE + 1) * PIECE_SIZE)
        yield Piece(key, start, end - start)
        start = end


class ReadAhead:
    """Reads pieces. `close` ends the calls that still run."""

    def __init__(self, storage: Storage, pieces: Iterable[Piece]) -> None:
        self._storage = storage
        self._pieces = iter(pieces)
        self._next: Piece | None = next(self._pieces, None)
        self._calls: deque[tuple[Piece, asyncio.Task[bytes]]] = deque()
        self._bytes = 0
        self._piece = b""
        self._returned = 0

    async def read(self) -> bytes:
        """Return the next bytes: at most BLOCK_SIZE, of one piece. Raises NotFound, Unavailable."""
        if self._returned == len(self._piece):
            self._bytes -= len(self._piece)
            self._piece, self._returned = b"", 0
            self._begin_calls()
            _, call = self._calls.popleft()
            self._piece = await call
        block = self._piece[self._returned : self._returned + BLOCK_SIZE]
        self._returned += len(block)
        return block

    def _begin_calls(self) -> None:
        # guard: archive-memory
        while self._next is not None and (
            not self._calls or (len(self._calls) < _MAX_CALLS and self._bytes + self._next.length <= MAX_BYTES)
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
