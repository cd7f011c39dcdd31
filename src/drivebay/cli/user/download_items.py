"""Finds the files that `get` downloads, and creates the local folders.

Folders with the same local path are listed together. So two files that would have the same local path are detected
before the first of them is fetched. On a disk that ignores case, `A.txt` and `a.txt` are such files.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import aclosing
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from drivebay.client import AsyncDrive, File, UnsafeName

from .exit_codes import EXPECTED_ERRORS, CommandError, ExitCode
from .name_filter import NameFilter
from .progress import ProgressDisplay
from .remote_paths import match_path
from .workers import Failures


class DownloadedFile(msgspec.Struct, frozen=True):
    """The result for one file. `status` is `fetched`, or `here` if the local file already had the same bytes."""

    path: str
    id: str
    size: int
    status: str


def to_line(downloaded: DownloadedFile) -> str:
    return downloaded.path


@dataclass(frozen=True, slots=True)
class DownloadItem:
    """One file to download, its path in messages, and its local path."""

    file: File
    source: str
    target: Path


@dataclass(frozen=True, slots=True)
class RemoteEntry:
    """A file or folder on the server. `source` is its path on the server, `target` its local path.

    `relative` is its path below the transferred folder, empty for the transferred folder itself.
    """

    file: File
    source: str
    target: Path
    relative: str = ""


class DownloadScanner:
    """Walks through folders on the server, and creates the local folders."""

    def __init__(
        self,
        drive: AsyncDrive,
        failures: Failures,
        display: ProgressDisplay,
        name_filter: NameFilter,
        ignores_case: Callable[[Path], bool] | None = None,
    ) -> None:
        self._drive = drive
        self._failures = failures
        self._display = display
        self._filter = name_filter
        self._ignores_case = ignores_case or disk_ignores_case

    async def find_items(self, paths: list[str], to: Path, output: Path | None) -> AsyncGenerator[DownloadItem, None]:
        """Yield an item for each file in `paths` and below. A path that fails does not stop the others."""
        entries: list[RemoteEntry] = []
        for path in paths:
            try:
                entries += await self._entries_of(path, to, output)
            except EXPECTED_ERRORS as error:
                self._failures.add(error)
        items, waiting = await self._separate_entries(entries)
        for item in items:
            yield item
        while waiting:
            folders = waiting.pop()
            try:
                items, below = await self._open_folder(folders)
            except EXPECTED_ERRORS as error:  # the other entries continue
                self._failures.add(error, folders[0].source)
                continue
            for item in items:
                yield item
            waiting += below

    async def _entries_of(self, path: str, to: Path, output: Path | None) -> list[RemoteEntry]:
        """Return the files and folders of an argument of the command. For the root folder, return its content."""
        folder = path.rpartition("/")[0]
        entries: list[RemoteEntry] = []
        for file in await match_path(self._drive, path):
            if output is not None and file.is_folder:
                raise CommandError(
                    f"{path} is a folder", ExitCode.USAGE, "--output works with a file; use --to for a folder"
                )
            if file.id == "root":
                entries += await self._children(RemoteEntry(file, "", to))
            else:
                target = to / local_name(file) if output is None else _output_path(file, output)
                source = f"{folder}/{file.name}" if path.startswith("/") else file.name
                if self._filter.selects(file.name, is_folder=file.is_folder):
                    entries.append(RemoteEntry(file, source, target))
        return entries

    async def _open_folder(self, folders: list[RemoteEntry]) -> tuple[list[DownloadItem], list[list[RemoteEntry]]]:
        """Create the local folder. Return the files in it, and the folders in it in reverse order."""
        await asyncio.to_thread(folders[0].target.mkdir, exist_ok=True)
        entries: list[RemoteEntry] = []
        for folder in folders:
            entries += await self._children(folder)
        return await self._separate_entries(entries)

    async def _children(self, folder: RemoteEntry) -> list[RemoteEntry]:
        children = []
        async with aclosing(self._drive.files(folder.file)) as files:
            async for file in files:
                relative = f"{folder.relative}/{file.name}".lstrip("/")
                if not self._filter.selects(relative, is_folder=file.is_folder):
                    continue
                try:
                    target = folder.target / local_name(file)
                except UnsafeName as error:
                    self._failures.add(error)
                else:
                    children.append(RemoteEntry(file, f"{folder.source}/{file.name}", target, relative))
        return children

    async def _separate_entries(
        self, entries: Iterable[RemoteEntry]
    ) -> tuple[list[DownloadItem], list[list[RemoteEntry]]]:
        """Return the files and the folders of `entries`, without entries that would have the same local path."""
        items, folders = [], []
        for group in await asyncio.to_thread(group_by_target, entries, self._ignores_case):
            first = group[0]
            if all(entry.file.is_folder for entry in group):
                folders.append([replace(entry, target=first.target) for entry in group])
            elif len(group) > 1:  # guard: one-file-each-local-path
                self._failures.add(same_local_path_error(group))
            else:
                self._display.add_to_total(first.file.size)
                items.append(DownloadItem(first.file, first.source, first.target))
        return items, folders[::-1]


def group_by_target(entries: Iterable[RemoteEntry], ignores_case: Callable[[Path], bool]) -> list[list[RemoteEntry]]:
    """Group entries that would be the same file or folder on the local disk. A repeated entry counts once."""
    by_folded_path: dict[str, dict[tuple[Path, str], RemoteEntry]] = {}
    for entry in entries:
        by_folded_path.setdefault(str(entry.target).casefold(), {})[entry.target, entry.file.id] = entry
    groups: list[list[RemoteEntry]] = []
    for candidates in by_folded_path.values():
        by_path: dict[Path, list[RemoteEntry]] = {}
        for entry in candidates.values():
            by_path.setdefault(entry.target, []).append(entry)
        if len(by_path) > 1 and ignores_case(next(iter(by_path)).parent):
            groups.append(list(candidates.values()))
        else:
            groups += by_path.values()
    return groups


def disk_ignores_case(folder: Path) -> bool:
    """Return whether `A` and `a` are one file in this folder. Creates and deletes a file there to find out."""
    try:
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".drivebay-case-") as file:
            name = Path(file.name).name
            return (folder / name.swapcase()).exists()
    except OSError:
        return False  # no file can be written there: each download fails with this reason


def local_name(file: File) -> str:
    """Return the local name of a file. Raises UnsafeName if the name would lead out of the target folder."""
    if file.name in ("", ".", "..") or "/" in file.name or "\0" in file.name:
        raise UnsafeName(f"{file.name!r} cannot be used as a local file name; rename the file on the server")
    return file.name


def _output_path(file: File, output: Path) -> Path:
    """Return the local path of a file: `output`, or a path in `output` if `output` is a folder."""
    return output / local_name(file) if output.is_dir() else output


def same_local_path_error(group: list[RemoteEntry]) -> CommandError:
    """Return the error for files on the server that would have the same local path."""
    sources = " and ".join(entry.source for entry in group)
    message = f"{sources} would have the same path {group[0].target}: none of them was downloaded"
    return CommandError(message, ExitCode.CONFLICT, "download one of them alone, with --output and another name")
