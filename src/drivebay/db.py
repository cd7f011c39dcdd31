"""PostgreSQL: a pool, transactions, named statements out of a `.sql` file, and migrations.

Whatever goes wrong between us and the server (down, restarting, out of connections, too slow) becomes
`Unavailable` here; a violated constraint stays an asyncpg error, because only a store knows what it means.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import asyncpg
from opentelemetry.trace import SpanKind

from . import tracing
from .crash import crash_point
from .errors import Error, Unavailable

T = TypeVar("T")

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
    asyncpg.InvalidAuthorizationSpecificationError,
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
        raise _unavailable(error) from error


def _unavailable(error: BaseException) -> Unavailable:
    return Unavailable(f"the database cannot answer ({type(error).__name__})")


Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"


class Database:
    """A few connections, lent out one at a time. Made by `connect`; one per process and service.

    The driver's own pool spends a task and a timer on each loan, as much as a small query costs (measured
    in docs/decisions); this one spends neither. Nothing is reset between loans: nothing of ours outlives its
    transaction in a session. Every wait for a connection ends with the deadline of the call that waits.
    """

    def __init__(self, url: str, size: int, timeout: float) -> None:
        self._url = url
        self._size = size
        self._timeout = timeout
        self._idle: list[Connection] = []
        self._open = 0
        self._waiting: deque[asyncio.Future[Connection | None]] = deque()

    async def _take(self) -> Connection:
        while self._idle:
            connection = self._idle.pop()
            if not connection.is_closed():
                return connection
            self._open -= 1
        if self._open < self._size:
            return await self._connect()
        turn: asyncio.Future[Connection | None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            given = await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._pass_on(turn.result())
            raise
        return given or await self._connect()

    async def _connect(self) -> Connection:
        self._open += 1
        try:
            return await asyncpg.connect(
                self._url,
                timeout=self._timeout,
                command_timeout=self._timeout,
                server_settings={"application_name": "drivebay", "timezone": "UTC"},
            )
        except BaseException:
            self._open -= 1
            self._pass_on(None)
            raise

    def _give(self, connection: Connection) -> None:
        if connection.is_closed():
            self._open -= 1
            self._pass_on(None)
        else:
            self._pass_on(connection)

    def _drop(self, connection: Connection) -> None:
        # Whatever it was in the middle of, nobody shall find its rest.
        connection.terminate()
        self._open -= 1
        self._pass_on(None)

    def _pass_on(self, connection: Connection | None) -> None:
        """To whoever has waited longest: a connection, or the right to open one. Nobody overtakes."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(connection)
                return
        if connection is not None:
            self._idle.append(connection)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """A connection for several statements, without a transaction around them."""
        with _translated():
            connection = await self._take()
            try:
                yield connection
            except (asyncpg.PostgresError, Error):
                self._give(connection)
                raise
            except BaseException:
                self._drop(connection)
                raise
            self._give(connection)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """A connection inside a READ COMMITTED transaction: committed at the end, rolled back on an error."""
        # Without a listener the span is an empty one; a transaction is dear enough to carry it.
        span = tracing.tracer.start_as_current_span("postgres transaction", kind=SpanKind.CLIENT)
        with span:
            async with self.connection() as connection, connection.transaction():
                yield connection

    async def _once(self, method: Callable[..., Awaitable[T]], sql: str, arguments: tuple[object, ...]) -> T:
        # What `connection` does, without its two generators: this is every request's way.
        try:
            connection = await self._take()
            try:
                if tracing.on():
                    with tracing.tracer.start_as_current_span("postgres", kind=SpanKind.CLIENT) as span:
                        span.set_attribute("db.system.name", "postgresql")
                        value = await method(connection, sql, *arguments)
                else:
                    value = await method(connection, sql, *arguments)
            except asyncpg.PostgresError:
                self._give(connection)
                raise
            except BaseException:
                self._drop(connection)
                raise
        except _LOST as error:
            raise _unavailable(error) from error
        self._give(connection)
        return value

    async def fetch(self, sql: str, *arguments: object) -> list[asyncpg.Record]:
        return await self._once(asyncpg.Connection.fetch, sql, arguments)

    async def fetchrow(self, sql: str, *arguments: object) -> asyncpg.Record | None:
        return await self._once(asyncpg.Connection.fetchrow, sql, arguments)

    async def fetchval(self, sql: str, *arguments: object) -> Any:
        return await self._once(asyncpg.Connection.fetchval, sql, arguments)

    async def execute(self, sql: str, *arguments: object) -> int:
        """Run one statement; how many rows it touched."""
        return touched(await self._once(asyncpg.Connection.execute, sql, arguments))

    async def ping(self) -> str | None:
        """None if the server answers, else what is wrong, in one sentence."""
        try:
            await asyncio.wait_for(self.fetchval("SELECT 1"), timeout=2)
        except (Unavailable, TimeoutError):
            return "PostgreSQL does not answer"
        return None

    async def close(self) -> None:
        for connection in self._idle:
            try:
                await connection.close(timeout=2)
            except (TimeoutError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                connection.terminate()
        self._idle.clear()


@asynccontextmanager
async def connect(url: str, *, size: int = 10, timeout: float = 10.0) -> AsyncIterator[Database]:
    """Up to `size` connections; `timeout` in seconds bounds connecting and each statement.

    `url` as in libpq (`postgresql://user:password@host:port/database`, or `?host=/folder` for a socket).
    Raises Unavailable when the server is not there.
    """
    database = Database(url, size, timeout)
    try:
        async with database.connection():
            pass
        yield database
    finally:
        await database.close()


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
    with its row in `<schema>.migrations`. Raises MigrationError when an applied one was edited since, when
    the database is newer than this release, or when our user may not do it.
    """
    with _translated():
        connection = await asyncpg.connect(url, timeout=10, command_timeout=timeout)
        try:
            # Held by the session: the other processes wait here and then find nothing left to do.
            await connection.execute("SELECT pg_advisory_lock(hashtext('drivebay.migrate'))")
            return await _migrate(connection, schema, _migrations(folder))
        except asyncpg.InsufficientPrivilegeError as error:
            hint = "the user in DRIVEBAY_DATABASE_URL needs CREATE in the database, and to own what is there"
            raise MigrationError(f"schema {schema}: {error}: {hint}") from error
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
        crash_point("migration.before")
        async with connection.transaction():
            await connection.execute(text)
            await connection.execute(
                f"INSERT INTO {schema}.migrations (name, digest) VALUES ($1, $2)",  # noqa: S608
                name,
                digest,
            )
            crash_point("migration.before_commit")
        crash_point("migration.after_commit")
        done.append(name)
    return tuple(done)
