"""One open stream of a client (see `multiplex_frames`)."""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import dataclass
from typing import Any, Final

import grpc.aio

from ..errors import Unavailable
from .call_context import call_metadata
from .codec import MAX_MESSAGE_SIZE
from .error_codec import decode_error
from .multiplex_frames import (
    Call,
    Cancel,
    Drain,
    Failure,
    InvalidFrames,
    Piece,
    Result,
    ServerFrame,
    Welcome,
    decode_server_frames,
)
from .multiplex_queue import SendQueue

CALL_FAILED: Final = (grpc.aio.AioRpcError, grpc.aio.UsageError, asyncio.InvalidStateError)
"""The exceptions that gRPC raises when a call or its channel has ended."""


@dataclass(frozen=True, slots=True)
class Peer:
    """The contract that a client calls, and its address. `spreads`: one address may stand for several processes."""

    contract: type
    service: str
    """The full name of the proto service."""
    address: str
    spreads: bool

    @property
    def title(self) -> str:
        return f"{self.contract.__name__} at {self.address}"


class ClientStream:
    """One open stream. `run` reads it until it ends."""

    def __init__(self, call: Any, peer: Peer, welcome: Welcome) -> None:
        self.methods = welcome.methods
        self.process = welcome.process
        self.unusable = asyncio.Event()
        """Set when new calls must use another stream."""
        self._call = call
        self._peer = peer
        self._queue = SendQueue(call.write)
        self._ids = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[bytes]] = {}
        self._pieces: dict[int, list[bytes]] = {}

    @property
    def in_flight(self) -> int:
        """Return the number of calls without a response."""
        return len(self._waiting)

    async def send(self, method: str, payload: bytes, seconds: float) -> bytes:
        """Call a method and return its encoded result. `seconds` is the time until the deadline.

        The caller must not `await` between the check of `unusable` and this call. The call is sent once: if the stream
        breaks, the method may or may not have run. Raises errors of the service, and Unavailable.
        """
        id = next(self._ids)
        result: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._waiting[id] = result
        frame = Call(id, method, seconds, payload, call_metadata())
        self._queue.put(frame)
        try:
            return await result
        except asyncio.CancelledError:
            if self._waiting.pop(id, None) and not self._queue.remove(frame):  # guard: stream-cancel
                self._queue.put(Cancel(id))
            self._pieces.pop(id, None)
            self._end_if_drained()
            raise

    def drain(self) -> None:
        """Send no new calls. The stream ends when every call has its response."""
        self.unusable.set()
        self._end_if_drained()

    async def run(self) -> None:
        """Read responses until the stream ends. Calls without a response then fail as Unavailable."""
        sending = asyncio.create_task(self._send_frames())
        reason = "was closed"
        try:
            while (message := await self._call.read()) is not grpc.aio.EOF:
                for frame in decode_server_frames(message):
                    self._handle(frame)
        except CALL_FAILED:
            reason = "broke"
        except InvalidFrames as error:
            reason = f"broke: {error}"
        finally:
            self.unusable.set()
            sending.cancel()
            self._call.cancel()
            self._fail_calls(reason)

    async def _send_frames(self) -> None:
        try:
            await self._queue.run()
            await self._call.done_writing()
        except CALL_FAILED:
            self._call.cancel()  # `run` then fails the calls

    def _handle(self, frame: ServerFrame) -> None:
        if isinstance(frame, Result):
            pieces = self._pieces.pop(frame.id, None)
            payload = frame.payload if pieces is None else b"".join((*pieces, frame.payload))
            future = self._waiting.pop(frame.id, None)
            if future is not None and not future.done():  # it is done if its caller was cancelled just now
                future.set_result(payload)
        elif isinstance(frame, Failure):
            future = self._waiting.pop(frame.id, None)
            if future is not None and not future.done():
                future.set_exception(decode_error(frame.error))
        elif isinstance(frame, Piece):
            self._keep_piece(frame)
        elif isinstance(frame, Drain):
            self.drain()
        else:
            raise InvalidFrames("a second response to the greeting")
        self._end_if_drained()

    def _keep_piece(self, piece: Piece) -> None:
        if piece.id not in self._waiting:  # the call was cancelled
            return
        pieces = self._pieces.setdefault(piece.id, [])
        pieces.append(piece.payload)
        if sum(map(len, pieces)) > MAX_MESSAGE_SIZE:  # guard: stream-result-size
            raise InvalidFrames(f"a result has more than {MAX_MESSAGE_SIZE} bytes")

    def _end_if_drained(self) -> None:
        if self.unusable.is_set() and not self._waiting:
            self._queue.close()

    def _fail_calls(self, reason: str) -> None:
        waiting, self._waiting = self._waiting, {}
        detail = f"cannot reach {self._peer.title}: the stream {reason} during the call"
        for future in waiting.values():
            if not future.done():
                # Each call needs its own error, because raising one adds a traceback to it.
                future.set_exception(Unavailable(detail))
