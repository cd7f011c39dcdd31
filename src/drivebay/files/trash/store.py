"""SQL statements on the trash.

Statements that take a `Connection` need the owner's lock (see `usage`).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

import asyncpg
import msgspec

from ...contract.files import File
from ...contract.ids import DriveId, FileId, UserId
from ...postgres import Connection, Database, Statements
from ..entries.store import file_from


class TrashStore:
    def __init__(self) -> None:
        self.statements = Statements(Path(__file__).with_name("statements.sql"))

    async def trash_entry(
        self, tx: Connection, owner: DriveId, id: FileId, grace: timedelta, actor: UserId | None
    ) -> None:
        """Move an entry and everything below it to the trash."""
        await tx.execute(self.statements["trash_entry"], owner, id, grace, actor)

    async def select_trashed(self, tx: Connection, owner: DriveId, id: FileId) -> File | None:
        """Return an entry in the trash, or None."""
        record = await tx.fetchrow(self.statements["select_trashed"], owner, id)
        return None if record is None else any_file_from(record)

    async def select_height(self, tx: Connection, owner: DriveId, folder: FileId) -> int:
        """Return the number of levels of folders that would be restored with a trashed folder, including it."""
        return int(await tx.fetchval(self.statements["select_height_in_trash"], owner, folder))

    async def restore_entry(
        self, tx: Connection, owner: DriveId, trashed: File, place: tuple[FileId, str], actor: UserId | None
    ) -> File | None:
        """Restore an entry with everything that was trashed with it. `place` is its new parent and name.

        Return None if its grace period has ended.
        """
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


def any_file_from(record: asyncpg.Record) -> File:
    """Return the file or folder of a row of files.entries, in the trash or not."""
    return msgspec.structs.replace(
        file_from(record), trashed_at=record["trashed_at"], purge_after=record["purge_after"]
    )
