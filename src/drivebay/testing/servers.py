"""Real servers that a whole test run shares, however many processes it has.

Each server is kept by a process of its own (`python -m drivebay.testing.servers postgres <folder>`), which
ends it when nobody holds `users.lock` in its folder any more. The kernel lets go of that lock for a test
process that is killed, so nothing outlives a run.
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
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import TypeVar

import drivebay
from drivebay import db
from drivebay.embedded import nats, postgres, process, seaweedfs
from drivebay.embedded.nats import Nats
from drivebay.embedded.postgres import Postgres
from drivebay.embedded.seaweedfs import Store

Server = Postgres | Nats | Store
S = TypeVar("S", Postgres, Nats, Store)

_PATIENCE = 90.0
_MIGRATIONS = {name: Path(drivebay.__file__).parent / name / "migrations" for name in ("auth", "files")}
_TEMPLATE_LOCK = 7_304_001


@asynccontextmanager
async def shared(kind: type[S], root: Path) -> AsyncIterator[S]:
    """The test run's server of this kind, started by whoever comes first; `root` is the run's own folder."""
    folder = root / kind.__name__.lower()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _locked(folder / "users.lock", fcntl.LOCK_SH):
        with _locked(folder / "start.lock", fcntl.LOCK_EX):
            facts = await _facts(folder)
        yield process.of(kind, facts)


async def _facts(folder: Path) -> dict[str, str]:
    facts = folder / "facts.json"
    if not facts.exists():
        with (folder / "keeper.log").open("ab") as output:
            keeper = subprocess.Popen(  # noqa: S603, ASYNC220
                [sys.executable, "-m", __name__, folder.name, str(folder)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        deadline = time.monotonic() + _PATIENCE
        while not facts.exists():
            if keeper.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"no {folder.name} for the tests:\n{(folder / 'keeper.log').read_text('utf-8')}")
            await asyncio.sleep(0.05)
        # It ends after us, by itself: nobody will ask how.
        keeper.returncode = 0
    found: dict[str, str] = json.loads(facts.read_text("utf-8"))
    return found


def _run(kind: str, folder: Path) -> AbstractAsyncContextManager[Server]:
    if kind == "postgres":
        return postgres.run(folder, durable=False)
    if kind == "nats":
        return nats.run(folder)
    if kind == "store":
        return seaweedfs.run(folder)
    raise ValueError(f"no server is called {kind}")


async def _keep(kind: str, folder: Path) -> None:
    # The lock is held until everything is gone, so that a late user waits and then finds a clean place.
    with ExitStack() as unused:
        async with _run(kind, folder / "server") as server:
            new = folder / "facts.json.new"
            new.write_text(json.dumps(process.facts(server)), "utf-8")
            new.rename(folder / "facts.json")
            await asyncio.to_thread(unused.enter_context, _locked(folder / "users.lock", fcntl.LOCK_EX))
            (folder / "facts.json").unlink()
        shutil.rmtree(folder / "server", ignore_errors=True)


@contextmanager
def _locked(path: Path, how: int) -> Iterator[None]:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, how)
        yield
    finally:
        os.close(descriptor)


async def template(server: Postgres) -> str:
    """The name of a database that has every migration applied; made once for each state of the migrations."""
    digest = hashlib.sha256()
    for folder in _MIGRATIONS.values():
        for file in sorted(folder.glob("*.sql")):
            digest.update(file.name.encode() + b"\0" + file.read_bytes())
    name = f"template_{digest.hexdigest()[:16]}"
    async with (
        db.connect(server.database("postgres"), size=1, timeout=60) as admin,
        admin.connection() as session,
    ):
        await session.execute("SELECT pg_advisory_lock($1)", _TEMPLATE_LOCK)
        if await session.fetchval("SELECT true FROM pg_database WHERE datname = $1", name):
            return name
        making = f"{name}_making"
        await session.execute(f"DROP DATABASE IF EXISTS {making} WITH (FORCE)")
        await session.execute(f"CREATE DATABASE {making}")
        for schema, folder in _MIGRATIONS.items():
            await db.migrate(server.database(making), schema, folder)
        await session.execute(f"ALTER DATABASE {making} RENAME TO {name}")
    return name


@asynccontextmanager
async def database(server: Postgres, template: str, name: str) -> AsyncIterator[str]:
    """The URL of a new database, a copy of `template`, dropped at the end."""
    async with db.connect(server.database("postgres"), size=1, timeout=60) as admin:
        # Its checkpoints cost nothing without fsync: half the time of copying through the log.
        await admin.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY FILE_COPY')
        try:
            yield server.database(name)
        finally:
            await admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


if __name__ == "__main__":
    asyncio.run(_keep(sys.argv[1], Path(sys.argv[2])))
