"""SQL statements on versions and the objects that they share.

Methods that take a `Connection`, and no `Database`, need the lock of the drive (see `files/usage/store.py`),
unless they say otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

import asyncpg
import msgspec

from ...contract import files as contract
from ...contract.ids import DriveId, FileId, UploadId, VersionId
from ...postgres import Connection, Database, Statements
from ..entries.store import content_from, file_from


class FoundVersion(msgspec.Struct, frozen=True):
    """A version of a file outside the trash.

    `is_same_content`: this version is the current version, or has the same object and content type as the current
    version.
    """

    content: contract.Content
    is_current: bool
    is_same_content: bool


class StoredObject(msgspec.Struct, frozen=True):
    """An object that a new version can share. `id` is the id of the upload that stored the object."""

    id: UploadId
    key: str
    etag: str


class SharedVersion(msgspec.Struct, frozen=True):
    """A new version that shares the object of the version `source`. If `modified_at` is None, the time is now."""

    id: VersionId
    file: FileId
    source: VersionId
    modified_at: datetime | None = None


class VersionStore:
    def __init__(self) -> None:
        self.statements = Statements(Path(__file__).with_name("statements.sql"))

    async def list_versions_page(
        self, db: Database | Connection, owner: DriveId, file: FileId, after: tuple[datetime, UUID], limit: int
    ) -> list[contract.Version]:
        """Return up to `limit` versions of a file after a position, newest first."""
        records = await db.fetch(self.statements["list_versions_page"], owner, file, *after, limit)
        return [contract.Version(*record) for record in records]

    async def select_version(
        self, db: Database | Connection, owner: DriveId, file: FileId, version: VersionId
    ) -> FoundVersion | None:
        """Return a version of a file outside the trash, or None. Needs no lock."""
        record = await db.fetchrow(self.statements["select_version"], owner, file, version)
        if record is None:
            return None
        return FoundVersion(content_from(owner, record), record["is_current"], record["is_same_content"])

    async def share_version(
        self, tx: Connection, access: contract.Access, shared: SharedVersion
    ) -> contract.File | None:
        """Insert a version that shares an object. It becomes the current version of its file. Return the file.

        Return None if there is no such file or version.
        """
        record = await tx.fetchrow(
            self.statements["share_version"],
            access.drive,
            shared.file,
            shared.source,
            shared.id,
            access.actor,
            shared.modified_at,
        )
        return None if record is None else file_from(record)

    async def delete_version(self, tx: Connection, owner: DriveId, file: FileId, version: VersionId) -> None:
        """Delete an old version for good, if the file has such an old version."""
        await self._delete_released(tx, await tx.fetch(self.statements["release_version"], owner, file, version))

    async def delete_of_files(self, tx: Connection, files: Sequence[tuple[DriveId, FileId]]) -> None:
        """Delete all versions of deleted files for good. `files` are pairs of owner and id."""
        if files:
            owners, ids = zip(*files, strict=True)
            await self._delete_released(tx, await tx.fetch(self.statements["release_versions_of"], owners, ids))

    async def delete_excess(self, tx: Connection, owner: DriveId, file: FileId, keep: int) -> None:
        """Delete the oldest versions of a file for good, so that `keep` old versions remain."""
        released = await tx.fetch(self.statements["release_excess_versions"], owner, file, keep)
        await self._delete_released(tx, released)

    async def delete_aged(self, tx: Connection, age: timedelta, limit: int) -> int:
        """Delete for good up to `limit` versions that were replaced more than `age` ago. Locks their drives.

        Return their number.
        """
        released = await tx.fetch(self.statements["release_aged_versions"], age, limit)
        await self._delete_released(tx, released)
        return len(released)

    async def delete_released(self, tx: Connection, versions: Sequence[tuple[DriveId, VersionId]]) -> None:
        """Delete the row of each released version whose object has other references. Queue the other objects for the
        purge: the rows of their versions are deleted after the purge.

        `versions` are pairs of owner and id, which this transaction has released.
        """
        if versions:
            owners, ids = zip(*versions, strict=True)
            await tx.execute(self.statements["delete_released"], owners, ids)

    async def _delete_released(self, tx: Connection, released: Sequence[asyncpg.Record]) -> None:
        await self.delete_released(tx, [(record["owner_id"], record["id"]) for record in released])

    async def select_object_by_content(
        self, tx: Connection, owner: DriveId, sha256: bytes, size: int
    ) -> StoredObject | None:
        """Return an object of the owner with this size and checksum, or None. The store has verified the checksum.

        An object without references, or with a missing version, is left out.
        """
        record = await tx.fetchrow(self.statements["select_object_by_content"], owner, sha256, size)
        return None if record is None else StoredObject(*record)
