"""Whole deployments on real servers: one process or six, with and without events."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from drivebay import config, embedded, node
from drivebay.embedded import Postgres, Store
from drivebay.embedded.server_process import ServerProcess
from drivebay.node import Services
from drivebay.testing import servers, world
from drivebay.testing.client import Client
from drivebay.testing.world import World

WORLDS = {
    "one process": ("one", {}),
    "six processes": ("six", {}),
    "one process, no events": ("one", {"DRIVEBAY_EVENTS": "off"}),
}

NewUser = Callable[[], Awaitable[Client]]


@asynccontextmanager
async def http_client() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(timeout=30) as http:
        yield http


FAST = {
    "DRIVEBAY_BCRYPT_COST": "4",
    "DRIVEBAY_SWEEP_INTERVAL": "1s",
    "DRIVEBAY_JANITOR_INTERVAL": "1s",
    "DRIVEBAY_SIGNUP_LIMIT": "off",
    "DRIVEBAY_LOGIN_LIMIT": "off",
}


def server_settings(database_url: str, nats_url: str, store: Store, bucket: str) -> dict[str, str]:
    """Return the settings for these servers, with a new bucket and a new event stream."""
    return {
        "DRIVEBAY_DATABASE_URL": database_url,
        "DRIVEBAY_NATS_URL": nats_url,
        "DRIVEBAY_S3_ENDPOINT": store.s3_endpoint,
        "DRIVEBAY_S3_ACCESS_KEY": store.access_key,
        "DRIVEBAY_S3_SECRET_KEY": store.secret_key,
        "DRIVEBAY_S3_REGION": store.region,
        "DRIVEBAY_S3_BUCKET": bucket,
        "DRIVEBAY_EVENTS_SUBJECT": f"events.{bucket}",
        **({"DRIVEBAY_FILER_ADDRESS": store.filer_grpc} if store.filer_grpc else _event_settings_of_given_store()),
    }


def _event_settings_of_given_store() -> dict[str, str]:
    """Return the settings for the events of a store that the environment names. It sends all events to one subject."""
    values = {name: os.environ.get(f"DRIVEBAY_TEST_EVENTS_{name}", "") for name in ("SUBJECT", "TARGET")}
    return {f"DRIVEBAY_EVENTS_{name}": value for name, value in values.items() if value}


@dataclass(frozen=True)
class OwnServers:
    """Servers of one test, which it may kill, and the settings for a World on them."""

    postgres: ServerProcess
    nats: ServerProcess
    store: ServerProcess
    environment: dict[str, str]


@pytest.fixture
async def own_servers(tmp_path: Path) -> AsyncIterator[OwnServers]:
    async with embedded.run(tmp_path / "servers") as own:
        assert own.postgres is not None
        assert own.nats is not None
        assert own.store is not None
        processes = [server.server_process for server in (own.postgres, own.nats, own.store)]
        postgres, nats, store = (process for process in processes if process is not None)
        environment = server_settings(own.postgres.url, own.nats.url, own.store, "own-servers")
        yield OwnServers(postgres, nats, store, environment)


SLOW_WORLDS = ("six processes", "one process, no events")


@pytest.fixture(
    scope="session",
    params=[pytest.param(name, marks=pytest.mark.slow) if name in SLOW_WORLDS else name for name in WORLDS],
)
async def shared_world(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    postgres: Postgres,
    database_template: str,
    nats_url: str,
    store: Store,
) -> AsyncIterator[World]:
    """A World of each topology, shared by all tests of this process. Each test signs up its own users."""
    topology, extra_settings = WORLDS[request.param]
    name = f"world_{uuid4().hex}"
    async with servers.database(postgres, database_template, name) as url:
        environment = server_settings(url, nats_url, store, name.replace("_", "-"))
        async with world.run(
            tmp_path_factory.mktemp("world"), FAST | environment | extra_settings, topology
        ) as running:
            yield running


@asynccontextmanager
async def open_own_services(world: World) -> AsyncIterator[Services]:
    """Open files and storage in this process, on the servers of a World."""
    environment = world.environment | {"DRIVEBAY_DATA": str(world.folder / "data")}
    settings = config.load_or_create_root_secret(config.load(environment, world.folder))
    async with node.open_services(settings, frozenset({"files", "storage"})) as services:
        yield services


@pytest.fixture(scope="session")
async def world_services(shared_world: World) -> AsyncIterator[Services]:
    """Services of this process on the servers of the shared World, to check the invariants."""
    async with open_own_services(shared_world) as services:
        yield services


@pytest.fixture
async def a_world(shared_world: World, world_services: Services) -> AsyncIterator[World]:
    """The shared World. At the end of a test every invariant must hold."""
    yield shared_world
    assert await world_services.files.check_invariants() == ()


@pytest.fixture
async def new_user(a_world: World) -> AsyncIterator[NewUser]:
    async with http_client() as http:

        async def sign_up() -> Client:
            return await Client(http, a_world.api).sign_up()

        yield sign_up


@pytest.fixture
async def user(new_user: NewUser) -> Client:
    return await new_user()


async def assert_sound(running: World) -> None:
    """Assert that `drivebay check` finds no violation."""
    status, out, err = await running.command("check")
    assert status == 0, out + err


async def gone(pid: int, within: float = 5) -> bool:
    """Return whether a process has ended, or ends within so many seconds."""
    for _ in range(int(within * 10)):
        if not Path(f"/proc/{pid}").exists():
            return True
        await asyncio.sleep(0.1)
    return False


@pytest.fixture
def server_environment(database_url: str, nats_url: str, store: Store, bucket: str) -> dict[str, str]:
    """The settings for the shared servers, with a new database, bucket and event stream."""
    return server_settings(database_url, nats_url, store, bucket)
