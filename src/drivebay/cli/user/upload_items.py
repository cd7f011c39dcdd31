"""Finds the files that `put` uploads, and creates their folders on the server.

Local folders with the same name on the server are read together. So two files that would have the same path on the
server are detected before the first of them is sent.
"""

from __future__ import annotations

import asyncio
import glob
import os
import unicodedata
from collections.abc import AsyncGenerator, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from drivebay.client import AsyncDrive, File

from .exit_codes import EXPECTED_ERRORS, CommandError, ExitCode
from .local_folders import LocalEntry, read_folder, report_skipped, same_target_error
from .name_filter import NameFilter
from .progress import ProgressDisplay
from .workers import Failures

STDIN: Final = Path("-")


@dataclass(frozen=True, slots=True)
class UploadItem:
    """One file to upload. `source` is its local path, and `size` its bytes (0 for standard input).

    The other fields are its folder, name and path on the server.
    """

    source: Path
    folder: File
    name: str
    path: str
    size: int


@dataclass(frozen=True, slots=True)
class UploadTarget:
    """The target folder on the server, its path without a slash at the end, and the name for a single file."""

    folder: File
    path: str
    name: str | None = None


@dataclass(frozen=True, slots=True)
class _LocalFolder:
    """Local folders that become one folder on the server. `parent` is the parent of that folder on the server."""

    sources: list[Path]
    name: str
    parent: UploadTarget
    relative: str = ""
    """The path below the transferred folder, with a slash at the end. Empty for the transferred folder itself."""


def expand_globs(sources: list[str]) -> list[Path]:
    """Return the local paths of the arguments, each path once. A glob pattern becomes all paths that match it.

    Raises CommandError.
    """
    paths: dict[str, Path] = {}
    for source in sources:
        matches = [source]
        if source != "-" and not os.path.lexists(source) and glob.has_magic(source):
            matches = sorted(glob.glob(source, recursive=True))  # noqa: PTH207 - absolute patterns too
            if not matches:
                raise CommandError(f"no file matches {source}", ExitCode.NOT_FOUND)
        for match in matches:
            # `abspath` does not follow symbolic links. `Path.resolve` would.
            paths.setdefault("-" if match == "-" else os.path.abspath(match), Path(match))  # noqa: PTH100
    return list(paths.values())


class UploadScanner:
    """Walks through local folders. Files and folders that cannot be read are added to `failures`, and do not stop the
    others."""

    def __init__(
        self, drive: AsyncDrive, failures: Failures, display: ProgressDisplay, name_filter: NameFilter
    ) -> None:
        self._drive = drive
        self._failures = failures
        self._display = display
        self._filter = name_filter

    async def find_items(self, paths: list[Path], target: UploadTarget) -> AsyncGenerator[UploadItem, None]:
        """Yield an item for each file in `paths` and below."""
        entries = []
        for path in paths:
            try:
                entry = await asyncio.to_thread(_examine, path, target.name)
                if self._filter.selects(entry.name, is_folder=entry.is_folder):
                    entries.append(entry)
            except EXPECTED_ERRORS as error:
                self._failures.add(error)
        items, waiting = self._separate_entries(entries, target)
        for item in items:
            yield item
        while waiting:
            folder = waiting.pop()
            try:
                items, below = await self._open_folder(folder)
            except EXPECTED_ERRORS as error:  # the other entries continue
                self._failures.add(error, str(folder.sources[0]))
                continue
            for item in items:
                yield item
            waiting += below

    async def _open_folder(self, folder: _LocalFolder) -> tuple[list[UploadItem], list[_LocalFolder]]:
        """Create the folder on the server. Return the files in it, and the folders in it in reverse order."""
        created = await self._drive.make_folder_in(folder.parent.folder, folder.name, exist_ok=True)
        entries: list[LocalEntry] = []
        for source in folder.sources:
            contents = await asyncio.to_thread(read_folder, source)
            report_skipped(contents, self._failures)
            entries += [
                entry
                for entry in contents.entries
                if self._filter.selects(folder.relative + entry.name, is_folder=entry.is_folder)
            ]
        items, below = self._separate_entries(entries, UploadTarget(created, f"{folder.parent.path}/{folder.name}"))
        return items, [replace(inner, relative=f"{folder.relative}{inner.name}/") for inner in below]

    def _separate_entries(
        self, entries: Iterable[LocalEntry], target: UploadTarget
    ) -> tuple[list[UploadItem], list[_LocalFolder]]:
        """Return the files and the folders of `entries`, without entries that would have the same path on the
        server."""
        entries_by_name: dict[str, list[LocalEntry]] = {}
        for entry in entries:
            # The server stores names in NFC, so two local names can become one.
            entries_by_name.setdefault(unicodedata.normalize("NFC", entry.name), []).append(entry)
        items, folders = [], []
        for group in entries_by_name.values():
            first = group[0]
            if all(entry.is_folder for entry in group):
                folders.append(_LocalFolder([entry.source for entry in group], first.name, target))
            elif len(group) > 1:  # guard: one-source-each-target
                next_step = "rename one of them, or upload it alone with --name"
                self._failures.add(same_target_error(group, f"{target.path}/{first.name}", next_step))
            else:
                self._display.add_to_total(first.size)
                path = f"{target.path}/{first.name}"
                items.append(UploadItem(first.source, target.folder, first.name, path, first.size))
        return items, folders[::-1]


def _examine(path: Path, name: str | None) -> LocalEntry:
    """Return the entry for an argument of the command. Raises OSError, CommandError."""
    if path == STDIN:
        if name is None:
            raise CommandError("standard input has no name", ExitCode.USAGE, "give it a name with --name")
        return LocalEntry(path, name, is_folder=False)
    if path.is_dir():
        return LocalEntry(path, _folder_name(path), is_folder=True)
    return LocalEntry(path, name or path.name, is_folder=False, size=path.stat().st_size)


def _folder_name(path: Path) -> str:
    """Return the name for a folder on the server. Raises CommandError if the local folder is the root."""
    # The name of the path `.` is empty, and `..` is not the name of a folder. The resolved path has the real name.
    name = path.name if path.name not in ("", "..") else path.resolve().name
    if not name:
        next_step = "give the files and folders in it, and a folder on the server with --to"
        raise CommandError(f"{path} has no name to use on the server", ExitCode.USAGE, next_step)
    return name
