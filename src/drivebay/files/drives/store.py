"""SQL statements on shared drives and their members."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import asyncpg

from ...contract.files import Access, Drive, DriveKind, Grant, Member, Role, Usage
from ...contract.ids import DriveId, FileId, UserId
from ...postgres import Connection, Database, Statements


class DriveStore:
    def __init__(self) -> None:
        self.statements = Statements(Path(__file__).with_name("statements.sql"))

    async def select_access(self, db: Database | Connection, drive: DriveId, user: UserId) -> Access | None:
        """Return the access of a user to a drive that is not deleted: their role as a member, or else their
        permissions.

        Return None if the user has neither.
        """
        records = await db.fetch(self.statements["select_access"], drive, user)
        if not records:
            return None
        roles = [Role(record["role"]) for record in records if record["file_id"] is None]
        if roles:
            return Access(drive, user, roles[0])
        grants = tuple(sorted((Grant(record["file_id"], Role(record["role"])) for record in records), key=_item))
        highest = Role.EDITOR if any(grant.role is Role.EDITOR for grant in grants) else Role.VIEWER
        return Access(drive, user, highest, grants)

    async def select_drive(
        self, db: Database | Connection, drive: DriveId, user: UserId, default_quota: int
    ) -> Drive | None:
        """Return a shared drive as one of its members sees it, or None."""
        record = await db.fetchrow(self.statements["select_drive"], drive, user, default_quota)
        return None if record is None else _drive_from(record)

    async def list_drives(
        self, db: Database, user: UserId, after: DriveId, limit: int, default_quota: int
    ) -> list[Drive]:
        """Return up to `limit` shared drives of a user in the order of their ids, after the id `after`."""
        records = await db.fetch(self.statements["list_drives_of_user"], user, after, limit, default_quota)
        return [_drive_from(record) for record in records]

    async def count_created(self, tx: Connection, user: UserId) -> int:
        """Return the number of drives that a user has created and that are not purged. They count in the limit of the
        user."""
        return int(await tx.fetchval(self.statements["count_drives_of_creator"], user))

    async def insert_drive(self, tx: Connection, drive: DriveId, name: str, creator: UserId) -> datetime:
        """Create a drive whose manager is its creator, and return the creation time."""
        created_at: datetime = await tx.fetchval(self.statements["insert_drive"], drive, name, creator)
        return created_at

    async def update_name(self, tx: Connection, drive: DriveId, name: str) -> bool:
        """Rename a drive. Return False if it does not exist."""
        return await tx.fetchval(self.statements["update_drive_name"], drive, name) is not None

    async def delete_drive(self, tx: Connection, drive: DriveId, grace: timedelta) -> bool:
        """Delete a drive. Return False if it does not exist."""
        return await tx.fetchval(self.statements["delete_drive"], drive, grace) is not None

    async def select_members(self, db: Database | Connection, drive: DriveId) -> dict[UserId, Role]:
        """Return the roles of the members by their ids. The result is empty if there is no such drive."""
        return {member.user: member.role for member in await self.list_members(db, drive)}

    async def select_successor(self, tx: Connection, drive: DriveId, leaving: UserId) -> Member | None:
        """Return the member who replaces a leaving user as manager, or None if there is no other member.

        The result is another manager if there is one, otherwise the member who becomes a manager.
        """
        record = await tx.fetchrow(self.statements["select_successor"], drive, leaving)
        return None if record is None else Member(UserId(record["user_id"]), Role(record["role"]))

    async def list_drives_to_leave(self, db: Database, user: UserId, limit: int) -> list[DriveId]:
        """Return up to `limit` shared drives that a user is a member of."""
        return [record["owner_id"] for record in await db.fetch(self.statements["list_drives_to_leave"], user, limit)]

    async def list_members(self, db: Database | Connection, drive: DriveId) -> tuple[Member, ...]:
        """Return the members in the order of their ids. The result is empty if there is no such drive."""
        records = await db.fetch(self.statements["select_members"], drive)
        return tuple(Member(UserId(row["user_id"]), Role(row["role"]), row["hides_email"]) for row in records)

    async def upsert_member(self, tx: Connection, drive: DriveId, member: Member) -> Member:
        """Add a member, or change the role of a member. If other members can see the email address of the member
        already, they can still see it, also with `hides_email`."""
        sql, values = self.statements["upsert_member"], (member.user, member.role.value, member.hides_email)
        return Member(member.user, member.role, bool(await tx.fetchval(sql, drive, *values)))

    async def delete_member(self, tx: Connection, drive: DriveId, user: UserId) -> None:
        await tx.execute(self.statements["delete_member"], drive, user)

    async def expire_entries(self, tx: Connection, limit: int) -> None:
        """Make up to `limit` entries of deleted drives due for the next purge, if the grace period has passed."""
        await tx.execute(self.statements["expire_entries_of_deleted_drives"], limit)


def _item(grant: Grant) -> FileId:
    return grant.item


def _drive_from(record: asyncpg.Record) -> Drive:
    return Drive(
        record["owner_id"],
        DriveKind.SHARED,
        record["name"],
        Role(record["role"]),
        Usage(record["used_bytes"], record["reserved_bytes"], record["limit_bytes"], record["file_count"]),
        record["created_at"],
        UserId(record["created_by"]),
    )
