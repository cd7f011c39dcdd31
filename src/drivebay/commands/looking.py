"""`ls`, `cat`, `link`."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from enum import StrEnum
from typing import Annotated

import typer

from drivebay.client import AsyncDrive, Disposition, File

from . import table
from .console import AsJson, JsonList, answer, answer_json, run
from .drives import opened, transferring

app = typer.Typer()


class Order(StrEnum):
    """How a listing is sorted; with `-` it begins at the other end."""

    NAME = "name"
    NAME_DOWN = "-name"
    MODIFIED = "modified"
    MODIFIED_DOWN = "-modified"
    CREATED = "created"
    CREATED_DOWN = "-created"
    SIZE = "size"
    SIZE_DOWN = "-size"


@app.command()
def ls(
    path: Annotated[str, typer.Argument(help="A folder, or a file.")] = "/",
    long: Annotated[bool, typer.Option("-l", "--long", help="Size, time and id too.")] = False,
    tree: Annotated[bool, typer.Option("--tree", "-R", help="Everything below, as a tree.")] = False,
    trash: Annotated[bool, typer.Option("--trash", help="What is in the trash, latest first.")] = False,
    sort: Annotated[Order, typer.Option(help="By what.")] = Order.NAME,
    as_json: AsJson = False,
) -> None:
    """List a folder, or the trash. Folders end with a slash."""

    async def work() -> None:
        async with opened() as drive:
            if tree and not trash and (top := await drive.resolve(path)).is_folder:
                await _tree(drive, top, path if path.startswith("/") else "", sort, long, as_json)
                return
            async with aclosing(_listed(drive, path, sort, trash)) as files:
                if as_json:
                    with JsonList() as add:
                        async for file in files:
                            add(file)
                else:
                    async for file in files:
                        answer(_line(file, long, file.name))

    run(work, as_json)


async def _listed(drive: AsyncDrive, path: str, sort: Order, trash: bool) -> AsyncGenerator[File, None]:
    if trash:
        async with aclosing(drive.trashed()) as files:
            async for file in files:
                yield file
        return
    found = await drive.resolve(path)
    if not found.is_folder:
        yield found
        return
    async with aclosing(drive.files(found, sort.value)) as files:
        async for file in files:
            yield file


def _line(file: File, long: bool, shown: str) -> str:
    plain = sys.stdout.isatty()
    text = (table.name(shown) if plain else shown) + ("/" if file.is_folder else "")
    if not long:
        return text
    size = "-" if file.is_folder else table.size(file.size)
    return f"{size:>10}  {table.when(file.modified_at)}  {file.id}  {text}"


async def _tree(drive: AsyncDrive, top: File, path: str, sort: Order, long: bool, as_json: bool) -> None:
    """`path` is the top's; where only its id is known, nothing, and paths begin below it."""
    if as_json:
        above = path.rstrip("/")
        with JsonList() as add:
            await _branch(drive, top, sort, "", above, lambda file, _, path: add({"path": path, "file": file}))
        return
    answer(top.name if top.name == "/" else f"{top.name}/")
    await _branch(drive, top, sort, "", "", lambda file, lead, _: answer(_line(file, long, lead + file.name)))


async def _branch(
    drive: AsyncDrive, folder: File, sort: Order, lead: str, path: str, show: Callable[[File, str, str], None]
) -> None:
    """Show what is below, deepest last; `lead` is drawn before each line."""
    async with aclosing(drive.files(folder, sort.value)) as files:
        inside = [file async for file in files]
    for number, file in enumerate(inside, 1):
        last = number == len(inside)
        show(file, lead + ("\u2514\u2500\u2500 " if last else "\u251c\u2500\u2500 "), f"{path}/{file.name}")
        if file.is_folder:
            await _branch(drive, file, sort, lead + ("    " if last else "\u2502   "), f"{path}/{file.name}", show)


@app.command()
def cat(paths: Annotated[list[str], typer.Argument(metavar="PATH...", help="Files.")]) -> None:
    """Write files to standard output, one after another. Exit status 7 if one came with a wrong byte."""

    async def work() -> None:
        async with transferring() as drive:
            for path in paths:
                async with aclosing(drive.stream(path)) as blocks:
                    async for block in blocks:
                        await asyncio.to_thread(sys.stdout.buffer.write, block)
                await asyncio.to_thread(sys.stdout.buffer.flush)

    run(work, False)


@app.command()
def link(
    path: Annotated[str, typer.Argument(help="A file.")],
    inline: Annotated[bool, typer.Option("--inline", help="For a browser to open, where its type allows.")] = False,
    as_json: AsJson = False,
) -> None:
    """Print a URL by which anybody may read a file for some minutes."""

    async def work() -> None:
        async with opened() as drive:
            found = await drive.link(path, Disposition.INLINE if inline else Disposition.ATTACHMENT)
        if as_json:
            answer_json({"url": found.url, "expires_at": found.expires_at})
        else:
            answer(found.url)

    run(work, as_json)
