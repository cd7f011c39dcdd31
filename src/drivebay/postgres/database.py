"""Statements and transactions on pooled connections.

A failure between this process and the server (down, restarting, out of connections, too slow, read-only) becomes
`Unavailable` here. A violated constraint stays an asyncpg error, because only a store knows its meaning.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Final, TypeVar

import asyncpg
import structlog
from opentelemetry.trace import SpanKind

from ..errors import Error, Unavailable
from ..observability import tracing
from .pool import Connection, ConnectionPool
from .server_errors import (
    DISK_FULL,
    NO_PRIVILEGE,
    NO_RESPONSE,
    NO_TABLES,
    READ_ONLY,
    SCHEMA_CHANGED,
    UNAVAILABLE,
    Problem,
    ends_connection,
    find_problem,
    translate_errors,
    unavailable,
)
from .server_list import ServerList

log = structlog.get_logger(__name__)

T = TypeVar("T")

DEFAULT_SIZE: Final = 10
"""The default maximum number of connections of a pool."""
_IDLE_TIMEOUT: Final = 300.0
"""Seconds without use after which a connection is closed."""
_PING_TIMEOUT: Final = 2.0
"""Seconds within which the server must respond to `ping`."""
_PROBE_INTERVAL: Final = 10.0
"""Seconds between two tests of the disk, and how long `ping` reports a failed write."""
_MET_BY_STATEMENTS: Final = (DISK_FULL, NO_PRIVILEGE, NO_TABLES)
"""Problems that `ping` reports if another statement has failed with them, because the statements of `ping` may
succeed in spite of such a problem."""
_IS_READ_ONLY: Final = "SELECT current_setting('transaction_read_only') = 'on'"
# These rows do not fit into `work_mem`, so PostgreSQL writes them to a temporary file. No table is changed.
_WRITE_TEMPORARY_FILE: Final = "SELECT count(*) FROM generate_series(1, 20000)"


class Database:
    """The database of one service in one process. Create it with `connect`.

    Every method raises `Unavailable` if there is no connection to the server, or no response in time.
    """

    def __init__(self, pool: ConnectionPool) -> None:
        self._pool = pool
        self._last_problem: Problem | None = None
        """The last problem of a statement. `_problem_at` is the time of that statement."""
        self._problem_at = 0.0
        self._disk_tested_at = 0.0

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """Lend a connection for several statements, without a transaction around them."""
        with translate_errors():
            connection = await self._pool.acquire()
            try:
                yield connection
            except (asyncpg.PostgresError, Error) as error:
                self._release_after(error, connection)
                raise
            except BaseException:  # guard: cancelled-transaction-connection
                # A statement may still run, and its result must not reach the next caller.
                self._pool.discard_unanswered(connection)
                raise
            self._pool.release(connection)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """Lend a connection inside a READ COMMITTED transaction. It is committed at the end, and rolled back on an
        error."""
        # Without tracing the span does nothing, and its cost is small compared to a transaction.
        span = tracing.tracer.start_as_current_span("postgres transaction", kind=SpanKind.CLIENT)
        with span:
            async with self.connection() as connection, connection.transaction():
                yield connection

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[Connection]:
        """Lend a connection inside a read-only transaction whose statements all see the database at one time."""
        span = tracing.tracer.start_as_current_span("postgres snapshot", kind=SpanKind.CLIENT)
        with span:
            async with (
                self.connection() as connection,
                connection.transaction(isolation="repeatable_read", readonly=True),
            ):
                yield connection

    async def fetch(self, sql: str, *arguments: object) -> list[asyncpg.Record]:
        """Run one statement and return its rows."""
        return await self._run(asyncpg.Connection.fetch, sql, arguments)

    async def fetchrow(self, sql: str, *arguments: object) -> asyncpg.Record | None:
        """Run one statement and return its first row, or None."""
        return await self._run(asyncpg.Connection.fetchrow, sql, arguments)

    async def fetchval(self, sql: str, *arguments: object) -> Any:
        """Run one statement and return the first column of its first row, or None."""
        return await self._run(asyncpg.Connection.fetchval, sql, arguments)

    async def execute(self, sql: str, *arguments: object) -> int:
        """Run one statement and return the number of rows that it changed."""
        return affected_rows(await self._run(asyncpg.Connection.execute, sql, arguments))

    async def ping(self) -> str | None:
        """Return None if the server responds within 2 seconds and accepts writes. Otherwise return a sentence that
        describes the problem."""
        try:
            async with asyncio.timeout(_PING_TIMEOUT):
                problem = await self._find_write_problem()
        except TimeoutError:
            problem = NO_RESPONSE
        except Unavailable as error:
            problem = find_problem(error)
        return problem and problem.detail

    async def _find_write_problem(self) -> Problem | None:
        if await self.fetchval(_IS_READ_ONLY):  # guard: ping-read-only
            return READ_ONLY
        now = asyncio.get_running_loop().time()
        if self._last_problem in _MET_BY_STATEMENTS and now - self._problem_at < _PROBE_INTERVAL:
            return self._last_problem  # guard: ping-met-problem
        if now - self._disk_tested_at >= _PROBE_INTERVAL:
            async with self.transaction() as connection:
                await connection.execute("SET LOCAL work_mem = '64kB'")
                await connection.execute(_WRITE_TEMPORARY_FILE)  # guard: ping-disk
            self._disk_tested_at = now
        return None

    async def _run(self, method: Callable[..., Awaitable[T]], sql: str, arguments: tuple[object, ...]) -> T:
        # The same as `connection`, but without the overhead of generators, because every request runs this method.
        try:
            connection = await self._pool.acquire()
            try:
                if tracing.is_enabled():
                    with tracing.tracer.start_as_current_span("postgres", kind=SpanKind.CLIENT) as span:
                        span.set_attribute("db.system.name", "postgresql")
                        value = await method(connection, sql, *arguments)
                else:
                    value = await method(connection, sql, *arguments)
            except asyncpg.PostgresError as error:
                self._release_after(error, connection)
                raise
            except BaseException:  # guard: cancelled-statement-connection
                self._pool.discard_unanswered(connection)
                raise
        except UNAVAILABLE as error:
            raise unavailable(error) from error
        self._pool.release(connection)
        return value

    def _release_after(self, error: Exception, connection: Connection) -> None:
        if not ends_connection(error):  # guard: connection-without-writes
            self._pool.release(connection)
            return
        # The next caller gets a new connection, because the address may belong to another server now.
        self._pool.discard(connection)
        problem = find_problem(error)
        if problem in (READ_ONLY, SCHEMA_CHANGED):  # guard: retired-connections
            # The server is no longer the primary, or each connection has statements prepared for the old tables.
            self._pool.retire()
        now = asyncio.get_running_loop().time()
        if problem is not self._last_problem or now - self._problem_at >= _PROBE_INTERVAL:
            log.warning("database_problem", reason=problem.detail, fix=problem.fix)
            self._problem_at = now
        self._last_problem = problem


@asynccontextmanager
async def connect(
    url: str, *, size: int = DEFAULT_SIZE, timeout: float = 10.0, idle_timeout: float = _IDLE_TIMEOUT
) -> AsyncIterator[Database]:
    """Open a database with at most `size` connections.

    `url` is a libpq URL (`postgresql://user:password@host:port/database`, or `?host=/folder` for a socket). It may name
    several servers. `timeout` in seconds bounds connecting and each statement. A connection that is not used for
    `idle_timeout` seconds is closed. Raises Unavailable when the server cannot be reached.
    """

    servers = ServerList(url)

    async def open_connection() -> Connection:
        return await servers.connect(
            timeout=timeout,
            command_timeout=timeout,
            server_settings={"application_name": "drivebay", "timezone": "UTC"},
        )

    pool = ConnectionPool(open_connection, size, idle_timeout)
    database = Database(pool)
    try:
        async with database.connection():
            pass
        yield database
    finally:
        await pool.close()


def affected_rows(command_tag: str) -> int:
    """Return the number of rows in a command tag such as `UPDATE 3`."""
    last = command_tag.rsplit(" ", 1)[-1]
    return int(last) if last.isdigit() else 0
