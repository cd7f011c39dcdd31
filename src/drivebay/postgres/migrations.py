"""Schema migrations: numbered `.sql` files, each applied once, in its own transaction.

The first line of a file says which earlier releases work on the new schema:

- `-- expand: <why>`: all earlier releases, because the migration only adds to the schema.
- `-- contract after 0025_name: <why>`: the releases that have the migration `0025_name`.
- Any other line: no earlier release.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Final, NamedTuple

import asyncpg
import structlog

from ..errors import StartError
from ..observability.crash_points import crash_point
from .pool import Connection
from .server_errors import translate_errors
from .server_list import ServerList

log = structlog.get_logger(__name__)

_LOCK_TIMEOUT: Final = 3000
"""Milliseconds that a migration waits for the lock of a table. Requests for that table are blocked meanwhile."""
_ATTEMPTS: Final = 20
"""The maximum number of attempts to apply a migration."""
_PAUSE: Final = 1.0
"""Seconds between two attempts, so that the blocked requests can run."""

_MARK: Final = re.compile(r"-- (?:expand|contract after (\d{4}_\w+)): \S")


class MigrationError(StartError):
    """This release cannot use the schema in the database. The message says why."""


async def migrate(
    url: str, schema: str, folder: Path, *, timeout: float = 300.0, only: Collection[str] | None = None
) -> tuple[str, ...]:
    """Apply the missing migrations in `folder` (`0001_name.sql`, ...) to `schema`, and return their names.

    `only` are the names to apply, or None for all. `timeout` in seconds bounds each statement. Many processes may call
    this at the same time, and a process may be killed at any time: a migration and its row in `<schema>.migrations` are
    one transaction. Raises Unavailable. Raises MigrationError if an applied migration was edited, if this release does
    not work on the schema of a newer release, or if the database user lacks a privilege. If no migration is missing,
    the call writes nothing and does not wait for another process that migrates. So it also works on a read-only server.
    """
    migrations = _read_migrations(folder)
    if only is not None:
        migrations = {name: sql for name, sql in migrations.items() if name in only}
    with translate_errors():
        connection = await ServerList(url).connect(timeout=10, command_timeout=timeout)
        try:
            if not await _find_missing(connection, schema, migrations):  # guard: migration-none-missing
                return ()
            # The session holds the lock. Other processes wait here and then find the migrations applied.
            await connection.execute("SELECT pg_advisory_lock(hashtext('drivebay.migrate'))")  # guard: migration-lock
            return await _apply_missing(connection, schema, migrations)
        except asyncpg.InsufficientPrivilegeError as error:
            hint = "the user in DRIVEBAY_DATABASE_URL needs CREATE in the database and must own the existing tables"
            raise MigrationError(f"schema {schema}: {error}: {hint}") from error
        finally:
            await connection.close(timeout=5)


def _read_migrations(folder: Path) -> dict[str, str]:
    return {file.stem: file.read_text("utf-8") for file in sorted(folder.glob("[0-9]*.sql"))}


async def _find_missing(connection: Connection, schema: str, migrations: Mapping[str, str]) -> tuple[str, ...]:
    """Return the names of the migrations that are not applied. Raises MigrationError if the schema does not fit."""
    applied = await _read_applied(connection, schema)
    _check_unknown(schema, applied, migrations)
    for name, sql in migrations.items():
        if name in applied and applied[name].digest != _digest(sql):  # guard: migration-digest
            raise MigrationError(f"migration {schema}/{name} was changed after it had been applied")
    return tuple(name for name in migrations if name not in applied)


async def _apply_missing(connection: Connection, schema: str, migrations: Mapping[str, str]) -> tuple[str, ...]:
    missing = await _find_missing(connection, schema, migrations)
    if not await _has_table(connection, schema):
        await _create_schema(connection, schema)
    for name in missing:
        await _apply_with_retries(connection, schema, name, migrations[name])
    return missing


def _digest(sql: str) -> str:
    return hashlib.sha256(sql.encode()).hexdigest()


class _Applied(NamedTuple):
    """A migration that was applied.

    `needs` is the name of another migration: an earlier release works on the new schema if it has this other migration.
    `needs` is empty if every earlier release works on the new schema, and None if no earlier release does.
    """

    digest: str
    needs: str | None


def migration_needs(sql: str) -> str | None:
    """Return what the first line of a migration says: the name of the migration that a release must have, or an empty
    text if every earlier release works on the new schema, or None if no earlier release does."""
    mark = _MARK.match(sql)
    return None if mark is None else mark[1] or ""


def _check_unknown(schema: str, applied: Mapping[str, _Applied], migrations: Collection[str]) -> None:
    """Raise MigrationError if this release does not work on the schema that a newer release made."""
    unknown = sorted(applied.keys() - migrations)
    # A release that lacks an applied migration, and has a migration that was not applied, is not simply older.
    is_older = applied.keys() >= set(migrations)
    for name in unknown:
        needs = applied[name].needs
        if not is_older or needs is None or (needs and needs not in migrations):  # guard: migration-newer-schema
            raise MigrationError(
                f"schema {schema} is newer than this release: it contains {unknown[-1]}. Upgrade Drivebay."
            )
    if unknown:
        log.warning("schema_newer", schema=schema, migrations=unknown)


async def _apply_with_retries(connection: Connection, schema: str, name: str, sql: str) -> None:
    """Apply a migration. Retry if another transaction holds a lock for too long, or after a deadlock."""
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            await _apply(connection, schema, name, sql)
        except (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError) as error:
            if attempt == _ATTEMPTS:  # guard: migration-attempts
                raise
            log.warning("migration_postponed", migration=f"{schema}/{name}", reason=str(error), attempt=attempt)
            await asyncio.sleep(_PAUSE)
        else:
            return


async def _apply(connection: Connection, schema: str, name: str, sql: str) -> None:
    crash_point("migration.before")
    async with connection.transaction():  # guard: migration-transaction
        await connection.execute(f"SET LOCAL lock_timeout = {_LOCK_TIMEOUT}")  # guard: migration-lock-timeout
        await _add_needs(connection, schema)
        await connection.execute(sql)
        await connection.execute(
            f"INSERT INTO {schema}.migrations (name, digest, needs) VALUES ($1, $2, $3)",  # noqa: S608
            name,
            _digest(sql),
            migration_needs(sql),
        )
        crash_point("migration.before_db_commit")
    crash_point("migration.after_db_commit")


async def _add_needs(connection: Connection, schema: str) -> None:
    """Add the column `needs` to the table of an earlier release. The lock on the table lasts until the commit."""
    exists = "SELECT EXISTS (SELECT FROM pg_attribute WHERE attrelid = $1::text::regclass AND attname = 'needs')"
    if not await connection.fetchval(exists, f"{schema}.migrations"):
        await connection.execute(f"ALTER TABLE {schema}.migrations ADD COLUMN needs text")


def migration_names(folder: Path) -> tuple[str, ...]:
    """Return the names of the migrations in `folder`, in their order."""
    return tuple(_read_migrations(folder))


async def _has_table(connection: Connection, schema: str) -> bool:
    """Return whether the schema has its table of migrations."""
    return await connection.fetchval("SELECT to_regclass($1)", f"{schema}.migrations") is not None


async def _read_applied(connection: Connection, schema: str) -> dict[str, _Applied]:
    """Return the applied migrations by name."""
    if not await _has_table(connection, schema):
        return {}
    # The table of an earlier release has no column `needs`.
    rows = await connection.fetch(f"SELECT name, digest, to_jsonb(m) ->> 'needs' AS needs FROM {schema}.migrations m")  # noqa: S608
    return {row["name"]: _Applied(row["digest"], row["needs"]) for row in rows}


async def _create_schema(connection: Connection, schema: str) -> None:
    await connection.execute(f"""
        CREATE SCHEMA IF NOT EXISTS {schema};
        CREATE TABLE IF NOT EXISTS {schema}.migrations (
            name text PRIMARY KEY, digest text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now(), needs text);
    """)
