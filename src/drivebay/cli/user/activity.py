"""The command `activity`: list the changes of a file or folder, with their times and users."""

from __future__ import annotations

from contextlib import aclosing
from typing import Annotated

import typer

from drivebay.client import Activity

from .console import JsonOption, result_printer, run_command
from .formatting import format_time
from .open_drive import open_drive

app = typer.Typer()


@app.command()
def activity(
    path: Annotated[str, typer.Argument(metavar="PATH", help="A file or folder: a path that starts with /, or an id.")],
    as_json: JsonOption = False,
) -> None:
    """List the changes of a file or folder, newest first.

    Each line has the time, the change and the user. Changes are kept for 30 days.
    """

    async def command() -> None:
        async with open_drive() as drive, aclosing(drive.activity(path)) as changes:
            with result_printer(as_json, _line) as show:
                async for change in changes:
                    show(change)

    run_command(command, as_json)


def _line(change: Activity) -> str:
    by = "Drivebay" if change.actor_id is None else change.actor_name or change.actor_id
    return f"{format_time(change.at)}  {change.what:<10}  {by}"
