"""The stream from a foreign server: every way it can fail is one error, and none takes long."""

from __future__ import annotations

import asyncio
import time

import pytest

from drivebay.errors import Unavailable
from drivebay.ingest.seaweedfs import resumption
from drivebay.proto import seaweedfs
from drivebay.wire.stream import server_stream


async def _read_one(address: str) -> None:
    request = seaweedfs.subscription(1, "/buckets/b/", 1)
    async with server_stream(address, seaweedfs.SUBSCRIBE, request, connect_within=1.0) as responses:
        await anext(responses)


async def test_where_nobody_listens_it_says_so_in_time(free_port: int) -> None:
    began = time.monotonic()
    with pytest.raises(Unavailable, match=str(free_port)):
        await _read_one(f"127.0.0.1:{free_port}")
    assert time.monotonic() - began < 3


async def test_a_listener_that_never_speaks_is_given_up_in_time() -> None:
    held = []
    server = await asyncio.start_server(lambda reader, writer: held.append(writer), "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    began = time.monotonic()
    with pytest.raises(Unavailable):
        await _read_one(f"{host}:{port}")
    assert time.monotonic() - began < 3
    for writer in held:
        writer.close()
    server.close()


def test_bytes_that_are_no_message_are_refused() -> None:
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
def test_a_change_says_where_the_file_is_now(message: bytes, path: str | None) -> None:
    assert seaweedfs.change(message) == seaweedfs.Change(7, path, 0)


def test_a_number_that_cannot_be_stops_no_listener() -> None:
    # A time before all times, and a size over 63 bits.
    message = b"\n\x02/d\x12\x12\x12\x10\n\x01n\x22\x0b\x08" + b"\xff" * 9 + b"\x01"
    message += b"\x18" + b"\x80" * 9 + b"\x01"
    found = seaweedfs.change(message)
    assert found == seaweedfs.Change(0, "/d/n", 2**63 - 1)
    assert resumption(found.at) == 0


def test_listening_goes_on_a_little_before_where_it_was() -> None:
    # Changes of several filers are merged, and one of them may come a moment late.
    assert resumption(60 * 10**9) == 55 * 10**9
