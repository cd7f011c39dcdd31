"""SQL statements on links."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import asyncpg
import msgspec

from ...contract.files import Kind, Link, LinkInfo, LinkRole
from ...contract.ids import DriveId, FileId, LinkId, UserId
from ...postgres import Connection, Database, Statements


class LinkValues(msgspec.Struct, frozen=True):
    """The values of a link that can change. `password_hash` is the stored hash of its password."""

    name: str | None
    password_hash: str | None
    expires_at: datetime | None
    max_downloads: int | None


class LinkRow(msgspec.Struct, frozen=True):
    """A link to insert."""

    id: LinkId
    file: FileId
    token_hash: bytes
    role: LinkRole
    created_by: UserId
    values: LinkValues


class StoredLink(msgspec.Struct, frozen=True):
    """A link with the hash of its password."""

    drive: DriveId
    link: Link
    password_hash: str | None

    @property
    def is_spent(self) -> bool:
        """Whether all downloads have been used."""
        return self.link.max_downloads is not None and self.link.downloads >= self.link.max_downloads

    @property
    def values(self) -> LinkValues:
        link = self.link
        return LinkValues(link.name, self.password_hash, link.expires_at, link.max_downloads)


class OpenedLink(msgspec.Struct, frozen=True):
    """A link that was found by its token, and the values that its holder sees."""

    stored: StoredLink
    info: LinkInfo


class LinkStore:
    def __init__(self) -> None:
        self.statements = Statements(Path(__file__).with_name("statements.sql"))

    async def count_links(self, tx: Connection, drive: DriveId) -> int:
        """Return the number of links in a drive."""
        return int(await tx.fetchval(self.statements["count_links"], drive))

    async def insert_link(self, tx: Connection, drive: DriveId, row: LinkRow) -> Link | None:
        """Insert a link. Return None if its item does not exist or is in the trash."""
        values = msgspec.structs.astuple(row.values)
        arguments = (drive, row.id, row.file, row.token_hash, row.role.value, *values, row.created_by)
        record = await tx.fetchrow(self.statements["insert_link"], *arguments)
        return None if record is None else _link_from(record)

    async def select_link(
        self, db: Database | Connection, drive: DriveId, id: LinkId, creator: UserId | None
    ) -> StoredLink | None:
        """Return a link, or None if there is no such link. With `creator`, only a link of this user is returned."""
        record = await db.fetchrow(self.statements["select_link"], drive, id, creator)
        return None if record is None else _stored_from(record)

    async def list_links(
        self, db: Database, drive: DriveId, creator: UserId | None, file: FileId | None, before: LinkId, limit: int
    ) -> list[Link]:
        """Return up to `limit` links that are older than the link `before`, newest first."""
        records = await db.fetch(self.statements["list_links"], drive, creator, file, before, limit)
        return [_link_from(record) for record in records]

    async def update_link(self, tx: Connection, drive: DriveId, id: LinkId, values: LinkValues) -> Link | None:
        """Set the values of a link. Return None if the link does not exist."""
        record = await tx.fetchrow(self.statements["update_link"], drive, id, *msgspec.structs.astuple(values))
        return None if record is None else _link_from(record)

    async def delete_link(self, tx: Connection, drive: DriveId, id: LinkId, actor: UserId | None) -> bool:
        """Delete a link. Return False if it does not exist."""
        return await tx.fetchval(self.statements["delete_link"], drive, id, actor) is not None

    async def delete_links_of_user(self, db: Database, user: UserId) -> None:
        """Delete the links in the personal drive of a user, and the links that the user created in other drives."""
        await db.execute(self.statements["delete_links_of_user"], user)

    async def delete_links_of_user_before(self, db: Database, user: UserId, until: datetime) -> None:
        """Delete the same links as `delete_links_of_user`, but only those that were created up to `until`."""
        await db.execute(self.statements["delete_links_of_user_before"], user, until)

    async def select_link_by_token(self, db: Database, token_hash: bytes, *, spent: bool = False) -> OpenedLink | None:
        """Return the link of a token. Return None if there is no such link, it has ended, or its item is in the trash.

        A link whose downloads are all used has ended. With `spent`, it is returned anyway.
        """
        record = await db.fetchrow(self.statements["select_link_by_token"], token_hash, spent)
        if record is None:
            return None
        stored = _stored_from(record)
        link = stored.link
        info = LinkInfo(
            record["item_name"],
            Kind(record["item_kind"]),
            record["item_size"],
            link.role,
            link.expires_at,
            record["item_type"] or "",
        )
        return OpenedLink(stored, info)

    async def count_pending_uploads(self, db: Database, drive: DriveId, note: str) -> int:
        """Return the number of pending uploads of a drive whose client note begins with `note`."""
        return int(await db.fetchval(self.statements["count_pending_uploads"], drive, note))

    async def count_download(self, db: Database | Connection, stored: StoredLink) -> int | None:
        """Count one download, and return the new count.

        Return None if the link has ended or has no download left, or if its password was changed since `stored` was
        read.
        """
        sql = self.statements["count_link_download"]
        count: int | None = await db.fetchval(sql, stored.drive, stored.link.id, stored.password_hash)
        return count

    async def take_password_attempt(
        self, db: Database, stored: StoredLink, client: str, interval: timedelta, burst: int
    ) -> bool:
        """Use one password attempt of a client. Return False if no attempt is left.

        A client has at most `burst` attempts, and gets one more in each `interval`.
        """
        sql = self.statements["take_password_attempt"]
        return await db.fetchval(sql, stored.drive, stored.link.id, client, interval, burst) is not None

    async def refill_password_attempts(self, db: Database, stored: StoredLink, client: str) -> None:
        """Reset the password attempts of a client to the maximum."""
        await db.execute(self.statements["refill_password_attempts"], stored.drive, stored.link.id, client)


def _stored_from(record: asyncpg.Record) -> StoredLink:
    return StoredLink(record["owner_id"], _link_from(record), record["password_hash"])


def _link_from(record: asyncpg.Record) -> Link:
    return Link(
        id=record["id"],
        file=record["file_id"],
        role=LinkRole(record["role"]),
        downloads=record["downloads"],
        created_at=record["created_at"],
        created_by=record["created_by"],
        name=record["name"],
        has_password=record["password_hash"] is not None,
        expires_at=record["expires_at"],
        max_downloads=record["max_downloads"],
    )
