"""`drivebay run` from outside: its messages, its data folder, and its child processes after it ends."""

import json
import signal
import socket
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import httpx
import psutil  # type: ignore[import-untyped]
import pytest
from prometheus_client.parser import text_string_to_metric_families

from drivebay.testing.client import Client, eventually
from drivebay.testing.world import World, free_port

from .conftest import FAST, http_client

pytestmark = pytest.mark.slow

STOP_TIMEOUT = 10.0
START_TIMEOUT = 90.0
"""In seconds. A first start creates a database cluster, on a machine that is busy with tests."""
TWO_WORKERS = "--workers=2"
"""Passed to `World` in place of a service name. The command receives it as an option."""


def child_processes(world: World, part: str) -> list[psutil.Process]:
    return list(psutil.Process(world.processes[part].pid).children(recursive=True))


def is_alive(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def names_of_running(processes: list[psutil.Process]) -> set[str]:
    return {process.name() for process in processes if is_alive(process)}


async def wait_until_ended(processes: list[psutil.Process]) -> None:
    async def ended() -> bool:
        return not any(is_alive(process) for process in processes)

    try:
        await eventually(ended, within=STOP_TIMEOUT)
    except AssertionError:
        raise AssertionError(f"still running: {names_of_running(processes)}") from None


@asynccontextmanager
async def started_world(folder: Path, part: str = "all", more: Mapping[str, str] | None = None) -> AsyncIterator[World]:
    """Start a process with its own servers in `folder`. It is stopped at the end of the block."""
    folder.mkdir(exist_ok=True)
    world = World(folder, FAST | dict(more or {}), "one")
    await world.start(part)
    try:
        await world.ready(START_TIMEOUT)
        yield world
    finally:
        for left in tuple(world.processes):
            await world.stop(left)


async def interrupt(world: World, part: str) -> None:
    """Send Ctrl-C, and check that the process and its children end soon, with status 0."""
    started = child_processes(world, part)
    assert {"postgres", "nats-server", "weed"} <= names_of_running(started)
    stopping = time.monotonic()
    status = await world.stop(part, signal.SIGINT)
    assert status == 0, world.logs()[-4000:]
    assert time.monotonic() - stopping < STOP_TIMEOUT
    assert names_of_running(started) == set()
    assert "Traceback" not in world.logs()


def listens(process: psutil.Process, port: int) -> bool:
    try:
        sockets = process.net_connections("tcp")
    except psutil.Error:
        return False
    return any(each.status == psutil.CONN_LISTEN and each.laddr.port == port for each in sockets)


def main_of(world: World) -> psutil.Process:
    return psutil.Process(world.processes[TWO_WORKERS].pid)


async def says_that_it_stops(world: World) -> bool:
    """Return whether 20 new connections, which the kernel distributes, all find a process that is not ready."""
    for _ in range(20):
        async with http_client() as http:
            if (await http.get(f"{world.api}/readyz")).status_code != 503:
                return False
    return True


async def check_two_workers_serve(world: World) -> None:
    main = main_of(world)

    async def both_listen() -> bool:
        return [listens(process, world.port) for process in (main, *main.children())].count(True) == 2

    await eventually(both_listen, within=30)
    for _ in range(20):  # the kernel distributes new connections between both
        async with http_client() as http:
            assert (await http.get(f"{world.api}/v1/me")).status_code == 401

    async def both_are_counted() -> bool:
        async with http_client() as http:
            return await refused_requests(http, world) == 20

    for _ in range(10):  # whichever process answers, the sum is of both
        await eventually(both_are_counted, within=30)


async def refused_requests(http: httpx.AsyncClient, world: World) -> float:
    """Return how many requests to /v1/me all gateway processes of a deployment have refused."""
    text = (await http.get(f"{world.api}/metrics")).text
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    return sum(
        sample.value
        for sample in samples
        if sample.name == "drivebay_http_request_seconds_count"
        and (sample.labels["route"], sample.labels["status"]) == ("/v1/me", "401")
    )


async def test_data_survives_restarts_and_no_process_survives_its_parent(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack, http_client() as http:
        # The first start prints the addresses of the API and its documentation, and both answer.
        async with started_world(tmp_path / "first") as world:

            async def greeted() -> bool:
                return "is ready" in world.logs()

            await eventually(greeted, within=10)
            assert f"web app {world.api}  docs {world.api}/docs" in world.logs()
            assert (await http.get(f"{world.api}/docs")).status_code == 200
            user = await Client(http, world.api).sign_up()
            file = await user.store("kept.txt", b"kept")
            assert "drivebay_http_request_seconds" in (await http.get(f"{world.api}/metrics")).text
            await interrupt(world, "all")

        # The second start uses the same folder on another port. Another deployment runs next to it.
        delay = {"DRIVEBAY_STOP_DELAY": "10m"}
        world = await stack.enter_async_context(started_world(tmp_path / "first", TWO_WORKERS, delay))
        user.api = world.api
        assert await (await user.log_in()).download(file["id"]) == b"kept"
        other = await stack.enter_async_context(started_world(tmp_path / "second", TWO_WORKERS))
        await check_two_workers_serve(other)
        account = {"email": user.email, "password": user.password}
        assert (await http.post(f"{other.api}/v1/login", json=account)).status_code == 401
        await interrupt(other, TWO_WORKERS)
        assert await user.download(file["id"]) == b"kept"

        # All processes are told to stop. Both still serve, and say that they stop.
        await check_two_workers_serve(world)
        gateways = [process for process in (main_of(world), *main_of(world).children()) if listens(process, world.port)]
        for process in gateways:
            process.terminate()
        await eventually(lambda: says_that_it_stops(world), within=30)
        for _ in range(20):
            async with http_client() as http:
                assert (await http.get(f"{world.api}/readyz")).status_code == 503
                assert (await http.get(f"{world.api}/v1/me")).status_code == 401
        assert [listens(process, world.port) for process in gateways] == [True, True]

        # A killed process cannot clean up. Its worker and its servers notice, and end.
        orphans = child_processes(world, TWO_WORKERS)
        assert {"postgres", "nats-server", "weed"} <= names_of_running(orphans)
        await world.stop(TWO_WORKERS, signal.SIGKILL)
        await wait_until_ended(orphans)


# -- errors at start ------------------------------------------------------------------------------


async def start_error(folder: Path, environment: Mapping[str, str], *arguments: str) -> str:
    """Run a start that must fail with status 1, and return its one line of error output."""
    world = World(folder, dict(environment), "one")
    status, out, err = await world.command("run", *arguments)
    assert (status, out) == (1, ""), out + err
    assert err.startswith("drivebay: ")
    assert err.count("\n") == 1, err
    return err


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("DRIVEBAY_TRASH_GRACE", "soon", "DRIVEBAY_TRASH_GRACE: 'soon' is not a duration such as 90s, 15m or 30d"),
        ("DRIVEBAY_QOUTA", "1GiB", "DRIVEBAY_QOUTA is not a setting; did you mean DRIVEBAY_QUOTA?"),
    ],
)
async def test_invalid_setting_stops_the_start_with_one_line(
    tmp_path: Path, name: str, value: str, message: str
) -> None:
    assert message in await start_error(tmp_path, {name: value})
    assert not (tmp_path / "data").exists()


async def test_used_port_stops_the_start_before_any_server_starts(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        message = await start_error(tmp_path, {"DRIVEBAY_PORT": str(port)})
    assert f"DRIVEBAY_PORT: 127.0.0.1:{port} is in use" in message
    assert {path.name for path in (tmp_path / "data").iterdir()} <= {"secret"}


async def test_wrong_store_keys_are_named_by_their_setting_without_the_value(
    tmp_path: Path, server_environment: dict[str, str]
) -> None:
    message = await start_error(tmp_path, server_environment | {"DRIVEBAY_S3_SECRET_KEY": "canary-of-nobody"})
    assert "DRIVEBAY_S3_SECRET_KEY" in message
    assert "canary" not in message


# -- other commands -------------------------------------------------------------------------------


async def test_openapi_document_is_printed_without_a_running_service(tmp_path: Path) -> None:
    status, out, err = await World(tmp_path, {}, "one").command("openapi")
    assert (status, err) == (0, "")
    document = json.loads(out)
    assert document["openapi"].startswith("3.")
    assert "/v1/uploads" in document["paths"]
    assert list(tmp_path.iterdir()) == []


async def test_process_without_a_gateway_serves_metrics_at_the_metrics_address(tmp_path: Path) -> None:
    address = f"127.0.0.1:{free_port()}"
    world = World(tmp_path, {"DRIVEBAY_METRICS_ADDRESS": address}, "one")
    await world.start("janitor")
    try:

        async def served() -> bool:
            try:
                async with http_client() as http:
                    return "drivebay_janitor_" in (await http.get(f"http://{address}/metrics")).text
            except httpx.TransportError:
                return False

        await eventually(served, within=30)
    finally:
        status = await world.stop("janitor", signal.SIGINT)
    assert status == 0, world.logs()
