"""Databases that tests use one after another. A used database is emptied, because a new copy takes ten times as long.

A database whose schema a test has changed is dropped instead.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final
from uuid import uuid4

from .. import postgres
from ..embedded.postgres import Postgres
from . import servers

_LARGE: Final = 64 * 8192
"""The size in bytes from which a table is emptied with TRUNCATE. Smaller tables are emptied with DELETE, which is
faster, but leaves dead rows until a vacuum."""
_CONNECTIONS: Final = 8
_TABLES: Final = """
SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables
WHERE schemaname NOT IN ('pg_catalog', 'information_schema') ORDER BY name
"""
# The first column ends the sessions that still run a statement or hold a lock after a test, because the next test would
# wait for them. The values of the other columns do not change as long as no test changes the schema.
_END_SESSIONS_AND_DESCRIBE: Final = """
WITH tables AS MATERIALIZED (
    SELECT oid, relname, relnatts FROM pg_class
    WHERE oid >= 16384 AND relkind IN ('r', 'p', 'v', 'm', 'S', 'i') AND relpersistence <> 't'
)
SELECT (SELECT count(pg_terminate_backend(a.pid, 10000)) FROM pg_stat_activity a
        WHERE a.datname = current_database() AND a.pid <> pg_backend_pid() AND (a.state IS DISTINCT FROM 'idle'
              OR EXISTS (SELECT FROM pg_locks l WHERE l.pid = a.pid AND l.locktype = 'advisory'))),
       (SELECT sum(hashtextextended(concat_ws(' ', t.oid, t.relname, t.relnatts), 0)) FROM tables t)::text,
       (SELECT sum(hashtextextended(concat_ws(' ', a.attrelid, a.attname, a.atttypid, a.attnotnull), 0))
        FROM pg_attribute a JOIN tables t ON t.oid = a.attrelid)::text,
       (SELECT sum(hashtextextended(concat_ws(' ', t.oid, t.tgenabled), 0)) FROM pg_trigger t)::text,
       (SELECT sum(hashtextextended(concat_ws(' ', c.oid, c.convalidated), 0)) FROM pg_constraint c)::text,
       (SELECT sum(hashtextextended(concat_ws(' ', p.oid, p.xmin), 0)) FROM pg_proc p WHERE p.oid >= 16384)::text,
       (SELECT string_agg(nspname, ' ' ORDER BY nspname) FROM pg_namespace WHERE nspname !~ '^pg_'),
       (SELECT string_agg(s.setconfig::text, ' ') FROM pg_db_role_setting s
        JOIN pg_database d ON d.oid = s.setdatabase WHERE d.datname = current_database())
"""


@dataclass(frozen=True)
class PooledDatabase:
    """A database with every migration applied, and a pool of connections that stays open between two tests."""

    url: str
    connections: postgres.Database


@dataclass
class _Member:
    lent: PooledDatabase
    admin: postgres.Database
    """The connection that empties the database."""
    resources: AsyncExitStack
    """Closes the connections and drops the database."""
    schema: tuple[Any, ...]
    tables: tuple[str, ...]
    seeded: dict[str, str | None]
    """The rows of each table that is not empty in a new database, as an array of PostgreSQL."""


class DatabasePool:
    """Databases that are each lent to one test at a time, with the rows of a new database. Create the pool with
    `open_pool`."""

    def __init__(self, server: Postgres, template: str, size: int) -> None:
        self._server = server
        self._template = template
        self._size = size
        self._free: list[_Member] = []

    @asynccontextmanager
    async def lend(self) -> AsyncIterator[PooledDatabase]:
        """Yield a database with the schema and the rows of a new database. At the end it is emptied, or dropped if its
        schema has changed."""
        member = self._free.pop() if self._free else await self._create()
        is_clean = False
        try:
            yield member.lent
            is_clean = await _empty(member)
        finally:
            if is_clean:
                self._free.append(member)
            else:
                await member.resources.aclose()

    async def close(self) -> None:
        """Drop the databases that are not lent."""
        while self._free:
            await self._free.pop().resources.aclose()

    async def _create(self) -> _Member:
        async with AsyncExitStack() as stack:
            name = f"test_{uuid4().hex}"
            url = await stack.enter_async_context(servers.database(self._server, self._template, name))
            admin = await stack.enter_async_context(postgres.connect(url, size=1, timeout=60))
            connections = await stack.enter_async_context(postgres.connect(url, size=self._size))
            tables = tuple(row["name"] for row in await admin.fetch(_TABLES))
            rows = {table: await admin.fetchval(f"SELECT {_rows_of(table)}") for table in tables}
            seeded = {table: found for table, found in rows.items() if found is not None}
            lent = PooledDatabase(url, connections)
            return _Member(lent, admin, stack.pop_all(), await _end_sessions_and_describe(admin), tables, seeded)
        raise AssertionError("unreachable")


async def _empty(member: _Member) -> bool:
    """Give a database the rows of a new database. Return False if its schema differs from the schema of a new
    database."""
    if await _end_sessions_and_describe(member.admin) != member.schema:
        return False
    rows = {table: f"{_rows_of(table)} IS DISTINCT FROM ${n}" for n, table in enumerate(member.seeded, 1)}
    found = await member.admin.fetch(
        " UNION ALL ".join(
            f"SELECT '{table}' AS name, pg_relation_size('{table}') >= {_LARGE} AS is_large,"
            f" {rows.get(table, f'EXISTS (SELECT FROM {table})')} AS is_used"
            for table in member.tables
        ),
        *member.seeded.values(),
    )
    large = [row["name"] for row in found if row["is_large"]]
    used = [row["name"] for row in found if row["is_used"] or row["is_large"]]
    if not used:
        return True
    # In this role no trigger runs, not even those that check foreign keys.
    statements = ["SET session_replication_role = replica", *(f"DELETE FROM {table}" for table in used)]
    if large:
        statements.insert(1, f"TRUNCATE {', '.join(large)} CASCADE")
    await member.admin.execute("; ".join(statements))
    for table in member.seeded.keys() & set(used):
        insert = f"INSERT INTO {table} SELECT * FROM unnest($1::text::{table}[])"
        await member.admin.execute(insert, member.seeded[table])
    return True


async def _end_sessions_and_describe(admin: postgres.Database) -> tuple[Any, ...]:
    row = await admin.fetchrow(_END_SESSIONS_AND_DESCRIBE)
    assert row is not None
    return tuple(row.values())[1:]


def _rows_of(table: str) -> str:
    return f"(SELECT array_agg(t ORDER BY t::text)::text FROM {table} t)"


@asynccontextmanager
async def open_pool(server: Postgres, template: str, size: int = _CONNECTIONS) -> AsyncIterator[DatabasePool]:
    """Open a pool of databases on a server. Each has up to `size` connections."""
    pool = DatabasePool(server, template, size)
    try:
        yield pool
    finally:
        await pool.close()


@asynccontextmanager
async def connect(source: str | PooledDatabase) -> AsyncIterator[postgres.Database]:
    """Yield the open connections of a pooled database, or new connections to a URL."""
    if isinstance(source, PooledDatabase):
        yield source.connections
        return
    async with postgres.connect(source, size=_CONNECTIONS) as database:
        yield database
