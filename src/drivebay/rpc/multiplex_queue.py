"""The queue of frames that wait to be sent on one stream. Both sides of a stream have such a queue."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

from .multiplex_frames import (
    MAX_PAYLOAD,
    MAX_UNSENT,
    PIECE_SIZE,
    Call,
    Cancel,
    ClientFrame,
    Drain,
    Failure,
    Piece,
    Result,
    ServerFrame,
    encode_frames,
)

QueuedFrame = Call | Cancel | Result | Failure | Drain


class SendQueue:
    """The frames that wait to be sent on one stream, and the loop that sends them.

    Small frames are sent first, in order, as many as fit into a message. A message has at most one piece of a large
    result, so that the other frames wait for one piece only.
    """

    def __init__(self, write: Callable[[bytes], Awaitable[None]]) -> None:
        self._write = write
        self._frames: deque[QueuedFrame] = deque()
        self._large: deque[tuple[int, memoryview]] = deque()
        self._unsent = 0
        self._changed = asyncio.Event()
        self._sent = asyncio.Event()
        self._closed = False

    def put(self, frame: QueuedFrame) -> None:
        """Add a frame to the queue."""
        self._frames.append(frame)
        self._unsent += _size(frame)
        self._changed.set()

    def put_result(self, id: int, payload: bytes) -> None:
        """Add the result of a call to the queue, in pieces if it is large."""
        if len(payload) <= PIECE_SIZE:
            self.put(Result(id, payload))
            return
        self._large.append((id, memoryview(payload)))
        self._unsent += len(payload)
        self._changed.set()

    def remove(self, frame: Call) -> bool:
        """Remove a frame. Return False if it was sent already."""
        try:
            self._frames.remove(frame)
        except ValueError:
            return False
        self._unsent -= _size(frame)
        return True

    def close(self) -> None:
        """Let `run` return when everything is sent."""
        self._closed = True
        self._changed.set()

    async def wait_until_short(self) -> None:
        """Wait until at most MAX_UNSENT bytes are queued."""
        while self._unsent > MAX_UNSENT:  # guard: stream-unsent
            self._sent.clear()
            await self._sent.wait()

    async def run(self) -> None:
        """Send frames until `close` was called and nothing is left."""
        while True:
            while not self._frames and not self._large:
                if self._closed:
                    return
                self._changed.clear()
                await self._changed.wait()
            frames, size = self._take()
            await self._write(encode_frames(frames))
            self._unsent -= size
            self._sent.set()

    def _take(self) -> tuple[list[ClientFrame | ServerFrame], int]:
        frames: list[ClientFrame | ServerFrame] = []
        size = 0
        while self._frames and size < MAX_PAYLOAD:
            frame = self._frames.popleft()
            frames.append(frame)
            size += _size(frame)
        if self._large:
            id, rest = self._large.popleft()
            piece = bytes(rest[:PIECE_SIZE])
            size += len(piece)
            if len(rest) > PIECE_SIZE:  # guard: stream-pieces
                frames.append(Piece(id, piece))
                self._large.append((id, rest[PIECE_SIZE:]))
            else:
                frames.append(Result(id, piece))
        return frames, size


def _size(frame: object) -> int:
    """Return the approximate number of bytes of a frame."""
    if isinstance(frame, (Call, Result)):
        return len(frame.payload) + 64
    return len(frame.error) + 64 if isinstance(frame, Failure) else 64
