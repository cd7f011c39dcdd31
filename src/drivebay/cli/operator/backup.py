"""`drivebay backup` and `drivebay restore-backup`: copy a whole deployment to a folder, and restore it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from ... import node, runtime
from ...config import Settings
from .backup_format import BackupError
from .backup_restore import RestoreReport, restore_backup
from .backup_writer import BackupReport, write_backup
from .byte_progress import byte_progress
from .check import EXIT_STATUS, CheckVerdict, find_verdict
from .command_runner import JsonOption, run_with_settings

app = typer.Typer()

_QUIET = {"DRIVEBAY_LOG": "warning"}
FolderArgument = Annotated[Path, typer.Argument(metavar="DIR", help="The folder of the backup.")]


@app.command()
def backup(
    folder: FolderArgument,
    without_secret: Annotated[
        bool,
        typer.Option("--without-secret", help="Do not include the root secret. A restore then needs DRIVEBAY_SECRET."),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Back up the database and every object into a folder, while Drivebay runs.

    Run the command again to resume after an interruption, or to update an earlier backup: only new objects
    are copied. Exit with status 1 if an object could not be copied.
    """

    async def command(settings: Settings) -> BackupReport:
        _require_own_servers(settings)
        async with runtime.open_servers(settings, frozenset({"files", "storage"})) as opened:
            with byte_progress("backing up") as advance:
                return await write_backup(opened, folder, node.now, advance, with_secret=not without_secret)

    report = run_with_settings(command, _QUIET, "command")
    if as_json:
        typer.echo(msgspec.json.encode(report).decode())
    else:
        typer.echo(f"{report.rows} rows and {report.objects} objects ({report.bytes} bytes) are in {report.folder}")
        for key in report.missing:
            typer.echo(f"the object {key} is missing in the store, as `drivebay check` reports")
        for key in report.lost:
            typer.echo(f"the object {key} could not be copied: run `drivebay check`")
    if report.lost:
        raise typer.Exit(1)


@app.command("restore-backup")
def restore(folder: FolderArgument, as_json: JsonOption = False) -> None:
    """Restore a backup into an empty deployment, and check every invariant.

    Stop Drivebay first. Run the command again to resume after an interruption. The exit status is that of
    `drivebay check`.
    """

    async def command(settings: Settings) -> RestoreReport:
        _require_own_servers(settings)
        with byte_progress("restoring") as advance:
            return await restore_backup(settings, folder, node.now, advance)

    report = run_with_settings(command, _QUIET, "command")
    verdict = find_verdict(report.violations)
    if as_json:
        typer.echo(msgspec.json.encode({**msgspec.structs.asdict(report), "verdict": verdict.value}).decode())
    else:
        typer.echo(f"{report.rows} rows and {report.objects} objects of {report.created_at} are restored")
        for violation in report.violations:
            typer.echo(f"{violation.invariant}: {violation.detail} (owner {violation.owner})")
        if verdict is CheckVerdict.SOUND:
            typer.echo("no violations: every invariant holds")
    raise typer.Exit(EXIT_STATUS[verdict])


def _require_own_servers(settings: Settings) -> None:
    """Raise BackupError if this command would start new, empty embedded servers although others are in use."""
    addresses = (settings.auth_address, settings.files_address, settings.storage_address)
    is_split = any(addresses) and (settings.database_url is None or settings.s3_endpoint is None)
    if is_split:  # guard: backup-servers
        raise BackupError(
            "services run in other processes: set DRIVEBAY_DATABASE_URL and DRIVEBAY_S3_ENDPOINT with its keys here too"
        )
