"""SQL statements that commit uploads.

Methods that take a `Connection`, and no `Database`, need the locks of the drives of the uploads (see
`files/usage/store.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import msgspec

from ...contract.files import OnConflict, Trigger, UploadRef
from ...contract.ids import DriveId, FileId, UploadId
from ...postgres import Connection, Database, Statements
from ..entries.free_names import Location


class Candidate(msgspec.Struct, frozen=True):
    """An upload as a commit reads it.

    `multipart_id` is set while the parts of the upload are being sent. `can_commit`: the upload can still become a
    file. `is_overdue`: its deadline has passed. `is_late`: it has expired, and its reservation was released.
    `has_no_file`: it has ended without a file. `staging_cleanable`: its object was promoted, and no URL can write the
    staged object any more.
    """

    ref: UploadRef
    parent: FileId
    name: str
    on_conflict: OnConflict
    size: int
    content_type: str
    sha256: bytes | None
    is_multipart: bool
    is_overdue: bool
    can_commit: bool
    multipart_id: str | None
    is_late: bool
    has_no_file: bool
    staging_cleanable: bool


class VerifiedObject(msgspec.Struct, frozen=True):
    """The stored object of an upload. It matches the upload's intent.

    `sha256` is set if the store verified it. `copied_key` is the key of the object if it was promoted. For an instant
    upload, `copied_key` is the key of an existing object, and `shared` is the upload that stored it.
    """

    upload: Candidate
    etag: str
    sha256: bytes | None
    copied_key: str | None
    shared: UploadId | None = None

    @property
    def ref(self) -> UploadRef:
        return self.upload.ref


class NewFile(msgspec.Struct, frozen=True):
    """A file to insert for a verified object."""

    object: VerifiedObject
    id: FileId
    parent: FileId
    name: str


class Folder(msgspec.Struct, frozen=True):
    """The folder of a new file.

    If the folder was trashed, `trashed_with` is the entry with which it was trashed. If only folders above it were
    trashed, `hidden_by` is the nearest of them.
    """

    id: FileId
    trashed_with: FileId | None = None
    hidden_by: FileId | None = None


class CommitStore:
    """`url_expiry_delay` is the time after an upload's deadline at which its URLs have expired."""

    def __init__(self, url_expiry_delay: timedelta) -> None:
        self.statements = Statements(Path(__file__).with_name("statements.sql"))
        self._url_expiry_delay = url_expiry_delay

    async def select_candidates(self, db: Database | Connection, uploads: Sequence[UploadRef]) -> list[Candidate]:
        """Return the uploads that exist, in any order."""
        records = await db.fetch(
            self.statements["select_candidates"], *_owners_and_ids(uploads), self._url_expiry_delay
        )
        return [
            Candidate(
                ref=UploadRef(record["owner_id"], record["id"]),
                parent=record["parent_id"],
                name=record["name"],
                on_conflict=_ON_CONFLICT[record["on_conflict"]],
                size=record["size"],
                content_type=record["content_type"],
                sha256=record["sha256"],
                is_multipart=record["part_size"] is not None,
                is_overdue=record["is_overdue"],
                can_commit=record["can_commit"],
                multipart_id=record["multipart_id"],
                is_late=record["is_late"],
                has_no_file=record["has_no_file"],
                staging_cleanable=record["staging_cleanable"],
            )
            for record in records
        ]

    async def select_copied_keys(self, db: Database, uploads: Sequence[UploadRef]) -> tuple[str, ...]:
        """Return the keys of the promoted objects of these uploads."""
        records = await db.fetch(self.statements["select_copied_keys"], *_owners_and_ids(uploads))
        return tuple(record["key"] for record in records)

    async def stop_checks(self, db: Database, uploads: Sequence[UploadRef]) -> None:
        """Stop the scheduled look-ups of complete uploads. Needs no lock."""
        await db.execute(self.statements["stop_checks"], *_owners_and_ids(uploads))

    async def expire_uploads(self, tx: Connection, uploads: Sequence[UploadRef], watch: timedelta) -> int:
        """Expire the uploads whose deadline has passed, and return their number."""
        return len(await tx.fetch(self.statements["expire_uploads"], *_owners_and_ids(uploads), watch))

    async def insert_files(
        self, tx: Connection, files: Sequence[NewFile], trigger: Trigger | None, *, late: bool = False
    ) -> set[UploadRef]:
        """Turn uploads into new files. With `late`, include expired uploads. Return the uploads that became files.

        The other uploads have ended, or their name is taken.
        """
        if not files:
            return set()
        objects = [file.object for file in files]
        records = await tx.fetch(
            self.statements["insert_files"],
            *_owners_and_ids([object.ref for object in objects]),
            [object.etag for object in objects],
            [object.sha256 for object in objects],
            [file.id for file in files],
            [file.parent for file in files],
            [file.name for file in files],
            [object.copied_key for object in objects],
            self._url_expiry_delay,
            None if trigger is None else trigger.value,
            late,
            [object.shared for object in objects],
        )
        return {UploadRef(record["owner_id"], record["id"]) for record in records}

    async def select_folder(self, tx: Connection, owner: DriveId, id: FileId) -> Folder | None:
        """Return a folder that is outside the trash or can be restored from it, or None."""
        record = await tx.fetchrow(self.statements["select_folder"], owner, id)
        return None if record is None else Folder(id, *record)

    async def select_file_in_trash(self, tx: Connection, location: Location) -> FileId | None:
        """Return the file at a location in a trashed folder, or None. The file must be restored with the folder."""
        arguments = (location.owner, location.parent, location.name, location.trashed_with)
        id: FileId | None = await tx.fetchval(self.statements["select_file_in_trash"], *arguments)
        return id

    async def replace_version(
        self, tx: Connection, file: FileId, object: VerifiedObject, trigger: Trigger | None
    ) -> bool:
        """Make the object the current version of a file. The old version stays.

        Return False if the owner has no such file. The file may be in the trash. The upload must have `can_commit`, and
        its drive must be locked.
        """
        replaced = await tx.fetchval(
            self.statements["replace_version"],
            object.ref.owner,
            object.ref.id,
            object.etag,
            object.sha256,
            file,
            object.copied_key,
            self._url_expiry_delay,
            None if trigger is None else trigger.value,
            object.shared,
        )
        return replaced is not None

    async def claim_checks(self, db: Database, limit: int, overdue: bool) -> tuple[UploadRef, ...]:
        """Claim up to `limit` pending uploads whose scheduled look-up is due. Needs no lock.

        With `overdue`, claim the uploads whose deadline has passed, also watched and complete ones.
        """
        records = await db.fetch(self.statements["claim_checks"], limit, overdue)
        return tuple(UploadRef(record["owner_id"], record["id"]) for record in records)

    async def claim_newest_checks(self, db: Database, limit: int) -> tuple[UploadRef, ...]:
        """Claim up to `limit` pending uploads whose look-up became due most recently. Needs no lock."""
        records = await db.fetch(self.statements["claim_newest_checks"], limit)
        return tuple(UploadRef(record["owner_id"], record["id"]) for record in records)

    async def make_purges_due(self, db: Database, uploads: Sequence[UploadRef]) -> None:
        """Make the purges of uploads without a file due now, so that their objects are deleted again. Needs no lock."""
        await db.execute(self.statements["make_purges_due"], *_owners_and_ids(uploads))

    async def make_checks_due(self, db: Database) -> int:
        """Make the look-ups of all pending uploads due now, and return their number. Needs no lock."""
        return await db.execute(self.statements["make_checks_due"])


_ON_CONFLICT = {value.value: value for value in OnConflict}


def _owners_and_ids(uploads: Sequence[UploadRef]) -> tuple[list[object], list[object]]:
    return [ref.owner for ref in uploads], [ref.id for ref in uploads]
