"""SQL statements on the drive of a deleted account."""

from __future__ import annotations

from pathlib import Path

from ...contract.ids import ROOT, DriveId, FileId, UploadId
from ...postgres import Connection, Database, Statements


class AccountDeletionStore:
    def __init__(self) -> None:
        self.statements = Statements(Path(__file__).with_name("statements.sql"))

    async def list_uploads_to_abort(self, tx: Connection, drive: DriveId, limit: int) -> list[UploadId]:
        """Return up to `limit` uploads that can still become files."""
        return [record["id"] for record in await tx.fetch(self.statements["list_uploads_to_abort"], drive, limit)]

    async def list_top_entries(self, tx: Connection, drive: DriveId, limit: int) -> list[FileId]:
        """Return up to `limit` entries in the root that are not in the trash."""
        return [record["id"] for record in await tx.fetch(self.statements["list_top_entries"], drive, ROOT, limit)]

    async def is_purged(self, db: Database, drive: DriveId) -> bool:
        """Return whether the drive has no entry, no upload that can become a file, and no object to delete."""
        return bool(await db.fetchval(self.statements["is_purged"], drive))
