"""The paths of the entries of an archive: unique and valid on Windows and macOS too.

On these systems, `a.txt` and `A.TXT` are the same file, so two paths must not differ only in case. Windows refuses some
characters and names. A program that extracts a ZIP file on Windows stops at a file with such a name, or skips it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from ...contract.files import Kind
from ...contract.ids import FileId
from ..entries.store import TreeEntry
from ..file_names import numbered_names

# On Windows, a backslash is a separator, so `..\x` would be extracted outside the folder.
_REFUSED: Final = re.compile(r'[<>:"\\|?*]|[. ]\Z')
_DEVICE: Final = re.compile(r"(CON|PRN|AUX|NUL|CONIN\$|CONOUT\$|(COM|LPT)[0-9¹²³]) *(\..*)?", re.IGNORECASE | re.DOTALL)


def make_paths(tree: Sequence[TreeEntry]) -> list[str]:
    """Return the path of each entry of a tree. The tree lists each folder before its contents.

    The path of a folder ends with a slash. Two paths always differ, also without regard to case.
    """
    folders: dict[tuple[int, FileId], str] = {}
    allocator = _PathAllocator()
    paths = []
    for entry in tree:
        # An entry that the user chose is at the top of the archive, even if the user chose its folder too.
        path = allocator.take(folders.get((entry.top, entry.parent), ""), windows_name(entry.name))
        if entry.kind is Kind.FOLDER:
            path += "/"
            folders[entry.top, entry.id] = path
        paths.append(path)
    return paths


def windows_name(name: str) -> str:
    """Return a name that Windows accepts, with `_` for each character that it refuses: `aux_.txt` for `aux.txt`."""
    name = _REFUSED.sub("_", name)  # guard: archive-refused-characters
    device = _DEVICE.fullmatch(name)
    if device is None:  # guard: archive-device-names
        return name
    end = device.end(1)
    return f"{name[:end]}_{name[end:]}"


class _PathAllocator:
    """Chooses paths that are not taken. The next number of each name is stored, so that many equal names do not need a
    long search."""

    def __init__(self) -> None:
        self._taken: set[str] = set()
        self._numbers: dict[str, int] = {}

    def take(self, folder: str, name: str) -> str:
        """Return a path for a name in a folder, and mark it as taken. A taken path gets a number."""
        path = folder + name
        if path.casefold() in self._taken:  # guard: archive-unique-paths
            path = self._numbered_path(folder, name)
        self._taken.add(path.casefold())  # guard: archive-unique-case
        return path

    def _numbered_path(self, folder: str, name: str) -> str:
        # Long names are cut to make room for the number, so different names may get the same numbered name.
        numbered_name = (folder + next(numbered_names(name))).casefold()
        number = self._numbers.get(numbered_name, 1)
        for path in (folder + numbered for numbered in numbered_names(name, number)):
            number += 1
            if path.casefold() not in self._taken:
                break
        self._numbers[numbered_name] = number
        return path
