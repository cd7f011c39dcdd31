"""Served contracts: deadlines, restarts, foreign messages, metadata, health and reflection."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from pathlib import Path
from uuid import UUID

import grpc
import grpc.aio
import pytest
import structlog
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from drivebay import rpc
from drivebay.contract.auth import Auth, Tokens
from drivebay.contract.files import Access, Files
from drivebay.contract.ids import ROOT, UserId
from drivebay.contract.storage import Storage
from drivebay.errors import Internal, InvalidRequest, NotFound, Unavailable
from drivebay.proto import AUTH, FILES, STORAGE
from drivebay.rpc import call_guard, local
from drivebay.rpc.error_codec import TRAILER, decode_error
from drivebay.testing.deliveries import DELIVERIES, deliver

from .rpc_fakes import STORE, fake

# -- deadlines ------------------------------------------------------------------------------------


async def _sleep() -> int:
    await asyncio.sleep(30)
    return 0


async def _remaining_milliseconds() -> int:
    return int(call_guard.remaining_seconds(3600) * 1000)


async def test_a_slow_service_is_unavailable_locally_and_remotely(address: str) -> None:
    slow = fake(Files, recheck_pending_uploads=_sleep)
    timeouts = {"recheck_pending_uploads": 0.1}
    async with (
        rpc.serve(address, [(Files, FILES, slow)]),
        rpc.connect(Files, FILES, address, timeouts=timeouts) as remote,
    ):
        for files in (local.connect(Files, slow, timeouts=timeouts), remote):
            begun = time.monotonic()
            with pytest.raises(Unavailable, match="took"):
                await files.recheck_pending_uploads()
            assert time.monotonic() - begun < 2


async def test_a_server_applies_its_own_deadline(address: str) -> None:
    served = [(Files, FILES, fake(Files, recheck_pending_uploads=_sleep))]
    async with (
        rpc.serve(address, served, timeouts={"recheck_pending_uploads": 0.1}),
        rpc.connect(Files, FILES, address) as remote,
    ):
        with pytest.raises(Unavailable, match=r"Files\.recheck_pending_uploads took longer"):
            await asyncio.wait_for(remote.recheck_pending_uploads(), 120)


@pytest.mark.parametrize("delivery", DELIVERIES)
async def test_the_default_deadline_is_ten_seconds(delivery: str) -> None:
    async with deliver(delivery, Files, FILES, fake(Files, recheck_pending_uploads=_remaining_milliseconds)) as files:
        assert 9_000 < await files.recheck_pending_uploads() <= 10_000


@pytest.mark.parametrize("delivery", DELIVERIES)
async def test_a_nested_call_has_the_remaining_time_of_the_outer_call(delivery: str) -> None:
    async with deliver(delivery, Files, FILES, fake(Files, recheck_pending_uploads=_remaining_milliseconds)) as inner:

        async def later() -> int:
            await asyncio.sleep(0.2)
            return await inner.recheck_pending_uploads()

        outer = local.connect(
            Files, fake(Files, recheck_pending_uploads=later), timeouts={"recheck_pending_uploads": 1.0}
        )
        assert 0 < await outer.recheck_pending_uploads() <= 800


async def test_a_call_does_not_start_after_its_deadline(address: str) -> None:
    files = local.connect(
        Files, fake(Files, recheck_pending_uploads=_remaining_milliseconds), timeouts={"recheck_pending_uploads": 0.0}
    )
    with pytest.raises(Unavailable, match="its deadline has passed"):
        await files.recheck_pending_uploads()


# -- restarts -------------------------------------------------------------------------------------


async def test_the_error_for_a_service_without_a_server_names_service_and_address(address: str) -> None:
    async with rpc.connect(Storage, STORAGE, address) as storage:
        with pytest.raises(Unavailable) as caught:
            await storage.quarantine_object("there")
    assert "Storage" in caught.value.detail
    assert address in caught.value.detail


async def _wait_until_served(seconds: float, storage: Storage) -> None:
    async with asyncio.timeout(seconds):
        while True:
            try:
                assert await storage.quarantine_object("there")
                return
            except Unavailable:
                await asyncio.sleep(0.05)


async def test_a_client_reconnects_to_a_restarted_server(address: str) -> None:
    async with rpc.connect(Storage, STORAGE, address) as storage:
        for _ in range(3):
            async with rpc.serve(address, [(Storage, STORAGE, STORE)]):
                await _wait_until_served(3, storage)
            with pytest.raises(Unavailable):
                await storage.quarantine_object("there")


async def test_calls_are_spread_over_several_addresses_and_go_on_when_one_ends() -> None:
    served: set[int] = set()

    def server(number: int, address: str = "127.0.0.1:0") -> AbstractAsyncContextManager[str]:
        async def quarantine_object(key: str) -> bool:
            served.add(number)
            return True

        return rpc.serve(address, [(Storage, STORAGE, fake(Storage, quarantine_object=quarantine_object))])

    async with AsyncExitStack() as first, server(2) as second_address:
        first_address = await first.enter_async_context(server(1))
        async with rpc.connect(Storage, STORAGE, f"{first_address},{second_address}") as storage:
            async with asyncio.timeout(30):
                while served != {1, 2}:
                    await asyncio.gather(*(storage.quarantine_object("there") for _ in range(10)))
            await first.aclose()
            served.clear()
            for _ in range(20):
                await storage.quarantine_object("there")
            assert served == {2}
            # By now both streams lead to the second server. One goes to the first again when it is back.
            await asyncio.sleep(1)
            async with server(3, first_address), asyncio.timeout(30):
                while 3 not in served:
                    await asyncio.gather(*(storage.quarantine_object("there") for _ in range(10)))
                    await asyncio.sleep(0.05)


async def test_a_server_does_not_listen_at_several_addresses() -> None:
    with pytest.raises(ValueError, match="a service listens at one address"):
        async with rpc.serve("127.0.0.1:7001,127.0.0.1:7002", [(Storage, STORAGE, STORE)]):
            pass


async def test_the_socket_exists_exactly_while_its_server_runs(address: str) -> None:
    path = Path(address.removeprefix("unix:"))
    for _ in range(20):
        async with rpc.serve(address, [(Storage, STORAGE, STORE)]):
            await asyncio.sleep(0.01)
            assert path.is_socket()
        assert not path.exists()


async def test_a_stopping_server_does_not_remove_the_socket_of_its_successor(address: str) -> None:
    started, stopping, may_end = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def last() -> int:
        started.set()
        await may_end.wait()
        return 1

    async def next_one() -> int:
        return 2

    async def first() -> None:
        async with rpc.serve(address, [(Files, FILES, fake(Files, recheck_pending_uploads=last))]):
            await stopping.wait()

    async with asyncio.TaskGroup() as tasks:
        serving = tasks.create_task(first())
        async with rpc.connect(Files, FILES, address) as files:
            running_call = tasks.create_task(_answer_within(5, files))
            await asyncio.wait_for(started.wait(), 120)
            stopping.set()
            while Path(address.removeprefix("unix:")).exists():
                await asyncio.sleep(0.01)
            async with rpc.serve(address, [(Files, FILES, fake(Files, recheck_pending_uploads=next_one))]):
                may_end.set()
                assert await running_call == 1
                await serving
                async with rpc.connect(Files, FILES, address) as new_client:
                    assert await new_client.recheck_pending_uploads() == 2


async def _answer_within(seconds: float, files: Files) -> int:
    async with asyncio.timeout(seconds):
        while True:
            try:
                return await files.recheck_pending_uploads()
            except Unavailable:
                await asyncio.sleep(0.02)


_SERVER = """
import asyncio, sys
from drivebay.contract.storage import Storage
from drivebay.proto import STORAGE
from drivebay import rpc
from tests.rpc.rpc_fakes import STORE

async def main():
    async with rpc.serve(sys.argv[1], [(Storage, STORAGE, STORE)]):
        print("ready", flush=True)
        await asyncio.sleep(60)

asyncio.run(main())
"""


async def test_a_client_reconnects_after_a_killed_server_was_replaced(address: str) -> None:
    server = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _SERVER, address, stdout=asyncio.subprocess.PIPE, cwd=Path(__file__).parents[2]
    )
    try:
        assert server.stdout is not None
        assert await asyncio.wait_for(server.stdout.readline(), 120) == b"ready\n"
        async with rpc.connect(Storage, STORAGE, address) as storage:
            assert await storage.quarantine_object("there")
            server.send_signal(signal.SIGKILL)
            await server.wait()
            with pytest.raises(Unavailable):
                await storage.quarantine_object("there")
            assert Path(address.removeprefix("unix:")).is_socket()  # stale
            async with rpc.serve(address, [(Storage, STORAGE, STORE)]):
                await _wait_until_served(3, storage)
    finally:
        if server.returncode is None:
            server.kill()
            await server.wait()


@pytest.mark.slow
async def test_a_server_that_hangs_is_noticed_long_before_a_long_deadline(address: str) -> None:
    server = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _SERVER, address, stdout=asyncio.subprocess.PIPE, cwd=Path(__file__).parents[2]
    )
    try:
        assert server.stdout is not None
        assert await asyncio.wait_for(server.stdout.readline(), 120) == b"ready\n"
        async with rpc.connect(Storage, STORAGE, address, timeouts={"quarantine_object": 300.0}) as storage:
            assert await storage.quarantine_object("there")
            server.send_signal(signal.SIGSTOP)
            begun = time.monotonic()
            with pytest.raises(Unavailable, match="cannot reach"):
                await asyncio.wait_for(storage.quarantine_object("there"), 120)
            assert time.monotonic() - begun < 30
            server.send_signal(signal.SIGCONT)
            await _wait_until_served(5, storage)
    finally:
        if server.returncode is None:
            server.kill()
            await server.wait()


async def test_a_call_on_a_closed_channel_is_unavailable(address: str) -> None:
    started = asyncio.Event()

    async def slow() -> int:
        started.set()
        return await _sleep()

    async with (
        rpc.serve(address, [(Files, FILES, fake(Files, recheck_pending_uploads=slow))]),
        AsyncExitStack() as stack,
    ):
        files = await stack.enter_async_context(rpc.connect(Files, FILES, address))
        running = asyncio.create_task(files.recheck_pending_uploads())
        await asyncio.wait_for(started.wait(), 120)
        await stack.aclose()
        with pytest.raises(Unavailable):
            await asyncio.wait_for(running, 120)
        with pytest.raises(Unavailable):
            await files.recheck_pending_uploads()


# -- foreign messages -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        b"\xff\xff\xff\xff",
        b"",
        b"\x0a\x02me\x12\x03you",
        b"\x0a\x02\xff\xfe",
    ],
    ids=["not protobuf", "empty", "not a UUID", "not UTF-8"],
)
async def test_an_invalid_message_is_an_invalid_argument_and_the_server_goes_on(address: str, body: bytes) -> None:
    async def get_file(access: Access, id: UUID) -> None:
        raise NotFound

    async with rpc.serve(address, [(Files, FILES, fake(Files, get_file=get_file))]):
        async with grpc.aio.insecure_channel(address) as channel:
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await channel.unary_unary("/drivebay.files.v1.FilesService/GetFile")(body, timeout=60)
        async with rpc.connect(Files, FILES, address) as files:
            with pytest.raises(NotFound):
                await files.get_file(Access.personal(UserId(UUID(int=1))), ROOT)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    trailer = {str(name): value for name, value in caught.value.trailing_metadata() or ()}[TRAILER]
    assert isinstance(trailer, bytes)
    assert type(decode_error(trailer)) is InvalidRequest


async def test_an_unexpected_response_is_an_internal_error(address: str) -> None:
    async def answer(_: bytes, __: object) -> bytes:
        return b"\xff\xff"

    server = grpc.aio.server()
    handlers = {"QuarantineObject": grpc.unary_unary_rpc_method_handler(answer)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(STORAGE.full_name, handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        async with rpc.connect(Storage, STORAGE, f"127.0.0.1:{port}") as storage:
            with pytest.raises(Internal, match="unexpected response"):
                await storage.quarantine_object("there")
            with pytest.raises(Internal, match="UNIMPLEMENTED"):
                await storage.health()
    finally:
        await server.stop(None)


# -- metadata -------------------------------------------------------------------------------------


async def _request_id(email: str, password: str, address: str, user_agent: str = "") -> Tokens:
    return Tokens(structlog.contextvars.get_contextvars().get("request_id", "none"), "", 0)


@pytest.mark.parametrize("delivery", DELIVERIES)
async def test_the_service_gets_the_request_id(delivery: str) -> None:
    with structlog.contextvars.bound_contextvars(request_id="of the server"):
        async with deliver(delivery, Auth, AUTH, fake(Auth, log_in=_request_id)) as auth:
            with structlog.contextvars.bound_contextvars(request_id="r-1"):
                assert (await auth.log_in("", "", "")).access_token == "r-1"


async def test_a_call_without_a_request_id_does_not_get_that_of_the_server(address: str) -> None:
    async with AsyncExitStack() as stack:
        with structlog.contextvars.bound_contextvars(request_id="of the server"):
            await stack.enter_async_context(rpc.serve(address, [(Auth, AUTH, fake(Auth, log_in=_request_id))]))
        auth = await stack.enter_async_context(rpc.connect(Auth, AUTH, address))
        structlog.contextvars.unbind_contextvars("request_id")
        assert (await auth.log_in("", "", "")).access_token == "none"
        with structlog.contextvars.bound_contextvars(request_id="not\nplain ü"):
            assert (await auth.log_in("", "", "")).access_token == "none"


# -- health and reflection ------------------------------------------------------------------------


async def test_the_server_offers_health_and_reflection(address: str) -> None:
    served = [(Storage, STORAGE, STORE), (Auth, AUTH, fake(Auth))]
    async with rpc.serve(address, served), grpc.aio.insecure_channel(address) as channel:
        health = health_pb2_grpc.HealthStub(channel)
        for name in ("", STORAGE.full_name, AUTH.full_name):
            answer = await health.Check(health_pb2.HealthCheckRequest(service=name), timeout=60)
            assert answer.status == health_pb2.HealthCheckResponse.SERVING
        with pytest.raises(grpc.aio.AioRpcError):
            await health.Check(health_pb2.HealthCheckRequest(service=FILES.full_name), timeout=60)

        reflect = reflection_pb2_grpc.ServerReflectionStub(channel)
        asked = reflection_pb2.ServerReflectionRequest(list_services="")
        async for listed in reflect.ServerReflectionInfo(iter([asked]), timeout=60):
            names = {service.name for service in listed.list_services_response.service}
        assert {STORAGE.full_name, AUTH.full_name} <= names
