"""`drivebay migrate`: apply the missing migrations before the processes of a new release start."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

import typer

from ... import files
from ...auth import store as auth_store
from ...config import Settings
from ...errors import StartError
from ...runtime import database_start
from .command_runner import JsonOption, run_with_settings, stderr

app = typer.Typer()

_MIGRATIONS: Final = {"auth": auth_store.MIGRATIONS, "files": Path(files.__file__).parent / "migrations"}
_DATABASE_WAIT: Final = 120.0
"""The maximum number of seconds to wait while the database accepts no writes or no connections."""

_STATEMENT_TIMEOUT: Final = 3600.0
"""The maximum number of seconds of one statement. When a service migrates at its start, the limit is five minutes,
because its callers wait."""


@app.command()
def migrate(as_json: JsonOption = False) -> None:
    """Apply the missing migrations of the database, and print their names.

    The services auth and files also do this when they start. Run this command before an upgrade of many processes, so
    that no process waits for the migrations. Here a statement may take an hour, in a service five minutes. If no
    migration is missing, the command changes nothing.
    """

    async def command(settings: Settings) -> dict[str, tuple[str, ...]]:
        if settings.database_url is None:
            raise StartError("DRIVEBAY_DATABASE_URL is not set. `drivebay run` migrates its embedded PostgreSQL itself")
        applied = {}
        with stderr.status("applying migrations"):
            for schema, folder in _MIGRATIONS.items():
                applied[schema] = await database_start.migrate_when_possible(
                    settings.database_url, schema, folder, _DATABASE_WAIT, timeout=_STATEMENT_TIMEOUT
                )
        return applied

    applied = run_with_settings(command, {}, "command")
    if as_json:
        typer.echo(json.dumps({"applied": applied}))
        return
    for schema, names in applied.items():
        for name in names:
            typer.echo(f"applied {schema}/{name}")
    if not any(applied.values()):
        typer.echo("no migration is missing")
