"""The server's side of the streams that many calls share (see `multiplex_frames`).

Each call runs in its own task, with the same `CallGuard` as a unary RPC. The caller is checked once for each stream,
because it has one certificate for the whole connection.
"""

from __future__ import annotations

import asyncio
import functools
import uuid
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

import grpc
import grpc.aio
import structlog

from .. import __version__
from ..errors import Error, Internal, Unavailable
from ..proto import MULTIPLEX
from ..proto.drivebay.rpc.v1 import multiplex_pb2
from .call_context import caller_context
from .call_guard import CallGuard
from .codec import MAX_MESSAGE_SIZE
from .error_codec import encode_error
from .msgpack_codec import MsgpackMethod, contract_fields
from .multiplex_frames import (
    HANDSHAKE_TIMEOUT,
    MAX_CALLS,
    PROTOCOL,
    Call,
    Cancel,
    ClientFrame,
    Drain,
    Failure,
    Greeting,
    InvalidFrames,
    Refusal,
    Welcome,
    decode_client_frames,
    encode_frames,
)
from .multiplex_queue import SendQueue
from .tls import certificate_names, is_allowed

log = structlog.get_logger(__name__)


class StreamedMethod(NamedTuple):
    """One method of a service with the codec and the guard of its calls."""

    codec: MsgpackMethod
    function: Callable[..., Any]
    guard: CallGuard


class StreamedContract(NamedTuple):
    """A contract and its methods by name."""

    contract: type
    methods: Mapping[str, StreamedMethod]


class MultiplexServer:
    """All streams of one server. `contracts` are keyed by the full name of the proto service.

    `callers` are the names in certificates that may call, or None without TLS. Each stream is drained after `max_age`
    seconds, or never if it is None.
    """

    def __init__(
        self, contracts: Mapping[str, StreamedContract], callers: frozenset[str] | None, max_age: float | None
    ) -> None:
        self._contracts = contracts
        self._callers = callers
        self._max_age = max_age
        self._process = uuid.uuid4().hex
        self._streams: set[_Stream] = set()
        self._is_draining = False

    def rpc_handlers(self) -> grpc.GenericRpcHandler:
        """Return the handlers of the service `Multiplex`."""
        exchange = grpc.stream_stream_rpc_method_handler(
            self._exchange,
            request_deserializer=_decode_request,
            response_serializer=lambda frames: multiplex_pb2.ExchangeResponse(frames=frames).SerializeToString(),
        )
        return grpc.method_handlers_generic_handler(MULTIPLEX.full_name, {"Exchange": exchange})

    def drain(self) -> None:
        """Make every client use another stream for its next calls. The calls on the current streams get their
        responses."""
        self._is_draining = True
        for stream in self._streams:
            stream.drain()

    async def _exchange(self, _: object, call: grpc.aio.ServicerContext[Any, Any]) -> None:
        if self._callers is not None and not is_allowed(
            call.auth_context(), self._callers
        ):  # guard: stream-caller-name
            # The client then sends its calls as unary RPCs, whose error says that the caller is refused.
            log.info("stream_refused", names=certificate_names(call.auth_context()), peer=call.peer())
            await call.abort(grpc.StatusCode.PERMISSION_DENIED, "no name in the certificate may call this service")
        structlog.contextvars.clear_contextvars()
        try:
            async with asyncio.timeout(HANDSHAKE_TIMEOUT):
                contract = await self._greet(call)
            if contract is not None:
                await self._serve(_Stream(call, contract.methods))
        except (InvalidFrames, TimeoutError) as error:
            log.warning("stream_broken", problem=str(error) or "no greeting", peer=call.peer())
            await call.abort(grpc.StatusCode.INVALID_ARGUMENT, "the frames are not valid")

    async def _greet(self, call: grpc.aio.ServicerContext[Any, Any]) -> StreamedContract | None:
        """Respond to the greeting. Return the contract that the client calls, or None if the stream was refused."""
        frames = await _read(call)
        if not frames or not isinstance(frames[0], Greeting):
            raise InvalidFrames("the first frame is not a greeting")
        greeting = frames[0]
        contract = self._contracts.get(greeting.contract)
        reason = _find_difference(greeting, contract)
        if contract is None or reason:
            log.info("stream_refused", reason=reason, release=greeting.release, peer=call.peer())
            await call.write(encode_frames([Refusal(reason)]))
            return None
        await call.write(encode_frames([Welcome(__version__, self._process, frozenset(contract.methods))]))
        return contract

    async def _serve(self, stream: _Stream) -> None:
        self._streams.add(stream)
        timer = None
        if self._max_age is not None:
            timer = asyncio.get_running_loop().call_later(self._max_age, stream.drain)
        if self._is_draining:
            stream.drain()
        try:
            await stream.run()
        finally:
            self._streams.discard(stream)
            if timer is not None:
                timer.cancel()


class _Stream:
    """One stream of one client."""

    def __init__(self, call: grpc.aio.ServicerContext[Any, Any], methods: Mapping[str, StreamedMethod]) -> None:
        self._call = call
        self._methods = methods
        self._queue = SendQueue(call.write)
        self._running: dict[int, asyncio.Task[None]] = {}

    def drain(self) -> None:
        self._queue.put(Drain())

    async def run(self) -> None:
        """Serve until the client ends its side and every call has its response. Raises InvalidFrames."""
        sending = asyncio.create_task(self._queue.run())
        sending.add_done_callback(functools.partial(_end_with, asyncio.current_task()))
        try:
            while (frames := await _read(self._call)) is not None:
                for frame in frames:
                    self._handle(frame)
                await self._queue.wait_until_short()
            if self._running:
                await asyncio.wait(self._running.values())
            self._queue.close()
            await sending
        finally:
            # The client is gone or broke the protocol, or everything is done.
            sending.cancel()
            for task in self._running.values():
                task.cancel()

    def _handle(self, frame: ClientFrame) -> None:
        if isinstance(frame, Call):
            if frame.id in self._running:
                raise InvalidFrames("a second call has the same id")
            if len(self._running) >= MAX_CALLS:  # guard: stream-calls-server
                self._queue.put(Failure(frame.id, _TOO_MANY))
                return
            task = asyncio.create_task(self._run_call(frame))
            self._running[frame.id] = task
            # Not in a `finally` of the task: a task that is cancelled before it starts does not run at all.
            task.add_done_callback(lambda _: self._running.pop(frame.id))
        elif isinstance(frame, Cancel):
            if task_to_cancel := self._running.get(frame.id):
                task_to_cancel.cancel()
        else:
            raise InvalidFrames("a second greeting")

    async def _run_call(self, frame: Call) -> None:
        try:
            self._queue.put_result(frame.id, await self._call_method(frame))
        except Error as error:
            self._queue.put(Failure(frame.id, encode_error(error)))
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or not task.cancelling():  # guard: stream-answer
                self._queue.put(Failure(frame.id, _CANCELLED))
            raise

    async def _call_method(self, frame: Call) -> bytes:
        method = self._methods.get(frame.method)
        if method is None:
            raise Internal(f"this release has no method {frame.method}")
        codec, function, guard = method

        async def work() -> bytes:
            payload = codec.encode_response(await function(*codec.decode_request(frame.payload)))
            if len(payload) > MAX_MESSAGE_SIZE:
                raise ValueError(f"the result has {len(payload)} bytes, more than the maximum of {MAX_MESSAGE_SIZE}")
            return payload

        with caller_context(frame.metadata):
            payload: bytes = await guard.run(work, min(guard.timeout, frame.seconds))
        return payload


def _end_with(reading: asyncio.Task[Any] | None, sending: asyncio.Task[None]) -> None:
    """End the task that reads a stream if responses cannot be sent any more."""
    if reading is not None and not sending.cancelled() and sending.exception() is not None:
        reading.cancel()


_CANCELLED: Final = encode_error(Unavailable("the service cancelled the call"))
_TOO_MANY: Final = encode_error(Unavailable(f"more than {MAX_CALLS} calls of one client are running"))


def _find_difference(greeting: Greeting, contract: StreamedContract | None) -> str:
    """Return the reason why the client must use unary RPCs, or an empty string if the client can use a stream.

    Fields are matched by name, so one side may have more fields: it is the newer release. If each side has a field
    that the other side lacks, the same field may have different names or types on the two sides.
    """
    if greeting.protocol != PROTOCOL:
        return f"protocol {greeting.protocol} is not {PROTOCOL}"
    if contract is None:
        return f"{greeting.contract} is not served here"
    fields = contract_fields(contract.contract)
    if greeting.fields - fields and fields - greeting.fields:  # guard: stream-releases
        return f"the contracts differ: {min(greeting.fields - fields)!r} and {min(fields - greeting.fields)!r}"
    return ""


def _decode_request(data: bytes) -> bytes:
    return bytes(multiplex_pb2.ExchangeRequest.FromString(data).frames)


async def _read(call: grpc.aio.ServicerContext[Any, Any]) -> list[ClientFrame] | None:
    """Return the frames of the next message, or None at the end. Raises InvalidFrames."""
    message = await call.read()
    if message is grpc.aio.EOF:
        return None
    return decode_client_frames(message)
