"""What the benchmarks make of their figures: an error here would look like a fast or a slow server."""

from __future__ import annotations

import asyncio

import pytest
from bench import http
from bench.tally import OK, SHED, Span, Tally, back_to_normal, slope

NORMAL = [(0.010, 0.0)] * 99 + [(0.020, 0.01)]


def test_a_slope_is_found_through_noise() -> None:
    points = [(x, 100 + 2.5 * x + (1 if x % 2 else -1)) for x in map(float, range(1000))]
    assert slope(points) == pytest.approx(2.5, abs=0.01)
    assert slope([(1.0, 5.0)]) == 0.0


@pytest.mark.parametrize(
    ("after", "seconds"),
    [
        ([(0.011, 0.0)] * 10, 0),
        ([(0.5, 0.3)] * 4 + [(0.025, 0.0)] * 6, 4),
        ([(0.5, 0.0), (0.01, 0.0), (0.5, 0.0)] + [(0.01, 0.0)] * 7, 3),  # one good second is none
        ([(0.01, 0.02)] * 10, None),
        ([(0.01, 0.0)] * 2, None),
    ],
)
def test_it_is_normal_again_when_it_stays_so(after: list[tuple[float, float]], seconds: int | None) -> None:
    assert back_to_normal(NORMAL, after) == seconds


def test_requests_are_counted_where_they_were_meant_to_be() -> None:
    tally = Tally()
    for second in range(10):
        tally.add("GET /v1/files", OK, float(second), second + 0.25)
    tally.add("GET /v1/files", SHED, 3.5, 3.501)
    tally.add("store PUT", "timeout", 4.0, 19.0)
    span = Span(2.0, 6.0)
    found = tally.routes(span)
    assert found["GET /v1/files"]["requests"] == 5
    assert found["GET /v1/files"]["errors"] == {SHED: 1}
    assert found["GET /v1/files"]["p99_ms"] == pytest.approx(250)
    assert found["store PUT"]["errors"] == {"timeout": 1}
    sums = tally.sums(span, tally.api_routes())
    assert sums["shares"] == {OK: 0.8, SHED: 0.2}
    assert tally.seconds(span)[1] == (pytest.approx(0.25), 0.5)


_CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
CASES = {
    "with a length": (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 200, b"hello"),
    "in chunks": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n",
        200,
        b"hello",
    ),
    "without a body": (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b""),
}


@pytest.mark.parametrize("case", CASES)
async def test_the_lean_client_reads_answers_however_they_are_cut(case: str) -> None:
    said, status, body = CASES[case]
    heard: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(2):  # twice on one connection
            heard.append(await reader.readuntil(b"\r\n\r\n"))
            for byte in said:
                writer.write(bytes([byte]))
                await asyncio.sleep(0)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, http.connect(10) as client:
        for _ in range(2):
            answer = await client.ask("GET", f"http://127.0.0.1:{port}/a?b=%2F", {"X": "y"})
            assert (answer.status, answer.body) == (status, body)
    assert heard == [f"GET /a?b=%2F HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nX: y\r\n\r\n".encode()] * 2


async def test_the_lean_client_gives_up_on_who_says_nothing() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, http.connect(0.2) as client:
        with pytest.raises(TimeoutError):
            await client.ask("GET", f"http://127.0.0.1:{port}/")
