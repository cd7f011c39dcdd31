"""The command `search`: find files and folders by name."""

from __future__ import annotations

import sys
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Annotated, Literal

import typer

from drivebay.client import FoundFile

from .console import JsonOption, result_printer, run_command
from .formatting import format_size, format_time, printable
from .open_drive import open_drive

app = typer.Typer()

_DATE_FORMATS = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]


@app.command()
def search(
    text: Annotated[str, typer.Argument(metavar="TEXT", help="The beginning or a part of the name.")],
    folder: Annotated[
        str | None,
        typer.Option("--in", metavar="PATH", help="Only below this folder: a path that starts with /, or an id."),
    ] = None,
    files: Annotated[bool, typer.Option("--files", help="Only files.")] = False,
    folders: Annotated[bool, typer.Option("--folders", help="Only folders.")] = False,
    type: Annotated[
        str | None,
        typer.Option("--type", metavar="TYPE", help="A media type, or image, video, audio or document."),
    ] = None,
    min_size: Annotated[
        int | None, typer.Option("--min-size", metavar="BYTES", min=0, help="The smallest size.")
    ] = None,
    max_size: Annotated[
        int | None, typer.Option("--max-size", metavar="BYTES", min=0, help="The largest size.")
    ] = None,
    after: Annotated[
        datetime | None,
        typer.Option("--after", formats=_DATE_FORMATS, metavar="DATE", help="Modified after this date."),
    ] = None,
    before: Annotated[
        datetime | None,
        typer.Option("--before", formats=_DATE_FORMATS, metavar="DATE", help="Modified before this date."),
    ] = None,
    starred: Annotated[bool, typer.Option("--starred", help="Only starred items.")] = False,
    long: Annotated[bool, typer.Option("-l", "--long", help="Show size, time and id too.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Find files and folders by name. Print the best result first.

    Case and accents do not matter. In a text of 4 to 32 characters, one letter may be missing, added or wrong, or two
    may be swapped. Dates are in the time zone of this computer.
    """
    if files and folders:
        raise typer.BadParameter("--files and --folders exclude each other")
    kind: Literal["file", "folder"] | None = "file" if files else "folder" if folders else None

    def to_line(file: FoundFile) -> str:
        path = printable(file.path) if sys.stdout.isatty() else file.path
        path = f"{path}/" if file.is_folder else path
        if not long:
            return path
        size = "-" if file.is_folder else format_size(file.size)
        return f"{size:>10}  {format_time(file.modified_at)}  {file.id}  {path}"

    async def command() -> None:
        async with open_drive() as drive:
            results = drive.search(
                text,
                folder=folder,
                kind=kind,
                type=type,
                size=(min_size, max_size),
                modified=(_in_utc(after), _in_utc(before)),
                starred=True if starred else None,
            )
            async with aclosing(results) as found_files:
                with result_printer(as_json, to_line) as show:
                    async for file in found_files:
                        show(file)

    run_command(command, as_json)


def _in_utc(local: datetime | None) -> datetime | None:
    return None if local is None else local.astimezone(UTC)
