"""Makes the folders of an upload that came with a path, such as a folder that was dropped on a page."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from ...contract import files as contract
from ...contract.ids import FileId
from ...errors import NameTaken

_ATTEMPTS: Final = 3
"""Another request may make a folder between two of our calls, and delete it again."""


async def make_folders(files: contract.Files, access: contract.Access, parent: FileId, names: Iterable[str]) -> FileId:
    """Return the last of the folders `names`, each inside the one before it, the first in `parent`.

    Folders that do not exist are created. Requests may do this at the same time, and all get the same folder. Raises
    NotFound (the parent), NameTaken (a file has the name), InvalidRequest (a name, or too many levels).
    """
    for name in names:
        parent = await _make_folder(files, access, parent, name)
    return parent


async def _make_folder(files: contract.Files, access: contract.Access, parent: FileId, name: str) -> FileId:
    # Look first: most files of a dropped folder find it made.
    for attempt in range(1, _ATTEMPTS + 1):
        found = (await files.list_files(access, contract.Listing(parent=parent, name=name))).items
        if found:
            if found[0].kind is not contract.Kind.FOLDER:
                raise NameTaken(f"a file has the name {name!r}, so no folder can be made there")
            return found[0].id
        try:
            return (await files.create_folder(access, parent, name)).id
        except NameTaken:  # guard: relative-path-race
            # Another request has made the folder meanwhile, or a pending upload has its name.
            if attempt == _ATTEMPTS:
                raise
    raise AssertionError("the last attempt returns or raises")
