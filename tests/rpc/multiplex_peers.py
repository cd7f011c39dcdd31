"""For tests of streams: a client and a server that send any frames, and services that say how they were called."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import UUID

import grpc
import grpc.aio

from drivebay import __version__
from drivebay.contract.files import Access, FilePage, Files
from drivebay.contract.ids import UserId
from drivebay.errors import Unavailable
from drivebay.proto import FILES, MULTIPLEX
from drivebay.proto.drivebay.rpc.v1 import multiplex_pb2
from drivebay.rpc.msgpack_codec import contract_fields, msgpack_methods
from drivebay.rpc.multiplex_frames import (
    PROTOCOL,
    ClientFrame,
    Greeting,
    ServerFrame,
    Welcome,
    decode_client_frames,
    decode_server_frames,
    encode_frames,
)

from .rpc_fakes import fake

GREETING = Greeting(PROTOCOL, FILES.full_name, __version__, contract_fields(Files))


class RawStream:
    """The client's side of a stream."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self.call = channel.stream_stream(
            f"/{MULTIPLEX.full_name}/Exchange",
            request_serializer=multiplex_pb2.ExchangeRequest.SerializeToString,
            response_deserializer=multiplex_pb2.ExchangeResponse.FromString,
        )()
        self._received: list[ServerFrame] = []

    async def send(self, *frames: ClientFrame) -> None:
        await self.send_bytes(encode_frames(list(frames)))

    async def send_bytes(self, frames: bytes) -> None:
        await self.call.write(multiplex_pb2.ExchangeRequest(frames=frames))

    async def receive(self) -> ServerFrame | None:
        """Return the next frame, or None at the end."""
        while not self._received:
            message = await asyncio.wait_for(self.call.read(), 120)
            if message is grpc.aio.EOF:
                return None
            self._received = decode_server_frames(message.frames)
        return self._received.pop(0)


Script = Callable[["RawPeer"], Awaitable[None]]


class RawPeer:
    """The server's side of a stream."""

    def __init__(self, call: grpc.aio.ServicerContext[Any, Any]) -> None:
        self._call = call

    async def send(self, *frames: ServerFrame) -> None:
        await self.send_bytes(encode_frames(list(frames)))

    async def send_bytes(self, frames: bytes) -> None:
        await self._call.write(multiplex_pb2.ExchangeResponse(frames=frames))

    async def receive(self) -> list[ClientFrame]:
        """Return the frames of the next message; none at the end."""
        message = await self._call.read()
        return [] if message is grpc.aio.EOF else decode_client_frames(message.frames)

    async def welcome(self, methods: Iterable[str]) -> None:
        """Accept the client."""
        (greeting,) = await self.receive()
        assert isinstance(greeting, Greeting)
        await self.send(Welcome("test", "process", frozenset(methods)))


@asynccontextmanager
async def raw_server(address: str, script: Script | None, *handlers: grpc.GenericRpcHandler) -> AsyncIterator[None]:
    """Run a server whose streams follow `script`, without the service Multiplex if it is None."""
    Path(address.removeprefix("unix:")).parent.mkdir(exist_ok=True)
    server = grpc.aio.server()

    async def exchange(_: object, call: grpc.aio.ServicerContext[Any, Any]) -> None:
        assert script is not None
        await script(RawPeer(call))

    if script is not None:
        handler = grpc.stream_stream_rpc_method_handler(
            exchange,
            request_deserializer=multiplex_pb2.ExchangeRequest.FromString,
            response_serializer=multiplex_pb2.ExchangeResponse.SerializeToString,
        )
        server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler(MULTIPLEX.full_name, {"Exchange": handler}),)
        )
    server.add_generic_rpc_handlers(handlers)
    server.add_insecure_port(address)
    await server.start()
    try:
        yield
    finally:
        await server.stop(None)


# -- services ------------------------------------------------------------------------------------

ACCESS = Access.personal(UserId(UUID(int=1)))
ANSWER = 120
"""Seconds in which every call must have an answer, on a busy machine."""


async def carrier() -> int:
    """Return 1 if the running call came over a stream, 0 if it is a unary RPC."""
    task = asyncio.current_task()
    assert task is not None
    return int("_Stream." in task.get_coro().__qualname__)  # type: ignore[union-attr]


CARRIER = fake(Files, recheck_pending_uploads=carrier)


async def until_streamed(files: Files) -> None:
    """Wait until the calls of a client use a stream."""
    async with asyncio.timeout(ANSWER):
        while True:
            with suppress(Unavailable):
                if await files.recheck_pending_uploads() == 1:
                    return
            await asyncio.sleep(0.02)


class Gate:
    """A service whose calls wait until the gate is open. `started` and `ended` count calls by the cursor they have."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.started: Counter[str] = Counter()
        self.cancelled: Counter[str] = Counter()
        self.files = fake(Files, list_trash=self.list_trash, recheck_pending_uploads=carrier)

    async def list_trash(self, access: Access, limit: int = 100, cursor: str | None = None) -> FilePage:
        assert cursor is not None
        self.started[cursor] += 1
        try:
            await self.open.wait()
        except asyncio.CancelledError:
            self.cancelled[cursor] += 1
            raise
        return FilePage((), cursor)

    async def wait_for_calls(self, count: int) -> None:
        async with asyncio.timeout(ANSWER):
            while self.started.total() < count:
                await asyncio.sleep(0.01)


async def outcomes_of(tasks: list[asyncio.Task[FilePage]]) -> list[FilePage | BaseException]:
    """Return the results of all tasks. None may hang."""
    async with asyncio.timeout(ANSWER):
        return await asyncio.gather(*tasks, return_exceptions=True)


def start_calls(files: Files, count: int) -> list[asyncio.Task[FilePage]]:
    return [asyncio.create_task(files.list_trash(ACCESS, cursor=str(number))) for number in range(count)]


def trash_request(cursor: str) -> bytes:
    return msgpack_methods(Files)["list_trash"].encode_request((ACCESS, 100, cursor))
