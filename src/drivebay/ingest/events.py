"""Events of the store: parses and renders S3 event messages.

An event may be repeated, delayed, lost or forged. So an event only names uploads to look up. A commit can be repeated,
and depends only on its own look-up, not on the event.

The format is the format of MinIO, which other stores use too: the event message of S3
(https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html) in an envelope with
`EventName` and `Key`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final
from urllib.parse import quote_plus, unquote_plus
from uuid import UUID

import msgspec

from ..contract.files import UploadRef
from ..contract.ids import DriveId, UploadId
from ..contract.storage import STAGING_PREFIX

# These are the full names of events that change bytes. `ObjectCreated:*` includes changes of tags and retention.
CREATED_EVENT_NAMES: Final = frozenset(
    f"s3:ObjectCreated:{method}" for method in ("Put", "Post", "Copy", "CompleteMultipartUpload")
)


class UnreadableEvent(Exception):
    """A message is not an event. The text is the reason, which is stored with the dead letter."""


class ObjectCreated(msgspec.Struct, frozen=True):
    """An object was written. `key` is decoded. `size` is in bytes, and 0 if the message has no size."""

    bucket: str
    key: str
    size: int = 0
    at: datetime | None = None
    etag: str = ""


class _Bucket(msgspec.Struct):
    name: str


class _Object(msgspec.Struct, rename={"etag": "eTag"}, omit_defaults=True):
    key: str
    size: Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)] = 0
    etag: str = ""


class _S3(msgspec.Struct):
    bucket: _Bucket
    object: _Object


class _Record(msgspec.Struct, rename={"event_name": "eventName", "event_time": "eventTime"}):
    event_name: str
    s3: _S3
    event_time: str = ""


class _Envelope(msgspec.Struct, rename={"event_name": "EventName", "key": "Key", "records": "Records"}):
    event_name: str = ""
    key: str = ""
    records: list[_Record] | None = None


_decode = msgspec.json.Decoder(_Envelope).decode
_encode = msgspec.json.Encoder().encode


def parse_events(payload: bytes) -> tuple[ObjectCreated, ...]:
    """Return the created objects that a message reports. Test messages and other kinds of events report no objects.

    Raises UnreadableEvent.
    """
    try:
        envelope = _decode(payload)
    except msgspec.ValidationError as error:
        raise UnreadableEvent(f"not an S3 event: {error}") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UnreadableEvent("not JSON") from error
    return tuple(_object_created(record) for record in envelope.records or () if _is_creation(record.event_name))


def render_event(event: ObjectCreated) -> bytes:
    """Return the message that MinIO would send for an event."""
    name = "s3:ObjectCreated:Put"
    object = _Object(quote_plus(event.key, safe="/"), event.size, event.etag)
    event_time = event.at.isoformat() if event.at else ""
    event_time = f"{event_time.removesuffix('+00:00')}Z" if event_time.endswith("+00:00") else event_time
    record = _Record(name, _S3(_Bucket(event.bucket), object), event_time)
    return _encode(_Envelope(name, f"{event.bucket}/{event.key}", [record]))


def upload_ref(key: str) -> UploadRef | None:
    """Return the upload of an object key `{owner}/{upload}`, staged or not. Return None for a key of another form."""
    key = key.removeprefix(STAGING_PREFIX)
    owner, _, upload = key.partition("/")
    try:
        ref = UploadRef(DriveId(UUID(owner)), UploadId(UUID(upload)))
    except ValueError:
        return None
    # UUID() also accepts braces, capitals and missing hyphens. Such a key names another object.
    return ref if key == f"{ref.owner}/{ref.id}" else None  # guard: event-key-form


def _is_creation(name: str) -> bool:
    # In records, S3 omits the prefix and MinIO writes it.
    return (name if name.startswith("s3:") else f"s3:{name}") in CREATED_EVENT_NAMES


def _object_created(record: _Record) -> ObjectCreated:
    object = record.s3.object
    try:
        # Decode exactly once, because a key may contain a percent sign.
        key = unquote_plus(object.key, errors="strict")
    except UnicodeDecodeError as error:
        raise UnreadableEvent("a key is not UTF-8") from error
    return ObjectCreated(record.s3.bucket.name, key, object.size, _parse_time(record.event_time), object.etag)


def _parse_time(text: str) -> datetime | None:
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    return time if time.tzinfo is not None else None
