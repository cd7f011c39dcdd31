"""Paths: entries by the names of the folders above them, and folders as trees."""

from __future__ import annotations

from typing import Protocol

import msgspec

from ..ids import FileId
from .access import Access
from .entries import File


class CreatedFolder(msgspec.Struct, frozen=True):
    """The result of `create_folders`. `is_new`: the call created the folder."""

    folder: File
    is_new: bool


class TreeSize(msgspec.Struct, frozen=True):
    """The bytes of all files in a folder and below, and the numbers of files and folders there, without the folder."""

    bytes: int
    files: int
    folders: int


class EntryPaths(Protocol):
    async def find_entry(self, access: Access, names: tuple[str, ...]) -> File:
        """Return the entry outside the trash at a path: the names from the root down.

        Raises NotFound, Forbidden (an access with grants), InvalidRequest (a name).
        """
        ...

    async def get_path(self, access: Access, id: FileId) -> tuple[File, ...]:
        """Return the folders above an entry, from the top down, and the entry itself as the last one.

        With grants, the path begins at the topmost granted item.

        Raises NotFound.
        """
        ...

    async def measure_tree(self, access: Access, id: FileId) -> TreeSize:
        """Return the size of a folder with everything below it. The trash is not counted. A file counts as itself.

        The call takes longer the more entries there are. One call for each owner runs at a time, a few for all owners.

        Raises NotFound, Unavailable (the folder has too many entries to be counted in some seconds).
        """
        ...

    async def create_folders(
        self, access: Access, parent: FileId, names: tuple[str, ...], idempotency_key: str | None = None
    ) -> CreatedFolder:
        """Create the folders `names`, each inside the one before it, the first in `parent`. Return the last one.

        Folders that exist stay as they are. Concurrent calls for one path return the same folder, and `is_new` is true
        for one of them. A call either creates all missing folders or none. A repeat with the same `idempotency_key`
        within 24 hours returns the first result.

        Raises NotFound (the parent), NameTaken (a file, or a pending upload, has one of the names), InvalidRequest (a
        name is invalid, or folders would be nested too deeply), QuotaExceeded (the owner has too many entries),
        IdempotencyKeyReused, InProgress.
        """
        ...
