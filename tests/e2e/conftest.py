"""Whole Worlds: one process and six, with events and without, on real servers."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from drivebay import embedded, node, settings
from drivebay.embedded import Postgres, Store
from drivebay.embedded.process import Process
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
    """The settings by which a Drivebay process uses these servers, with a bucket and a stream of its own."""
    return {
        "DRIVEBAY_DATABASE_URL": database_url,
        "DRIVEBAY_NATS_URL": nats_url,
        "DRIVEBAY_S3_ENDPOINT": store.s3_endpoint,
        "DRIVEBAY_S3_ACCESS_KEY": store.access_key,
        "DRIVEBAY_S3_SECRET_KEY": store.secret_key,
        "DRIVEBAY_S3_REGION": store.region,
        "DRIVEBAY_S3_BUCKET": bucket,
        "DRIVEBAY_EVENTS_SUBJECT": f"events.{bucket}",
        **({"DRIVEBAY_FILER_ADDRESS": store.filer_grpc} if store.filer_grpc else _events_of_the_given_store()),
    }


def _events_of_the_given_store() -> dict[str, str]:
    """How a store that somebody named for the run sends events: to one subject, for all its buckets."""
    told = {name: os.environ.get(f"DRIVEBAY_TEST_EVENTS_{name}", "") for name in ("SUBJECT", "TARGET")}
    return {f"DRIVEBAY_EVENTS_{name}": value for name, value in told.items() if value}


@dataclass(frozen=True)
class OwnServers:
    """Servers of one test alone, which it may kill, and the settings by which a World uses them."""

    postgres: Process
    nats: Process
    store: Process
    environment: dict[str, str]


@pytest.fixture
async def own_servers(tmp_path: Path) -> AsyncIterator[OwnServers]:
    async with embedded.run(tmp_path / "servers") as own:
        assert own.postgres is not None
        assert own.nats is not None
        assert own.store is not None
        processes = [server.process for server in (own.postgres, own.nats, own.store)]
        postgres, nats, store = (process for process in processes if process is not None)
        environment = server_settings(own.postgres.url, own.nats.url, own.store, "own-servers")
        yield OwnServers(postgres, nats, store, environment)


@pytest.fixture(scope="session", params=WORLDS)
async def shared_world(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    postgres: Postgres,
    database_template: str,
    nats_url: str,
    store: Store,
) -> AsyncIterator[World]:
    """A World in each shape, kept for all tests of this process: each brings its own users."""
    topology, more = WORLDS[request.param]
    name = f"world_{uuid4().hex}"
    async with servers.database(postgres, database_template, name) as url:
        environment = server_settings(url, nats_url, store, name.replace("_", "-"))
        async with world.run(tmp_path_factory.mktemp("world"), FAST | environment | more, topology) as running:
            yield running


@pytest.fixture
async def a_world(shared_world: World) -> AsyncIterator[World]:
    """Every invariant holds when a test is over."""
    yield shared_world
    environment = shared_world.environment | {"DRIVEBAY_DATA": str(shared_world.folder / "data")}
    async with node.services(
        settings.with_secret(settings.load(environment, shared_world.folder)), frozenset({"files", "storage"})
    ) as services:
        assert await services.files.check() == ()


@pytest.fixture
async def new_user(a_world: World) -> AsyncIterator[NewUser]:
    async with http_client() as http:

        async def make() -> Client:
            return await Client(http, a_world.api).sign_up()

        yield make


@pytest.fixture
async def user(new_user: NewUser) -> Client:
    return await new_user()


async def assert_sound(running: World) -> None:
    """`drivebay check` finds nothing broken."""
    status, out, err = await running.command("check")
    assert status == 0, out + err


async def gone(pid: int, within: float = 5) -> bool:
    for _ in range(int(within * 10)):
        if not Path(f"/proc/{pid}").exists():
            return True
        await asyncio.sleep(0.1)
    return False


@pytest.fixture
def server_environment(database_url: str, nats_url: str, store: Store, bucket: str) -> dict[str, str]:
    """The run's servers, with a database, a bucket and a stream of this test's own."""
    return server_settings(database_url, nats_url, store, bucket)
