"""Fixtures for all tests: real servers that the run shares, and a database for each test."""

from __future__ import annotations

import gc
import os
import signal
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
from drivebay.testing import databases, servers
from drivebay.testing.databases import DatabasePool, PooledDatabase

# A shell ignores these signals in a background job (`make test &`, nohup), and ignored signals stay ignored in child
# processes. Tests send SIGINT to their children, so the default actions are restored here.
for _number in (signal.SIGINT, signal.SIGQUIT):
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, signal.default_int_handler if _number is signal.SIGINT else signal.SIG_DFL)


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the shared servers. All processes of a run have the same one, and each run its own.

    DRIVEBAY_TEST_SERVERS names another folder. `tests.mutants` uses it to share servers between runs.
    """
    if given := os.environ.get("DRIVEBAY_TEST_SERVERS"):
        return Path(given)
    base = tmp_path_factory.getbasetemp()
    return (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "servers"


@pytest.fixture(scope="session")
async def postgres(run_folder: Path) -> AsyncIterator[Postgres]:
    """The PostgreSQL of the run. It does not sync to disk. A test that kills a server uses `own_postgres`."""
    async with servers.shared(Postgres, run_folder) as server:
        yield server


@pytest.fixture(scope="session")
async def database_template(postgres: Postgres) -> str:
    """The name of a database with every migration applied."""
    return await servers.template(postgres)


@pytest.fixture(scope="session")
async def database_pool(postgres: Postgres, database_template: str) -> AsyncIterator[DatabasePool]:
    """The databases that the tests of this process use one after another."""
    async with databases.open_pool(postgres, database_template) as pool:
        yield pool


@pytest.fixture
async def pooled_database(database_pool: DatabasePool) -> AsyncIterator[PooledDatabase]:
    """A database with every migration applied and no rows of another test. Its connections are open already."""
    async with database_pool.lend() as pooled:
        yield pooled


@pytest.fixture
def database_url(pooled_database: PooledDatabase) -> str:
    """The URL of a database with every migration applied and no rows of another test."""
    return pooled_database.url


@pytest.fixture
async def fresh_database_url(postgres: Postgres, database_template: str) -> AsyncIterator[str]:
    """A new database, for a test that changes the schema, or that asserts the plans of statements."""
    async with servers.database(postgres, database_template, f"test_{uuid4().hex}") as url:
        yield url


@pytest.fixture
async def own_postgres(tmp_path: Path) -> AsyncIterator[Callable[[], Awaitable[Postgres]]]:
    """Starts a PostgreSQL for one test. The test may kill, pause and restart it through its `process`."""
    async with AsyncExitStack() as stack:

        async def start(folder: Path = tmp_path / "postgres") -> Postgres:
            return await stack.enter_async_context(embedded_postgres.run(folder))

        yield start


@pytest.fixture(scope="session")
async def nats_server(run_folder: Path) -> AsyncIterator[Nats]:
    """The NATS server of the run."""
    async with servers.shared(Nats, run_folder) as server:
        yield server


@pytest.fixture(scope="session")
def nats_url(nats_server: Nats) -> str:
    """The URL of the NATS server of the run, or DRIVEBAY_TEST_NATS_URL if the store of the run is an external one.

    Its streams are shared, so each test uses a stream with a unique name.
    """
    return os.environ.get("DRIVEBAY_TEST_NATS_URL") or nats_server.url


@pytest.fixture
async def own_nats(tmp_path: Path) -> AsyncIterator[Callable[[], Awaitable[Nats]]]:
    """Starts a NATS server for one test. The test may kill, pause and restart it through its `process`."""
    async with AsyncExitStack() as stack:

        async def start(folder: Path = tmp_path / "nats") -> Nats:
            return await stack.enter_async_context(embedded_nats.run(folder))

        yield start


@pytest.fixture(scope="session")
async def store(run_folder: Path) -> AsyncIterator[Store]:
    """The store of the run, or the one of DRIVEBAY_TEST_S3_ENDPOINT, _ACCESS_KEY, _SECRET_KEY and _REGION."""
    given = {name: os.environ.get(f"DRIVEBAY_TEST_S3_{name}", "") for name in ("ENDPOINT", "ACCESS_KEY", "SECRET_KEY")}
    if given["ENDPOINT"]:
        region = os.environ.get("DRIVEBAY_TEST_S3_REGION", "us-east-1")
        yield Store(given["ENDPOINT"], given["ACCESS_KEY"], given["SECRET_KEY"], filer_grpc="", region=region)
        return
    async with servers.shared(Store, run_folder) as server:
        yield server


@pytest.fixture
def bucket() -> str:
    """The name of a bucket that does not exist yet."""
    return f"test-{uuid4().hex}"


@pytest.fixture
async def own_store(tmp_path: Path) -> AsyncIterator[Callable[[], Awaitable[Store]]]:
    """Starts a store for one test. The test may kill, pause and restart it through its `process`."""
    async with AsyncExitStack() as stack:

        async def start(folder: Path = tmp_path / "store") -> Store:
            return await stack.enter_async_context(seaweedfs.run(folder))

        yield start


@pytest.fixture
def free_port() -> int:
    """A port on which nothing listens now. Another process may take it before the test does."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


class FailurePrinter:
    """Prints each failure when it happens, so that a run that is cut short has named what failed."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        terminal = self._config.pluginmanager.get_plugin("terminalreporter")
        if report.failed and terminal is not None:
            terminal.ensure_newline()
            terminal.section(f"{report.when} of {report.nodeid} failed", "_", red=True)
            terminal.write_line(report.longreprtext)


def pytest_collection_finish() -> None:
    """Keep the garbage collector from visiting the ten thousand collected tests again and again: 8 % of the CPU."""
    gc.collect()
    gc.freeze()


def pytest_configure(config: pytest.Config) -> None:
    """Failures are printed by the process that collects them, not by the workers of pytest-xdist."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        config.pluginmanager.register(FailurePrinter(config))
