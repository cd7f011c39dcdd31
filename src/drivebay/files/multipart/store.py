"""SQL statements on uploads in parts and the checksums of their parts.

Each statement changes one pending upload and needs no lock of its drive.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

from ...contract.files import PartIntent, Upload, UploadRef
from ...contract.ids import DriveId, UploadId
from ...contract.storage import Multipart
from ...postgres import Connection, Database, Statements
from ..uploads.store import upload_from


class PartTimes(NamedTuple):
    """The lifetime of an upload in parts after a request for URLs, and the lifetime of these URLs."""

    upload: timedelta
    urls: timedelta


class MultipartStore:
    def __init__(self) -> None:
        self.statements = Statements(Path(__file__).with_name("statements.sql"))

    async def set_multipart_id(
        self, db: Database, upload: Upload, multipart: Multipart, times: PartTimes
    ) -> Upload | None:
        """Record the multipart id if the upload has no multipart id yet, and extend the deadline.

        Return the upload with its current multipart id, or None if the upload has ended.
        """
        sql = self.statements["set_multipart_id"]
        record = await db.fetchrow(sql, upload.owner, upload.id, multipart.id, multipart.checksummed, *times)
        return None if record is None else upload_from(record)

    async def extend_deadline(self, db: Database, owner: DriveId, id: UploadId, times: PartTimes) -> Upload | None:
        """Extend the deadline of an upload, and record until when its URLs are valid. Return the upload, or None if
        nothing changes or the upload has ended."""
        record = await db.fetchrow(self.statements["extend_deadline"], owner, id, *times)
        return None if record is None else upload_from(record)

    async def insert_part_checksums(
        self, db: Database, owner: DriveId, id: UploadId, parts: Sequence[PartIntent]
    ) -> None:
        """Record the checksums of parts. A part that has a checksum keeps it."""
        numbers, checksums = [part.number for part in parts], [part.sha256 or b"" for part in parts]
        await db.execute(self.statements["insert_part_checksums"], owner, id, numbers, checksums)

    async def select_part_checksums(self, db: Database, owner: DriveId, id: UploadId) -> dict[int, bytes]:
        """Return the recorded checksums by part number."""
        records = await db.fetch(self.statements["select_part_checksums"], owner, id)
        return {record["number"]: record["sha256"] for record in records}

    async def delete_part_checksums(self, tx: Connection, uploads: Iterable[UploadRef]) -> None:
        """Delete the checksums of the uploads that have ended."""
        uploads = tuple(uploads)
        owners, ids = [ref.owner for ref in uploads], [ref.id for ref in uploads]
        await tx.execute(self.statements["delete_part_checksums"], owners, ids)

    async def set_assembly_begun(
        self, db: Database, upload: Upload, parts_sha256: bytes | None, ttl: timedelta
    ) -> bool:
        """Record that the assembly begins, and extend the deadline. Return False when the upload has ended.

        The column `assembled_at` holds the time at which the first assembly began.
        """
        sql = self.statements["set_assembly_begun"]
        return await db.fetchval(sql, upload.owner, upload.id, parts_sha256, ttl) is not None

    async def is_assembly_begun(self, db: Database, owner: DriveId, id: UploadId) -> bool:
        """Return whether the assembly has begun. A purged upload counts as assembled."""
        return await db.fetchval(self.statements["is_assembly_begun"], owner, id) is not False
