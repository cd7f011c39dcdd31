"""Arguments that name files on the server: paths that start with `/`, ids, and glob patterns."""

from __future__ import annotations

import unicodedata
from contextlib import aclosing
from fnmatch import fnmatchcase
from typing import Final

from drivebay.client import AsyncDrive, File, NotFound

_GLOB_CHARACTERS: Final = frozenset("*?[")


async def match_path(drive: AsyncDrive, path: str) -> list[File]:
    """Return the file at a path or with an id, or all files that match if the last name is a glob pattern.

    A file whose name equals the pattern matches too. The Unicode form of the pattern does not matter: the server stores
    names in NFC. Raises NotFound.
    """
    folder, _, name = unicodedata.normalize("NFC", path).rpartition("/")
    if not path.startswith("/") or not _GLOB_CHARACTERS & set(name):
        return [await drive.resolve(path)]
    async with aclosing(drive.files(folder or "/")) as files:
        matches = [file async for file in files if file.name == name or fnmatchcase(file.name, name)]
    if not matches:
        raise NotFound(404, "not_found", f"no file matches {path}")
    return matches
