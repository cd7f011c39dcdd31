"""SQL statements on thumbnails."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

import msgspec

from ...contract.files import Kind, ThumbnailState, ThumbnailTask, UploadRef
from ...contract.ids import DriveId, FileId, LeaseId, UploadId, UserId
from ...postgres import Connection, Database, Statements
from ..object_keys import object_key


class StoredThumbnail(msgspec.Struct, frozen=True):
    """An entry, its object, and the state of its thumbnails. `ref` is None for an entry without an object.
    `state` is None if thumbnails were never requested.
    """

    name: str
    kind: Kind
    content_type: str
    ref: UploadRef | None
    key: str
    size: int
    state: ThumbnailState | None


class ThumbnailCounts(NamedTuple):
    """The number of thumbnails that a user requested in the last hour, and the numbers of queued thumbnails of the
    user and of all users."""

    recent: int
    of_user: int
    total: int


class ThumbnailStore:
    def __init__(self) -> None:
        self.statements = Statements(Path(__file__).with_name("statements.sql"))

    async def select_thumbnail(self, db: Database | Connection, owner: DriveId, id: FileId) -> StoredThumbnail | None:
        record = await db.fetchrow(self.statements["select_thumbnail"], owner, id)
        if record is None:
            return None
        kind, object_id, state = Kind(record["kind"]), record["object_id"], record["state"]
        name, content_type = record["name"], record["content_type"] or ""
        if object_id is None:
            return StoredThumbnail(name, kind, content_type, None, "", 0, None)
        ref = UploadRef(owner, UploadId(object_id))
        key = record["key"] or object_key(owner, object_id)
        found = None if state is None else ThumbnailState(state)
        return StoredThumbnail(name, kind, content_type, ref, key, record["size"], found)

    async def lock_thumbnails_of(self, tx: Connection, user: UserId | DriveId) -> None:
        """Lock the queued thumbnails of a user until the transaction ends."""
        await tx.execute(self.statements["lock_thumbnails_of"], user)

    async def count_thumbnails(self, tx: Connection, user: UserId | DriveId, max_total: int) -> ThumbnailCounts:
        """Count the thumbnails that a user has requested, and the queued thumbnails of all users, up to `max_total`."""
        record = (await tx.fetch(self.statements["count_thumbnails"], user, max_total))[0]
        return ThumbnailCounts(record["recent"], record["of_user"], record["total"])

    async def queue_thumbnail(self, tx: Connection, ref: UploadRef, user: UserId | DriveId, *, is_lost: bool) -> None:
        await tx.execute(self.statements["queue_thumbnail"], ref.owner, ref.id, user, is_lost)

    async def end_failing(self, db: Database, attempts: int) -> None:
        """Record that there are no thumbnails of the objects that have had this number of attempts."""
        await db.execute(self.statements["end_failing_thumbnails"], attempts)

    async def lease_thumbnails(
        self, db: Database, lease: LeaseId, limit: int, length: timedelta
    ) -> tuple[ThumbnailTask, ...]:
        records = await db.fetch(self.statements["lease_thumbnails"], lease, limit, length)
        return tuple(
            _task_from(record["owner_id"], record["object_id"], record["key"], record["size"]) for record in records
        )

    async def finish_thumbnail(
        self, db: Database, lease: LeaseId, ref: UploadRef, state: ThumbnailState, pause: timedelta, *, counts: bool
    ) -> None:
        """Set the state of an object if the lease is held. With `QUEUED`, the next attempt is after `pause`.

        `counts`: whether the attempt counts.
        """
        await db.execute(self.statements["finish_thumbnail"], ref.owner, ref.id, lease, state.value, pause, counts)


def _task_from(owner: DriveId, id: UUID, key: str | None, size: int) -> ThumbnailTask:
    return ThumbnailTask(UploadRef(owner, UploadId(id)), key or object_key(owner, id), size)
