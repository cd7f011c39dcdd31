"""Real servers that all processes of a test run share.

Each server has a keeper process (`python -m drivebay.testing.servers postgres <folder>`). The keeper stops the server
when no process holds a shared lock on `users.lock` in its folder. The kernel releases the locks of a killed test
process, so no server outlives its run.
"""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import TypeVar

import drivebay
from drivebay import postgres as postgres_pool
from drivebay.embedded import nats, postgres, seaweedfs
from drivebay.embedded.nats import Nats
from drivebay.embedded.postgres import Postgres
from drivebay.embedded.seaweedfs import Store
from drivebay.embedded.shared_server import connection_info, server_from_info

Server = Postgres | Nats | Store
S = TypeVar("S", Postgres, Nats, Store)

_START_TIMEOUT = 90.0
"""Seconds that a server may take to start."""
_MIGRATIONS = {name: Path(drivebay.__file__).parent / name / "migrations" for name in ("auth", "files")}
_TEMPLATE_LOCK = 7_304_001
"""The number of the advisory lock that a process holds while it creates the template."""
_MEMORY = Path("/dev/shm")  # noqa: S108 - the folders in it have random names and belong to this user
_MEMORY_PREFIX = "drivebay-tests-"
_MEMORY_NEEDED = 4 * 2**30
"""The data of PostgreSQL is in memory if at least this number of bytes is free there. A run of all tests needs less
than half of it."""


@asynccontextmanager
async def shared(kind: type[S], root: Path) -> AsyncIterator[S]:
    """Yield the server of this kind that the test run shares. The first process starts it.

    `root` is the folder of the run.
    """
    folder = root / kind.__name__.lower()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _locked(folder / "users.lock", fcntl.LOCK_SH):
        with _locked(folder / "start.lock", fcntl.LOCK_EX):
            info = await _read_connection_info(folder)
        yield server_from_info(kind, info)


async def _read_connection_info(folder: Path) -> dict[str, str]:
    """Return the connection data of the server in `folder`. Start its keeper if no keeper runs."""
    info_file = folder / "connection.json"
    if not info_file.exists():
        with (folder / "keeper.log").open("ab") as output:
            keeper = subprocess.Popen(  # noqa: S603, ASYNC220
                [sys.executable, "-m", __name__, folder.name, str(folder)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        deadline = time.monotonic() + _START_TIMEOUT
        while not info_file.exists():
            if keeper.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(
                    f"the server {folder.name} did not start:\n{(folder / 'keeper.log').read_text('utf-8')}"
                )
            await asyncio.sleep(0.05)
        # Set an exit code, so that Popen does not warn about a process that still runs.
        keeper.returncode = 0
    found: dict[str, str] = json.loads(info_file.read_text("utf-8"))
    return found


def _run(kind: str, folder: Path) -> AbstractAsyncContextManager[Server]:
    if kind == "postgres":
        return postgres.run(folder, durable=False)
    if kind == "nats":
        return nats.run(folder)
    if kind == "store":
        return seaweedfs.run(folder)
    raise ValueError(f"there is no server {kind!r}")


@contextmanager
def _data_folder(kind: str, folder: Path) -> Iterator[Path]:
    """Yield the folder of a server's data, and remove it at the end.

    The data of PostgreSQL is in memory if the memory has space: most tests copy a database, which takes 35 ms there and
    200 ms on disk.
    """
    in_memory = kind == "postgres" and _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free > _MEMORY_NEEDED
    if not in_memory:
        yield folder / "server"
        shutil.rmtree(folder / "server", ignore_errors=True)
        return
    for left in _MEMORY.glob(f"{_MEMORY_PREFIX}*"):  # left by a keeper that was killed
        with suppress(BlockingIOError, FileNotFoundError), _locked(left / "keeper.lock", fcntl.LOCK_EX | fcntl.LOCK_NB):
            shutil.rmtree(left, ignore_errors=True)
    new = Path(tempfile.mkdtemp(prefix=f".{_MEMORY_PREFIX}", dir=_MEMORY))
    with _locked(new / "keeper.lock", fcntl.LOCK_EX):
        own = new.rename(_MEMORY / new.name[1:])  # locked before another keeper can find it
        yield own / "server"
        shutil.rmtree(own, ignore_errors=True)


async def _keep(kind: str, folder: Path) -> None:
    # `users.lock` is held until the data is removed. So a process that comes late waits, and then starts a new keeper.
    with ExitStack() as users_lock, _data_folder(kind, folder) as data:
        async with _run(kind, data) as server:
            new = folder / "connection.json.new"
            new.write_text(json.dumps(connection_info(server)), "utf-8")
            new.rename(folder / "connection.json")
            await asyncio.to_thread(users_lock.enter_context, _locked(folder / "users.lock", fcntl.LOCK_EX))
            (folder / "connection.json").unlink()


@contextmanager
def _locked(path: Path, mode: int) -> Iterator[None]:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, mode)
        yield
    finally:
        os.close(descriptor)


async def template(server: Postgres) -> str:
    """Return the name of a database with all migrations applied. It is created once for each set of migrations."""
    digest = hashlib.sha256()
    for folder in _MIGRATIONS.values():
        for file in sorted(folder.glob("*.sql")):
            digest.update(file.name.encode() + b"\0" + file.read_bytes())
    name = f"template_{digest.hexdigest()[:16]}"
    async with (
        postgres_pool.connect(server.database_url("postgres"), size=1, timeout=60) as admin,
        admin.connection() as session,
    ):
        await session.execute("SELECT pg_advisory_lock($1)", _TEMPLATE_LOCK)
        if await session.fetchval("SELECT true FROM pg_database WHERE datname = $1", name):
            return name
        unfinished = f"{name}_unfinished"
        await session.execute(f"DROP DATABASE IF EXISTS {unfinished} WITH (FORCE)")
        await session.execute(f"CREATE DATABASE {unfinished}")
        for schema, folder in _MIGRATIONS.items():
            await postgres_pool.migrate(server.database_url(unfinished), schema, folder)
        await session.execute(f"ALTER DATABASE {unfinished} RENAME TO {name}")
    return name


@asynccontextmanager
async def database(server: Postgres, template: str, name: str) -> AsyncIterator[str]:
    """Create a copy of the database `template` and yield its URL. The copy is dropped at the end."""
    async with postgres_pool.connect(server.database_url("postgres"), size=1, timeout=60) as admin:
        # FILE_COPY takes half the time of WAL_LOG, because checkpoints are cheap without fsync.
        await admin.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY FILE_COPY')
        try:
            yield server.database_url(name)
        finally:
            await admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


if __name__ == "__main__":
    asyncio.run(_keep(sys.argv[1], Path(sys.argv[2])))
