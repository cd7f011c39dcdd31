"""The paths of the entries of an archive: unique and valid on Windows and macOS too.

Their file systems take `a.txt` and `A.TXT` for one file, so paths must differ in more than case. Windows refuses some
characters and names, and programs that extract a ZIP file there stop or skip the file.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from ...contract.files import Kind
from ...contract.ids import FileId
from ..entries.store import TreeEntry
from ..file_names import numbered_names

# A backslash is a separator there, so `..\x` would be extracted outside the folder.
_REFUSED: Final = re.compile(r'[<>:"\\|?*]|[. ]\Z')
_DEVICE: Final = re.compile(r"(CON|PRN|AUX|NUL|CONIN\$|CONOUT\$|(COM|LPT)[0-9¹²³]) *(\..*)?", re.IGNORECASE | re.DOTALL)


def make_paths(tree: Sequence[TreeEntry]) -> list[str]:
    """Return the path of each entry of a tree, in which a folder comes before what is in it.

    The path of a folder ends with a slash. No two paths are equal without regard to case.
    """
    folders: dict[tuple[int, FileId], str] = {}
    free = _FreePaths()
    paths = []
    for entry in tree:
        # An entry that was chosen by itself is at the top, even if its folder was chosen too.
        path = free.take(folders.get((entry.top, entry.parent), ""), windows_name(entry.name))
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


class _FreePaths:
    """Chooses paths that are not taken. The next number of each name is kept, so that many equal names take no long
    search."""

    def __init__(self) -> None:
        self._taken: set[str] = set()
        self._numbers: dict[str, int] = {}

    def take(self, folder: str, name: str) -> str:
        """Return a path of a name in a folder that no entry has yet. It gets a number if it is taken."""
        path = folder + name
        if path.casefold() in self._taken:  # guard: archive-unique-paths
            path = self._numbered(folder, name)
        self._taken.add(path.casefold())  # guard: archive-unique-case
        return path

    def _numbered(self, folder: str, name: str) -> str:
        # Long names are cut before their number, so several names may have the same numbered ones.
        family = (folder + next(numbered_names(name))).casefold()
        number = self._numbers.get(family, 1)
        for path in (folder + numbered for numbered in numbered_names(name, number)):
            number += 1
            if path.casefold() not in self._taken:
                break
        self._numbers[family] = number
        return path
