"""Copies of files and folders within their drive. No bytes are copied: the new versions share the objects."""

from __future__ import annotations

from typing import Protocol

import msgspec

from ..ids import FileId
from .access import Access
from .entries import File
from .entry_batches import FileResult
from .uploads import OnConflict, RefusedItem


class CopyTarget(msgspec.Struct, frozen=True):
    """The target of a copy: a folder, a name (None: the name of the original) and the rule for a name that is taken."""

    parent: FileId
    name: str | None = None
    on_conflict: OnConflict = OnConflict.RENAME


class Copies(Protocol):
    async def copy_entry(
        self, access: Access, id: FileId, target: CopyTarget, idempotency_key: str | None = None
    ) -> File:
        """Copy a file, or a folder with everything in it, and return the copy.

        Content, type, properties and the modification time are copied. Stars, old versions and entries in the trash are
        not. Each copy counts in the usage with its size. A call creates the whole copy or nothing.

        With `OnConflict.REPLACE`, the content of the file becomes a new version of the file that has the name, and the
        call returns that file. A folder replaces nothing and is never replaced, and a file does not replace itself. A
        repeat with the same `idempotency_key` within 24 hours returns the first result.

        Raises NotFound (the entry or the new parent), NameTaken, WouldCycle (a folder into itself or below),
        InvalidRequest (the name, or folders would be nested too deeply), TooLarge (a folder with more than 1,000
        files and folders), QuotaExceeded, IdempotencyKeyReused, InProgress.
        """
        ...

    async def copy_entries(
        self,
        access: Access,
        ids: tuple[FileId, ...],
        target: CopyTarget,
        idempotency_key: str | None = None,
        refused: tuple[RefusedItem, ...] = (),
    ) -> tuple[FileResult, ...]:
        """Copy 1 to 100 entries in order, each as `copy_entry` does. `target` has no name.

        An entry that fails does not affect the others. If a call is interrupted, the first entries may have been
        copied. A repeat with the same `idempotency_key` within 24 hours copies only the entries that the first call has
        not copied, and returns the first results. Entries that failed with a temporary error are tried again.

        `refused` are items of the request that the caller refused itself, as in `begin_uploads`. They have no result,
        and belong to the request of the `idempotency_key`.

        Raises InvalidRequest (the number of items, or a name), IdempotencyKeyReused, InProgress.
        """
        ...
