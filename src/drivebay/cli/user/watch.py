"""The command `watch`: print each change of the drive as it happens."""

from __future__ import annotations

import sys
from contextlib import aclosing
from typing import Annotated

import typer

from drivebay.client import Change, File

from .console import JsonOption, print_json, print_line, run_command, writing_output
from .formatting import format_time, printable
from .open_drive import open_drive

app = typer.Typer()


@app.command()
def watch(
    cursor: Annotated[
        str | None,
        typer.Option(
            "--cursor",
            metavar="CURSOR",
            help="Begin after this cursor of an earlier run. The default is to print only new changes.",
        ),
    ] = None,
    count: Annotated[
        int | None, typer.Option("--count", metavar="N", min=1, help="End after this number of changes.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Print each change of the files and folders as it happens, until Ctrl-C.

    Each line has the time, the change, the id and the name. With --json, each line is a JSON object with a `cursor`. To
    continue after a change in a later run, pass the `cursor` of this change to --cursor.
    """

    async def command() -> None:
        printed_count = 0
        async with open_drive() as drive, aclosing(drive.follow(cursor)) as changes:
            async for change in changes:
                _print(change, as_json)
                printed_count += 1
                if printed_count == count:
                    return

    run_command(command, as_json)


def _print(change: Change, as_json: bool) -> None:
    if as_json:
        print_json(change)
    else:
        print_line(_line(change))
    with writing_output():
        sys.stdout.flush()  # also to a pipe, at once


def _line(change: Change) -> str:
    return f"{format_time(change.at)}  {change.what:<10}  {change.file_id}  {_name(change.file)}"


def _name(file: File | None) -> str:
    if file is None:
        return "-"
    name = f"{file.name}/" if file.is_folder else file.name
    return printable(name) if sys.stdout.isatty() else name
