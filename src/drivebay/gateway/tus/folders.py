"""Creates the folders of an upload with a relative path, such as one of a folder that was dropped on a web page."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from ...contract import files as contract
from ...contract.ids import FileId
from ...errors import NameTaken

_ATTEMPTS: Final = 3
"""The number of attempts. Another request may create or delete the folder between two calls of an attempt."""


async def create_folder_path(
    files: contract.Files, access: contract.Access, parent: FileId, names: Iterable[str]
) -> FileId:
    """Return the id of the folder at the path `names` below `parent`.

    Missing folders are created. Requests that do this at the same time all get the same folder. Raises NotFound (the
    parent), NameTaken (a file has the name), InvalidRequest (a name is invalid, or there are too many levels),
    QuotaExceeded (the drive has too many entries).
    """
    for name in names:
        parent = await _create_or_find_folder(files, access, parent, name)
    return parent


async def _create_or_find_folder(files: contract.Files, access: contract.Access, parent: FileId, name: str) -> FileId:
    # Look up before creating, because for most files of a dropped folder the folder exists already.
    for attempt in range(1, _ATTEMPTS + 1):
        entries = (await files.list_files(access, contract.Listing(parent=parent, name=name))).items
        if entries:
            if entries[0].kind is not contract.Kind.FOLDER:
                raise NameTaken(f"a file has the name {name!r}, so no folder can be created there")
            return entries[0].id
        try:
            return (await files.create_folder(access, parent, name)).id
        except NameTaken:  # guard: relative-path-race
            # Another request created the folder after the look-up, or a pending upload has its name.
            if attempt == _ATTEMPTS:
                raise
    raise AssertionError("the last attempt returns or raises")
