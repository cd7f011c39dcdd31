"""The app behind Granian, with raw requests that no client library sends."""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit

import pytest

HEALTH_REQUEST = b"GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
TIMEOUT = 10.0


async def exchange(served: str, sent: bytes) -> bytes:
    """Send bytes and return everything until the server closes the connection."""
    address = urlsplit(served)
    assert address.hostname is not None
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    try:
        writer.write(sent)
        return await asyncio.wait_for(reader.read(), TIMEOUT)
    finally:
        writer.close()


def with_close(head: bytes) -> bytes:
    return head + b"\r\nHost: a\r\nConnection: close\r\n"


async def test_the_server_header_names_the_product(served: str) -> None:
    for sent in (
        HEALTH_REQUEST,
        with_close(b"GET /nothing HTTP/1.1") + b"\r\n",
        with_close(b"POST /v1/folders HTTP/1.1") + b"\r\n",
    ):
        head = (await exchange(served, sent)).partition(b"\r\n\r\n")[0].lower()
        assert head.count(b"\r\nserver:") == 1
        assert b"\r\nserver: drivebay\r\n" in head


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"POST /v1/folders HTTP/1.1\r\nHost: a\r\nContent-Length: 20\r\n\r\n" + b"G" * 20, b"401"),
        (b"POST /v1/nothing HTTP/1.1\r\nHost: a\r\nContent-Length: 20\r\n\r\n" + b"G" * 20, b"404"),
        (b"PUT /v1/files HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nGET\r\n0\r\n\r\n", b"405"),
    ],
)
async def test_an_unread_body_is_not_parsed_as_a_request(served: str, sent: bytes, status: bytes) -> None:
    answers = await exchange(served, sent + HEALTH_REQUEST)
    assert answers.startswith(b"HTTP/1.1 " + status)
    assert answers.count(b"HTTP/1.1 ") == 2
    assert b"HTTP/1.1 200 OK" in answers


async def test_a_chunked_body_is_read(served: str) -> None:
    chunks = b'7\r\n{"a": 1\r\n1\r\n}\r\n0\r\n\r\n'
    answer = await exchange(
        served, with_close(b"POST /v1/login HTTP/1.1") + b"Transfer-Encoding: chunked\r\n\r\n" + chunks
    )
    assert answer.startswith(b"HTTP/1.1 422 ")
    assert b'"field":"a"' in answer


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"GET /healthz HTTP/1.0\r\n\r\n", b"200"),
        (b"OPTIONS /healthz HTTP/1.0\r\nHost: a\r\n\r\n", b"204"),
        (b"GET /openapi.json HTTP/1.0\r\n\r\n", b"200"),
        (b"POST /v1/login HTTP/1.0\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}", b"422"),
        (b"PATCH /v1/tus/x HTTP/1.0\r\nContent-Length: 100000\r\n\r\n" + b"x" * 100_000, b"401"),
    ],
)
async def test_a_request_of_http_1_0_gets_its_response(served: str, sent: bytes, status: bytes) -> None:
    """Health checks of load balancers, and nginx with its defaults, use HTTP/1.0."""
    head, _, body = (await exchange(served, sent)).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.0 " + status)
    assert b"\r\nserver: drivebay\r\n" in head
    assert bool(body) == (status != b"204")


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"GET /v1/files/%ff%00 HTTP/1.1", b"401"),
        (b"GET /v1/files/a%2Fb HTTP/1.1", b"404"),
        (b"OPTIONS * HTTP/1.1", b"404"),
        (b"CONNECT a:1 HTTP/1.1", b"405"),
        (b"GET http://elsewhere.example/v1/nothing HTTP/1.1", b"404"),
    ],
)
async def test_unusual_request_targets_get_a_problem(served: str, head: bytes, status: bytes) -> None:
    answer = await exchange(served, with_close(head) + b"\r\n")
    assert answer.startswith(b"HTTP/1.1 " + status)
    assert b"content-type: application/problem+json" in answer
    assert b"x-content-type-options: nosniff" in answer


async def test_a_websocket_upgrade_is_answered_as_a_plain_request(served: str) -> None:
    upgrade = b"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    head = b"GET /v1/files HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, close\r\n"
    answer = await exchange(served, head + upgrade + b"\r\n")
    assert answer.startswith(b"HTTP/1.1 401 ")
    assert b"x-request-id: " in answer
