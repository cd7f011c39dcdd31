"""SQL statements on the trash.

Methods that take a `Connection`, and no `Database`, need the lock of the drive (see `files/usage/store.py`),
unless they say otherwise.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, NamedTuple
from uuid import UUID

import asyncpg
import msgspec

from ...contract.files import File
from ...contract.ids import DriveId, FileId, UserId
from ...postgres import Connection, Database, Statements
from ..entries.store import file_from

MAX_COUNTED: Final = 256
"""The maximum number of entries that are counted while a folder is trashed. A larger folder is counted later."""


class FolderCounts(NamedTuple):
    """Numbers that are stored with a folder while it is in the trash. A number that is not known is None.

    `levels_above` is the number of folders that were above the folder when it was trashed. `hidden_files` is the number
    of files below it.
    """

    levels_above: int | None = None
    hidden_files: int | None = None


NO_COUNTS: Final = FolderCounts()


class FolderToCount(NamedTuple):
    """A folder in the trash whose files are not counted, and the version of its row."""

    owner: DriveId
    id: FileId
    row_version: str


class TrashStore:
    def __init__(self) -> None:
        self.statements = Statements(Path(__file__).with_name("statements.sql"))

    async def measure_folder(self, tx: Connection, owner: DriveId, id: FileId) -> FolderCounts:
        """Return the numbers to store with a folder that is trashed next."""
        record = await tx.fetchrow(self.statements["measure_folder"], owner, id, MAX_COUNTED + 1)
        assert record is not None  # noqa: S101 - an aggregate without GROUP BY returns one row
        hidden = record["files"] if record["entries"] <= MAX_COUNTED else None  # guard: trash-count-limit
        return FolderCounts(record["levels"], hidden)

    async def trash_entry(
        self,
        tx: Connection,
        access: tuple[DriveId, UserId | None],
        id: FileId,
        grace: timedelta,
        counts: FolderCounts = NO_COUNTS,
    ) -> None:
        """Move an entry to the trash, and so everything below it. `access` are the owner and the actor."""
        owner, actor = access
        await tx.execute(self.statements["trash_entry"], owner, id, grace, actor, *counts)

    async def select_trashed(self, tx: Connection, owner: DriveId, id: FileId) -> File | None:
        """Return an entry with a trash time of its own, or None.

        Only `restore_entry` decides whether the entry can be restored.
        """
        record = await tx.fetchrow(self.statements["select_trashed"], owner, id)
        return None if record is None else any_file_from(record)

    async def select_levels_when_trashed(self, tx: Connection, owner: DriveId, folder: FileId) -> int | None:
        """Return how many folders were above a folder when it was trashed.

        Return None if the previous release of Drivebay trashed it, because that release did not store the number.
        """
        levels: int | None = await tx.fetchval(self.statements["select_levels_when_trashed"], owner, folder)
        return levels

    async def select_height(self, tx: Connection, owner: DriveId, folder: FileId) -> int:
        """Return the number of levels of folders that would be restored with a trashed folder, including it."""
        return int(await tx.fetchval(self.statements["select_height_in_trash"], owner, folder))

    async def restore_entry(
        self, tx: Connection, owner: DriveId, trashed: File, place: tuple[FileId, str], actor: UserId | None
    ) -> File | None:
        """Restore an entry with everything below it. `place` is its new parent and name.

        Return None if its grace period has ended, or if it was not trashed itself.
        """
        await tx.execute(self.statements["keep_duplicates_in_trash"], owner, trashed.id, trashed.trashed_at)
        sql = self.statements["restore_entry"]
        record = await tx.fetchrow(sql, owner, trashed.id, *place, trashed.trashed_at, actor)
        return None if record is None else file_from(record)

    async def end_grace_period(self, tx: Connection, owner: DriveId, id: FileId, actor: UserId | None) -> bool:
        """Make a trashed entry, and everything that was trashed with it, due for the purge.

        Return False if there is no such entry that can be restored.
        """
        return bool(await tx.fetchval(self.statements["end_grace_period"], owner, id, actor))

    async def end_all_grace_periods(self, tx: Connection, owner: DriveId, actor: UserId | None) -> None:
        """Make everything in the trash due for the purge."""
        await tx.execute(self.statements["end_all_grace_periods"], owner, actor)

    async def list_trash_page(
        self, db: Database, owner: DriveId, after: tuple[datetime, UUID], limit: int
    ) -> list[File]:
        """Return up to `limit` trashed entries after a position (time and id), latest first."""
        records = await db.fetch(self.statements["list_trash_page"], owner, *after, limit)
        return [any_file_from(record) for record in records]

    async def lock_counting(self, tx: Connection) -> bool:
        """Lock the counting of files until the transaction ends. Return False if another transaction holds this lock.

        Needs no lock of a drive.
        """
        return bool(await tx.fetchval(self.statements["lock_counting"]))

    async def select_folder_to_count(self, tx: Connection, max_attempts: int) -> FolderToCount | None:
        """Return a trashed folder whose files are not counted, or None. Needs no lock.

        A folder that could not be counted `max_attempts` times is left out.
        """
        record = await tx.fetchrow(self.statements["select_folder_to_count"], max_attempts)
        return None if record is None else FolderToCount(*record)

    async def count_hidden_files(self, tx: Connection, folder: FolderToCount) -> int | None:
        """Return the number of files below a trashed folder, or None if the count takes too long. Needs no lock.

        If the result is None, the transaction cannot be used any more.
        """
        await tx.execute(self.statements["limit_counting"])
        try:
            return int(await tx.fetchval(self.statements["count_hidden_files"], folder.owner, folder.id))
        except asyncpg.QueryCanceledError:
            return None

    async def set_hidden_files(self, tx: Connection, folder: FolderToCount, count: int | None) -> None:
        """Save the number of files below a trashed folder, or that it could not be counted.

        If the row of the folder has changed, nothing happens.
        """
        await tx.execute(self.statements["set_hidden_files"], folder.owner, folder.id, count, folder.row_version)

    async def add_hidden_file(self, tx: Connection, owner: DriveId, folder: FileId) -> None:
        """Count a file that was uploaded into a folder below a trashed folder."""
        await tx.execute(self.statements["add_hidden_file"], owner, folder)


def any_file_from(record: asyncpg.Record) -> File:
    """Return the file or folder of a row of files.entries, in the trash or not."""
    return msgspec.structs.replace(
        file_from(record), trashed_at=record["trashed_at"], purge_after=record["purge_after"]
    )
