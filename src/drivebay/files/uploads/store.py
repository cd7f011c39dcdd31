"""SQL statements on uploads for their owner's requests.

Methods that take a `Connection`, and no `Database`, need the lock of the drive (see `files/usage/store.py`),
unless they say otherwise.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

import asyncpg
import msgspec

from ...contract import files as contract
from ...contract.ids import DriveId, UploadId
from ...postgres import Connection, Database, Statements
from ..object_keys import object_key
from .intents import PendingUpload

_STATUSES = {
    "pending": contract.UploadStatus.PENDING,
    "complete": contract.UploadStatus.COMPLETE,
    "rejected": contract.UploadStatus.FAILED,
    "expired": contract.UploadStatus.EXPIRED,
    "aborted": contract.UploadStatus.ABORTED,
}
_STATES = {status: state for state, status in _STATUSES.items()}


class UploadEnd(msgspec.Struct, frozen=True):
    """The end of an upload that does not become a file: its status, trigger and reason."""

    status: contract.UploadStatus
    trigger: contract.Trigger | None
    reason: str | None = None


class UploadStore:
    def __init__(self) -> None:
        self.statements = Statements(Path(__file__).with_name("statements.sql"))

    async def insert_pending(self, db: Database, upload: PendingUpload, *limits: int) -> contract.Upload | None:
        """Reserve the bytes and record the upload, in its own transaction. The caller needs no lock.

        `limits` are the default quota, and the maximum numbers of pending uploads, entries and purges. Return None if a
        limit, the name or the parent prevents the upload, or if the drive may have the bytes already.
        """
        sql = self.statements["insert_pending"]
        try:
            record = await db.fetchrow(sql, *_insert_arguments(upload), *limits)
        except asyncpg.UniqueViolationError:  # a pending upload has the name
            return None
        return None if record is None else upload_from(record)

    async def insert_without_reserving(self, tx: Connection, upload: PendingUpload) -> contract.Upload:
        """Record an upload. The caller has already reserved its bytes."""
        record = await tx.fetchrow(self.statements["insert_without_reserving"], *_insert_arguments(upload))
        assert record is not None  # noqa: S101 - an insert returns its row
        return upload_from(record)

    async def insert_batch(self, tx: Connection, uploads: Sequence[PendingUpload]) -> dict[UploadId, contract.Upload]:
        """Record uploads of one owner, and reserve their bytes. Leave out uploads whose name is taken, or whose parent
        does not exist.

        All uploads must be in one piece, with the same lifetime and without a client note. They must not replace a
        file.
        """
        if not uploads:
            return {}
        intents = [upload.intent for upload in uploads]
        records = await tx.fetch(
            self.statements["insert_batch"],
            uploads[0].owner,
            [upload.id for upload in uploads],
            [intent.parent for intent in intents],
            [intent.name for intent in intents],
            [intent.on_conflict.value for intent in intents],
            [intent.size for intent in intents],
            [intent.content_type for intent in intents],
            [intent.sha256 for intent in intents],
            uploads[0].ttl,
            [intent.modified_at for intent in intents],
            uploads[0].created_by,
        )
        return {record["id"]: upload_from(record) for record in records}

    async def select_upload(self, db: Database | Connection, owner: DriveId, id: UploadId) -> contract.Upload | None:
        """Return the upload, or None if the owner has no such upload. Needs no lock."""
        record = await db.fetchrow(self.statements["select_upload"], owner, id)
        return None if record is None else upload_from(record)

    async def select_uploads(
        self, db: Database | Connection, owner: DriveId, ids: Collection[UploadId]
    ) -> dict[UploadId, contract.Upload]:
        """Return the uploads of the owner that exist. Needs no lock."""
        records = await db.fetch(self.statements["select_uploads"], owner, ids)
        return {record["id"]: upload_from(record) for record in records}

    async def list_pending_page(
        self, db: Database, owner: DriveId, after: UploadId, limit: int, oldest_first: bool
    ) -> list[contract.Upload]:
        """Return up to `limit` pending uploads after an id. Needs no lock."""
        statements = self.statements
        sql = statements["list_pending_oldest_first"] if oldest_first else statements["list_pending_newest_first"]
        return [upload_from(record) for record in await db.fetch(sql, owner, after, limit)]

    async def update_size(
        self, tx: Connection, upload: contract.UploadRef, size: int, final: bool
    ) -> contract.Upload | None:
        """Set the reserved size of an upload. Return None if its length is already known, or if it has ended."""
        record = await tx.fetchrow(self.statements["update_size"], upload.owner, upload.id, size, final)
        return None if record is None else upload_from(record)

    async def end_upload(self, tx: Connection, upload: contract.UploadRef, end: UploadEnd) -> bool:
        """End a pending or expired upload without a file. Return False if it has ended already."""
        trigger = None if end.trigger is None else end.trigger.value
        sql = self.statements["end_upload"]
        ended = await tx.fetchval(sql, upload.owner, upload.id, _STATES[end.status], end.reason, trigger)
        return ended is not None

    async def select_events(self, db: Database, owner: DriveId, id: UploadId) -> tuple[contract.UploadEvent, ...]:
        """Return the upload's events, oldest first. Empty when the owner has no such upload."""
        records = await db.fetch(self.statements["select_events"], owner, id)
        return tuple(contract.UploadEvent(*record) for record in records)


def _insert_arguments(upload: PendingUpload) -> tuple[object, ...]:
    intent = upload.intent
    return (
        upload.owner,
        upload.id,
        intent.parent,
        intent.name,
        intent.on_conflict.value,
        intent.size,
        intent.content_type,
        intent.sha256,
        upload.ttl,
        upload.part_size,
        intent.deferred_length,
        intent.client_note,
        intent.modified_at,
        upload.created_by,
    )


def upload_from(record: asyncpg.Record) -> contract.Upload:
    """Return the upload of a row of files.uploads."""
    owner, id = record["owner_id"], record["id"]
    return contract.Upload(
        id=id,
        owner=owner,
        status=_STATUSES[record["state"]],
        name=record["name"],
        size=record["size"],
        content_type=record["content_type"],
        sha256=record["sha256"],
        key=object_key(owner, id),
        metadata={"owner": str(owner), "upload": str(id), "name": record["name"]},
        created_at=record["created_at"],
        expires_at=record["expires_at"],
        file=record["file_id"],
        reason=record["reason"],
        parts=_part_layout(record),
        deferred_length=record["deferred"],
        client_note=record["note"],
        parent=record["parent_id"],
        is_instant=record["is_instant"],
    )


def _part_layout(record: asyncpg.Record) -> contract.PartLayout | None:
    size = record["part_size"]
    if size is None:
        return None
    # An empty file has one empty part.
    return contract.PartLayout(size, max(1, -(-record["size"] // size)), record["multipart"], record["checked"])
