"""Everything known about files and every rule about them: uploads, files, folders, quota, trash, purge.

Every call about somebody's data takes the owner first. What belongs to another owner does not exist:
NotFound, as for an id that never was.

An upload is an intent until its bytes are seen in the store. `commit` is the one place where it becomes
a file; it trusts its own look-up and the recorded intent, and nothing that a caller or an event says.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Protocol

import msgspec

from .health import Health
from .ids import FileId, LeaseId, UploadId, UserId


class OnConflict(StrEnum):
    """What to do when the name is taken: refuse, choose `report (1).pdf`, or make a new version."""

    FAIL = "fail"
    RENAME = "rename"
    REPLACE = "replace"


class UploadStatus(StrEnum):
    PENDING = "pending"
    COMPLETE = "complete"
    FAILED = "failed"
    EXPIRED = "expired"
    ABORTED = "aborted"


class Kind(StrEnum):
    FILE = "file"
    FOLDER = "folder"


class Sort(StrEnum):
    NAME = "name"
    MODIFIED = "modified"
    CREATED = "created"
    SIZE = "size"


class Outcome(StrEnum):
    """What one `commit` did. Only `unknown` is worth trying again soon."""

    COMPLETED = "completed"
    ALREADY = "already"
    """Somebody was faster, or the upload had ended another way."""
    ABSENT = "absent"
    """The store has no such object yet; the upload goes on waiting."""
    EXPIRED = "expired"
    """The store has no such object and the deadline has passed."""
    REJECTED = "rejected"
    """The object is not what was intended; it will be purged."""
    UNKNOWN = "unknown"
    """The store could not be asked."""
    NO_UPLOAD = "no_upload"


class Intent(msgspec.Struct, frozen=True):
    """What a client wants to upload. `size` in bytes; `sha256` the 32 raw bytes of the content."""

    name: str
    size: int
    content_type: str
    parent: FileId
    on_conflict: OnConflict = OnConflict.RENAME
    sha256: bytes | None = None


class Upload(msgspec.Struct, frozen=True):
    """An upload. `key` is its object's key; `metadata` what rides on the object.

    A pending one may be written until `expires_at`. `file` is set once complete, `reason` when failed.
    """

    id: UploadId
    owner: UserId
    status: UploadStatus
    name: str
    size: int
    content_type: str
    sha256: bytes | None
    key: str
    metadata: dict[str, str]
    created_at: datetime
    expires_at: datetime
    file: FileId | None = None
    reason: str | None = None


class UploadRef(msgspec.Struct, frozen=True, order=True):
    owner: UserId
    id: UploadId


class File(msgspec.Struct, frozen=True):
    """A file or a folder (then `size` is 0, `content_type` empty and `sha256` None).

    `etag` is a strong entity tag (RFC 9110) with its quotes; it changes with every change.
    `purge_after` is when a trashed one may be deleted for good.
    """

    id: FileId
    kind: Kind
    name: str
    parent: FileId
    size: int
    content_type: str
    sha256: bytes | None
    etag: str
    created_at: datetime
    modified_at: datetime
    trashed_at: datetime | None = None
    purge_after: datetime | None = None


class Content(msgspec.Struct, frozen=True):
    """Where the bytes of a file's current version are."""

    key: str
    name: str
    content_type: str


class Listing(msgspec.Struct, frozen=True):
    """Which files, in which order. `parent` None means all files of the owner, without folders.

    `limit` is 1 to 1,000. `cursor` continues exactly this listing.
    """

    parent: FileId | None = None
    sort: Sort = Sort.CREATED
    descending: bool = True
    limit: int = 100
    cursor: str | None = None


class FilePage(msgspec.Struct, frozen=True):
    items: tuple[File, ...]
    next_cursor: str | None


class Change(msgspec.Struct, frozen=True):
    """A change of a file's place; None leaves a field as it is."""

    name: str | None = None
    parent: FileId | None = None


class Usage(msgspec.Struct, frozen=True):
    """Bytes of stored versions (trash included), bytes promised to pending uploads, and the limit.

    `file_count` counts files that are not in the trash.
    """

    used_bytes: int
    reserved_bytes: int
    limit_bytes: int
    file_count: int


class Purge(msgspec.Struct, frozen=True):
    """One object to delete; `key` is where it is."""

    ref: UploadRef
    key: str


class DeadLetter(msgspec.Struct, frozen=True):
    """An event that could not be used. `id` (1 to 255 bytes) makes repeating harmless; `payload` is kept up to
    64 KiB, and of text and numbers what the database can hold."""

    id: str
    subject: str
    reason: str
    payload: bytes
    deliveries: int


class Violation(msgspec.Struct, frozen=True):
    """One broken invariant: its name, the owner, and what was seen."""

    invariant: str
    owner: UserId | None
    detail: str


class Queues(msgspec.Struct, frozen=True):
    """How much waits: uploads pending and past their deadline, objects due for purging, dead letters."""

    pending_uploads: int
    overdue_uploads: int
    due_purges: int
    dead_letters: int


class Files(Protocol):
    # -- uploads -----------------------------------------------------------------------------------

    async def begin(self, owner: UserId, intent: Intent, idempotency_key: str | None = None) -> Upload:
        """Record an intent and reserve its bytes; only then may a URL be signed.

        The upload's name is the one the file will have, as far as can be known now. With an
        `idempotency_key`, the same call within 24 hours gives the first answer again.

        Raises InvalidRequest, NotFound (the parent), NameTaken (`fail`), QuotaExceeded, TooLarge,
        RateLimited (too many open uploads), IdempotencyKeyReused, InProgress.
        """
        ...

    async def upload(self, owner: UserId, id: UploadId) -> Upload:
        """Raises NotFound."""
        ...

    async def complete(self, owner: UserId, id: UploadId) -> Upload:
        """Commit one upload now, on a client's word that its bytes are there; the store is asked.

        Repeating it gives the same answer. Raises NotFound, NotUploaded (while pending).
        """
        ...

    async def abort(self, owner: UserId, id: UploadId) -> None:
        """Give a pending upload up: the reservation is released, what was stored will be removed.

        Repeating is no error. Raises NotFound, Conflict (it is complete).
        """
        ...

    # -- files and folders -------------------------------------------------------------------------

    async def list_files(self, owner: UserId, listing: Listing) -> FilePage:
        """Raises NotFound (the parent), InvalidRequest, InvalidCursor."""
        ...

    async def list_trash(self, owner: UserId, limit: int = 100, cursor: str | None = None) -> FilePage:
        """What was put into the trash, latest first; what went along inside a folder is not listed."""
        ...

    async def file(self, owner: UserId, id: FileId) -> File:
        """A file or folder that is not in the trash. Raises NotFound."""
        ...

    async def content(self, owner: UserId, id: FileId) -> Content:
        """Raises NotFound, also for folders and in the trash."""
        ...

    async def create_folder(self, owner: UserId, parent: FileId, name: str, idempotency_key: str | None = None) -> File:
        """Raises NotFound (the parent), NameTaken, InvalidRequest (name; folders too deep),
        IdempotencyKeyReused, InProgress."""
        ...

    async def change(self, owner: UserId, id: FileId, change: Change, if_match: str | None = None) -> File:
        """Rename or move. The store is never touched.

        `if_match` is an entity tag that must be the file's present one.

        Raises NotFound (the file or the new parent), NameTaken, InvalidRequest (a folder into itself,
        folders too deep), PreconditionFailed.
        """
        ...

    async def trash(self, owner: UserId, id: FileId, if_match: str | None = None) -> None:
        """Put a file, or a folder with all in it, into the trash. Raises NotFound (also the second
        time), PreconditionFailed."""
        ...

    async def restore(self, owner: UserId, id: FileId) -> File:
        """Take out of the trash, with all that went in along with it, while that is still possible.

        If its name is taken meanwhile it is renamed; if its folder is gone it comes back at the root.
        Raises NotFound.
        """
        ...

    async def usage(self, owner: UserId) -> Usage: ...

    # -- for ingest and janitor --------------------------------------------------------------------

    async def commit(self, uploads: tuple[UploadRef, ...]) -> tuple[Outcome, ...]:
        """Look each upload's object up and let it become a file if it is what was intended.

        At most 1,000, answered in order. May be called for any upload, at any time, by anyone, at once:
        a file appears exactly once and is charged exactly once.
        """
        ...

    async def claim_checks(self, limit: int, overdue: bool) -> tuple[UploadRef, ...]:
        """Take up to `limit` (1,000 at most) uploads whose next look-up is due, and put that look-up off a little, so
        that no two callers get the same ones. `overdue` picks those past their deadline instead."""
        ...

    async def recheck_pending(self) -> int:
        """Make every pending upload due for a look-up now; how many there are."""
        ...

    async def claim_purges(self, lease: LeaseId, limit: int) -> tuple[Purge, ...]:
        """Take up to `limit` objects (1,000 at most) that are to be deleted.

        Before this returns they are committed as `purging`: nobody can restore them any more. The
        lease ends by itself; then others may take them.
        """
        ...

    async def finish_purges(self, lease: LeaseId, uploads: tuple[UploadRef, ...]) -> int:
        """Forget objects that are deleted and free their bytes; how many still belonged to `lease`."""
        ...

    async def known(self, uploads: tuple[UploadRef, ...]) -> tuple[bool, ...]:
        """Whether each object in the store is accounted for: by a version, an upload or a tombstone."""
        ...

    async def bury(self, letter: DeadLetter) -> None:
        """Keep an event that could not be used, with its reason. Repeating is harmless."""
        ...

    async def check(self) -> tuple[Violation, ...]:
        """Test every invariant against the database and the store; empty is good. Slow on large data."""
        ...

    async def queues(self) -> Queues: ...

    async def health(self) -> tuple[Health, ...]: ...
