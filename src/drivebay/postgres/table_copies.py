"""Writes all rows of some schemas to files, from one snapshot, and loads them into tables in one transaction.

The files have the text format of COPY, which every version of PostgreSQL reads. The migrations create the tables, so a
backup does not depend on the version of the server.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Final, Literal

import asyncpg
import msgspec

from ..errors import Unavailable
from .pool import Connection
from .server_errors import translate_errors
from .server_list import ServerList

BACKUP_LOCK: Final = 7_304_002
"""The number of the advisory lock that a backup holds. A janitor that claims purges takes it as a shared lock."""
_CONNECT_TIMEOUT: Final = 30.0
"""Seconds that opening a connection may take."""
_CHUNK_SIZE: Final = 512 * 1024
"""Bytes that are read from a file at a time."""
_LOCK_ATTEMPTS: Final = 300
_LOCK_DELAY: Final = 0.1
"""Seconds between two attempts to take the lock: about 30 seconds for all attempts together."""

_TABLES: Final = """
SELECT c.oid::bigint AS oid, n.nspname AS schema, c.relname AS name,
       (SELECT array_agg(a.attname::text ORDER BY a.attnum) FROM pg_attribute a
        WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '') AS columns,
       (SELECT coalesce(array_agg(f.confrelid::bigint), '{}') FROM pg_constraint f
        WHERE f.conrelid = c.oid AND f.contype = 'f' AND f.confrelid <> c.oid) AS parents
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = ANY($1::text[]) AND c.relkind = 'r' AND c.relname <> 'migrations' ORDER BY n.nspname, c.relname
"""


class TableFileError(ValueError):
    """A file with rows cannot be written or read. The message names the file and the cause."""


class TableFile(msgspec.Struct, frozen=True):
    """A file with the rows of one table: its columns in order, its number of rows, and its SHA-256."""

    schema: str
    table: str
    columns: tuple[str, ...]
    rows: int
    sha256: str

    @property
    def file_name(self) -> str:
        return f"{self.schema}.{self.table}.copy"


class Snapshot:
    """A consistent state of the database. It is valid until its block ends."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def fetch(self, sql: str, *arguments: object) -> list[asyncpg.Record]:
        """Return the rows of a query."""
        with translate_errors():
            return await self._connection.fetch(sql, *arguments)

    async def migrations(self, schema: str) -> tuple[str, ...]:
        """Return the names of the migrations that were applied to a schema. They are empty if there is no such
        schema."""
        if not (await self.fetch("SELECT to_regclass($1) IS NOT NULL AS found", f"{schema}.migrations"))[0]["found"]:
            return ()
        rows = await self.fetch(f"SELECT name FROM {schema}.migrations ORDER BY name")  # noqa: S608
        return tuple(row["name"] for row in rows)

    async def write_tables(self, schemas: Sequence[str], folder: Path) -> tuple[TableFile, ...]:
        """Write a file for each table of the schemas. Only this user may read the files.

        Raises Unavailable and TableFileError.
        """
        with translate_errors():
            return tuple([await self._write_table(row, folder) for row in await self.fetch(_TABLES, list(schemas))])

    async def _write_table(self, row: asyncpg.Record, folder: Path) -> TableFile:
        columns, digest = tuple(row["columns"]), hashlib.sha256()
        target = folder / f"{row['schema']}.{row['name']}.copy"
        output = os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")

        async def write(data: bytes) -> None:
            digest.update(data)
            with _file_errors("write", target):
                output.write(data)

        try:
            tag = await self._connection.copy_from_table(
                row["name"], schema_name=row["schema"], columns=columns, output=write
            )
            with _file_errors("write", target):
                output.flush()
                os.fsync(output.fileno())
        finally:
            with suppress(OSError):  # all bytes are flushed already, or the file is useless
                output.close()
        return TableFile(row["schema"], row["name"], columns, int(tag.split()[-1]), digest.hexdigest())


@contextmanager
def _file_errors(action: Literal["read", "write"], file: Path) -> Iterator[None]:
    """Raise TableFileError for an OSError, which would count as an error of the database."""
    try:
        yield
    except OSError as error:
        raise TableFileError(f"cannot {action} {file}: {error.strerror}") from error


@asynccontextmanager
async def open_snapshot(url: str) -> AsyncIterator[Snapshot]:
    """Take a snapshot of the database. Raises Unavailable."""
    async with _connection(url) as connection:
        with translate_errors():
            async with connection.transaction(isolation="repeatable_read", readonly=True):
                yield Snapshot(connection)


@asynccontextmanager
async def prevent_purges(url: str) -> AsyncIterator[PurgeHold]:
    """Prevent purges until the block ends or this process dies. Wait up to 30 seconds for janitors that are claiming
    purges.

    Raises Unavailable, also if another process prevents purges.
    """
    async with _connection(url) as connection:
        with translate_errors():
            for _ in range(_LOCK_ATTEMPTS):
                if await connection.fetchval("SELECT pg_try_advisory_lock($1::bigint)", BACKUP_LOCK):
                    break
                await asyncio.sleep(_LOCK_DELAY)
            else:
                raise Unavailable("another backup of this database is running")
        yield PurgeHold(connection)


class PurgeHold:
    """The lock that prevents purges."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def is_held(self) -> bool:
        """Return whether the lock has been held without interruption until now."""
        try:
            return bool(await self._connection.fetchval("SELECT true"))
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            return False


async def load_tables(url: str, tables: Sequence[TableFile], folder: Path) -> None:
    """Load the files into tables in one transaction. Existing rows are deleted.

    A table is loaded after the tables that its rows reference. Raises Unavailable, TableFileError if a file cannot be
    read, and ValueError if the number of rows in a file differs from the number in `tables`.
    """
    async with _connection(url) as connection:
        with translate_errors():
            async with connection.transaction():
                rows = await connection.fetch(_TABLES, sorted({table.schema for table in tables}))
                by_name = {(row["schema"], row["name"]): row for row in rows}
                files = {by_name[table.schema, table.table]["oid"]: table for table in tables}
                graph = {row["oid"]: set(row["parents"]) for row in rows}
                names = [f'"{table.schema}"."{table.table}"' for table in files.values()]
                await connection.execute(f"TRUNCATE {', '.join(names)}")
                # The loaded rows already include the counts that the triggers would add.
                await _switch_triggers(connection, names, "DISABLE")  # guard: restore-triggers
                for oid in TopologicalSorter(graph).static_order():
                    if (table := files.get(oid)) is not None:
                        await _load_table(connection, table, folder)
                await _switch_triggers(connection, names, "ENABLE")
                await connection.execute("ANALYZE")


async def _switch_triggers(connection: Connection, tables: Sequence[str], action: str) -> None:
    for table in tables:
        await connection.execute(f"ALTER TABLE {table} {action} TRIGGER USER")


async def _load_table(connection: Connection, table: TableFile, folder: Path) -> None:
    source = folder / table.file_name
    tag = await connection.copy_to_table(
        table.table, schema_name=table.schema, columns=table.columns, source=_read_file(source)
    )
    if int(tag.split()[-1]) != table.rows:
        raise ValueError(f"the number of rows in {source} differs from the manifest")


async def _read_file(file: Path) -> AsyncIterator[bytes]:
    with _file_errors("read", file):  # guard: restore-unreadable-file
        source = await asyncio.to_thread(file.open, "rb")
    with source:
        while True:
            with _file_errors("read", file):
                chunk = await asyncio.to_thread(source.read, _CHUNK_SIZE)
            if not chunk:
                return
            yield chunk


async def applied_migrations(url: str, schema: str) -> tuple[str, ...]:
    """Return the names of the migrations that were applied to a schema. They are empty if there is no such schema.

    Raises Unavailable.
    """
    async with _connection(url) as connection:
        return await Snapshot(connection).migrations(schema)


async def find_filled_table(url: str, tables: Sequence[str]) -> str | None:
    """Return the first of `tables` that exists and has a row, or None. Raises Unavailable."""
    async with _connection(url) as connection:
        with translate_errors():
            for table in tables:
                if await connection.fetchval("SELECT to_regclass($1)", table) is None:
                    continue
                if await connection.fetchval(f"SELECT true FROM {table} LIMIT 1"):  # noqa: S608
                    return table
    return None


async def is_in_use(url: str) -> bool:
    """Return whether a service of Drivebay is connected to the database. Raises Unavailable."""
    async with _connection(url) as connection:
        with translate_errors():
            return bool(
                await connection.fetchval(
                    "SELECT count(*) > 0 FROM pg_stat_activity"
                    " WHERE datname = current_database() AND application_name = 'drivebay'"
                )
            )


@asynccontextmanager
async def _connection(url: str) -> AsyncIterator[Connection]:
    with translate_errors():
        connection = await ServerList(url).connect(timeout=_CONNECT_TIMEOUT, server_settings={"timezone": "UTC"})
    try:
        yield connection
    finally:
        connection.terminate()
