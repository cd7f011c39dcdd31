"""The command `du`: the size of files and folders on the server."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import Annotated, Final

import msgspec
import typer

from drivebay.client import AsyncDrive, File, Unavailable

from .console import JsonOption, result_printer, run_command
from .formatting import format_size
from .open_drive import open_drive
from .remote_paths import match_path

app = typer.Typer()

_PARALLEL_LISTINGS: Final = 8
"""The maximum number of folders that are listed at the same time."""


class FolderSize(msgspec.Struct, frozen=True):
    """The size of a file, or of everything in a folder: the bytes, and the numbers of files and folders."""

    path: str
    bytes: int
    files: int
    folders: int


@app.command()
def du(
    paths: Annotated[
        list[str] | None,
        typer.Argument(metavar="PATH", help="Files, folders and glob patterns: paths that start with /, or ids."),
    ] = None,
    bytes: Annotated[bool, typer.Option("-b", "--bytes", help="Show sizes as numbers of bytes.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Show the size of files and folders, with everything in them. The trash is not counted."""

    def to_line(size: FolderSize) -> str:
        amount = str(size.bytes) if bytes else format_size(size.bytes)
        return f"{amount:>12}  {size.files:>8} files  {size.path}"

    async def command() -> None:
        async with open_drive() as drive:
            with result_printer(as_json, to_line) as show:
                for path in paths or ["/"]:
                    for file in await match_path(drive, path):
                        parent = path.rpartition("/")[0] if path.startswith("/") else ""
                        shown_path = path if file.id == "root" else f"{parent}/{file.name}"
                        show(await _measure(drive, file, shown_path))

    run_command(command, as_json)


async def _measure(drive: AsyncDrive, top: File, path: str) -> FolderSize:
    """Return the size of a file, or of everything below a folder."""
    if not top.is_folder:
        return FolderSize(path, top.size, 1, 0)
    try:
        size = await drive.size(top)
    except Unavailable:  # too many entries for one request
        return await _add_up(drive, top, path)
    return FolderSize(path, size.bytes, size.files, size.folders)


async def _add_up(drive: AsyncDrive, top: File, path: str) -> FolderSize:
    """Add up the sizes of all files below a folder. Folders of the same depth are listed at the same time."""
    limit = asyncio.Semaphore(_PARALLEL_LISTINGS)
    total = files = folders = 0
    level = [top]

    async def list_folder(folder: File) -> tuple[int, int, list[File]]:
        size, count, below = 0, 0, []
        async with limit, aclosing(drive.files(folder)) as children:
            async for child in children:
                if child.is_folder:
                    below.append(child)
                else:
                    size, count = size + child.size, count + 1
        return size, count, below

    while level:
        results = await asyncio.gather(*(list_folder(folder) for folder in level))
        level = []
        for size, count, below in results:
            total, files, folders = total + size, files + count, folders + len(below)
            level += below
    return FolderSize(path, total, files, folders)
