"""What every test may ask for: real servers, shared by the run, and a database of its own."""

from __future__ import annotations

import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from uuid import uuid4

import pytest

from drivebay.embedded import postgres as embedded_postgres
from drivebay.embedded.postgres import Postgres
from drivebay.testing import servers


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that is the same in every process of this run and in no other run."""
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


@pytest.fixture
def free_port() -> int:
    """A port nobody listens on; somebody else may take it meanwhile."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
