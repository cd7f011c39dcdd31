"""The arithmetic of the benchmarks. An error here would look like a fast or a slow server."""

from __future__ import annotations

import asyncio

import pytest
from bench import raw_http
from bench.capacity import Sizes, Usage, Workload, cores_needed, database_bytes
from bench.measurements import OK, SHED, Measurements, Span, recovery_seconds, slope

NORMAL = [(0.010, 0.0)] * 99 + [(0.020, 0.01)]


def test_a_slope_is_found_in_noise() -> None:
    points = [(x, 100 + 2.5 * x + (1 if x % 2 else -1)) for x in map(float, range(1000))]
    assert slope(points) == pytest.approx(2.5, abs=0.01)
    assert slope([(1.0, 5.0)]) == 0.0


@pytest.mark.parametrize(
    ("after", "seconds"),
    [
        ([(0.011, 0.0)] * 10, 0),
        ([(0.5, 0.3)] * 4 + [(0.025, 0.0)] * 6, 4),
        ([(0.5, 0.0), (0.01, 0.0), (0.5, 0.0)] + [(0.01, 0.0)] * 7, 3),  # a single normal second does not count
        ([(0.01, 0.02)] * 10, None),
        ([(0.01, 0.0)] * 2, None),
    ],
)
def test_recovery_needs_several_normal_seconds(after: list[tuple[float, float]], seconds: int | None) -> None:
    assert recovery_seconds(NORMAL, after) == seconds


def test_requests_count_from_the_time_they_were_due() -> None:
    measurements = Measurements()
    for second in range(10):
        measurements.add("GET /v1/files", OK, float(second), second + 0.25)
    measurements.add("GET /v1/files", SHED, 3.5, 3.501)
    measurements.add("store PUT", "timeout", 4.0, 19.0)
    span = Span(2.0, 6.0)
    found = measurements.routes(span)
    assert found["GET /v1/files"]["requests"] == 5
    assert found["GET /v1/files"]["errors"] == {SHED: 1}
    assert found["GET /v1/files"]["p99_ms"] == pytest.approx(250)
    assert found["store PUT"]["errors"] == {"timeout": 1}
    sums = measurements.sums(span, measurements.api_routes())
    assert sums["shares"] == {OK: 0.8, SHED: 0.2}
    assert measurements.seconds(span)[1] == (pytest.approx(0.25), 0.5)


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
async def test_the_raw_client_reads_responses_in_any_pieces(case: str) -> None:
    response, status, body = CASES[case]
    requests: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(2):  # two requests on one connection
            requests.append(await reader.readuntil(b"\r\n\r\n"))
            for byte in response:
                writer.write(bytes([byte]))
                await asyncio.sleep(0)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, raw_http.connect(10) as client:
        for _ in range(2):
            answer = await client.ask("GET", f"http://127.0.0.1:{port}/a?b=%2F", {"X": "y"})
            assert (answer.status, answer.body) == (status, body)
    assert requests == [f"GET /a?b=%2F HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nX: y\r\n\r\n".encode()] * 2


async def test_the_raw_client_times_out_on_a_silent_server() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, raw_http.connect(0.2) as client:
        with pytest.raises(TimeoutError):
            await client.ask("GET", f"http://127.0.0.1:{port}/")


def test_the_cores_of_a_workload_are_rates_times_costs() -> None:
    load = Workload(users=86_400, active_share=0.5, peak=4.0, lists=10.0, downloads=0.0, uploads=1.0, purges=0.0)
    rates = load.rates()
    assert (rates["list"], rates["upload"]) == (20.0, 2.0)
    costs = {name: {"gateway": 500.0, "client": 9e9} for name in rates} | {"upload": {"gateway": 1e5, "store": 3e5}}
    assert cores_needed(costs, {"list": 20.0, "upload": 2.0}, 0.5) == pytest.approx({"gateway": 0.42, "store": 1.2})
    assert cores_needed({"list": {"client": 5e5}}, {"list": 4.0}, 1.0, client=True) == {"client": 2.0}


def test_the_size_of_the_database_grows_with_every_file() -> None:
    assert database_bytes(Workload(users=10, files=100), Sizes(row_bytes=200.0, index_bytes=800.0)) == 1_000_000


def test_usage_is_shared_among_operations_and_seconds() -> None:
    usage = Usage({"gateway": 3.0, "postgres": 1.0}, seconds=6.0, busy=0.75)
    assert usage.costs(2000) == {"gateway": 1500.0, "postgres": 500.0}
    assert usage.cores() == pytest.approx({"gateway": 0.5, "postgres": 1 / 6})
