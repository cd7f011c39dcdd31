"""Streams that break or end: each call then has one answer, an error if nothing else is known."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

import grpc
import grpc.aio
import pytest

from drivebay import rpc
from drivebay.contract.files import FilePage, Files
from drivebay.errors import Error, Unavailable
from drivebay.proto import FILES
from drivebay.rpc.call_guard import CallGuard, Side
from drivebay.rpc.msgpack_codec import msgpack_methods
from drivebay.rpc.multiplex_frames import (
    Call,
    Cancel,
    Drain,
    Failure,
    Result,
    Welcome,
    encode_frames,
)
from drivebay.rpc.multiplex_server import MultiplexServer, StreamedContract, StreamedMethod
from drivebay.rpc.server import _handlers
from drivebay.testing import proxy
from drivebay.testing.proxy import Proxy

from .multiplex_peers import (
    ACCESS,
    ANSWER,
    CARRIER,
    GREETING,
    Gate,
    RawPeer,
    RawStream,
    outcomes_of,
    raw_server,
    start_calls,
    trash_request,
    until_streamed,
)

# -- broken streams --------------------------------------------------------------------------------------


@asynccontextmanager
async def _through_proxy(service: Files, address: str) -> AsyncIterator[tuple[Files, Proxy]]:
    """Serve files and call them through a proxy."""
    behind = f"{address}.behind"
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(rpc.serve(behind, [(Files, FILES, service)]))
        socket = Path(address.removeprefix("unix:"))
        faulty = await stack.enter_async_context(proxy.run(Path(behind.removeprefix("unix:")), socket))
        yield await stack.enter_async_context(rpc.connect(Files, FILES, address)), faulty


@pytest.mark.parametrize("count", [1, 1000])
async def test_a_cut_connection_fails_each_call_once_and_sends_none_again(address: str, count: int) -> None:
    gate = Gate()
    async with _through_proxy(gate.files, address) as (files, faulty):
        tasks = start_calls(files, count)
        await gate.wait_for_calls(count)
        faulty.cut()
        outcomes = await outcomes_of(tasks)
        assert [type(outcome) for outcome in outcomes] == [Unavailable] * count
        gate.open.set()
        await until_streamed(files)
        assert await files.list_trash(ACCESS, cursor="next") == FilePage((), "next")
    assert gate.started == Counter([*map(str, range(count)), "next"])


_SERVER = """
import asyncio, sys
from drivebay import rpc
from drivebay.contract.files import Files
from drivebay.proto import FILES
from tests.rpc.multiplex_peers import Gate

async def main():
    gate = Gate()
    async with rpc.serve(sys.argv[1], [(Files, FILES, gate.files)]):
        await gate.wait_for_calls(1000)
        print("busy", flush=True)
        await asyncio.sleep(60)

asyncio.run(main())
"""


async def test_a_killed_server_fails_each_of_a_thousand_calls_once(address: str) -> None:
    server = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _SERVER, address, stdout=asyncio.subprocess.PIPE, cwd=Path(__file__).parents[2]
    )
    try:
        async with rpc.connect(Files, FILES, address) as files:
            await until_streamed(files)
            tasks = start_calls(files, 1000)
            assert server.stdout is not None
            assert await asyncio.wait_for(server.stdout.readline(), 120) == b"busy\n"
            server.kill()
            assert [type(outcome) for outcome in await outcomes_of(tasks)] == [Unavailable] * 1000
            gate = Gate()
            gate.open.set()
            async with rpc.serve(address, [(Files, FILES, gate.files)]):
                await until_streamed(files)
            assert gate.started.total() == 0
    finally:
        if server.returncode is None:
            server.kill()
        await server.wait()


async def test_the_calls_of_a_client_that_is_gone_are_cancelled(address: str) -> None:
    gate = Gate()
    async with rpc.serve(address, [(Files, FILES, gate.files)]):
        async with grpc.aio.insecure_channel(address) as channel:
            stream = RawStream(channel)
            await stream.send(GREETING)
            assert isinstance(await stream.receive(), Welcome)
            await stream.send(*(Call(number, "list_trash", 30.0, trash_request("c")) for number in range(100)))
            await gate.wait_for_calls(100)
        async with asyncio.timeout(ANSWER):
            while gate.cancelled.total() < 100:
                await asyncio.sleep(0.01)


async def test_a_cut_in_the_middle_of_a_message_fails_its_calls(address: str) -> None:
    gate = Gate()
    gate.open.set()
    async with _through_proxy(gate.files, address) as (files, faulty):
        await until_streamed(files)
        faulty.cut_after = 0
        tasks = start_calls(files, 100)
        assert {type(outcome) for outcome in await outcomes_of(tasks)} == {Unavailable}
        faulty.heal()
        await until_streamed(files)


async def test_calls_to_a_stalled_peer_end_at_their_deadlines(address: str) -> None:
    gate = Gate()
    async with _through_proxy(gate.files, address) as (files, faulty):
        await until_streamed(files)
        faulty.stalled = True

        async def call(number: int) -> None:
            async with asyncio.timeout(0.3):
                await files.list_trash(ACCESS, cursor=str(number))

        outcomes = await asyncio.wait_for(
            asyncio.gather(*(call(number) for number in range(300)), return_exceptions=True), ANSWER
        )
        assert {type(outcome) for outcome in outcomes} <= {TimeoutError, Unavailable}
        faulty.heal()
        await until_streamed(files)


@pytest.mark.slow
async def test_a_connection_that_carries_nothing_is_noticed_before_a_long_deadline(address: str) -> None:
    gate = Gate()
    async with _through_proxy(gate.files, address) as (files, faulty):
        await until_streamed(files)
        tasks = start_calls(files, 3)
        await gate.wait_for_calls(3)
        faulty.stalled = True
        outcomes = await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 120)
        assert {type(outcome) for outcome in outcomes} == {Unavailable}


async def test_invalid_frames_of_a_server_end_the_stream(address: str) -> None:
    streams = 0

    async def send_garbage_first(peer: RawPeer) -> None:
        nonlocal streams
        streams += 1
        await peer.welcome(["recheck_pending_uploads"])
        while calls := await peer.receive():
            if streams == 1:
                await peer.send_bytes(b"\xc1")
            else:
                await peer.send(*(Result(call.id, b"\x01") for call in calls if isinstance(call, Call)))

    async with raw_server(address, send_garbage_first), rpc.connect(Files, FILES, address) as files:
        with pytest.raises(Unavailable):
            await asyncio.wait_for(files.recheck_pending_uploads(), ANSWER)
        async with asyncio.timeout(ANSWER):
            while streams < 2:
                await asyncio.sleep(0.01)
        await _until_answered(files)


async def _until_answered(files: Files) -> None:
    async with asyncio.timeout(ANSWER):
        while True:
            with suppress(Error):
                assert await files.recheck_pending_uploads() == 1
                return
            await asyncio.sleep(0.01)


async def test_a_second_answer_to_a_call_is_ignored(address: str) -> None:
    async def answer_twice(peer: RawPeer) -> None:
        await peer.welcome(["recheck_pending_uploads"])
        while calls := await peer.receive():
            for call in calls:
                assert isinstance(call, Call)
                await peer.send(Result(call.id, b"\x01"), Result(call.id, b"\x02"), Failure(call.id, b""))

    async with raw_server(address, answer_twice), rpc.connect(Files, FILES, address) as files:
        for _ in range(3):
            assert await files.recheck_pending_uploads() == 1


@pytest.mark.parametrize(
    "frames",
    [
        b"\xff",
        b"",
        encode_frames([]),
        encode_frames([Cancel(1)]),
        encode_frames([Result(1, b"")]),
    ],
    ids=["not MessagePack", "empty", "no frame", "no greeting", "a frame of a server"],
)
async def test_a_server_ends_a_stream_with_invalid_frames(address: str, frames: bytes) -> None:
    async with rpc.serve(address, [(Files, FILES, CARRIER)]), grpc.aio.insecure_channel(address) as channel:
        stream = RawStream(channel)
        await stream.send_bytes(frames)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stream.receive()
        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        async with rpc.connect(Files, FILES, address) as files:
            assert await files.recheck_pending_uploads() == 1


async def test_a_server_ends_a_stream_with_two_calls_of_one_id(address: str) -> None:
    gate = Gate()
    async with rpc.serve(address, [(Files, FILES, gate.files)]), grpc.aio.insecure_channel(address) as channel:
        stream = RawStream(channel)
        await stream.send(GREETING)
        assert isinstance(await stream.receive(), Welcome)
        await stream.send(*(Call(1, "list_trash", 30.0, trash_request("c")) for _ in range(2)))
        with pytest.raises(grpc.aio.AioRpcError):
            await stream.receive()


# -- the end of a server -------------------------------------------------------------------------------


async def test_a_stopping_server_answers_every_call_in_flight(address: str) -> None:
    gate = Gate()
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(rpc.serve(address, [(Files, FILES, gate.files)]))
        async with rpc.connect(Files, FILES, address) as files, asyncio.TaskGroup() as tasks:
            calls = start_calls(files, 200)
            await gate.wait_for_calls(200)
            stopping = tasks.create_task(stack.aclose())
            while Path(address.removeprefix("unix:")).exists():
                await asyncio.sleep(0.01)
            assert not stopping.done()
            gate.open.set()
            assert await outcomes_of(calls) == [FilePage((), str(number)) for number in range(200)]
            await asyncio.wait_for(stopping, ANSWER)


async def test_a_server_that_drains_still_answers_calls_that_were_on_their_way(address: str) -> None:
    gate = Gate()
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(rpc.serve(address, [(Files, FILES, gate.files)]))
        async with grpc.aio.insecure_channel(address) as channel, asyncio.TaskGroup() as tasks:
            stream = RawStream(channel)
            await stream.send(GREETING)
            assert isinstance(await stream.receive(), Welcome)
            stopping = tasks.create_task(stack.aclose())
            assert await stream.receive() == Drain()
            await stream.send(Call(1, "recheck_pending_uploads", 5.0, b"\x80"))
            assert await stream.receive() == Result(1, b"\x01")
            await stream.call.done_writing()
            assert await stream.receive() is None
            await asyncio.wait_for(stopping, ANSWER)


async def test_a_stream_that_ends_by_its_age_loses_no_call(address: str) -> None:
    gate = Gate()
    gate.open.set()
    methods = {
        name: StreamedMethod(codec, getattr(gate.files, name), CallGuard(Side.SERVER, "Files", name, 10.0))
        for name, codec in msgpack_methods(Files).items()
    }
    multiplex = MultiplexServer({FILES.full_name: StreamedContract(Files, methods)}, None, max_age=0.05)
    unary = grpc.method_handlers_generic_handler(FILES.full_name, _handlers(Files, FILES, gate.files, None, None))
    streams: list[object] = []
    async with (
        raw_server(address, None, multiplex.rpc_handlers(), unary),
        rpc.connect(Files, FILES, address) as files,
        asyncio.timeout(ANSWER),
    ):
        while len(streams) < 4:
            await asyncio.gather(*(files.list_trash(ACCESS, cursor="c") for _ in range(20)))
            streams += [stream for stream in multiplex._streams if stream not in streams]
