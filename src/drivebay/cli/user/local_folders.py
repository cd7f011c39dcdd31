"""Reads local folders for transfers to the server: the entries to transfer, and the entries that are left out, with
reasons."""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from drivebay.client import is_part_name

from .exit_codes import CommandError, ExitCode
from .workers import Failures

_NOT_A_FILE: Final = (
    "it is neither a file nor a folder: a broken symbolic link, a symbolic link to a folder, or a device"
)
_BROKEN_LINK: Final = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)


@dataclass(frozen=True, slots=True)
class LocalEntry:
    """A local file or folder, and its name on the server."""

    source: Path
    name: str
    is_folder: bool
    size: int = 0


@dataclass(slots=True)
class FolderContents:
    """The content of a local folder: the entries to transfer, the entries that are left out (with the reason), and the
    entries that cannot be read (with the error)."""

    entries: list[LocalEntry] = field(default_factory=list)
    skipped: list[tuple[Path, str]] = field(default_factory=list)
    failed: list[tuple[Path, OSError]] = field(default_factory=list)

    def names(self) -> set[str]:
        """Return the names of everything in the folder."""
        left_out = [path.name for path, _ in (*self.skipped, *self.failed)]
        return {*(entry.name for entry in self.entries), *left_out}


def read_folder(folder: Path) -> FolderContents:
    """Return the entries of a local folder by name. Raises OSError if the folder itself cannot be read."""
    contents = FolderContents()
    with os.scandir(folder) as scanned:
        sorted_entries = sorted(scanned, key=lambda entry: entry.name)
    for entry in sorted_entries:
        path = folder / entry.name
        if is_part_name(entry.name):
            contents.skipped.append((path, "it belongs to an unfinished download"))
            continue
        try:
            if entry.is_dir(follow_symlinks=False):
                contents.entries.append(LocalEntry(path, entry.name, is_folder=True))
            elif entry.is_file():
                contents.entries.append(LocalEntry(path, entry.name, is_folder=False, size=entry.stat().st_size))
            else:
                contents.skipped.append((path, _NOT_A_FILE))
        except OSError as error:
            if entry.is_symlink() and error.errno in _BROKEN_LINK:
                contents.skipped.append((path, _NOT_A_FILE))
            else:
                contents.failed.append((path, error))
    return contents


def report_skipped(contents: FolderContents, failures: Failures) -> None:
    """Print the items of a folder that are not transferred."""
    for path, reason in contents.skipped:
        failures.skip(path, reason)
    for path, error in contents.failed:
        failures.add(error, str(path))


def same_target_error(group: list[LocalEntry], target: str, next_step: str) -> CommandError:
    """Return the error for local files that would have the same path on the server."""
    sources = " and ".join(str(entry.source) for entry in group)
    names = {entry.name for entry in group}
    reason = " (the names differ only in their Unicode form)" if len(names) > 1 else ""
    message = f"{sources} would have the same path {target}{reason}: none of them was uploaded"
    return CommandError(message, ExitCode.CONFLICT, next_step)
