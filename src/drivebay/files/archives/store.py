"""SQL statements on archives."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

import msgspec

from ...contract.files import ArchiveEntry, EntryCrc
from ...contract.ids import ROOT, DriveId, FileId, LinkId, UserId
from ...postgres import Connection, Database, Statements
from ..links.store import StoredLink


class ArchivedFile(NamedTuple):
    """An entry of an archive, and its version. `version` is None for a folder."""

    entry: ArchiveEntry
    version: UUID | None


class NewArchive(msgspec.Struct, frozen=True):
    """An archive to insert. `chosen` are the items that the user chose. `size` is the length of the ZIP file in
    bytes."""

    name: str
    actor: UserId | None
    chosen: tuple[FileId, ...]
    entry_count: int
    size: int


class StoredArchive(msgspec.Struct, frozen=True):
    """The row of an archive. `chosen` are the items that the user chose. `size` is the length of the ZIP file in bytes.

    `link_file` is the item of the link with which the archive was created, or None without a link.
    """

    name: str
    actor: UserId | None
    chosen: tuple[FileId, ...]
    entry_count: int
    size: int
    expires_at: datetime
    link_file: FileId | None


class CountedLink(NamedTuple):
    """The link with which an archive is created. The archive counts as the download `number` of the link."""

    stored: StoredLink
    number: int


class ArchiveStore:
    def __init__(self) -> None:
        self.statements = Statements(Path(__file__).with_name("statements.sql"))

    async def select_root_entries(self, tx: Connection, owner: DriveId, limit: int) -> list[FileId]:
        records = await tx.fetch(self.statements["select_root_entries"], owner, ROOT, limit)
        return [record["id"] for record in records]

    async def lock_archives_of(self, tx: Connection, creator: UserId | LinkId | DriveId) -> None:
        """Lock the creation of archives of a user, or of a link, until the transaction ends."""
        await tx.execute(self.statements["lock_archives_of"], creator)

    async def count_entries(self, tx: Connection, creator: UserId | LinkId | DriveId) -> int:
        """Return the number of entries in all unexpired archives of a user or of a link."""
        return int(await tx.fetchval(self.statements["count_archived_entries"], creator))

    async def insert_archive(
        self, tx: Connection, key: tuple[DriveId, UUID], archive: NewArchive, lifetime: timedelta,
        link: CountedLink | None,
    ) -> datetime:  # fmt: skip
        """Insert an archive. Return its expiry time."""
        values = (archive.name, archive.actor, archive.chosen, archive.entry_count, archive.size, lifetime)
        link_values = (
            (None, None, None) if link is None else (link.stored.link.id, link.stored.password_hash, link.number)
        )
        expires_at: datetime = await tx.fetchval(self.statements["insert_archive"], *key, *values, *link_values)
        return expires_at

    async def insert_entries(self, tx: Connection, key: tuple[DriveId, UUID], files: Sequence[ArchivedFile]) -> None:
        """Insert the entries of an archive in the order of their positions."""
        columns = (
            [file.entry.path for file in files],
            [file.entry.size for file in files],
            [file.entry.modified_at for file in files],
            [file.entry.key for file in files],
            [file.version for file in files],
        )
        await tx.execute(self.statements["insert_archive_entries"], *key, *columns)

    async def select_archive(self, db: Database, owner: DriveId, id: UUID) -> StoredArchive | None:
        record = await db.fetchrow(self.statements["select_archive"], owner, id)
        if record is None:
            return None
        return StoredArchive(
            record["name"],
            record["created_by"],
            tuple(record["chosen"]),
            record["entry_count"],
            record["size"],
            record["expires_at"],
            record["link_file"],
        )

    async def select_entries(
        self, db: Database, key: tuple[DriveId, UUID], after: int, limit: int
    ) -> tuple[ArchiveEntry, ...]:
        records = await db.fetch(self.statements["select_archive_entries"], *key, after, limit)
        return tuple(
            ArchiveEntry(row["path"], row["size"], row["modified_at"], row["key"], row["crc_size"], row["crc32"])
            for row in records
        )

    async def update_crcs(self, db: Database, key: tuple[DriveId, UUID], crcs: Sequence[EntryCrc]) -> None:
        columns = ([crc.position for crc in crcs], [crc.size for crc in crcs], [crc.crc32 for crc in crcs])
        await db.execute(self.statements["update_archive_crcs"], *key, *columns)
        await db.execute(self.statements["update_object_crcs"], *key, columns[0])

    async def delete_expired(self, db: Database, limit: int) -> int:
        return await db.execute(self.statements["delete_expired_archives"], limit)

    async def end_archives(self, db: Database, drive: DriveId) -> None:
        """Expire the archives of a drive, and the archives of the user with the same id."""
        await db.execute(self.statements["end_archives"], drive)

    async def end_archives_before(self, db: Database, user: UserId, until: datetime) -> None:
        """Expire the archives that a user created up to the time `until`."""
        await db.execute(self.statements["end_archives_before"], user, until)
