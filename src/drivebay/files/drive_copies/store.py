"""SQL statements on copies into other drives.

Methods that change rows need the lock of the drive that gets the copy (see `files/usage/store.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import asyncpg

from ...contract.files import Job, Kind
from ...contract.ids import DriveId, FileId, UploadId, VersionId
from ...postgres import Connection, Database, Statements
from ..jobs.store import StoredJob
from ..object_keys import object_key


class OpenFolder(NamedTuple):
    """A folder whose contents are not all copied yet. `ordinal` is its number in the job. `copy` is the copy of the
    folder, `depth` the level of that copy, and `after` the last copied name in the folder."""

    ordinal: int
    folder: FileId
    copy: FileId
    depth: int
    after: str


class Content(NamedTuple):
    """The current version of a file to copy. `key` and `etag` are the key and the ETag of its object."""

    key: str
    etag: str
    part_size: int | None
    parts_sha256: bytes | None
    crc32: int | None


class ForeignOriginal(NamedTuple):
    """An entry of another drive that is to be copied. It is in the OpenFolder with the number `ordinal`.

    `properties` are encoded as JSON. `content` is None for a folder.
    """

    ordinal: int
    id: FileId
    kind: Kind
    name: str
    size: int
    content_type: str
    sha256: bytes | None
    modified_at: datetime
    properties: str | None
    content: Content | None


class HiddenFolder(NamedTuple):
    """A hidden copy of a folder to insert."""

    id: FileId
    parent: FileId
    name: str
    modified_at: datetime
    properties: str | None


class PlannedFile(NamedTuple):
    """A file whose object the store copies next. `upload` becomes the id of its version and its object."""

    upload: UploadId
    file: FileId
    parent: FileId
    original: ForeignOriginal
    content: Content


class PlannedObject(NamedTuple):
    """An object that is not copied yet. `is_overdue`: the store has not copied it within a day."""

    upload: UploadId
    source_key: str
    source_etag: str
    crc32: int | None
    name: str
    size: int
    content_type: str
    is_overdue: bool


class CopiedObject(NamedTuple):
    """An object that the store has copied. `etag` is the ETag of the copy."""

    upload: UploadId
    etag: str
    crc32: int | None


class DriveCopyStore:
    def __init__(self) -> None:
        self.statements = Statements(Path(__file__).with_name("statements.sql"))

    # -- the drive of the original

    async def select_original(self, tx: Connection, drive: DriveId, id: FileId) -> ForeignOriginal | None:
        """Return a file or folder outside the trash, or None. Needs no lock."""
        record = await tx.fetchrow(self.statements["select_original"], drive, id)
        return None if record is None else _original_from(drive, record)

    async def list_originals(
        self, tx: Connection, drive: DriveId, folders: Sequence[OpenFolder], limit: int
    ) -> list[ForeignOriginal]:
        """Return up to `limit` entries that are not copied yet, from these folders. Needs no lock."""
        ordinals, ids, _, _, after = zip(*folders, strict=True)
        records = await tx.fetch(self.statements["list_originals"], drive, ordinals, ids, after, limit)
        return [_original_from(drive, record) for record in records]

    async def select_folders_below(
        self, tx: Connection, drive: DriveId, folders: Sequence[FileId], top: FileId
    ) -> frozenset[FileId]:
        """Return the folders of `folders` that are `top` or below it. Needs no lock."""
        records = await tx.fetch(self.statements["select_folders_below"], drive, list(folders), top)
        return frozenset(FileId(record["start"]) for record in records)

    # -- the drive that gets the copy

    async def list_open_folders(self, db: Database, job: Job, limit: int) -> list[OpenFolder]:
        """Return up to `limit` folders whose contents are not all copied. Needs no lock."""
        records = await db.fetch(self.statements["list_open_folders"], job.drive, job.id, limit)
        return [OpenFolder(*record) for record in records]

    async def list_planned_objects(self, db: Database, job: Job, limit: int) -> list[PlannedObject]:
        """Return up to `limit` objects that are not copied yet. Needs no lock."""
        records = await db.fetch(self.statements["list_planned_objects"], job.drive, job.id, limit)
        return [PlannedObject(*record) for record in records]

    async def insert_hidden_folders(self, tx: Connection, stored: StoredJob, folders: Sequence[HiddenFolder]) -> None:
        if folders:
            columns = zip(*folders, strict=True)
            key = (stored.job.drive, stored.job.id)
            sql = self.statements["insert_hidden_folders"]
            await tx.execute(sql, *key, *columns, stored.actor, stored.job.created_at)

    async def plan_objects(
        self, tx: Connection, stored: StoredJob, files: Sequence[PlannedFile], time: timedelta
    ) -> None:
        """Record the objects that the store copies next, and reserve their bytes. The store has `time` to copy
        them."""
        if not files:
            return
        rows = [
            (
                file.upload,
                file.file,
                file.parent,
                file.original.name,
                file.original.size,
                file.original.content_type,
                file.original.sha256,
                file.original.modified_at,
                file.original.properties,
                *file.content,
            )
            for file in files
        ]
        columns = zip(*rows, strict=True)
        sql = self.statements["plan_objects"]
        await tx.execute(sql, stored.job.drive, stored.job.id, *columns, stored.actor, time)

    async def insert_copied_files(
        self, tx: Connection, stored: StoredJob, objects: Sequence[CopiedObject]
    ) -> tuple[int, int]:
        """Insert hidden files for objects that the store has copied. Return their number and their bytes."""
        if not objects:
            return 0, 0
        key = (stored.job.drive, stored.job.id)
        uploads, etags = [object.upload for object in objects], [object.etag for object in objects]
        sql = self.statements["insert_copied_files"]
        record = await tx.fetchrow(sql, *key, uploads, etags, stored.actor, stored.job.created_at)
        assert record is not None  # noqa: S101 - an aggregate returns a row
        crcs = [(object.upload, object.crc32) for object in objects if object.crc32 is not None]
        if crcs:
            await tx.execute(self.statements["set_object_crcs"], stored.job.drive, *map(list, zip(*crcs, strict=True)))
        return record["files"], record["bytes"]

    async def abort_planned_objects(self, tx: Connection, job: Job, limit: int) -> int:
        """Abort up to `limit` planned objects, so that the copies that the store may have made are purged. Return their
        number."""
        return int(await tx.fetchval(self.statements["abort_planned_objects"], job.drive, job.id, limit))

    async def select_copied_version(self, tx: Connection, job: Job, copy: FileId) -> VersionId | None:
        """Return the version of a hidden copy of a file, or None if there is none."""
        version: VersionId | None = await tx.fetchval(self.statements["select_copied_version"], job.drive, copy)
        return version


def _original_from(drive: DriveId, record: asyncpg.Record) -> ForeignOriginal:
    row: Any = record
    content = None
    if row["version"] is not None:
        key = row["key"] or object_key(drive, row["version"])
        content = Content(key, row["etag"], row["part_size"], row["parts_sha256"], row["crc32"])
    return ForeignOriginal(
        ordinal=row["ordinal"],
        id=row["id"],
        kind=Kind(row["kind"]),
        name=row["name"],
        size=row["size"],
        content_type=row["content_type"],
        sha256=row["sha256"],
        modified_at=row["modified_at"],
        properties=row["properties"],
        content=content,
    )
