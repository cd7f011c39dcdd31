"""Uploads: from the intent of a client to a file."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Protocol

import msgspec

from ..ids import DriveId, FileId, UploadId
from .access import Access


class OnConflict(StrEnum):
    """The rule for a name that is taken: fail, choose a free name such as `report (1).pdf`, or add a version."""

    FAIL = "fail"
    RENAME = "rename"
    REPLACE = "replace"


class UploadStatus(StrEnum):
    """The state of an upload. `COMPLETE`, `FAILED` and `ABORTED` are final.

    If the bytes of an expired upload in one piece arrive within seven days, it becomes complete or failed.
    """

    PENDING = "pending"
    COMPLETE = "complete"
    FAILED = "failed"
    EXPIRED = "expired"
    ABORTED = "aborted"


# Idempotency keys are stored with a hash of the encoded intent, so encoded names of released fields never change.
class UploadIntent(msgspec.Struct, frozen=True, rename={"deferred_length": "deferred", "client_note": "note"}):
    """The upload that a client requests.

    `sha256` is the digest of the content, 32 raw bytes. `multipart` requests an upload in parts for any size.
    `deferred_length` means that the size is not known yet. It requires `multipart`, a `size` of 0 and no `sha256`.
    `client_note` is text of the client that is returned unchanged, at most 4,096 printable ASCII characters.
    `modified_at` is the modification time of the file at the client, from 1970 to one day after now. None means the
    time of the commit.
    """

    name: str
    size: int
    content_type: str
    parent: FileId
    on_conflict: OnConflict = OnConflict.RENAME
    sha256: bytes | None = None
    multipart: bool = False
    deferred_length: bool = False
    client_note: str | None = None
    modified_at: datetime | None = None


class PartLayout(msgspec.Struct, frozen=True):
    """The division of an upload into parts: `count` parts of `size` bytes, of which the last may be shorter.

    `multipart_id` is set when the multipart upload in the store has begun. If `checksummed`, every part has a SHA-256
    that the store verifies.
    """

    size: int
    count: int
    multipart_id: str | None = None
    checksummed: bool = False

    def size_of(self, number: int, upload_size: int) -> int:
        """Return the size of part `number` (from 1) of an upload of `upload_size` bytes."""
        return min(self.size, upload_size - (number - 1) * self.size)


class Upload(msgspec.Struct, frozen=True):
    """An upload and its state.

    `key` is the key of its object. `metadata` is stored with the object, encrypted. `expires_at` is the deadline of a
    pending upload. `file` is set if the upload is complete, `reason` if it failed, and `parts` if it is an upload in
    parts. While `deferred_length` is set, `size` is the number of reserved bytes. `parent` is the folder of the intent.
    If this folder was trashed before the commit, the file is in the trash too. If the folder was purged, the file is in
    the root.

    `is_instant`: the drive had the bytes already, so the upload was complete when it began, and the client sends no
    bytes. An instant upload has no object of its own.
    """

    id: UploadId
    owner: DriveId
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
    parts: PartLayout | None = None
    deferred_length: bool = False
    client_note: str | None = None
    parent: FileId | None = None
    is_instant: bool = False


class UploadPage(msgspec.Struct, frozen=True):
    """One page of pending uploads. `next_cursor` gets the next page and is None on the last page."""

    items: tuple[Upload, ...]
    next_cursor: str | None


class PartIntent(msgspec.Struct, frozen=True):
    """A part that a client is about to send. `number` counts from 1. `sha256` has 32 raw bytes."""

    number: int
    sha256: bytes | None = None


class Part(msgspec.Struct, frozen=True):
    """A part that the store has. `sha256` is set if the store verified it."""

    number: int
    size: int
    etag: str
    sha256: bytes | None = None


class UploadEvent(msgspec.Struct, frozen=True):
    """One row of the timeline of an upload and its file: the new state, what triggered the change, and the reason if
    there is one.

    `trigger` is a value of `Trigger`, `deadline` (the upload expired) or `system` (anything else, such as a purge).
    A rename or a move of the file has the state `changed`.
    """

    at: datetime
    state: str
    trigger: str
    detail: str | None = None


class ItemError(msgspec.Struct, frozen=True):
    """The error of one item of a batch: code and detail of the error that a call for this item alone would raise.

    `field` is the name of the field that is wrong, if there is one.
    """

    code: str
    detail: str
    field: str | None = None


class BatchResult(msgspec.Struct, frozen=True):
    """The result of one item of a batch. Exactly one of the fields is set."""

    upload: Upload | None = None
    error: ItemError | None = None


class RefusedItem(msgspec.Struct, frozen=True):
    """An item of a batch that the caller refused itself: its position in the request, and a digest of its content."""

    position: int
    digest: bytes


class UploadRef(msgspec.Struct, frozen=True, order=True):
    """An upload with its owner. The key of its object is `{owner}/{id}`."""

    owner: DriveId
    id: UploadId


class Uploads(Protocol):
    async def begin_upload(self, access: Access, intent: UploadIntent, idempotency_key: str | None = None) -> Upload:
        """Record an intent, reserve its bytes, and return the new upload. Sign a URL only after this call.

        The name of the upload is the name that the file will have, unless another item takes this name before the
        commit. A repeat with the same `idempotency_key` within 24 hours returns the first result.

        If a version of the drive has the same `sha256` and size, and the store has verified its checksum, the upload is
        instant: it is complete, and its file shares the object.

        Raises InvalidRequest, NotFound (the parent), NameTaken (with `OnConflict.FAIL`), QuotaExceeded, TooLarge,
        RateLimited (too many pending uploads, or too many uploads were aborted and files deleted in the last days),
        IdempotencyKeyReused, InProgress.
        """
        ...

    async def begin_uploads(
        self,
        access: Access,
        intents: tuple[UploadIntent, ...],
        idempotency_key: str | None = None,
        refused: tuple[RefusedItem, ...] = (),
    ) -> tuple[BatchResult, ...]:
        """Begin 1 to 100 uploads in one transaction, in order. Return one result for each intent.

        An intent that `begin_upload` would refuse gets an `ItemError` and does not affect the others. The names and
        bytes of earlier intents are taken when a later intent is checked. A repeat with the same `idempotency_key`
        within 24 hours returns the first results. A repeat begins again only the items that a limit refused
        (`quota_exceeded`, `rate_limited`, `unavailable`).

        `refused` are items of the request that the caller refused itself. They have no result. They belong to the
        request of the `idempotency_key`: the same key with other refused items is another request. `intents` and
        `refused` have 1 to 100 items together.

        Raises InvalidRequest (the number of items), IdempotencyKeyReused, InProgress.
        """
        ...

    async def get_upload(self, access: Access, id: UploadId) -> Upload:
        """Return an upload. Raises NotFound."""
        ...

    async def list_pending_uploads(
        self, access: Access, limit: int = 100, cursor: str | None = None, oldest_first: bool = False
    ) -> UploadPage:
        """Return one page of the pending uploads, newest first, or oldest first if `oldest_first` is set.

        `limit` is 1 to 1,000. `cursor` continues a listing in the same order.

        Raises InvalidRequest, InvalidCursor, Forbidden (an access with grants).
        """
        ...

    async def open_parts(self, access: Access, id: UploadId, parts: tuple[PartIntent, ...]) -> Upload:
        """Record that a client is about to send these parts (at most 100). Sign URLs of parts only after this call.

        The first call begins the multipart upload in the store and decides whether all parts of this upload have a
        SHA-256 or none. A part with a SHA-256 cannot change: a call with another digest for it fails. Each call extends
        the deadline of the upload. Repeats are allowed.

        Raises NotFound, Conflict (the upload is not in parts or not pending, or a part has another SHA-256 than
        before), InvalidRequest, Unavailable.
        """
        ...

    async def list_parts(self, access: Access, id: UploadId) -> tuple[Part, ...]:
        """Return the parts of a pending upload that the store has, by number.

        If the parts are already assembled, the call commits the upload and raises Conflict.

        Raises NotFound, Conflict (the upload is not in parts, or not pending), Unavailable.
        """
        ...

    async def resize_upload(self, access: Access, id: UploadId, size: int, final: bool) -> Upload:
        """Reserve bytes for an upload of deferred length, until `size` bytes are reserved.

        Call this method before the bytes are stored. A smaller `size` than before releases nothing. With `final`,
        `size` becomes the length of the upload, whether this is more or less than the reserved bytes. Repeats are
        allowed.

        Raises NotFound, Conflict (the upload is not pending, or its length is known and differs), QuotaExceeded,
        TooLarge, InvalidRequest.
        """
        ...

    async def complete_upload(self, access: Access, id: UploadId) -> Upload:
        """Look up the object of one upload in the store and commit the upload now. If the upload is in parts, the call
        assembles the parts first.

        A repeat returns the same result. If the folder of the upload is in the trash, the upload is complete and has
        its `file`, but the file is in the trash too: `get_file` does not find it until the folder is restored.

        Raises NotFound, NotUploaded (the upload stays pending; the detail names missing parts, or says that the length
        is not known), Unavailable (also while the store is still assembling the parts).
        """
        ...

    async def complete_uploads(self, access: Access, ids: tuple[UploadId, ...]) -> tuple[BatchResult, ...]:
        """Complete 1 to 100 uploads that are not in parts, each independently of the others.

        An upload in parts gets the error `not_uploaded`, because this call does not assemble parts. Repeats are
        allowed.

        Raises InvalidRequest.
        """
        ...

    async def list_upload_events(self, access: Access, id: UploadId) -> tuple[UploadEvent, ...]:
        """Return the first 1,000 events of an upload and its file, oldest first. Raises NotFound.

        Changes of the file are kept for 30 days. The states of the upload are kept as long as the upload.
        """
        ...

    async def abort_upload(self, access: Access, id: UploadId) -> None:
        """End a pending upload, release its reserved bytes, and schedule its stored bytes for deletion.

        A repeat is not an error.

        Raises NotFound, Conflict (the upload is complete).
        """
        ...
