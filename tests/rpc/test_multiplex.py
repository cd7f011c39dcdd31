"""Calls that share a stream: which calls use it, and what one call may cost the others."""

from __future__ import annotations

import asyncio

import grpc
import grpc.aio
import pytest
from prometheus_client import REGISTRY

from drivebay import rpc
from drivebay.contract.files import FilePage, Files
from drivebay.contract.storage import ObjectInfo, ObjectPage, PartSpec, Presence, Storage
from drivebay.contract.storage.multiparts import Multipart
from drivebay.errors import Internal, InvalidRequest, Unavailable
from drivebay.proto import FILES, STORAGE
from drivebay.rpc.codec import MAX_MESSAGE_SIZE
from drivebay.rpc.error_codec import decode_error
from drivebay.rpc.multiplex_frames import (
    MAX_CALLS,
    MAX_PAYLOAD,
    PROTOCOL,
    Call,
    Failure,
    Greeting,
    Piece,
    Refusal,
    Result,
    Welcome,
)
from drivebay.rpc.server import _handlers
from drivebay.testing.deliveries import deliver

from .multiplex_peers import (
    ACCESS,
    ANSWER,
    CARRIER,
    GREETING,
    Gate,
    RawPeer,
    RawStream,
    carrier,
    outcomes_of,
    raw_server,
    start_calls,
    trash_request,
)
from .rpc_fakes import fake

# -- which calls use the stream -----------------------------------------------------------------------


async def test_the_first_call_uses_the_stream_already(address: str) -> None:
    async with rpc.serve(address, [(Files, FILES, CARRIER)]):
        async with rpc.connect(Files, FILES, address) as files:
            assert await files.recheck_pending_uploads() == 1
            assert _open_streams() == 1
        assert _open_streams() == 0
        async with rpc.connect_unary(Files, FILES, address) as files:
            assert await files.recheck_pending_uploads() == 0


def _open_streams() -> float | None:
    return REGISTRY.get_sample_value("drivebay_call_streams", {"service": "Files"})


async def test_a_peer_of_the_previous_release_gets_unary_calls(address: str) -> None:
    unary = grpc.method_handlers_generic_handler(FILES.full_name, _handlers(Files, FILES, CARRIER, None, None))
    async with raw_server(address, None, unary), rpc.connect(Files, FILES, address) as files:
        assert await files.recheck_pending_uploads() == 0


async def test_a_peer_whose_contract_does_not_fit_gets_unary_calls(address: str) -> None:
    async def refuse(peer: RawPeer) -> None:
        await peer.receive()
        await peer.send(Refusal("the contracts differ"))

    unary = grpc.method_handlers_generic_handler(FILES.full_name, _handlers(Files, FILES, CARRIER, None, None))
    async with raw_server(address, refuse, unary), rpc.connect(Files, FILES, address) as files:
        assert await files.recheck_pending_uploads() == 0


async def test_a_method_that_the_peer_does_not_have_is_called_as_a_unary_call(address: str) -> None:
    async def know_nothing(peer: RawPeer) -> None:
        await peer.welcome(["get_file"])
        await peer.receive()

    unary = grpc.method_handlers_generic_handler(FILES.full_name, _handlers(Files, FILES, CARRIER, None, None))
    async with raw_server(address, know_nothing, unary), rpc.connect(Files, FILES, address) as files:
        assert await files.recheck_pending_uploads() == 0


OLDER_FIELDS = GREETING.fields - {"File.name: str"}
assert GREETING.fields != OLDER_FIELDS


@pytest.mark.parametrize(
    ("greeting", "fits"),
    [
        (GREETING, True),
        (Greeting(PROTOCOL, FILES.full_name, "older", OLDER_FIELDS), True),
        (Greeting(PROTOCOL, FILES.full_name, "newer", GREETING.fields | {"File.color: str"}), True),
        (Greeting(PROTOCOL, FILES.full_name, "renamed", OLDER_FIELDS | {"File.title: str"}), False),
        (Greeting(PROTOCOL, STORAGE.full_name, "other", GREETING.fields), False),
        (Greeting(PROTOCOL + 1, FILES.full_name, "later", GREETING.fields), False),
    ],
    ids=lambda value: value.release if isinstance(value, Greeting) else "",
)  # fmt: skip
async def test_a_server_accepts_another_release_unless_a_field_changed(
    address: str, greeting: Greeting, fits: bool
) -> None:
    async with rpc.serve(address, [(Files, FILES, CARRIER)]), grpc.aio.insecure_channel(address) as channel:
        stream = RawStream(channel)
        await stream.send(greeting)
        assert isinstance(await stream.receive(), Welcome if fits else Refusal)


# -- one call and the others ---------------------------------------------------------------------------


async def test_cancelling_one_call_leaves_the_others(address: str) -> None:
    gate = Gate()
    async with rpc.serve(address, [(Files, FILES, gate.files)]), rpc.connect(Files, FILES, address) as files:
        tasks = start_calls(files, 10)
        await gate.wait_for_calls(10)
        for task in tasks[::2]:
            task.cancel()
        async with asyncio.timeout(ANSWER):
            while gate.cancelled.total() < 5:
                await asyncio.sleep(0.01)
        gate.open.set()
        outcomes = await outcomes_of(tasks)
    assert set(gate.cancelled) == {"0", "2", "4", "6", "8"}
    assert all(isinstance(outcome, asyncio.CancelledError) for outcome in outcomes[::2])
    assert outcomes[1::2] == [FilePage((), cursor) for cursor in "13579"]


async def test_more_calls_than_the_limit_are_refused_and_the_others_answered(address: str) -> None:
    gate = Gate()
    async with rpc.serve(address, [(Files, FILES, gate.files)]), rpc.connect(Files, FILES, address) as files:
        tasks = start_calls(files, MAX_CALLS)
        await gate.wait_for_calls(MAX_CALLS)
        with pytest.raises(Unavailable, match="already in flight"):
            await asyncio.wait_for(files.list_trash(ACCESS, cursor="too many"), ANSWER)
        gate.open.set()
        assert await outcomes_of(tasks) == [FilePage((), str(number)) for number in range(MAX_CALLS)]
        assert await files.list_trash(ACCESS, cursor="later") == FilePage((), "later")


async def test_a_server_refuses_more_calls_on_a_stream_than_the_limit(address: str) -> None:
    gate = Gate()
    async with rpc.serve(address, [(Files, FILES, gate.files)]), grpc.aio.insecure_channel(address) as channel:
        stream = RawStream(channel)
        await stream.send(GREETING)
        assert isinstance(await stream.receive(), Welcome)
        payload = trash_request("c")
        await stream.send(*(Call(number, "list_trash", 30.0, payload) for number in range(MAX_CALLS + 1)))
        refused = await stream.receive()
        assert isinstance(refused, Failure)
        assert refused.id == MAX_CALLS
        assert type(decode_error(refused.error)) is Unavailable


async def test_a_call_with_an_invalid_payload_fails_alone(address: str) -> None:
    async with rpc.serve(address, [(Files, FILES, CARRIER)]), grpc.aio.insecure_channel(address) as channel:
        stream = RawStream(channel)
        await stream.send(GREETING)
        assert isinstance(await stream.receive(), Welcome)
        await stream.send(Call(1, "get_file", 5.0, b"\xff"), Call(2, "no_such_method", 5.0, b"\x80"))
        answers = [await stream.receive(), await stream.receive()]
        errors = {answer.id: type(decode_error(answer.error)) for answer in answers if isinstance(answer, Failure)}
        assert errors == {1: InvalidRequest, 2: Internal}
        await stream.send(Call(3, "recheck_pending_uploads", 5.0, b"\x80"))
        assert await stream.receive() == Result(3, b"\x01")


# -- large values ---------------------------------------------------------------------------------------


def _objects(count: int, length: int) -> ObjectPage:
    return ObjectPage(tuple(ObjectInfo(f"{number:0{length}}", Presence.FOUND) for number in range(count)), None)


@pytest.mark.parametrize("delivery", ["grpc", "stream"])
async def test_large_values_and_small_ones_arrive_unchanged(delivery: str) -> None:
    page = _objects(1000, 5_000)
    written: list[bytes] = []
    looked_up: list[tuple[str, ...]] = []

    async def list_objects(after: str | None, limit: int) -> ObjectPage:
        return page if after is None else _objects(1, 5)

    async def write_part(key: str, multipart: Multipart, part: PartSpec, body: bytes) -> None:
        written.append(body)

    async def stat_objects(keys: tuple[str, ...]) -> tuple[ObjectInfo, ...]:
        looked_up.append(keys)
        return ()

    service = fake(Storage, list_objects=list_objects, write_part=write_part, stat_objects=stat_objects)
    body, keys = b"\xcf\xff" * 7 * 2**20, ("k" * 1000,) * 1000
    assert MAX_PAYLOAD < 1000 * 1000
    async with deliver(delivery, Storage, STORAGE, service) as storage, asyncio.TaskGroup() as tasks:
        large = [tasks.create_task(storage.list_objects(None, 1000)) for _ in range(3)]
        tasks.create_task(storage.write_part("k", Multipart("m", False), PartSpec(1, len(body)), body))
        tasks.create_task(storage.stat_objects(keys))
        small = [tasks.create_task(storage.list_objects("a", 1)) for _ in range(50)]
    assert [task.result() for task in large] == [page] * 3
    assert [task.result() for task in small] == [_objects(1, 5)] * 50
    assert written == [body]
    assert looked_up == [keys]


async def test_a_large_request_does_not_use_the_stream(address: str) -> None:
    carriers: list[int] = []

    async def stat_objects(keys: tuple[str, ...]) -> tuple[ObjectInfo, ...]:
        carriers.append(await carrier())
        return ()

    served = [(Storage, STORAGE, fake(Storage, stat_objects=stat_objects))]
    async with rpc.serve(address, served), rpc.connect(Storage, STORAGE, address) as storage:
        await storage.stat_objects(("k" * (MAX_PAYLOAD // 2),))
        await storage.stat_objects(("k" * MAX_PAYLOAD,))
    assert carriers == [1, 0]


@pytest.mark.parametrize("delivery", ["grpc", "stream"])
async def test_a_result_over_the_maximum_is_an_internal_error(delivery: str) -> None:
    async def list_objects(after: str | None, limit: int) -> ObjectPage:
        return _objects(17, 2**20) if after is None else _objects(1, 5)

    async with deliver(delivery, Storage, STORAGE, fake(Storage, list_objects=list_objects)) as storage:
        with pytest.raises(Internal):
            await asyncio.wait_for(storage.list_objects(None, 1), ANSWER)
        assert await storage.list_objects("a", 1) == _objects(1, 5)


async def test_a_peer_that_sends_too_large_a_result_loses_its_stream(address: str) -> None:
    async def flood(peer: RawPeer) -> None:
        await peer.welcome(["recheck_pending_uploads"])
        (call,) = await peer.receive()
        assert isinstance(call, Call)
        for _ in range(MAX_MESSAGE_SIZE // 2**20 + 1):
            await peer.send(Piece(call.id, bytes(2**20)))
        await peer.send(Result(call.id, b""))

    async with raw_server(address, flood), rpc.connect(Files, FILES, address) as files:
        with pytest.raises(Unavailable, match="a result has more than"):
            await asyncio.wait_for(files.recheck_pending_uploads(), ANSWER)
