"""The command `uploads`: list pending uploads, or cancel some of them."""

from __future__ import annotations

from contextlib import aclosing
from typing import Annotated

import typer

from drivebay.client import Upload

from .console import JsonOption, result_printer, run_command
from .exit_codes import CommandError, ExitCode
from .formatting import format_size, format_time
from .open_drive import open_drive
from .server_names import is_id_or_name

app = typer.Typer()


@app.command()
def uploads(
    cancel: Annotated[
        list[str] | None,
        typer.Option("--cancel", metavar="NAME_OR_ID", help="Cancel the upload with this id or name. Can be repeated."),
    ] = None,
    cancel_all: Annotated[bool, typer.Option("--cancel-all", help="Cancel every upload that is listed.")] = False,
    as_json: JsonOption = False,
) -> None:
    """List pending uploads, or cancel some of them.

    The name of a pending upload is taken, and its size counts as reserved. Each line has id, size, start time and name.
    With --cancel or --cancel-all, the cancelled uploads are listed.
    """

    async def command() -> None:
        async with open_drive() as drive:
            async with aclosing(drive.uploads("created")) as pending:
                listed = [upload async for upload in pending]
            if not cancel_all:
                listed = _select(listed, cancel) if cancel else listed
            with result_printer(as_json, _line) as show:
                for upload in listed:
                    if cancel or cancel_all:
                        await drive.abort_upload(upload.id)
                    show(upload)

    run_command(command, as_json)


def _select(listed: list[Upload], ids_or_names: list[str]) -> list[Upload]:
    """Return the uploads with these ids or names, each upload once.

    Raises CommandError if there is no such upload, or several uploads with the same name.
    """
    selected: dict[str, Upload] = {}
    for id_or_name in ids_or_names:
        matches = [upload for upload in listed if is_id_or_name(id_or_name, upload.id, upload.name)]
        if not matches:
            next_step = "list the pending uploads with `drivebay uploads`"
            raise CommandError(f"no pending upload has the id or name {id_or_name}", ExitCode.NOT_FOUND, next_step)
        if len(matches) > 1:
            ids = ", ".join(upload.id for upload in matches)
            message = f"{len(matches)} pending uploads have the name {id_or_name}"
            raise CommandError(message, ExitCode.CONFLICT, f"give the id of one of them: {ids}")
        selected[matches[0].id] = matches[0]
    return list(selected.values())


def _line(upload: Upload) -> str:
    begun = "-" if upload.created_at is None else format_time(upload.created_at)
    return f"{upload.id}  {format_size(upload.size):>10}  {begun}  {upload.name}"
