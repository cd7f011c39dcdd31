"""SQL statements on permissions.

Methods that take a `Connection`, and no `Database`, need the lock of the drive (see `files/usage/store.py`),
unless they say otherwise.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import asyncpg

from ...contract.files import Access, Member, Permission, Role, SharedItem
from ...contract.ids import DriveId, FileId, UserId
from ...postgres import Connection, Database, Statements
from ..entries.store import file_from


class SharingLimits(NamedTuple):
    """The values that decide whether a user can get a permission on an item.

    `of_item` is the number of other permissions on the item, `of_user` the number of the user's other permissions in
    the drive.
    """

    is_member: bool
    is_drive_deleted: bool
    of_item: int
    of_user: int


class PermissionStore:
    def __init__(self) -> None:
        self.statements = Statements(Path(__file__).with_name("statements.sql"))

    async def select_granted_above(
        self, db: Database | Connection, owner: DriveId, items: Collection[FileId], granted: Collection[FileId]
    ) -> dict[FileId, frozenset[FileId]]:
        """Return, for each item, which of the `granted` items are the item itself or folders above it. Needs no lock.

        An item in the trash, or without a granted item, is left out.
        """
        records = await db.fetch(self.statements["select_granted_above"], owner, list(items), list(granted))
        granted_by_item: dict[FileId, frozenset[FileId]] = {}
        for record in records:
            granted_by_item[record["item"]] = granted_by_item.get(record["item"], frozenset()) | {record["granted"]}
        return granted_by_item

    async def select_limits(self, tx: Connection, owner: DriveId, item: FileId, user: UserId) -> SharingLimits:
        record = await tx.fetchrow(self.statements["select_sharing_limits"], owner, item, user)
        assert record is not None  # noqa: S101 - a statement without FROM returns one row
        return SharingLimits(*record)

    async def select_permission(self, tx: Connection, owner: DriveId, item: FileId, user: UserId) -> Permission | None:
        """Return the permission of a user on the item itself, or None."""
        record = await tx.fetchrow(self.statements["select_permission"], owner, item, user)
        return None if record is None else _permission_from(record)

    async def select_permissions(
        self, db: Database | Connection, owner: DriveId, item: FileId
    ) -> tuple[Permission, ...]:
        """Return the permissions of an item, then of the folders above it, the nearest first. Needs no lock."""
        records = await db.fetch(self.statements["select_permissions"], owner, item)
        return tuple(_permission_from(record) for record in records)

    async def upsert_permission(self, tx: Connection, access: Access, item: FileId, recipient: Member) -> Permission:
        """Give a user a role on an item, and record the change.

        `recipient` is the user and the role. The user does not become a member of the drive. If an earlier permission
        of the user on the item shows the email address of the user, the new permission shows it too.
        """
        sql = self.statements["upsert_permission"]
        values = (recipient.user, recipient.role.value, access.actor, recipient.hides_email)
        record = await tx.fetchrow(sql, access.drive, item, *values)
        assert record is not None  # noqa: S101 - an upsert returns its row
        return _permission_from(record)

    async def may_see_email(self, tx: Connection, actor: UserId | None, user: UserId) -> bool:
        """Return whether the actor may see the email address of a user. Needs no lock."""
        return bool(await tx.fetchval(self.statements["may_see_email"], actor, user))

    async def delete_permission(self, tx: Connection, access: Access, item: FileId, user: UserId) -> bool:
        """Delete a permission, and record the change. Return False if there is no such permission."""
        sql = self.statements["delete_permission"]
        return await tx.fetchval(sql, access.drive, item, user, access.actor) is not None

    async def delete_of_user(self, tx: Connection, owner: DriveId, user: UserId) -> None:
        """Delete all permissions of a user in a drive."""
        await tx.execute(self.statements["delete_permissions_of_user"], owner, user)

    async def delete_given_until(self, db: Database, user: UserId, until: datetime) -> None:
        """Delete the permissions that a user gave up to the time `until`, in all drives. Needs no lock.

        Every permission in the personal drive of the user counts as given by the user.
        """
        await db.execute(self.statements["delete_permissions_given_until"], user, until)

    async def delete_of_drive(self, tx: Connection, owner: DriveId) -> None:
        """Delete all permissions in a drive."""
        await tx.execute(self.statements["delete_permissions_of_drive"], owner)

    async def list_sharing_drives(self, db: Database, user: UserId, limit: int) -> list[DriveId]:
        """Return up to `limit` drives in which a user has permissions."""
        return [record["owner_id"] for record in await db.fetch(self.statements["list_sharing_drives"], user, limit)]

    async def list_shared_items(
        self, db: Database, user: UserId, after: tuple[datetime, DriveId, FileId], limit: int
    ) -> list[SharedItem]:
        """Return up to `limit` items that are shared with a user, the latest first, after a position."""
        records = await db.fetch(self.statements["list_shared_with"], user, *after, limit)
        return [
            SharedItem(file_from(record), Role(record["role"]), record["shared_at"], record["shared_by"])
            for record in records
        ]


def _permission_from(record: asyncpg.Record) -> Permission:
    return Permission(
        record["user_id"],
        Role(record["role"]),
        record["created_at"],
        record["inherited_from"],
        record["created_by"],
        record["hides_email"],
    )
