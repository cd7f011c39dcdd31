"""`put`: files, folders, globs and standard input, to a folder there.

What is there already with the same bytes is left alone, so that the same command, said again after whatever ended it,
does the rest.
"""

from __future__ import annotations

import asyncio
import glob
import os
import sys
import unicodedata
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from pathlib import Path
from typing import Annotated, Final, NamedTuple

import msgspec
import typer

from drivebay.client import AsyncDrive, Conflict, File, OnConflict, Progress

from . import bars, same
from .bars import Bars
from .console import AsJson, JsonList, answer, run, say
from .drives import transferring
from .exits import EXPECTED, Exit, Wrong
from .many import Failures, Turns, each

app = typer.Typer()


_SMALL: Final = 2**20
STDIN: Final = Path("-")


class Stored(msgspec.Struct, frozen=True):
    """What is said of a file: `status` is `stored`, or `there` if it was already."""

    path: str
    id: str
    size: int
    status: str


class _Item(NamedTuple):
    """A file to send: from where, into which folder, as what, and its path there."""

    source: Path
    folder: File
    name: str
    path: str
    size: int


@app.command()
def put(
    sources: Annotated[
        list[str], typer.Argument(metavar="PATH...", help="Files, folders, globs; - is standard input.")
    ],
    to: Annotated[str, typer.Option("--to", help="The folder there.")] = "/",
    name: Annotated[str | None, typer.Option(help="The name there, for one file; standard input needs one.")] = None,
    on_conflict: Annotated[OnConflict, typer.Option(help="When another file has the name.")] = OnConflict.FAIL,
    content_type: Annotated[str | None, typer.Option(help="Its media type; without, as its name says.")] = None,
    parents: Annotated[bool, typer.Option("-p", "--parents", help="Make the folder there if it is missing.")] = False,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="No progress.")] = False,
    as_json: AsJson = False,
) -> None:
    """Upload files, folders, or standard input; print their paths there. Said again, it goes on where it stopped."""

    async def work() -> None:
        paths = _expanded(sources)
        if name is not None and (len(paths) != 1 or (paths[0] != STDIN and paths[0].is_dir())):
            raise Wrong("--name is for one file", Exit.USAGE)
        async with transferring() as drive:
            folder = await (drive.make_folder(to, parents=True) if parents and to.strip("/") else drive.resolve(to))
            if not folder.is_folder:
                raise Wrong(f"{to} is a file", Exit.CONFLICT, "name a folder with --to")
            with bars.shown(not (quiet or as_json)) as drawn:
                put = _Put(drive, on_conflict, content_type, Failures(as_json), drawn)
                if as_json:
                    with JsonList() as add:
                        await put.all(paths, folder, to, name, add)
                else:
                    await put.all(paths, folder, to, name, lambda stored: answer(stored.path))

    run(work, as_json)


def _expanded(sources: list[str]) -> list[Path]:
    """Paths, where globs that the shell has left to us are replaced by what they match. Raises Wrong."""
    found: list[Path] = []
    for source in sources:
        if source == "-" or os.path.lexists(source) or not glob.has_magic(source):
            found.append(Path(source))
            continue
        matches = sorted(glob.glob(source, recursive=True))  # noqa: PTH207 - absolute patterns too
        if not matches:
            raise Wrong(f"nothing matches {source}", Exit.NOT_FOUND)
        found += map(Path, matches)
    return found


class _Put:
    def __init__(
        self, drive: AsyncDrive, on_conflict: OnConflict, content_type: str | None, failures: Failures, drawn: Bars
    ) -> None:
        self._drive = drive
        self._on_conflict = on_conflict
        self._content_type = content_type
        self._failures = failures
        self._drawn = drawn
        self._siblings = same.Siblings(drive)
        self._turns = Turns(_SMALL)

    async def all(
        self, paths: list[Path], folder: File, to: str, name: str | None, show: Callable[[Stored], None]
    ) -> None:
        """Put all of it there, and show each file. Raises Wrong in the end if anything failed."""

        async def one(item: _Item) -> None:
            async with self._turns.of(item.size):
                with self._drawn.of(item.path, item.size) as progress:
                    show(await self._one(item, progress))

        async with aclosing(self._items(paths, folder, to.rstrip("/"), name)) as items:
            await each(items, one, self._failures, lambda item: item.path)
        self._failures.settle()

    async def _items(self, paths: list[Path], folder: File, to: str, name: str | None) -> AsyncGenerator[_Item, None]:
        for path in paths:
            try:
                if path == STDIN:
                    if name is None:
                        raise Wrong("standard input has no name", Exit.USAGE, "give it one with --name")
                    yield _Item(path, folder, name, f"{to}/{name}", 0)
                elif await asyncio.to_thread(path.is_dir):
                    async with aclosing(self._below(path, folder, to)) as items:
                        async for item in items:
                            yield item
                else:
                    size = (await asyncio.to_thread(path.stat)).st_size
                    self._drawn.found(size)
                    yield _Item(path, folder, name or path.name, f"{to}/{name or path.name}", size)
            except EXPECTED as error:
                self._failures.add(error)

    async def _below(self, path: Path, parent: File, to: str) -> AsyncGenerator[_Item, None]:
        """Everything in a folder; one that cannot be had takes nothing else along."""
        try:
            async with aclosing(self._inside(path, parent, to)) as items:
                async for item in items:
                    yield item
        except EXPECTED as error:
            self._failures.add(error, str(path))

    async def _inside(self, path: Path, parent: File, to: str) -> AsyncGenerator[_Item, None]:
        """Everything in a folder, which is made there too."""
        name = path.name if path.name != ".." else ""
        name = name or (await asyncio.to_thread(path.resolve)).name
        if not name:
            raise Wrong(
                f"{path} has no name to have there", Exit.USAGE, "name what is in it; --to names the folder there"
            )
        folder = await self._drive.make_folder_in(parent, name, exist_ok=True)
        place = f"{to}/{name}"
        for entry in await asyncio.to_thread(_entries, path):
            below = path / entry.name
            if entry.is_dir(follow_symlinks=False):
                async with aclosing(self._below(below, folder, place)) as items:
                    async for item in items:
                        yield item
            elif entry.is_file():
                size = entry.stat().st_size
                self._drawn.found(size)
                yield _Item(below, folder, entry.name, f"{place}/{entry.name}", size)
            else:
                say(f"drivebay: {below} is left out: neither a file nor a folder, but a link or a device")

    async def _one(self, item: _Item, progress: Progress | None) -> Stored:
        if item.source == STDIN:
            return await self._send(item, self._on_conflict, progress)  # it can be read only once
        try:
            # Whatever is to become of another file of the name: the same one is not sent again.
            return await self._send(item, OnConflict.FAIL, progress)
        except Conflict as error:
            if error.code != "name_taken":
                raise
            there = (await self._siblings.of(item.folder)).get(unicodedata.normalize("NFC", item.name))
            if there is None and self._on_conflict is OnConflict.FAIL:
                raise Conflict(409, "name_taken", f"{item.path} is being uploaded by somebody else") from None
            if there is not None and await same.bytes_as(self._drive, item.source, there):
                return Stored(item.path, there.id, there.size, "there")
            if self._on_conflict is OnConflict.FAIL:
                raise Conflict(409, "name_taken", f"{item.path} is there already, with other bytes") from None
            return await self._send(item, self._on_conflict, progress)

    async def _send(self, item: _Item, on_conflict: OnConflict, progress: Progress | None) -> Stored:
        content = sys.stdin.buffer if item.source == STDIN else item.source
        sent = await self._drive.send(
            content,
            item.folder,
            item.name,
            content_type=self._content_type,
            on_conflict=on_conflict,
            progress=progress,
        )
        path = item.path
        if on_conflict is OnConflict.RENAME:
            path = f"{path.rpartition('/')[0]}/{(await self._drive.file(sent.file_id or '')).name}"
        return Stored(path, sent.file_id or "", sent.size, "stored")


def _entries(path: Path) -> list[os.DirEntry[str]]:
    with os.scandir(path) as entries:
        return sorted(entries, key=lambda entry: entry.name)
