"""Connections that clients leave open: each ends within the idle timeout, whatever was sent on it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from drivebay.runtime.body_drain import MAX_BYTES, DrainingApp

from .conftest import serve

IDLE = timedelta(seconds=1)
WAIT = 20.0
"""Seconds, many times the idle timeout."""
REQUEST = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
BODY_SIZE = 2**20


async def answer_all(scope: Any, receive: Any, send: Any) -> None:
    """An ASGI app with a response of a mebibyte, late for `/slow`, and with a refusal for `/refused`."""
    if scope["path"] == "/slow":
        await asyncio.sleep(3 * IDLE.total_seconds())
    if scope["path"] == "/refused":  # without reading the body
        await send({"type": "http.response.start", "status": 401, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})
        return
    length = (b"content-length", str(BODY_SIZE).encode())
    await send({"type": "http.response.start", "status": 200, "headers": [length]})
    await send({"type": "http.response.body", "body": b"x" * BODY_SIZE})


@pytest.fixture(scope="module")
async def port() -> AsyncIterator[int]:
    async with serve(answer_all, idle_timeout=IDLE) as port:
        yield port


@pytest.mark.parametrize(
    ("sent", "answered"),
    [
        pytest.param(b"", False, id="nothing"),
        pytest.param(b"G", False, id="one byte"),
        pytest.param(b"\r\n", False, id="an empty line"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: a\r\n", False, id="half of the headers"),
        pytest.param(PREFACE[:8], False, id="half of an HTTP/2 preface"),
        pytest.param(PREFACE, False, id="an HTTP/2 preface"),
        pytest.param(b"\x16\x03\x01\x02\x00\x01", False, id="half of a TLS handshake"),
        pytest.param(REQUEST, True, id="a request"),
        pytest.param(REQUEST + b"GET", True, id="a request and a half"),
    ],
)
async def test_a_connection_without_a_complete_request_is_closed(port: int, sent: bytes, answered: bool) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(sent)
    try:
        received = await asyncio.wait_for(reader.read(), WAIT)
    except ConnectionResetError:
        received = b""
    finally:
        writer.close()
    assert received.startswith(b"HTTP/1.1 200 ") is answered


async def test_headers_that_arrive_byte_by_byte_do_not_extend_the_timeout(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)

    async def trickle() -> None:
        for byte in b"GET / HTTP/1.1\r\nX: " + b"x" * 1000:
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(IDLE.total_seconds() / 10)

    sending = asyncio.create_task(trickle())
    try:
        closed = asyncio.create_task(reader.read())
        done, _ = await asyncio.wait((sending, closed), timeout=WAIT, return_when=asyncio.FIRST_COMPLETED)
        assert done, "the connection is still open"
    finally:
        sending.cancel()
        writer.close()


async def test_a_slow_response_is_not_cut_off(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /slow HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    received = await asyncio.wait_for(reader.read(), WAIT)
    writer.close()
    assert len(received) > BODY_SIZE


async def test_a_client_that_never_reads_its_responses_is_disconnected(port: int) -> None:
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(("127.0.0.1", port))
        client.sendall(REQUEST * 20)

        async with asyncio.timeout(WAIT):
            while _is_established(port, client.getsockname()[1]):
                await asyncio.sleep(0.1)


def _is_established(port: int, client_port: int) -> bool:
    """Return whether the server's end of a connection is open. The client does not notice the end while it is full."""
    established, ours, theirs = "01", f"0100007F:{port:04X}", f"0100007F:{client_port:04X}"
    rows = [line.split() for line in Path("/proc/net/tcp").read_text("ascii").splitlines()]
    return any(row[1:4] == [ours, theirs, established] for row in rows)


# -- bodies that are not read ---------------------------------------------------------------------------


async def test_a_client_gets_an_early_response_after_it_has_sent_its_whole_body(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for _ in range(2):  # the connection stays usable
            writer.write(b"PUT /refused HTTP/1.1\r\nHost: a\r\nContent-Length: 20000000\r\n\r\n")
            for _ in range(20):
                writer.write(b"x" * 1_000_000)
                await writer.drain()
            response = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), WAIT)
            assert response.startswith(b"HTTP/1.1 401 ")
    finally:
        writer.close()


async def test_an_endless_body_ends_the_connection(port: int) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    sent = 0
    with pytest.raises(ConnectionError):
        writer.write(b"PUT /refused HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        while sent < 4 * MAX_BYTES:
            writer.write(b"100000\r\n" + b"x" * 2**20 + b"\r\n")
            await writer.drain()
            sent += 2**20
    writer.close()


async def test_a_body_that_stops_is_not_waited_for() -> None:
    async def stop() -> Any:
        await asyncio.get_running_loop().create_future()

    async def ignore(message: Any) -> None:
        pass

    async def refuse(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start"})

    scope = {"type": "http", "headers": [(b"content-length", b"5")]}
    await asyncio.wait_for(DrainingApp(refuse, max_seconds=0.1)(scope, stop, ignore), WAIT)


async def test_a_client_that_waits_for_100_is_not_asked_for_an_unread_body(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"PUT /refused HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
    received = await asyncio.wait_for(reader.read(), WAIT)
    writer.close()
    assert received.startswith(b"HTTP/1.1 401 ")
    assert b" 100 " not in received
