"""`drivebay run` as whoever starts it sees it: what it says, what it keeps, and what it leaves behind."""

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

from drivebay.testing.client import Client, eventually
from drivebay.testing.world import World, free_port

from .conftest import FAST, http_client

pytestmark = pytest.mark.slow

ENDS_WITHIN = 10.0
START_WITHIN = 90.0
"""Seconds that a first start may take: it makes a database cluster, on a machine that is busy with tests."""
TWO_WORKERS = "--workers=2"
"""What a World takes for the name of a part, the command takes for an option."""


def family(world: World, part: str) -> list[psutil.Process]:
    return list(psutil.Process(world.processes[part].pid).children(recursive=True))


def alive(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def named(processes: list[psutil.Process]) -> set[str]:
    return {process.name() for process in processes if alive(process)}


async def all_end(processes: list[psutil.Process]) -> None:
    async def ended() -> bool:
        return not any(alive(process) for process in processes)

    try:
        await eventually(ended, within=ENDS_WITHIN)
    except AssertionError:
        raise AssertionError(f"still there: {named(processes)}") from None


@asynccontextmanager
async def a_start(folder: Path, part: str = "all", more: Mapping[str, str] | None = None) -> AsyncIterator[World]:
    """A process that makes its own servers in `folder`, while the block runs at most."""
    folder.mkdir(exist_ok=True)
    world = World(folder, FAST | dict(more or {}), "one")
    await world.start(part)
    try:
        await world.ready(START_WITHIN)
        yield world
    finally:
        for left in tuple(world.processes):
            await world.stop(left)


async def interrupted(world: World, part: str) -> None:
    """Ctrl-C: it ends with status 0, soon, and so does everything that it started."""
    started = family(world, part)
    assert {"postgres", "nats-server", "weed"} <= named(started)
    begun = time.monotonic()
    status = await world.stop(part, signal.SIGINT)
    assert status == 0, world.logs()[-4000:]
    assert time.monotonic() - begun < ENDS_WITHIN
    assert named(started) == set()
    assert "Traceback" not in world.logs()


def listens(process: psutil.Process, port: int) -> bool:
    try:
        sockets = process.net_connections("tcp")
    except psutil.Error:
        return False
    return any(one.status == psutil.CONN_LISTEN and one.laddr.port == port for one in sockets)


async def two_workers_serve(world: World) -> None:
    main = psutil.Process(world.processes[TWO_WORKERS].pid)

    async def both() -> bool:
        return [listens(process, world.port) for process in (main, *main.children())].count(True) == 2

    await eventually(both, within=30)
    for _ in range(20):  # the kernel deals new connections out to both
        async with http_client() as http:
            assert (await http.get(f"{world.api}/v1/me")).status_code == 401


async def test_what_is_kept_between_starts_and_what_is_left_after_them(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack, http_client() as http:
        # The first start: it says where it is, and each address that it says is right.
        async with a_start(tmp_path / "first") as world:

            async def greeted() -> bool:
                return "is ready" in world.logs()

            await eventually(greeted, within=10)
            assert f"API {world.api}  docs {world.api}/docs" in world.logs()
            assert (await http.get(f"{world.api}/docs")).status_code == 200
            user = await Client(http, world.api).sign_up()
            file = await user.store("kept.txt", b"kept")
            assert "drivebay_http_request_seconds" in (await http.get(f"{world.api}/metrics")).text
            await interrupted(world, "all")

        # The second start with the same folder, on another port; and a stranger beside it.
        world = await stack.enter_async_context(a_start(tmp_path / "first", TWO_WORKERS))
        user.api = world.api
        assert await (await user.log_in()).download(file["id"]) == b"kept"
        beside = await stack.enter_async_context(a_start(tmp_path / "second", TWO_WORKERS))
        await two_workers_serve(beside)
        account = {"email": user.email, "password": user.password}
        assert (await http.post(f"{beside.api}/v1/login", json=account)).status_code == 401
        await interrupted(beside, TWO_WORKERS)
        assert await user.download(file["id"]) == b"kept"

        # Killed, it can clean up nothing; its worker and its servers notice.
        await two_workers_serve(world)
        orphans = family(world, TWO_WORKERS)
        assert {"postgres", "nats-server", "weed"} <= named(orphans)
        await world.stop(TWO_WORKERS, signal.SIGKILL)
        await all_end(orphans)


# -- what stops a start ---------------------------------------------------------------------------


async def refusal(folder: Path, environment: Mapping[str, str], *arguments: str) -> str:
    """The one line that such a start says before it ends with status 1."""
    world = World(folder, dict(environment), "one")
    status, out, err = await world.command("run", *arguments)
    assert (status, out) == (1, ""), out + err
    assert err.startswith("drivebay: ")
    assert err.count("\n") == 1, err
    return err


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("DRIVEBAY_TRASH_GRACE", "soon", "DRIVEBAY_TRASH_GRACE: 'soon' is not a duration such as 90s, 15m or 30d"),
        ("DRIVEBAY_QOUTA", "1GiB", "DRIVEBAY_QOUTA is not a setting; did you mean DRIVEBAY_QUOTA?"),
    ],
)
async def test_a_bad_setting_stops_the_start_with_one_line(tmp_path: Path, name: str, value: str, said: str) -> None:
    assert said in await refusal(tmp_path, {name: value})
    assert not (tmp_path / "data").exists()


async def test_a_port_that_is_taken_is_said_before_any_server_starts(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = await refusal(tmp_path, {"DRIVEBAY_PORT": str(port)})
    assert f"DRIVEBAY_PORT: 127.0.0.1:{port} is taken" in said
    assert {path.name for path in (tmp_path / "data").iterdir()} <= {"secret"}


async def test_keys_that_the_store_does_not_know_are_said_by_the_settings_name(
    tmp_path: Path, server_environment: dict[str, str]
) -> None:
    said = await refusal(tmp_path, server_environment | {"DRIVEBAY_S3_SECRET_KEY": "canary-of-nobody"})
    assert "DRIVEBAY_S3_SECRET_KEY" in said
    assert "canary" not in said


# -- other commands -------------------------------------------------------------------------------


async def test_the_openapi_document_is_printed_without_anything_running(tmp_path: Path) -> None:
    status, out, err = await World(tmp_path, {}, "one").command("openapi")
    assert (status, err) == (0, "")
    document = json.loads(out)
    assert document["openapi"].startswith("3.")
    assert "/v1/uploads" in document["paths"]
    assert list(tmp_path.iterdir()) == []


async def test_a_process_without_a_gateway_serves_its_figures_where_it_is_told(tmp_path: Path) -> None:
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
