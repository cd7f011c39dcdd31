"""PostgreSQL: a pool, transactions, named statements out of a `.sql` file, and migrations.

Whatever goes wrong between us and the server (down, restarting, out of connections, too slow) becomes
`Unavailable` here; a violated constraint stays an asyncpg error, because only a store knows what it means.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import asyncpg

from .errors import Unavailable

_LOST = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.LockNotAvailableError,
)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except _LOST as error:
        raise Unavailable(f"the database cannot answer ({type(error).__name__})") from error


async def _no_reset(_: asyncpg.Connection[asyncpg.Record]) -> None:
    # Nothing of ours outlives its transaction in a session: no SET, no LISTEN, no session advisory
    # lock (a migration opens a connection of its own). So the pool's reset round trip is not needed.
    return None


Connection: TypeAlias = "asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"


class Database:
    """A pool of connections. Made by `connect`; one per process and service."""

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record], timeout: float) -> None:
        self._pool = pool
        self._timeout = timeout

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """A connection for several statements, without a transaction around them."""
        with _translated():
            async with self._pool.acquire(timeout=self._timeout) as connection:
                yield connection

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """A connection inside a READ COMMITTED transaction: committed at the end, rolled back on an error."""
        with _translated():
            async with self._pool.acquire(timeout=self._timeout) as connection, connection.transaction():
                yield connection

    async def fetch(self, sql: str, *arguments: object) -> list[asyncpg.Record]:
        with _translated():
            async with self._pool.acquire(timeout=self._timeout) as connection:
                return await connection.fetch(sql, *arguments)

    async def fetchrow(self, sql: str, *arguments: object) -> asyncpg.Record | None:
        with _translated():
            async with self._pool.acquire(timeout=self._timeout) as connection:
                return await connection.fetchrow(sql, *arguments)

    async def fetchval(self, sql: str, *arguments: object) -> Any:
        with _translated():
            async with self._pool.acquire(timeout=self._timeout) as connection:
                return await connection.fetchval(sql, *arguments)

    async def execute(self, sql: str, *arguments: object) -> int:
        """Run one statement; how many rows it touched."""
        with _translated():
            async with self._pool.acquire(timeout=self._timeout) as connection:
                return touched(await connection.execute(sql, *arguments))

    async def ping(self) -> str | None:
        """None if the server answers, else what is wrong, in one sentence."""
        try:
            await asyncio.wait_for(self.fetchval("SELECT 1"), timeout=2)
        except (Unavailable, TimeoutError):
            return "PostgreSQL does not answer"
        return None


@asynccontextmanager
async def connect(url: str, *, size: int = 10, timeout: float = 10.0) -> AsyncIterator[Database]:
    """Open a pool of up to `size` connections; `timeout` in seconds bounds each wait and each statement.

    `url` as in libpq (`postgresql://user:password@host:port/database`, or `?host=/folder` for a socket).
    """
    with _translated():
        pool = await asyncpg.create_pool(
            url,
            min_size=1,
            max_size=size,
            timeout=timeout,
            command_timeout=timeout,
            reset=_no_reset,
            server_settings={"application_name": "drivebay", "timezone": "UTC"},
        )
    try:
        yield Database(pool, timeout)
    finally:
        try:
            await asyncio.wait_for(pool.close(), timeout=3)
        except (TimeoutError, OSError, asyncpg.PostgresError):
            pool.terminate()


def touched(tag: str) -> int:
    """The number of rows in a command tag such as `UPDATE 3`."""
    last = tag.rsplit(" ", 1)[-1]
    return int(last) if last.isdigit() else 0


class Statements(Mapping[str, str]):
    """The statements of one `.sql` file by name.

    A statement begins with `-- name: <name>`; comment lines right below say what it is for.
    """

    def __init__(self, path: Path) -> None:
        parts = re.split(r"^-- name: *(\w+) *$", path.read_text("utf-8"), flags=re.MULTILINE)
        self._statements = {name: body.strip() for name, body in zip(parts[1::2], parts[2::2], strict=True)}
        if len(self._statements) != len(parts) // 2:
            raise ValueError(f"a statement's name stands twice in {path.name}")

    def __getitem__(self, name: str) -> str:
        return self._statements[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._statements)

    def __len__(self) -> int:
        return len(self._statements)


class MigrationError(Exception):
    """The database and this release do not fit together; the message says how."""


async def migrate(url: str, schema: str, folder: Path, *, timeout: float = 300.0) -> tuple[str, ...]:
    """Bring `schema` up to the newest migration in `folder` (`0001_name.sql`, ...); names of those applied.

    Safe to run from many processes at once and to be killed: each migration is one transaction together
    with its row in `<schema>.migrations`. Raises MigrationError when an applied one was edited since, or
    when the database is newer than this release.
    """
    with _translated():
        connection = await asyncpg.connect(url, timeout=10, command_timeout=timeout)
        try:
            # Held by the session: the other processes wait here and then find nothing left to do.
            await connection.execute("SELECT pg_advisory_lock(hashtext('drivebay.migrate'))")
            return await _migrate(connection, schema, _migrations(folder))
        finally:
            await connection.close(timeout=5)


def _migrations(folder: Path) -> dict[str, str]:
    return {file.stem: file.read_text("utf-8") for file in sorted(folder.glob("[0-9]*.sql"))}


async def _migrate(
    connection: asyncpg.Connection[asyncpg.Record], schema: str, migrations: Mapping[str, str]
) -> tuple[str, ...]:
    await connection.execute(f"""
        CREATE SCHEMA IF NOT EXISTS {schema};
        CREATE TABLE IF NOT EXISTS {schema}.migrations (
            name text PRIMARY KEY, digest text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now());
    """)
    rows = await connection.fetch(f"SELECT name, digest FROM {schema}.migrations")  # noqa: S608
    applied = {row["name"]: row["digest"] for row in rows}
    if unknown := sorted(applied.keys() - migrations.keys()):
        raise MigrationError(f"schema {schema} is newer than this release: it knows {unknown[-1]}; upgrade Drivebay")
    done: list[str] = []
    for name, text in migrations.items():
        digest = hashlib.sha256(text.encode()).hexdigest()
        if name in applied:
            if applied[name] != digest:
                raise MigrationError(f"migration {schema}/{name} was changed after it had been applied")
            continue
        async with connection.transaction():
            await connection.execute(text)
            await connection.execute(
                f"INSERT INTO {schema}.migrations (name, digest) VALUES ($1, $2)",  # noqa: S608
                name,
                digest,
            )
        done.append(name)
    return tuple(done)
