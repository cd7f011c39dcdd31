"""`get`: files, folders and globs from there, into a folder here.

What is here already with the same bytes is left alone, so that the same command, said again after whatever ended it,
does the rest.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, NamedTuple

import msgspec
import typer

from drivebay.client import AsyncDrive, File, NotFound, UnsafeName

from . import bars, same
from .bars import Bars
from .console import AsJson, JsonList, answer, run
from .drives import transferring
from .exits import EXPECTED, Exit, Wrong
from .many import Failures, Turns, each

app = typer.Typer()

_MAGIC = frozenset("*?[")
_SMALL = 128 * 2**10
"""Bytes up to which files wait in memory for their turn on the disk."""


class Fetched(msgspec.Struct, frozen=True):
    """What is said of a file: `status` is `fetched`, or `here` if it was already."""

    path: str
    id: str
    size: int
    status: str


class _Item(NamedTuple):
    """A file to fetch, and where to."""

    file: File
    target: Path


@app.command()
def get(
    paths: Annotated[list[str], typer.Argument(metavar="PATH...", help="Files and folders there, or globs.")],
    to: Annotated[Path, typer.Option("--to", help="The folder here.")] = Path(),
    output: Annotated[Path | None, typer.Option("-o", "--output", help="The name here, for one file.")] = None,
    force: Annotated[bool, typer.Option("-f", "--force", help="Take the place of other files here.")] = False,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="No progress.")] = False,
    as_json: AsJson = False,
) -> None:
    """Download files and folders; print their paths here. Said again, it goes on where it stopped."""

    async def work() -> None:
        if output is not None and len(paths) != 1:
            raise Wrong("--output is for one file", Exit.USAGE)
        if output == Path("-"):
            raise Wrong("--output is a name here", Exit.USAGE, "`drivebay cat` writes to standard output")
        if output is None and not to.is_dir():
            raise Wrong(f"{to} is no folder", Exit.NOT_FOUND, "make it first")
        async with transferring() as drive:
            with bars.shown(not (quiet or as_json)) as drawn:
                get = _Get(drive, force, Failures(as_json), drawn)
                if as_json:
                    with JsonList() as add:
                        await get.all(paths, to, output, add)
                else:
                    await get.all(paths, to, output, lambda fetched: answer(fetched.path))

    run(work, as_json)


class _Get:
    def __init__(self, drive: AsyncDrive, force: bool, failures: Failures, drawn: Bars) -> None:
        self._drive = drive
        self._force = force
        self._failures = failures
        self._drawn = drawn
        self._turns = Turns(_SMALL)

    async def all(self, paths: list[str], to: Path, output: Path | None, show: Callable[[Fetched], None]) -> None:
        """Fetch all of it, and show each file. Raises Wrong in the end if anything failed."""

        async def one(item: _Item) -> None:
            async with self._turns.of(item.file.size):
                with self._drawn.of(item.file.name, item.file.size) as progress:
                    here = await same.bytes_as(self._drive, item.target, item.file)
                    if not here:
                        await self._drive.download(item.file, item.target, overwrite=self._force, progress=progress)
                    show(Fetched(str(item.target), item.file.id, item.file.size, "here" if here else "fetched"))

        async with aclosing(self._items(paths, to, output)) as items:
            await each(items, one, self._failures, lambda item: str(item.target))
        self._failures.settle()

    async def _items(self, paths: list[str], to: Path, output: Path | None) -> AsyncGenerator[_Item, None]:
        for path in paths:
            try:
                for file in await self._matched(path):
                    if output is not None and file.is_folder:
                        raise Wrong(
                            f"{path} is a folder", Exit.USAGE, "--output is for a file; name a folder with --to"
                        )
                    async with aclosing(self._below(file, _target(file, to, output))) as items:
                        async for item in items:
                            yield item
            except EXPECTED as error:
                self._failures.add(error)

    async def _below(self, file: File, target: Path) -> AsyncGenerator[_Item, None]:
        """The file; of a folder, which is made here too, everything in it."""
        if not file.is_folder:
            self._drawn.found(file.size)
            yield _Item(file, target)
            return
        await asyncio.to_thread(target.mkdir, exist_ok=True)
        async with aclosing(self._drive.files(file)) as files:
            async for inside in files:
                async with aclosing(self._below(inside, target / _name(inside))) as items:
                    async for item in items:
                        yield item

    async def _matched(self, path: str) -> list[File]:
        """What a path names; of one whose last name is a glob, all that match."""
        folder, _, name = path.rpartition("/")
        if not path.startswith("/") or not _MAGIC & set(name):
            return [await self._drive.resolve(path)]
        async with aclosing(self._drive.files(folder or "/")) as files:
            found = [file async for file in files if file.name == name or fnmatchcase(file.name, name)]
        if not found:
            raise NotFound(404, "not_found", f"nothing matches {path}")
        return found


def _target(file: File, to: Path, output: Path | None) -> Path:
    """Where it is to be stored: as `output`, or in it if it is a folder."""
    if output is None:
        return to / _name(file)
    return output / _name(file) if output.is_dir() else output


def _name(file: File) -> str:
    """A file's name as one here; the root's is none, so all in it lands where it is to go. Raises UnsafeName."""
    if file.id == "root":
        return ""
    if file.name in ("", ".", "..") or "/" in file.name or "\0" in file.name:
        raise UnsafeName(f"{file.name!r} is no name for a file here")
    return file.name
