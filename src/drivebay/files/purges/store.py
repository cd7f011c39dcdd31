"""SQL statements on purges, and on the rows of objects in the store, for the janitor."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

from ...contract.files import PurgeTask, UploadRef
from ...contract.ids import DriveId, FileId, LeaseId, VersionId
from ...postgres import BACKUP_LOCK, Connection, Database, Statements
from ..object_keys import object_key


class DeletedEntries(NamedTuple):
    """The entries that were deleted, as pairs of owner and id, and the owners that have new changes."""

    deleted: tuple[tuple[DriveId, FileId], ...]
    owners: tuple[DriveId, ...]


class PurgeStore:
    def __init__(self) -> None:
        self.statements = Statements(Path(__file__).with_name("statements.sql"))

    async def may_purge(self, tx: Connection) -> bool:
        """Return False while a backup runs. Otherwise prevent the start of a backup until the transaction ends."""
        return bool(await tx.fetchval(self.statements["may_purge"], BACKUP_LOCK))

    async def mark_below_due_folders(self, tx: Connection, limit: int) -> int:
        """Trash up to `limit` entries below due folders of the trash, and return their number. Locks their drives."""
        return int(await tx.fetchval(self.statements["mark_below_due_folders"], limit))

    async def mark_for_purge(self, tx: Connection, limit: int) -> DeletedEntries:
        """Delete up to `limit` due entries of the trash. Locks their drives. The caller releases their versions."""
        (record,) = await tx.fetch(self.statements["mark_for_purge"], limit)
        return DeletedEntries(tuple((owner, id) for owner, id in record["deleted"]), tuple(record["owners"]))

    async def is_entry_due(self, db: Database) -> bool:
        """Return whether the grace period of an entry in the trash is over."""
        return bool(await db.fetchval(self.statements["is_entry_due"]))

    async def take_purges_of_versions(self, tx: Connection, limit: int) -> list[tuple[DriveId, VersionId]]:
        """Remove due purges of versions from the queue, which has purges of objects otherwise. Locks their drives.

        A process of the previous release of Drivebay queues such a purge for a version that shares its object. Return
        the versions as pairs of owner and id, for `delete_released`.
        """
        records = await tx.fetch(self.statements["take_purges_of_versions"], limit)
        return [(record["owner_id"], record["id"]) for record in records]

    async def lease_purges(
        self, tx: Connection, lease: LeaseId, limit: int, lease_time: timedelta
    ) -> tuple[PurgeTask, ...]:
        """Lease up to `limit` due purges for `lease_time`."""
        records = await tx.fetch(self.statements["lease_purges"], lease, limit, lease_time)
        return tuple(
            PurgeTask(
                UploadRef(record["owner_id"], record["upload_id"]),
                record["key"] or object_key(record["owner_id"], record["upload_id"]),
                record["multipart_id"],
                record["has_partial_parts"],
                record["has_thumbnails"],
            )
            for record in records
        )

    async def finish_purges(
        self, tx: Connection, lease: LeaseId, uploads: Sequence[UploadRef], tombstone: timedelta, url_ttl: timedelta
    ) -> int:
        """Finish the purges that the lease holds, and return their number. Needs the locks of their drives."""
        sql = self.statements["finish_purges"]
        return int(await tx.fetchval(sql, lease, *_owners_and_ids(uploads), tombstone, url_ttl))

    async def are_known(self, db: Database, uploads: Sequence[UploadRef]) -> tuple[bool, ...]:
        """Return for each upload whether the database has a row for it."""
        return tuple(
            record["known"] for record in await db.fetch(self.statements["are_known"], *_owners_and_ids(uploads))
        )

    async def select_multipart_ids(self, db: Database, uploads: Sequence[UploadRef]) -> tuple[str, ...]:
        """Return the multipart id of each upload that is pending, and an empty text for the others."""
        records = await db.fetch(self.statements["select_multipart_ids"], *_owners_and_ids(uploads))
        return tuple(record["multipart_id"] for record in records)


def _owners_and_ids(uploads: Sequence[UploadRef]) -> tuple[list[object], list[object]]:
    return [ref.owner for ref in uploads], [ref.id for ref in uploads]
