"""The app behind the server it runs on in life, spoken to in bytes: what no client library would send."""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit

import pytest

ASK = b"GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
WITHIN = 10.0


async def spoken(served: str, sent: bytes) -> bytes:
    """What comes back until the server hangs up."""
    address = urlsplit(served)
    assert address.hostname is not None
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    try:
        writer.write(sent)
        return await asyncio.wait_for(reader.read(), WITHIN)
    finally:
        writer.close()


def closing(head: bytes) -> bytes:
    return head + b"\r\nHost: a\r\nConnection: close\r\n"


async def test_answers_name_the_product_and_not_what_it_runs_on(served: str) -> None:
    for sent in (ASK, closing(b"GET /nothing HTTP/1.1") + b"\r\n", closing(b"POST /v1/folders HTTP/1.1") + b"\r\n"):
        head = (await spoken(served, sent)).partition(b"\r\n\r\n")[0].lower()
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
async def test_a_body_that_nobody_read_is_not_taken_for_a_request(served: str, sent: bytes, status: bytes) -> None:
    answers = await spoken(served, sent + ASK)
    assert answers.startswith(b"HTTP/1.1 " + status)
    assert answers.count(b"HTTP/1.1 ") == 2
    assert b"HTTP/1.1 200 OK" in answers


async def test_a_body_without_a_length_is_read_by_its_chunks(served: str) -> None:
    chunks = b'7\r\n{"a": 1\r\n1\r\n}\r\n0\r\n\r\n'
    answer = await spoken(served, closing(b"POST /v1/login HTTP/1.1") + b"Transfer-Encoding: chunked\r\n\r\n" + chunks)
    assert answer.startswith(b"HTTP/1.1 422 ")
    assert b'"field":"a"' in answer


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"GET /v1/files/%ff%00 HTTP/1.1", b"401"),
        (b"GET /v1/files/a%2Fb HTTP/1.1", b"404"),
        (b"OPTIONS * HTTP/1.1", b"404"),
        (b"CONNECT a:1 HTTP/1.1", b"404"),
        (b"GET http://elsewhere.example/v1/nothing HTTP/1.1", b"404"),
    ],
)
async def test_targets_of_every_form_are_answered_with_a_problem(served: str, head: bytes, status: bytes) -> None:
    answer = await spoken(served, closing(head) + b"\r\n")
    assert answer.startswith(b"HTTP/1.1 " + status)
    assert b"content-type: application/problem+json" in answer
    assert b"x-content-type-options: nosniff" in answer


async def test_a_socket_of_the_web_is_a_request_like_any_other(served: str) -> None:
    upgrade = b"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    head = b"GET /v1/files HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, close\r\n"
    answer = await spoken(served, head + upgrade + b"\r\n")
    assert answer.startswith(b"HTTP/1.1 401 ")
    assert b"x-request-id: " in answer
