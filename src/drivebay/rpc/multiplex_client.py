"""The client's side of the streams that many calls share (see `multiplex_frames`).

A call over a stream needs less CPU time than a unary RPC. There is no stream while the server is down, has an
incompatible contract or refuses the caller. Calls are then sent as unary RPCs. If a unary RPC fails, its error has the
exact reason.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

import grpc
import grpc.aio
import structlog
from prometheus_client import Gauge

from .. import __version__
from ..errors import Unavailable
from ..proto import MULTIPLEX
from ..proto.drivebay.rpc.v1 import multiplex_pb2
from .msgpack_codec import contract_fields
from .multiplex_client_stream import CALL_FAILED, ClientStream, Peer
from .multiplex_frames import (
    HANDSHAKE_TIMEOUT,
    PROTOCOL,
    Greeting,
    InvalidFrames,
    Refusal,
    Welcome,
    decode_server_frames,
    encode_frames,
)
from .target_addresses import count_processes

log = structlog.get_logger(__name__)

_OPEN: Final = Gauge(
    "drivebay_call_streams",
    "Processes of each service to which a stream for calls is open",
    ["service"],
    multiprocess_mode="livesum",
)
_FIRST_STREAM_TIMEOUT: Final = 1.0
"""Seconds that `open_streams` waits for the first stream. The server need not run yet."""
_MAX_BACKOFF: Final = 1.0
"""The longest pause before the next attempt to open a stream after a failure, in seconds."""
_REFUSAL_BACKOFF: Final = 10.0
"""Seconds until the next attempt to open a stream after a refusal. Until then a process of another release may replace
the server."""
_MAX_DUPLICATES: Final = 8
"""The maximum number of further attempts to open a stream if the process that responded already has a stream."""
_DUPLICATE_SECONDS: Final = 3.0
"""Seconds that a second stream to one process stays open while another process has no stream. The other process may
still be starting."""


class _Refused(Exception):
    """The server does not accept a stream of this client. The message is the reason."""


@asynccontextmanager
async def open_streams(channel: grpc.aio.Channel, peer: Peer) -> AsyncIterator[Streams]:
    """Keep streams to every process of a peer open inside the block. When the block ends, calls in flight fail as
    Unavailable."""
    streams = Streams(channel, peer)
    try:
        with suppress(TimeoutError):
            async with asyncio.timeout(_FIRST_STREAM_TIMEOUT):
                await streams.first_attempt.wait()
        yield streams
    finally:
        await streams.close()


class Streams:
    """The open streams to the processes of one peer."""

    def __init__(self, channel: grpc.aio.Channel, peer: Peer) -> None:
        self.first_attempt = asyncio.Event()
        """Set when the first stream is open or could not be opened."""
        self._open: list[ClientStream] = []
        self._peer = peer
        self._open_gauge = _OPEN.labels(peer.contract.__name__)
        self._exchange = channel.stream_stream(
            f"/{MULTIPLEX.full_name}/Exchange",
            request_serializer=lambda frames: multiplex_pb2.ExchangeRequest(frames=frames).SerializeToString(),
            response_deserializer=_decode_response,
        )
        self._stream_count = 1
        self._open_numbers: set[int] = set()
        """The numbers of the streams that a task keeps open."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._start_stream_task(0)

    def choose(self, method: str) -> ClientStream | None:
        """Return the stream with the fewest calls in flight, of the streams whose server has the method."""
        least_busy = None
        for stream in self._open:
            if stream.unusable.is_set() or method not in stream.methods:  # guard: stream-unusable
                continue
            if least_busy is None or stream.in_flight < least_busy.in_flight:
                least_busy = stream
        return least_busy

    async def close(self) -> None:
        """Close all streams. Their calls fail as Unavailable."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def _start_task(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _start_stream_task(self, number: int) -> None:
        self._open_numbers.add(number)
        self._start_task(self._keep_open(number)).add_done_callback(lambda _: self._open_numbers.discard(number))

    async def _keep_open(self, number: int) -> None:
        """Keep stream `number` open: open it again whenever it ends. Each process of the peer has a stream."""
        now = asyncio.get_running_loop().time
        failures = duplicates = 0
        reported = ""
        while number < self._stream_count:
            if number == 0:
                await self._count_processes()
            try:
                stream = await self._start()
            except _Refused as refusal:
                if str(refusal) != reported:
                    log.info("stream_refused", peer=self._peer.title, reason=str(refusal))
                    reported = str(refusal)
                self.first_attempt.set()
                await asyncio.sleep(_REFUSAL_BACKOFF)
                continue
            except (Unavailable, InvalidFrames):
                self.first_attempt.set()
                await asyncio.sleep(_backoff(failures))
                failures += 1
                continue
            is_duplicate = self._is_duplicate(stream)
            if is_duplicate and duplicates < _MAX_DUPLICATES:
                duplicates += 1
                stream.drain()
                continue
            duplicates = 0
            opened_at = now()
            await self._use(stream, _DUPLICATE_SECONDS if is_duplicate else None)  # guard: stream-duplicate
            if not stream.unusable.is_set():
                stream.drain()
                continue
            if now() - opened_at > _MAX_BACKOFF:
                failures = 0
                continue
            # Wait only if the last stream ended soon after it was opened.
            await asyncio.sleep(_backoff(failures) if failures else 0)
            failures += 1

    async def _use(self, stream: ClientStream, seconds: float | None) -> None:
        """Send calls over a stream until it is unusable, for `seconds` at most."""
        self._open.append(stream)
        self._count_open()
        self.first_attempt.set()
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await stream.unusable.wait()
        finally:
            self._open.remove(stream)
            self._count_open()

    def _count_open(self) -> None:
        self._open_gauge.set(len({stream.process for stream in self._open}))

    async def _count_processes(self) -> None:
        """Set the number of streams. The task of a stream that is not needed any more ends when its stream ends."""
        count = await count_processes(self._peer.address) if self._peer.spreads else 1
        self._stream_count = count
        for number in range(1, count):
            if number not in self._open_numbers:
                self._start_stream_task(number)

    def _is_duplicate(self, stream: ClientStream) -> bool:
        others = {other.process for other in self._open}
        return stream.process in others and len(others) < self._stream_count

    async def _start(self) -> ClientStream:
        """Open a stream. Raises Unavailable, _Refused, InvalidFrames."""
        call = self._exchange()
        try:
            welcome = await self._greet(call)
        except BaseException:
            call.cancel()
            raise
        stream = ClientStream(call, self._peer, welcome)
        self._start_task(stream.run())
        return stream

    async def _greet(self, call: Any) -> Welcome:
        """Send the greeting and return the welcome. Raises Unavailable, _Refused, InvalidFrames."""
        greeting = Greeting(PROTOCOL, self._peer.service, __version__, contract_fields(self._peer.contract))
        try:
            async with asyncio.timeout(HANDSHAKE_TIMEOUT):
                await call.write(encode_frames([greeting]))
                message = await call.read()
        except TimeoutError as error:
            raise Unavailable(f"{self._peer.title} does not respond") from error
        except CALL_FAILED as error:
            if isinstance(error, grpc.aio.AioRpcError) and error.code() in _REFUSALS:
                raise _Refused(error.code().name) from error
            raise Unavailable(f"cannot open a stream to {self._peer.title}") from error
        frames = [] if message is grpc.aio.EOF else decode_server_frames(message)
        match frames:
            case [Welcome() as welcome]:
                return welcome
            case [Refusal(reason)]:
                raise _Refused(reason)
        raise _Refused("the response to the greeting is not valid")


def _backoff(failures: int) -> float:
    return min(_MAX_BACKOFF, 0.05 * float(2 ** min(failures, 10)))


_REFUSALS: Final = (grpc.StatusCode.UNIMPLEMENTED, grpc.StatusCode.PERMISSION_DENIED)


def _decode_response(data: bytes) -> bytes:
    return bytes(multiplex_pb2.ExchangeResponse.FromString(data).frames)
