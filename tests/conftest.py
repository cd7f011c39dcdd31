"""What every test may ask for: real servers, shared by the run, and a database of its own."""

from __future__ import annotations

import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from uuid import uuid4

import pytest

from drivebay.embedded import nats as embedded_nats
from drivebay.embedded import postgres as embedded_postgres
from drivebay.embedded import seaweedfs
from drivebay.embedded.nats import Nats
from drivebay.embedded.postgres import Postgres
from drivebay.embedded.seaweedfs import Store
from drivebay.testing import servers


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that is the same in every process of this run and in no other run; unless a run of runs, as
    `tests.mutants` is, keeps servers for all of them in DRIVEBAY_TEST_SERVERS."""
    if given := os.environ.get("DRIVEBAY_TEST_SERVERS"):
        return Path(given)
    own = tmp_path_factory.getbasetemp()
    return (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "servers"


@pytest.fixture(scope="session")
async def postgres(run_folder: Path) -> AsyncIterator[Postgres]:
    """The run's PostgreSQL. It does not sync to disk; a test that kills one takes `own_postgres`."""
    async with servers.shared(Postgres, run_folder) as server:
        yield server


@pytest.fixture(scope="session")
async def database_template(postgres: Postgres) -> str:
    return await servers.template(postgres)


@pytest.fixture
async def database_url(postgres: Postgres, database_template: str) -> AsyncIterator[str]:
    """A fresh database with every migration applied."""
    async with servers.database(postgres, database_template, f"test_{uuid4().hex}") as url:
        yield url


@pytest.fixture
async def own_postgres(tmp_path: Path) -> AsyncIterator[Callable[[], Awaitable[Postgres]]]:
    """Starts a PostgreSQL for this test alone, to be killed, paused and started again through its `process`."""
    async with AsyncExitStack() as stack:

        async def start(folder: Path = tmp_path / "postgres") -> Postgres:
            return await stack.enter_async_context(embedded_postgres.run(folder))

        yield start


@pytest.fixture(scope="session")
async def nats_server(run_folder: Path) -> AsyncIterator[Nats]:
    async with servers.shared(Nats, run_folder) as server:
        yield server


@pytest.fixture(scope="session")
def nats_url(nats_server: Nats) -> str:
    """The run's NATS, or the one that DRIVEBAY_TEST_NATS_URL names: where a given store sends its events. Its
    streams are shared: a test names its own, by `uuid4` or the like."""
    return os.environ.get("DRIVEBAY_TEST_NATS_URL") or nats_server.url


@pytest.fixture
async def own_nats(tmp_path: Path) -> AsyncIterator[Callable[[], Awaitable[Nats]]]:
    """Starts a NATS for this test alone, to be killed, paused and started again through its `process`."""
    async with AsyncExitStack() as stack:

        async def start(folder: Path = tmp_path / "nats") -> Nats:
            return await stack.enter_async_context(embedded_nats.run(folder))

        yield start


@pytest.fixture(scope="session")
async def store(run_folder: Path) -> AsyncIterator[Store]:
    """The run's store; or the one that DRIVEBAY_TEST_S3_ENDPOINT, _ACCESS_KEY, _SECRET_KEY and _REGION name."""
    given = {name: os.environ.get(f"DRIVEBAY_TEST_S3_{name}", "") for name in ("ENDPOINT", "ACCESS_KEY", "SECRET_KEY")}
    if given["ENDPOINT"]:
        region = os.environ.get("DRIVEBAY_TEST_S3_REGION", "us-east-1")
        yield Store(given["ENDPOINT"], given["ACCESS_KEY"], given["SECRET_KEY"], filer_grpc="", region=region)
        return
    async with servers.shared(Store, run_folder) as server:
        yield server


@pytest.fixture
def bucket() -> str:
    """A name that no bucket has yet; making it is the test's."""
    return f"test-{uuid4().hex}"


@pytest.fixture
async def own_store(tmp_path: Path) -> AsyncIterator[Callable[[], Awaitable[Store]]]:
    """Starts a store for this test alone, to be killed, paused and started again through its `process`."""
    async with AsyncExitStack() as stack:

        async def start(folder: Path = tmp_path / "store") -> Store:
            return await stack.enter_async_context(seaweedfs.run(folder))

        yield start


@pytest.fixture
def free_port() -> int:
    """A port nobody listens on; somebody else may take it meanwhile."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
