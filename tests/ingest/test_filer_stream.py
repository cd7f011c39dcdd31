"""The gRPC stream of the filer: every failure is Unavailable, within seconds."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta

import grpc.aio
import pytest
from ingest_helpers import RecordingFiles, running_ingest, wait_until

from drivebay.errors import Unavailable
from drivebay.ingest.filer_listener import ChangeStream, resume_position
from drivebay.ingest.settings import Settings
from drivebay.proto import seaweedfs
from drivebay.rpc.server_stream import server_stream


async def _read_first(address: str) -> None:
    request = seaweedfs.subscription(1, "/buckets/b/", 1)
    async with server_stream(address, seaweedfs.SUBSCRIBE, request, connect_within=1.0) as responses:
        await anext(responses)


async def test_an_unreachable_filer_is_unavailable_within_seconds(free_port: int) -> None:
    started = time.monotonic()
    with pytest.raises(Unavailable, match=str(free_port)):
        await _read_first(f"127.0.0.1:{free_port}")
    assert time.monotonic() - started < 3


async def test_a_silent_server_is_unavailable_within_seconds() -> None:
    writers = []
    server = await asyncio.start_server(lambda reader, writer: writers.append(writer), "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    started = time.monotonic()
    with pytest.raises(Unavailable):
        await _read_first(f"{host}:{port}")
    assert time.monotonic() - started < 3
    for writer in writers:
        writer.close()
    server.close()


def test_bytes_that_are_no_filer_message_are_refused() -> None:
    with pytest.raises(ValueError, match="filer"):
        seaweedfs.change(b"\xff\xff\xff")


@pytest.mark.parametrize(
    ("message", "path"),
    [
        # directory "/d", new entry {name "n"}
        (b"\n\x02/d\x12\x05\x12\x03\n\x01n\x18\x07", "/d/n"),
        # the same moved to "/e"
        (b"\n\x02/d\x12\x09\x12\x03\n\x01n\x22\x02/e\x18\x07", "/e/n"),
        # a folder
        (b"\n\x02/d\x12\x07\x12\x05\n\x01n\x10\x01\x18\x07", None),
        # deleted: only an old entry
        (b"\n\x02/d\x12\x05\n\x03\n\x01n\x18\x07", None),
    ],
)
def test_a_change_has_the_current_path_of_the_file(message: bytes, path: str | None) -> None:
    assert seaweedfs.change(message) == seaweedfs.Change(7, path, 0)


def test_numbers_out_of_range_are_clamped() -> None:
    # A negative time, and a size of more than 63 bits.
    message = b"\n\x02/d\x12\x12\x12\x10\n\x01n\x22\x0b\x08" + b"\xff" * 9 + b"\x01"
    message += b"\x18" + b"\x80" * 9 + b"\x01"
    change = seaweedfs.change(message)
    assert change == seaweedfs.Change(0, "/d/n", 2**63 - 1)
    assert resume_position(change.at) == 0


def test_a_listener_resumes_a_little_before_its_saved_position() -> None:
    # The filer merges the changes of several filers, and a change may arrive late.
    assert resume_position(60 * 10**9) == 55 * 10**9


NOW = datetime(2026, 11, 28, tzinfo=UTC)


def nanoseconds(before_now: timedelta) -> int:
    return int((NOW - before_now).timestamp() * 1e9)


def test_each_filer_of_a_cluster_has_its_own_checkpoint() -> None:
    streams = [ChangeStream(address, "b", is_clustered=True) for address in ("one:18888", "[::1]:18888", "two:18888")]
    assert [stream.checkpoint_name for stream in streams] == [
        "seaweedfs.b.one_18888",
        "seaweedfs.b.___1__18888",
        "seaweedfs.b.two_18888",
    ]
    assert ChangeStream("one:18888", "b").checkpoint_name == "seaweedfs.b"


@pytest.mark.parametrize("is_clustered", [True, False])
def test_with_a_checkpoint_of_long_ago_the_changes_of_the_last_ten_minutes_are_read(is_clustered: bool) -> None:
    stream = ChangeStream("one:18888", "b", is_clustered=is_clustered)
    minutes, seconds = timedelta(minutes=2), timedelta(seconds=5)
    for age in (timedelta(minutes=10), timedelta(hours=1), timedelta(days=90)):
        assert stream.start(nanoseconds(age), NOW) == nanoseconds(timedelta(minutes=10))
    assert stream.start(nanoseconds(minutes), NOW) == nanoseconds(minutes + seconds)


@pytest.mark.parametrize("saved", [None, 0])
def test_a_filer_without_a_checkpoint_is_read_from_a_minute_ago(saved: int | None) -> None:
    for is_clustered in (False, True):
        stream = ChangeStream("one:18888", "b", is_clustered=is_clustered)
        assert stream.start(saved, NOW) == nanoseconds(timedelta(minutes=1))


async def test_a_filer_that_ends_each_stream_causes_one_look_up_for_each_connection(
    files: RecordingFiles, ingest_nats_url: str, make_settings: Callable[..., Settings], free_port: int
) -> None:
    streams = 0

    async def subscribe(request: bytes, context: grpc.aio.ServicerContext[bytes, bytes]) -> AsyncIterator[bytes]:
        nonlocal streams
        streams += 1
        await wait_until(lambda: files.rechecks >= streams)
        if streams == 4:
            await asyncio.Event().wait()
        for message in ():
            yield message

    service, _, method = seaweedfs.SUBSCRIBE_LOCAL.removeprefix("/").partition("/")
    handler = grpc.unary_stream_rpc_method_handler(subscribe)
    server = grpc.aio.server(handlers=[grpc.method_handlers_generic_handler(service, {method: handler})])
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    filers = f"127.0.0.1:{port},127.0.0.1:{free_port}"
    settings = make_settings(ingest_nats_url, filer_address=filers, sweep_interval=timedelta(seconds=60))
    try:
        async with running_ingest(files, settings):
            await wait_until(lambda: files.rechecks >= 4 and streams >= 4)
        assert (streams, files.rechecks) == (4, 4)
    finally:
        await server.stop(None)
