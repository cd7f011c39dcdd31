"""JSON types of uploads, their parts, and batches of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, TypeAlias
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from ...contract import files
from ...contract.ids import ROOT
from ...contract.storage import PartSpec, SignedRequest
from ...errors import BY_CODE
from .. import problems
from ..json_types import ContentType, Digest, FolderId, Id, ModifiedAt, Name, Size, Time, folder_id

PartNumber: TypeAlias = Annotated[int, Meta(ge=1, le=10_000, examples=[1])]


class NewUpload(msgspec.Struct, forbid_unknown_fields=True):  # guard: upload-unknown-fields
    """A file to upload."""

    name: Name
    size: Size
    content_type: ContentType
    parent_id: FolderId = "root"
    sha256: Digest | None = None
    on_conflict: files.OnConflict = files.OnConflict.RENAME
    multipart: Annotated[bool, Meta(description="upload in parts, also if the file is small")] = False
    modified_at: ModifiedAt | None = None


class BatchUpload(msgspec.Struct, forbid_unknown_fields=True):
    """A file to upload, as in a single request. A wrong value fails only this item."""

    name: Annotated[str, Meta(examples=["report.pdf"])]
    size: Size
    content_type: Annotated[str, Meta(examples=["application/pdf"])]
    parent_id: str = "root"
    sha256: str | None = None
    on_conflict: files.OnConflict = files.OnConflict.RENAME
    multipart: bool = False
    modified_at: ModifiedAt | None = None


class NewUploads(msgspec.Struct, forbid_unknown_fields=True):
    """Files to upload. Each has its own result."""

    uploads: Annotated[list[BatchUpload], Meta(min_length=1, max_length=100)]


class UploadIds(msgspec.Struct, forbid_unknown_fields=True):
    ids: Annotated[list[Id], Meta(min_length=1, max_length=100)]


class NewPart(msgspec.Struct, forbid_unknown_fields=True):
    """A part to send. Either all parts of an upload have a SHA-256, or no part has."""

    number: PartNumber
    sha256: Digest | None = None


class NewParts(msgspec.Struct, forbid_unknown_fields=True):
    parts: Annotated[list[NewPart], Meta(min_length=1, max_length=100)]


class Upload(msgspec.Struct, omit_defaults=True):
    """An upload. A pending upload has the request that sends the bytes: `method` to `url` with exactly `headers`,
    before `expires_at`.

    An upload in parts has `part_size` and `part_count` instead. Get the URLs of its parts with `signParts`.
    """

    id: UUID
    status: files.UploadStatus
    name: str
    size: int
    content_type: str
    method: str | UnsetType = UNSET
    url: str | UnsetType = UNSET
    headers: dict[str, str] | UnsetType = UNSET
    part_size: int | UnsetType = UNSET
    part_count: int | UnsetType = UNSET
    expires_at: Time | UnsetType = UNSET
    file_id: UUID | UnsetType = UNSET
    reason: str | UnsetType = UNSET


class PendingUpload(msgspec.Struct):
    """An upload whose bytes are not stored yet. Its name is taken and its bytes count in the quota until it ends.

    `showUpload` returns it with a signed URL. `part_size` and `part_count` are null for an upload in one piece.
    """

    id: UUID
    status: files.UploadStatus
    name: str
    parent_id: FolderId
    size: int
    content_type: str
    created_at: Time
    expires_at: Time
    part_size: int | None
    part_count: int | None


class PendingUploads(msgspec.Struct):
    items: list[PendingUpload]
    next_cursor: str | None


class ItemProblem(msgspec.Struct):
    """The error of one item of a batch: the problem that a request for this item alone would get."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    errors: list[problems.FieldProblem] | UnsetType = UNSET


class UploadResult(msgspec.Struct):
    """Has either `upload` or `error`."""

    upload: Upload | UnsetType = UNSET
    error: ItemProblem | UnsetType = UNSET


class UploadResults(msgspec.Struct):
    """The results, in the order of the request."""

    items: list[UploadResult]


class SignedPart(msgspec.Struct):
    """The request that sends a part of `size` bytes: `method` to `url` with exactly `headers`, before `expires_at`."""

    number: PartNumber
    size: int
    method: str
    url: str
    headers: dict[str, str]
    expires_at: Time


class SignedParts(msgspec.Struct):
    parts: list[SignedPart]


class Part(msgspec.Struct):
    """A part that the store has. `sha256` is null if the client did not send one."""

    number: PartNumber
    size: int
    etag: str
    sha256: bytes | None


class PartList(msgspec.Struct):
    items: list[Part]


class UploadEvent(msgspec.Struct):
    """One change of the state of an upload or of its file: the new `status`, its `cause`, and details."""

    at: Time
    status: str
    cause: str
    detail: str | None


class Timeline(msgspec.Struct):
    items: list[UploadEvent]


def upload_view(upload: files.Upload, signed: SignedRequest | None = None) -> Upload:
    """Return the view of an upload. `signed` is the presigned request of a pending upload in one piece."""
    view = Upload(upload.id, upload.status, upload.name, upload.size, upload.content_type)
    if signed is not None:
        view.method, view.url = signed.method, signed.url
        view.headers, view.expires_at = signed.headers, signed.expires_at
    if upload.parts is not None:
        view.part_size, view.part_count = upload.parts.size, upload.parts.count
        if upload.status is files.UploadStatus.PENDING:
            view.expires_at = upload.expires_at
    if upload.file is not None:
        view.file_id = upload.file
    if upload.reason is not None:
        view.reason = upload.reason
    return view


def pending_uploads_view(page: files.UploadPage) -> PendingUploads:
    return PendingUploads([_pending_upload_view(upload) for upload in page.items], page.next_cursor)


def _pending_upload_view(upload: files.Upload) -> PendingUpload:
    parts = upload.parts
    return PendingUpload(
        upload.id,
        upload.status,
        upload.name,
        folder_id(upload.parent or ROOT),
        upload.size,
        upload.content_type,
        upload.created_at,
        upload.expires_at,
        None if parts is None else parts.size,
        None if parts is None else parts.count,
    )


def item_problem_view(error: files.ItemError) -> ItemProblem:
    kind = BY_CODE[error.code]
    view = ItemProblem(problems.TYPE_PREFIX + kind.code, kind.title, kind.http, error.detail, kind.code)
    if error.field is not None:
        view.errors = [problems.FieldProblem(error.field, error.detail)]
    return view


def signed_parts_view(parts: Sequence[PartSpec], signed: Sequence[SignedRequest]) -> SignedParts:
    return SignedParts(
        [
            SignedPart(part.number, part.size, request.method, request.url, request.headers, request.expires_at)
            for part, request in zip(parts, signed, strict=True)
        ]
    )


def part_list_view(parts: Sequence[files.Part]) -> PartList:
    return PartList([Part(part.number, part.size, part.etag, part.sha256) for part in parts])


def timeline_view(events: Sequence[files.UploadEvent]) -> Timeline:
    return Timeline([UploadEvent(event.at, event.state, event.trigger, event.detail) for event in events])
