"""Batches: the same change of several entries, one after another, each in its own transaction."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from ...contract.files import Access, EntryUpdate, File, FileResult, OnConflict
from ...contract.ids import FileId
from ...errors import Error, IdempotencyKeyReused, InProgress
from ..batch_results import check_batch_size, failed_item
from ..trash.service import TrashService
from .service import EntryService


class EntryBatchService:
    """Implements `contract.files.EntryBatches`."""

    def __init__(self, entries: EntryService, trash: TrashService) -> None:
        self._entries = entries
        self._trash = trash

    async def move_entries(
        self, access: Access, ids: tuple[FileId, ...], parent: FileId, on_conflict: OnConflict = OnConflict.FAIL
    ) -> tuple[FileResult, ...]:
        update = EntryUpdate(parent=parent, on_conflict=on_conflict)
        return await change_each(ids, lambda entry: self._entries.update_entry(access, entry, update))

    async def trash_entries(self, access: Access, ids: tuple[FileId, ...]) -> tuple[FileResult, ...]:
        return await change_each(ids, lambda entry: self._trash.trash_and_return(access, entry))

    async def restore_entries(self, access: Access, ids: tuple[FileId, ...]) -> tuple[FileResult, ...]:
        return await change_each(ids, lambda entry: self._trash.restore_entry(access, entry))


async def change_each(ids: Sequence[FileId], change: Callable[[FileId], Awaitable[File]]) -> tuple[FileResult, ...]:
    """Change 1 to 100 entries one after another. Return a result for each.

    Raises InvalidRequest, and IdempotencyKeyReused and InProgress, which are about the key of the whole batch.
    """
    check_batch_size(ids, "ids")
    results = []
    for id in ids:
        try:
            results.append(FileResult(await change(id)))
        except (IdempotencyKeyReused, InProgress):  # guard: entry-batch-key
            raise
        except Error as error:  # guard: entry-batch-error
            results.append(failed_file(error))
    return tuple(results)


def failed_file(error: Error) -> FileResult:
    """Return the result of an entry that failed with this error."""
    return FileResult(error=failed_item(error).error)
