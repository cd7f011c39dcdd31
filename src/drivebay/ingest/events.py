"""What a store says about its objects, and the two ends of the queue it travels through.

An event may come twice, late, never or forged. So it only ever names uploads to look at; committing is
safe to repeat and believes nothing but its own look-up.

The one format is MinIO's, which others speak too: S3's event message
(https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html) in an
envelope with `EventName` and `Key`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, Final, Protocol
from urllib.parse import quote_plus, unquote_plus
from uuid import UUID

import msgspec

from ..contract.files import UploadRef
from ..contract.ids import UploadId, UserId
from ..contract.storage import INCOMING

# By name: `ObjectCreated:*` also carries tags and retention, which change no byte.
CREATED: Final = frozenset(f"s3:ObjectCreated:{how}" for how in ("Put", "Post", "Copy", "CompleteMultipartUpload"))


class Unreadable(Exception):
    """A message that is no event; the text says why and is kept with the dead letter."""


class Created(msgspec.Struct, frozen=True):
    """An object was written. `key` is as the store names it; `size` in bytes, 0 where it was not said."""

    bucket: str
    key: str
    size: int = 0
    at: datetime | None = None
    etag: str = ""


class Delivery(Protocol):
    """One message as it was delivered, to be answered exactly once. Unanswered it is delivered again.

    `id` is the same at every delivery, `count` is 1 at the first. An answer that cannot be sent is lost
    without an error: the message then simply comes again.
    """

    @property
    def id(self) -> str: ...
    @property
    def subject(self) -> str: ...
    @property
    def payload(self) -> bytes: ...
    @property
    def count(self) -> int: ...

    async def ack(self) -> None:
        """Done with it."""
        ...

    async def retry(self, delay: timedelta) -> None:
        """Deliver it again, no sooner than after `delay`."""
        ...

    async def drop(self) -> None:
        """Never deliver it again, though nothing came of it."""
        ...


class Source(Protocol):
    async def next(self) -> Sequence[Delivery]:
        """What has arrived, at least one message, as soon as there is one. Raises Unavailable."""
        ...


class Message(msgspec.Struct, frozen=True):
    """Something to publish. The same `id` twice within minutes counts once."""

    id: str
    payload: bytes


class Outlet(Protocol):
    """Where an event source publishes, and keeps how far it has read."""

    async def publish(self, messages: Sequence[Message]) -> None:
        """Return once every message is safely stored. Raises Unavailable; some may be stored then."""
        ...

    async def position(self, name: str) -> int | None:
        """The last position saved under `name`, None if there is none. Raises Unavailable."""
        ...

    async def save_position(self, name: str, position: int) -> None:
        """Raises Unavailable."""
        ...


# -- the message ---------------------------------------------------------------------------------------


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


def parse(payload: bytes) -> tuple[Created, ...]:
    """The objects a message says were written: none for a test message or for other kinds of events.

    Raises Unreadable.
    """
    try:
        envelope = _decode(payload)
    except msgspec.ValidationError as error:
        raise Unreadable(f"not an S3 event: {error}") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Unreadable("not JSON") from error
    return tuple(_created(record) for record in envelope.records or () if _is_created(record.event_name))


def _is_created(name: str) -> bool:
    # S3 itself leaves the prefix out inside of records, MinIO does not.
    return (name if name.startswith("s3:") else f"s3:{name}") in CREATED


def _created(record: _Record) -> Created:
    found = record.s3.object
    try:
        # Decoded once: a key with a percent sign of its own would be bent by a second time.
        key = unquote_plus(found.key, errors="strict")
    except UnicodeDecodeError as error:
        raise Unreadable("a key is not UTF-8") from error
    return Created(record.s3.bucket.name, key, found.size, _time(record.event_time), found.etag)


def _time(text: str) -> datetime | None:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at if at.tzinfo is not None else None


def render(event: Created) -> bytes:
    """The same event as MinIO would send it."""
    name = "s3:ObjectCreated:Put"
    found = _Object(quote_plus(event.key, safe="/"), event.size, event.etag)
    at = event.at.isoformat() if event.at else ""
    at = f"{at.removesuffix('+00:00')}Z" if at.endswith("+00:00") else at
    record = _Record(name, _S3(_Bucket(event.bucket), found), at)
    return _encode(_Envelope(name, f"{event.bucket}/{event.key}", [record]))


def ref(key: str) -> UploadRef | None:
    """Whose upload an object is, by its key `{owner}/{upload}`, accepted or not; None for a key that is not of ours."""
    key = key.removeprefix(INCOMING)
    owner, _, upload = key.partition("/")
    try:
        found = UploadRef(UserId(UUID(owner)), UploadId(UUID(upload)))
    except ValueError:
        return None
    # UUID() also takes braces, capitals and missing hyphens; such a key names another object.
    return found if key == f"{found.owner}/{found.id}" else None
