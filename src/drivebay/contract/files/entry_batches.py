"""Batches of entries: the same change of up to 100 entries in one call, each with its own result."""

from __future__ import annotations

from typing import Protocol

import msgspec

from ..ids import FileId
from .access import Access
from .entries import File
from .uploads import ItemError, OnConflict


class FileResult(msgspec.Struct, frozen=True):
    """The result for one entry of a batch. Exactly one of the fields is set."""

    file: File | None = None
    error: ItemError | None = None


class EntryBatches(Protocol):
    """The entries are changed one after another, in order. An entry that fails does not affect the others.

    If a call is interrupted, the first entries of the batch may have been changed.
    """

    async def move_entries(
        self, access: Access, ids: tuple[FileId, ...], parent: FileId, on_conflict: OnConflict = OnConflict.FAIL
    ) -> tuple[FileResult, ...]:
        """Move 1 to 100 entries to a folder, each as `update_entry` does. Repeats are allowed.

        Raises InvalidRequest (the number of ids).
        """
        ...

    async def trash_entries(self, access: Access, ids: tuple[FileId, ...]) -> tuple[FileResult, ...]:
        """Move 1 to 100 entries to the trash, each as `trash_entry` does, and return the entries as they are in the
        trash.

        Raises InvalidRequest (the number of ids).
        """
        ...

    async def restore_entries(self, access: Access, ids: tuple[FileId, ...]) -> tuple[FileResult, ...]:
        """Take 1 to 100 entries out of the trash, each as `restore_entry` does.

        Raises InvalidRequest (the number of ids).
        """
        ...
