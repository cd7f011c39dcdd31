"""A service behind an address: deadlines, restarts, strangers, and what goes along with a call."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from contextlib import AsyncExitStack
from pathlib import Path
from uuid import UUID

import grpc
import grpc.aio
import pytest
import structlog
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from drivebay.contract.auth import Auth, Tokens
from drivebay.contract.files import Files
from drivebay.contract.ids import ROOT, UserId
from drivebay.contract.storage import Storage
from drivebay.errors import Internal, InvalidRequest, NotFound, Unavailable
from drivebay.proto import AUTH, FILES, STORAGE
from drivebay.testing.deliveries import WAYS, deliver
from drivebay.wire import call, local, rpc
from drivebay.wire.failure import TRAILER, unpack

from .fakes import STORE, fake

# -- deadlines ------------------------------------------------------------------------------------


async def _sleep() -> int:
    await asyncio.sleep(30)
    return 0


async def _milliseconds_left() -> int:
    return int(call.left(3600) * 1000)


async def test_a_slow_service_is_unavailable_near_and_far(address: str) -> None:
    slow = fake(Files, recheck_pending=_sleep)
    deadlines = {"recheck_pending": 0.1}
    async with (
        rpc.serve(address, [(Files, FILES, slow)]),
        rpc.connect(Files, FILES, address, deadlines=deadlines) as far,
    ):
        for files in (local.connect(Files, slow, deadlines=deadlines), far):
            begun = time.monotonic()
            with pytest.raises(Unavailable, match="took"):
                await files.recheck_pending()
            assert time.monotonic() - begun < 2


async def test_a_server_keeps_its_own_deadline(address: str) -> None:
    served = [(Files, FILES, fake(Files, recheck_pending=_sleep))]
    async with (
        rpc.serve(address, served, deadlines={"recheck_pending": 0.1}),
        rpc.connect(Files, FILES, address) as far,
    ):
        with pytest.raises(Unavailable, match=r"Files\.recheck_pending took longer"):
            await asyncio.wait_for(far.recheck_pending(), 5)


@pytest.mark.parametrize("way", WAYS)
async def test_a_method_has_ten_seconds_where_nothing_else_was_said(way: str) -> None:
    async with deliver(way, Files, FILES, fake(Files, recheck_pending=_milliseconds_left)) as files:
        assert 9_000 < await files.recheck_pending() <= 10_000


@pytest.mark.parametrize("way", WAYS)
async def test_a_call_inside_a_call_has_what_is_left_of_the_outer_one(way: str) -> None:
    async with deliver(way, Files, FILES, fake(Files, recheck_pending=_milliseconds_left)) as inner:

        async def later() -> int:
            await asyncio.sleep(0.2)
            return await inner.recheck_pending()

        outer = local.connect(Files, fake(Files, recheck_pending=later), deadlines={"recheck_pending": 1.0})
        assert 0 < await outer.recheck_pending() <= 800


async def test_no_call_begins_when_no_time_is_left(address: str) -> None:
    files = local.connect(Files, fake(Files, recheck_pending=_milliseconds_left), deadlines={"recheck_pending": 0.0})
    with pytest.raises(Unavailable, match="no time is left"):
        await files.recheck_pending()


# -- a server that goes and comes -----------------------------------------------------------------


async def test_a_service_nobody_serves_is_unavailable_and_named(address: str) -> None:
    async with rpc.connect(Storage, STORAGE, address) as storage:
        with pytest.raises(Unavailable) as caught:
            await storage.quarantine("there")
    assert "Storage" in caught.value.detail
    assert address in caught.value.detail


async def _within(seconds: float, storage: Storage) -> None:
    async with asyncio.timeout(seconds):
        while True:
            try:
                assert await storage.quarantine("there")
                return
            except Unavailable:
                await asyncio.sleep(0.05)


async def test_a_restarted_server_is_found_again(address: str) -> None:
    async with rpc.connect(Storage, STORAGE, address) as storage:
        for _ in range(3):
            async with rpc.serve(address, [(Storage, STORAGE, STORE)]):
                await _within(3, storage)
            with pytest.raises(Unavailable):
                await storage.quarantine("there")


async def test_a_socket_is_there_as_long_as_its_server_however_often_it_restarts(address: str) -> None:
    path = Path(address.removeprefix("unix:"))
    for _ in range(20):
        async with rpc.serve(address, [(Storage, STORAGE, STORE)]):
            await asyncio.sleep(0.01)
            assert path.is_socket()
        assert not path.exists()


async def test_a_successor_keeps_its_socket_while_the_last_calls_of_the_first_run_out(address: str) -> None:
    reached, ending, may_end = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def last() -> int:
        reached.set()
        await may_end.wait()
        return 1

    async def next_one() -> int:
        return 2

    async def first() -> None:
        async with rpc.serve(address, [(Files, FILES, fake(Files, recheck_pending=last))]):
            await ending.wait()

    async with asyncio.TaskGroup() as tasks:
        serving = tasks.create_task(first())
        async with rpc.connect(Files, FILES, address) as files:
            call_under_way = tasks.create_task(_answer_within(5, files))
            await asyncio.wait_for(reached.wait(), 5)
            ending.set()
            while Path(address.removeprefix("unix:")).exists():
                await asyncio.sleep(0.01)
            async with rpc.serve(address, [(Files, FILES, fake(Files, recheck_pending=next_one))]):
                may_end.set()
                assert await call_under_way == 1
                await serving
                async with rpc.connect(Files, FILES, address) as newcomer:
                    assert await newcomer.recheck_pending() == 2


async def _answer_within(seconds: float, files: Files) -> int:
    async with asyncio.timeout(seconds):
        while True:
            try:
                return await files.recheck_pending()
            except Unavailable:
                await asyncio.sleep(0.02)


_VICTIM = """
import asyncio, sys
from drivebay.contract.storage import Storage
from drivebay.proto import STORAGE
from drivebay.wire import rpc
from tests.wire.fakes import STORE

async def main():
    async with rpc.serve(sys.argv[1], [(Storage, STORAGE, STORE)]):
        print("ready", flush=True)
        await asyncio.sleep(60)

asyncio.run(main())
"""


async def test_a_killed_server_is_replaced_and_found_again(address: str) -> None:
    victim = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _VICTIM, address, stdout=asyncio.subprocess.PIPE, cwd=Path(__file__).parents[2]
    )
    try:
        assert victim.stdout is not None
        assert await asyncio.wait_for(victim.stdout.readline(), 30) == b"ready\n"
        async with rpc.connect(Storage, STORAGE, address) as storage:
            assert await storage.quarantine("there")
            victim.send_signal(signal.SIGKILL)
            await victim.wait()
            with pytest.raises(Unavailable):
                await storage.quarantine("there")
            assert Path(address.removeprefix("unix:")).is_socket()  # stale
            async with rpc.serve(address, [(Storage, STORAGE, STORE)]):
                await _within(3, storage)
    finally:
        if victim.returncode is None:
            victim.kill()
            await victim.wait()


@pytest.mark.slow
async def test_a_peer_that_stopped_is_noticed_long_before_a_long_deadline(address: str) -> None:
    victim = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _VICTIM, address, stdout=asyncio.subprocess.PIPE, cwd=Path(__file__).parents[2]
    )
    try:
        assert victim.stdout is not None
        assert await asyncio.wait_for(victim.stdout.readline(), 30) == b"ready\n"
        async with rpc.connect(Storage, STORAGE, address, deadlines={"quarantine": 300.0}) as storage:
            assert await storage.quarantine("there")
            victim.send_signal(signal.SIGSTOP)
            begun = time.monotonic()
            with pytest.raises(Unavailable, match="does not answer"):
                await asyncio.wait_for(storage.quarantine("there"), 60)
            assert time.monotonic() - begun < 30
            victim.send_signal(signal.SIGCONT)
            await _within(5, storage)
    finally:
        if victim.returncode is None:
            victim.kill()
            await victim.wait()


async def test_a_call_on_a_closed_channel_is_unavailable(address: str) -> None:
    reached = asyncio.Event()

    async def slow() -> int:
        reached.set()
        return await _sleep()

    async with rpc.serve(address, [(Files, FILES, fake(Files, recheck_pending=slow))]), AsyncExitStack() as stack:
        files = await stack.enter_async_context(rpc.connect(Files, FILES, address))
        under_way = asyncio.create_task(files.recheck_pending())
        await asyncio.wait_for(reached.wait(), 5)
        await stack.aclose()
        with pytest.raises(Unavailable):
            await asyncio.wait_for(under_way, 5)
        with pytest.raises(Unavailable):
            await files.recheck_pending()


# -- strangers ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        b"\xff\xff\xff\xff",
        b"",
        b"\x0a\x02me\x12\x03you",
        b"\x0a\x02\xff\xfe",
    ],
    ids=["no protobuf", "empty", "no UUID", "no UTF-8"],
)
async def test_nonsense_is_an_invalid_argument_and_the_server_lives(address: str, body: bytes) -> None:
    async def file(owner: UserId, id: UUID) -> None:
        raise NotFound

    async with rpc.serve(address, [(Files, FILES, fake(Files, file=file))]):
        async with grpc.aio.insecure_channel(address) as channel:
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await channel.unary_unary("/drivebay.files.v1.FilesService/File")(body, timeout=5)
        async with rpc.connect(Files, FILES, address) as files:
            with pytest.raises(NotFound):
                await files.file(UserId(UUID(int=1)), ROOT)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    trailer = {str(name): value for name, value in caught.value.trailing_metadata() or ()}[TRAILER]
    assert isinstance(trailer, bytes)
    assert type(unpack(trailer)) is InvalidRequest


async def test_a_server_of_another_shape_is_an_internal_error(address: str) -> None:
    async def answer(_: bytes, __: object) -> bytes:
        return b"\xff\xff"

    server = grpc.aio.server()
    handlers = {"Quarantine": grpc.unary_unary_rpc_method_handler(answer)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(STORAGE.full_name, handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        async with rpc.connect(Storage, STORAGE, f"127.0.0.1:{port}") as storage:
            with pytest.raises(Internal, match="another shape"):
                await storage.quarantine("there")
            with pytest.raises(Internal, match="UNIMPLEMENTED"):
                await storage.health()
    finally:
        await server.stop(None)


# -- what goes along ------------------------------------------------------------------------------


async def _request_id(email: str, password: str, address: str) -> Tokens:
    return Tokens(structlog.contextvars.get_contextvars().get("request_id", "none"), "", 0)


@pytest.mark.parametrize("way", WAYS)
async def test_the_request_id_goes_along(way: str) -> None:
    with structlog.contextvars.bound_contextvars(request_id="of the server"):
        async with deliver(way, Auth, AUTH, fake(Auth, log_in=_request_id)) as auth:
            with structlog.contextvars.bound_contextvars(request_id="r-1"):
                assert (await auth.log_in("", "", "")).access_token == "r-1"


async def test_a_call_without_a_request_id_has_none_of_the_servers_own(address: str) -> None:
    async with AsyncExitStack() as stack:
        with structlog.contextvars.bound_contextvars(request_id="of the server"):
            await stack.enter_async_context(rpc.serve(address, [(Auth, AUTH, fake(Auth, log_in=_request_id))]))
        auth = await stack.enter_async_context(rpc.connect(Auth, AUTH, address))
        structlog.contextvars.unbind_contextvars("request_id")
        assert (await auth.log_in("", "", "")).access_token == "none"
        with structlog.contextvars.bound_contextvars(request_id="not\nplain ü"):
            assert (await auth.log_in("", "", "")).access_token == "none"


# -- health and reflection ------------------------------------------------------------------------


async def test_health_and_reflection_answer(address: str) -> None:
    served = [(Storage, STORAGE, STORE), (Auth, AUTH, fake(Auth))]
    async with rpc.serve(address, served), grpc.aio.insecure_channel(address) as channel:
        health = health_pb2_grpc.HealthStub(channel)
        for name in ("", STORAGE.full_name, AUTH.full_name):
            answer = await health.Check(health_pb2.HealthCheckRequest(service=name), timeout=5)
            assert answer.status == health_pb2.HealthCheckResponse.SERVING
        with pytest.raises(grpc.aio.AioRpcError):
            await health.Check(health_pb2.HealthCheckRequest(service=FILES.full_name), timeout=5)

        reflect = reflection_pb2_grpc.ServerReflectionStub(channel)
        asked = reflection_pb2.ServerReflectionRequest(list_services="")
        async for listed in reflect.ServerReflectionInfo(iter([asked]), timeout=5):
            names = {service.name for service in listed.list_services_response.service}
        assert {STORAGE.full_name, AUTH.full_name} <= names
