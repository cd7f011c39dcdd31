"""SQL statements that read the change feed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

import asyncpg
import msgspec

from ...contract.files import ChangeKind, File
from ...contract.ids import DriveId, FileId, UserId
from ...postgres import Connection, Database, Statements
from ..entries.store import file_from

_KINDS: Final = {
    **{kind.value: kind for kind in ChangeKind},
    # Changes that the previous release of Drivebay wrote. That release did not distinguish a rename from a move.
    "stored": ChangeKind.CREATED,
    "replaced": ChangeKind.CONTENT,
    "changed": ChangeKind.MOVED,
}


class NumberedChange(msgspec.Struct, frozen=True):
    """A change with its number. `file` is the item as it is now, or None if it was deleted for good."""

    number: int
    kind: ChangeKind
    file_id: FileId
    at: datetime
    actor: UserId | None
    file: File | None


class NumberedActivity(msgspec.Struct, frozen=True):
    """One change in the history of an item, with its number."""

    number: int
    kind: ChangeKind
    at: datetime
    actor: UserId | None


class FeedPage(msgspec.Struct, frozen=True):
    """Changes of an owner, all from one snapshot of the database.

    The changes up to the number `last_deleted_change` are deleted. `last_change` is the number of the last change.
    """

    changes: tuple[NumberedChange, ...] = ()
    last_deleted_change: int = 0
    last_change: int = 0


class ChangeStore:
    def __init__(self) -> None:
        self.statements = Statements(Path(__file__).with_name("statements.sql"))

    async def select_last_change(self, db: Database, owner: DriveId) -> int:
        """Return the number of the owner's last change, or 0 if there is no change."""
        return int(await db.fetchval(self.statements["select_last_change"], owner) or 0)

    async def restart_feeds(self, db: Database, users: Sequence[UserId]) -> None:
        """Expire every cursor that was issued before a restore from a backup. `users` are all users.

        After a restore, the numbers of changes continue from the last number in the backup, so old cursors would skip
        changes.
        """
        async with db.transaction() as tx:
            await tx.execute(self.statements["delete_changes"])
            await tx.execute(self.statements["restart_feeds"], users)

    async def select_changes(self, db: Database, owner: DriveId, after: int, limit: int) -> FeedPage:
        """Return up to `limit` changes after a number, in ascending order."""
        records = await db.fetch(self.statements["select_changes"], owner, after, limit)
        if not records:
            return FeedPage()
        changes = tuple(_change_from(record) for record in records if record["number"] is not None)
        return FeedPage(changes, records[0]["trimmed_changes"], records[0]["last_change"])

    async def list_activity_page(
        self, db: Database | Connection, owner: DriveId, id: FileId, before: int, limit: int
    ) -> list[NumberedActivity] | None:
        """Return up to `limit` changes of an entry below a number, newest first.

        Return None if there is no such entry, or if it is in the trash.
        """
        records = await db.fetch(self.statements["list_activity_page"], owner, id, before, limit)
        if not records:
            return None
        return [
            NumberedActivity(record["number"], _KINDS[record["what"]], record["at"], record["actor_id"])
            for record in records
            if record["number"] is not None
        ]


def _file_from(record: asyncpg.Record) -> File:
    """Return the item of a change. An item in the trash has the times of the entry that was trashed, which is the item
    or a folder above it."""
    return msgspec.structs.replace(
        file_from(record), trashed_at=record["in_trash_since"], purge_after=record["in_trash_until"]
    )


def _change_from(record: asyncpg.Record) -> NumberedChange:
    return NumberedChange(
        number=record["number"],
        kind=_KINDS[record["what"]],
        file_id=record["file_id"],
        at=record["at"],
        actor=record["actor_id"],
        file=None if record["id"] is None else _file_from(record),
    )
