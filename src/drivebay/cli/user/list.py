"""The commands that read: `ls` and `cat`."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

import typer

from drivebay.client import ROOT, AsyncDrive, File

from .console import JsonOption, json_array, print_line, result_printer, run_command, writing_output
from .formatting import format_size, format_time, printable
from .open_drive import open_drive, open_transfer_drive

app = typer.Typer()


class SortOrder(StrEnum):
    """The order of a listing. `-` reverses it."""

    NAME = "name"
    NAME_REVERSED = "-name"
    MODIFIED = "modified"
    MODIFIED_REVERSED = "-modified"
    CREATED = "created"
    CREATED_REVERSED = "-created"
    SIZE = "size"
    SIZE_REVERSED = "-size"


@app.command()
def ls(
    path: Annotated[
        str, typer.Argument(metavar="PATH", help="A folder or a file: a path that starts with /, or an id.")
    ] = "/",
    long: Annotated[bool, typer.Option("-l", "--long", help="Show size, time and id too.")] = False,
    tree: Annotated[bool, typer.Option("--tree", "-R", help="List all folders below too, as a tree.")] = False,
    starred: Annotated[bool, typer.Option("--starred", help="List all starred files and folders.")] = False,
    trash: Annotated[bool, typer.Option("--trash", help="List the trash, the latest entry first.")] = False,
    sort: Annotated[
        SortOrder, typer.Option(help="Sort order. A leading - reverses it, for example -size.")
    ] = SortOrder.NAME,
    as_json: JsonOption = False,
) -> None:
    """List a folder, the trash, or starred items. Names of folders end with a slash."""

    def to_line(file: File) -> str:
        return _line(file, long)

    async def command() -> None:
        async with open_drive() as drive:
            if tree and not (trash or starred) and (top := await drive.resolve(path)).is_folder:
                await _print_tree(drive, top, path, sort, long, as_json)
                return
            async with aclosing(_entries(drive, path, sort, trash=trash, starred=starred)) as files:
                with result_printer(as_json, to_line) as show:
                    async for file in files:
                        show(file)

    run_command(command, as_json)


async def _entries(
    drive: AsyncDrive, path: str, sort: SortOrder, *, trash: bool, starred: bool
) -> AsyncGenerator[File, None]:
    if trash:
        listing = drive.trashed()
    elif starred:
        listing = drive.starred(sort.value)
    else:
        entry = await drive.resolve(path)
        if not entry.is_folder:
            yield entry
            return
        listing = drive.files(entry, sort.value)
    async with aclosing(listing) as files:
        async for file in files:
            yield file


def _line(file: File, long: bool, indent: str = "") -> str:
    name = printable(file.name) if sys.stdout.isatty() else file.name
    text = f"{indent}{name}/" if file.is_folder else f"{indent}{name}"
    if not long:
        return text
    size = "-" if file.is_folder else format_size(file.size)
    return f"{size:>10}  {format_time(file.modified_at)}  {file.id}  {text}"


@dataclass(frozen=True, slots=True)
class _TreeRow:
    """One file in a tree. `indent` is the text (spaces and box characters) before its name."""

    file: File
    path: str
    indent: str


async def _print_tree(drive: AsyncDrive, top: File, path: str, sort: SortOrder, long: bool, as_json: bool) -> None:
    parent = path.rstrip("/")
    if not path.startswith("/"):
        above = [] if top.id == ROOT.id else await drive.path(top)
        parent = "".join(f"/{folder.name}" for folder in above)
    if not as_json:
        print_line(top.name if top.name == "/" else f"{top.name}/")
    async with aclosing(_tree_rows(drive, _TreeRow(top, parent, ""), sort)) as rows:
        if as_json:
            with json_array() as add:
                async for row in rows:
                    add({"path": row.path, "file": row.file})
        else:
            async for row in rows:
                print_line(_line(row.file, long, row.indent))


async def _tree_rows(drive: AsyncDrive, parent: _TreeRow, sort: SortOrder) -> AsyncGenerator[_TreeRow, None]:
    """Yield everything below a folder, each folder before its own content."""
    async with aclosing(drive.files(parent.file, sort.value)) as files:
        children = [file async for file in files]
    for number, file in enumerate(children, 1):
        branch, continuation = ("└── ", "    ") if number == len(children) else ("├── ", "│   ")
        path = f"{parent.path}/{file.name}"
        yield _TreeRow(file, path, parent.indent + branch)
        if file.is_folder:
            folder = _TreeRow(file, path, parent.indent + continuation)
            async with aclosing(_tree_rows(drive, folder, sort)) as rows:
                async for row in rows:
                    yield row


@app.command()
def cat(
    paths: Annotated[list[str], typer.Argument(metavar="PATH", help="Files: paths that start with /, or ids.")],
) -> None:
    """Write files to standard output, one after another.

    Exit with status 7 if the received bytes of a file do not have its checksum.
    """

    async def command() -> None:
        async with open_transfer_drive() as drive:
            for path in paths:
                async with aclosing(drive.stream(path)) as blocks:
                    async for block in blocks:
                        await asyncio.to_thread(_write_block, block)

    run_command(command, as_json=False)


def _write_block(block: bytes) -> None:
    with writing_output():
        sys.stdout.buffer.write(block)
        sys.stdout.buffer.flush()
