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


class Cause(StrEnum):
    """Who had an upload looked at, or ended it: its client, the store's event, the sweeper."""

    CLIENT = "client"
    EVENT = "event"
    SWEEP = "sweep"


class Intent(msgspec.Struct, frozen=True):
    """What a client wants to upload. `size` in bytes; `sha256` the 32 raw bytes of the content. `multipart`: in
    parts, whatever its size. `deferred`: in parts, of a length that is not known yet; `size` is 0. `note` is told
    again as it is: 4,096 printable ASCII characters at most.
    """

    name: str
    size: int
    content_type: str
    parent: FileId
    on_conflict: OnConflict = OnConflict.RENAME
    sha256: bytes | None = None
    multipart: bool = False
    deferred: bool = False
    note: str | None = None


class Parts(msgspec.Struct, frozen=True):
    """How an upload comes in parts: each of `size` bytes, but the last of `count`, which has the rest.

    `multipart` is the store's name for the write once it has begun; `checked` whether every part comes with its
    SHA-256.
    """

    size: int
    count: int
    multipart: str | None = None
    checked: bool = False

    def bytes_of(self, number: int, whole: int) -> int:
        """Bytes of one part of an upload of `whole` bytes."""
        return min(self.size, whole - (number - 1) * self.size)


class Upload(msgspec.Struct, frozen=True):
    """An upload. `key` is its object's key; `metadata` what rides on the object. `parts` is set when it comes in
    parts.

    A pending one may be written until `expires_at`. `file` is set once complete, `reason` when failed. `deferred`
    while its length is not known: then `size` is what has been reserved.
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
    parts: Parts | None = None
    deferred: bool = False
    note: str | None = None


class PartIntent(msgspec.Struct, frozen=True):
    """A part that a client is about to send: its `number` from 1, and the 32 raw bytes of its SHA-256."""

    number: int
    sha256: bytes | None = None


class Part(msgspec.Struct, frozen=True):
    """A part that the store holds. `size` in bytes; `sha256` is set when the store checked it."""

    number: int
    size: int
    etag: str
    sha256: bytes | None = None


class Moment(msgspec.Struct, frozen=True):
    """One change of an upload's or its file's state: `what` it became, by what `cause`, and why."""

    at: datetime
    what: str
    cause: str
    detail: str | None = None


class Refusal(msgspec.Struct, frozen=True):
    """Why one of several was not done: the `code` and sentence of the error that it alone would have had, and the
    field at fault, if one was."""

    code: str
    detail: str
    field: str | None = None


class Attempt(msgspec.Struct, frozen=True):
    """What became of one of several: an upload, or a refusal."""

    upload: Upload | None = None
    refusal: Refusal | None = None


class UploadRef(msgspec.Struct, frozen=True, order=True):
    owner: UserId
    id: UploadId


class File(msgspec.Struct, frozen=True):
    """A file or a folder (then `size` is 0, `content_type` empty and `sha256` None).

    `etag` is a strong entity tag (RFC 9110) with its quotes; it changes with every change.
    `purge_after` is when a trashed one may be deleted for good. `part_size` and `parts_sha256` are as `Content` has
    them, and told by `file` alone.
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
    part_size: int | None = None
    parts_sha256: bytes | None = None


class Content(msgspec.Struct, frozen=True):
    """Where the bytes of a file's current version are, and what is known of them.

    `sha256` is of all bytes. `parts_sha256` is of the SHA-256 of its parts of `part_size` bytes, one after the
    other, for what came in parts that the store checked.
    """

    key: str
    name: str
    content_type: str
    size: int
    sha256: bytes | None = None
    part_size: int | None = None
    parts_sha256: bytes | None = None


class Found(msgspec.Struct, frozen=True):
    """One of several files that were looked for; `content` is None where there is none."""

    content: Content | None = None


class Listing(msgspec.Struct, frozen=True):
    """Which files, in which order. `parent` None means all files of the owner, without folders.

    `limit` is 1 to 1,000. `cursor` continues exactly this listing. `name` asks for the one of this name in the folder
    `parent`, if there is one: it goes with no cursor.
    """

    parent: FileId | None = None
    sort: Sort = Sort.CREATED
    descending: bool = True
    limit: int = 100
    cursor: str | None = None
    name: str | None = None


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
    """One object to delete; `key` is where it is. `multipart`: a write in parts to end first. `tails`: it came in
    parts, of which tails may be kept."""

    ref: UploadRef
    key: str
    multipart: str | None = None
    tails: bool = False


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

    async def begin_many(
        self, owner: UserId, intents: tuple[Intent, ...], idempotency_key: str | None = None
    ) -> tuple[Attempt, ...]:
        """`begin` for 1 to 100 intents, answered in order: what one of them alone would raise is its refusal, and
        keeps none of the others back. An earlier one counts for a later one. All are recorded, or none.

        Raises InvalidRequest (how many), IdempotencyKeyReused, InProgress.
        """
        ...

    async def upload(self, owner: UserId, id: UploadId) -> Upload:
        """Raises NotFound."""
        ...

    async def open_parts(self, owner: UserId, id: UploadId, parts: tuple[PartIntent, ...]) -> Upload:
        """Record that these parts (100 at most) are about to be sent, each with these bytes and no others if it
        has a SHA-256; only then may URLs be signed. Puts the upload's deadline off. May be repeated.

        The first call begins the write in the store, and decides whether parts come with a SHA-256: all or none.
        Raises NotFound, Conflict (not in parts, not pending, other bytes than before), InvalidRequest, Unavailable.
        """
        ...

    async def parts(self, owner: UserId, id: UploadId) -> tuple[Part, ...]:
        """The parts of a pending upload that the store holds, by number. One whose parts have been put together
        already is committed. Raises NotFound, Conflict (not in parts, not pending, or not any more), Unavailable."""
        ...

    async def resize(self, owner: UserId, id: UploadId, size: int, final: bool) -> Upload:
        """Reserve bytes for an upload of unknown length up to `size`, before they are stored; what is reserved stays.
        `final`: that is its length, less or more than was reserved. May be repeated.

        Raises NotFound, Conflict (not pending, of another known length), QuotaExceeded, TooLarge, InvalidRequest.
        """
        ...

    async def complete(self, owner: UserId, id: UploadId) -> Upload:
        """Commit one upload now, on a client's word that its bytes are there; the store is asked. What came in
        parts is put together first.

        Repeating it gives the same answer. Raises NotFound, NotUploaded (while pending; says which parts are
        missing, or that its length is not known), Unavailable (also while the store is still putting parts together).
        """
        ...

    async def complete_many(self, owner: UserId, ids: tuple[UploadId, ...]) -> tuple[Attempt, ...]:
        """`complete` for 1 to 100 uploads that came in one piece, answered in order, each by itself. What comes in
        parts is not put together here, and is refused as not uploaded. May be repeated. Raises InvalidRequest."""
        ...

    async def timeline(self, owner: UserId, id: UploadId) -> tuple[Moment, ...]:
        """What became of an upload, and of its file, oldest first; at most the first 1,000. Raises NotFound."""
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

    async def contents(self, owner: UserId, ids: tuple[FileId, ...]) -> tuple[Found, ...]:
        """`content` for 1 to 100 files, in order. Raises InvalidRequest."""
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

    async def commit(self, uploads: tuple[UploadRef, ...], cause: Cause | None = None) -> tuple[Outcome, ...]:
        """Look each upload's object up and let it become a file if it is what was intended. `cause` is for the
        timeline alone.

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

    async def multiparts(self, uploads: tuple[UploadRef, ...]) -> tuple[str, ...]:
        """The store's name for the write in parts of each upload (1,000 at most) that is pending; empty for others."""
        ...

    async def bury(self, letter: DeadLetter) -> None:
        """Keep an event that could not be used, with its reason. Repeating is harmless."""
        ...

    async def check(self) -> tuple[Violation, ...]:
        """Test every invariant against the database and the store; empty is good. Slow on large data."""
        ...

    async def queues(self) -> Queues: ...

    async def health(self) -> tuple[Health, ...]: ...
