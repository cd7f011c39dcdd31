"""Opens the database of a service at start: checks the settings, waits while a problem is temporary, and migrates."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import structlog

from .. import postgres
from ..config import Settings
from ..errors import StartError, Unavailable

log = structlog.get_logger(__name__)

_RETRY_DELAY: Final = 1.0
"""Seconds between two attempts."""


@asynccontextmanager
async def open_database(
    settings: Settings, schema: str, migrations: Path, wait: float
) -> AsyncIterator[postgres.Database]:
    """Migrate the schema of a service and open its database.

    While PostgreSQL accepts no writes or no connections, retry for up to `wait` seconds. Raises StartError after that,
    and immediately when the settings are wrong. Raises MigrationError if a migration fails.
    """
    url = settings.database_url
    if url is None:
        raise StartError("DRIVEBAY_DATABASE_URL is not set")
    await migrate_when_possible(url, schema, migrations, wait)
    async with postgres.connect(url, size=settings.database_connections) as database:
        yield database


async def migrate_when_possible(
    url: str, schema: str, migrations: Path, wait: float, *, timeout: float = 300.0
) -> tuple[str, ...]:
    """Migrate a schema, and return the names of the applied migrations.

    While the server has a temporary problem, retry for up to `wait` seconds. Raises StartError after that, and
    immediately for a permanent problem. Raises MigrationError if a migration fails. `timeout` in seconds bounds each
    statement.
    """
    clock = asyncio.get_running_loop().time
    deadline = clock() + wait
    while True:
        try:
            if await postgres.pools_transactions(url):  # guard: transaction-pooling
                raise StartError(f"{postgres.TRANSACTION_POOLING.detail}: {postgres.TRANSACTION_POOLING.fix}")
            return await postgres.migrate(url, schema, migrations, timeout=timeout)
        except Unavailable as error:
            problem = postgres.find_problem(error)
            if not problem.is_temporary or clock() >= deadline:  # guard: database-wait
                raise StartError(_describe(error)) from error
            log.warning("waiting_for_database", reason=problem.detail, fix=problem.fix, gives_up_after=f"{wait:.0f} s")
        await asyncio.sleep(_RETRY_DELAY)


def _describe(error: Unavailable) -> str:
    fix = postgres.find_fix(error.detail)
    hint = "is PostgreSQL running, and are host, database, user and password in DRIVEBAY_DATABASE_URL right?"
    return f"{error.detail}: {fix or hint}"
