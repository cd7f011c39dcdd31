"""Paths and trees: find an entry by its path, measure a folder, and create a path of folders."""

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
    """The bytes of all files in and below a folder, and the numbers of files and folders, without the folder itself."""

    bytes: int
    files: int
    folders: int


class EntryPaths(Protocol):
    async def find_entry(self, access: Access, names: tuple[str, ...]) -> File:
        """Return the entry outside the trash at a path. `names` are the names from the root down.

        Raises NotFound, Forbidden (an access with grants), InvalidRequest (a name).
        """
        ...

    async def get_path(self, access: Access, id: FileId) -> tuple[File, ...]:
        """Return the folders above an entry, from the top down, and then the entry itself.

        With grants, the path begins at the topmost granted item.

        Raises NotFound.
        """
        ...

    async def measure_tree(self, access: Access, id: FileId) -> TreeSize:
        """Return the size of everything below a folder. The trash is not counted. For a file, the result has the size
        of the file.

        The time grows with the number of entries. One call at a time runs for each drive, and a few in each process of
        the service. Further calls wait.

        Raises NotFound, Unavailable (the folder has too many entries to be counted in some seconds).
        """
        ...

    async def create_folders(
        self, access: Access, parent: FileId, names: tuple[str, ...], idempotency_key: str | None = None
    ) -> CreatedFolder:
        """Create the folders of the path `names` below `parent`, and return the last folder.

        Existing folders are not changed. Concurrent calls for one path return the same folder, and `is_new` is true for
        only one of them. A call creates all missing folders or no folder. A repeat with the same `idempotency_key`
        within 24 hours returns the first result.

        Raises NotFound (the parent), NameTaken (a file, or a pending upload, has one of the names), InvalidRequest (a
        name is invalid, or folders would be nested too deeply), QuotaExceeded (the drive has too many entries),
        IdempotencyKeyReused, InProgress.
        """
        ...
