"""Upload intents: their validation, their part size and their lifetime."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

import msgspec

from ...contract.files import Access, UploadIntent
from ...contract.ids import DriveId, UploadId, UserId
from ...errors import FieldError, InvalidRequest, TooLarge
from ..file_names import normalize_name
from ..media_types import check_media_type
from ..modification_times import check_modified_at
from ..multipart.part_sizes import choose_part_size
from ..settings import Settings

MAX_NOTE_LENGTH = 4096
"""The maximum number of characters of a client note."""
_FIRST_FIELDS = frozenset(
    ("name", "size", "content_type", "parent", "on_conflict", "sha256", "multipart", "deferred", "note")
)
"""The encoded fields that every fingerprint has. Do not add fields, because stored fingerprints do not have them."""
SHA256_BYTES = 32
_PRINTABLE_ASCII = re.compile("[ -~]*")


class PendingUpload(msgspec.Struct, frozen=True):
    """An upload to record. `part_size` is None for an upload in one piece. `ttl` is its lifetime."""

    owner: DriveId
    id: UploadId
    intent: UploadIntent
    part_size: int | None
    ttl: timedelta
    created_by: UserId | None


def check_intent(intent: UploadIntent, settings: Settings, now: datetime) -> UploadIntent:
    """Return the intent with its name in Unicode form NFC and its time in UTC. Raises InvalidRequest, TooLarge."""
    if intent.size < 0:
        raise InvalidRequest("a size is not negative", errors=(FieldError("size", "is negative"),))
    if intent.sha256 is not None and len(intent.sha256) != SHA256_BYTES:
        problem = f"does not have {SHA256_BYTES} bytes"
        raise InvalidRequest(f"a SHA-256 has {SHA256_BYTES} bytes", errors=(FieldError("sha256", problem),))
    if intent.deferred_length and (intent.size or not intent.multipart or intent.sha256 is not None):
        problem = "needs multipart, a size of 0 and no SHA-256"
        raise InvalidRequest(f"a deferred length {problem}", errors=(FieldError("deferred", problem),))
    if not _is_valid_note(intent.client_note):
        problem = f"must have at most {MAX_NOTE_LENGTH} printable ASCII characters"
        raise InvalidRequest(f"a note {problem}", errors=(FieldError("note", problem),))
    if intent.size > settings.max_file_size:  # guard: begin-file-size
        raise TooLarge(f"files are limited to {settings.max_file_size} bytes")
    check_media_type(intent.content_type)
    if intent.modified_at is not None:
        intent = msgspec.structs.replace(intent, modified_at=check_modified_at(intent.modified_at, now))
    name = normalize_name(intent.name)
    return intent if name == intent.name else msgspec.structs.replace(intent, name=name)


def _is_valid_note(note: str | None) -> bool:
    return note is None or (len(note) <= MAX_NOTE_LENGTH and _PRINTABLE_ASCII.fullmatch(note) is not None)


def fingerprint_fields(intent: UploadIntent) -> dict[str, object]:
    """Return the fields of an intent for the fingerprint of an idempotency key.

    A field that a later release added is included only if it is set. So an upgrade does not change the fingerprint of a
    request.
    """
    encoded: dict[str, object] = msgspec.to_builtins(intent, builtin_types=(bytes,))
    return {
        field.encode_name: encoded[field.encode_name]
        for field in msgspec.structs.fields(intent)
        if field.encode_name in _FIRST_FIELDS or getattr(intent, field.name) != field.default
    }


def is_multipart(intent: UploadIntent, settings: Settings) -> bool:
    """Return whether the upload is sent in parts."""
    return intent.multipart or intent.size > settings.multipart_threshold


def plan_upload(access: Access, id: UploadId, intent: UploadIntent, settings: Settings) -> PendingUpload:
    """Return the upload to record for a valid intent."""
    if is_multipart(intent, settings):
        return PendingUpload(access.drive, id, intent, choose_part_size(intent.size), settings.parts_ttl, access.actor)
    return PendingUpload(access.drive, id, intent, None, settings.upload_ttl, access.actor)
