"""The object store: signed URLs for clients, look-ups and deletions for services. It knows no user.

A key is opaque here: 1 to 1,024 bytes of UTF-8 without control characters, and no '.' or '..' between its
slashes. 'Absent' is said only when the store itself said so; whatever else went wrong is
'unknown' and is no verdict.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Final, Protocol

import msgspec

from .health import Health

INCOMING: Final = ".incoming/"
"""Before the key of an upload: where its bytes are until they are accepted, in a store that would let them be
written again."""
TAILS: Final = ".tail/"
"""Before the key of an upload: folder of what came of its next part and does not fill it yet."""
COPY: Final = "~"
"""After the key of an upload: an object that was accepted by copying it."""


def upload_key(key: str) -> str:
    """The key of the upload that an object belongs to, wherever the object is."""
    return key.removeprefix(INCOMING).partition(COPY)[0]


class Presence(StrEnum):
    FOUND = "found"
    ABSENT = "absent"
    UNKNOWN = "unknown"


class Disposition(StrEnum):
    """How a browser treats a download (RFC 6266)."""

    ATTACHMENT = "attachment"
    INLINE = "inline"


class Put(msgspec.Struct, frozen=True):
    """An object that a client is to be allowed to write, exactly once and exactly so.

    `key` has no `~`; `size` in bytes; `sha256` the 32 raw bytes; `metadata` rides on the object as
    `x-amz-meta-*`, its names of small letters, digits and hyphens.
    """

    key: str
    size: int
    content_type: str
    sha256: bytes | None = None
    metadata: dict[str, str] = {}


class Get(msgspec.Struct, frozen=True):
    """An object that a client is to be allowed to read, served with this name and type."""

    key: str
    name: str
    content_type: str
    disposition: Disposition


class SignedRequest(msgspec.Struct, frozen=True):
    """A request a client may make by itself: send exactly `headers`, and `Content-Length` as ever."""

    method: str
    url: str
    headers: dict[str, str]
    expires_at: datetime


class Object(msgspec.Struct, frozen=True):
    """What a look-up of one key found.

    Everything but `key` and `presence` is meaningful only when found. `sha256` and `content_type` are
    None where the store did not say. `etag` is opaque and without quotes.
    """

    key: str
    presence: Presence
    size: int = 0
    etag: str = ""
    content_type: str | None = None
    sha256: bytes | None = None
    modified_at: datetime | None = None


class Arrival(msgspec.Struct, frozen=True):
    """What a look at an upload's bytes saw, of which they are known again: where they are, their ETag and size."""

    key: str
    etag: str
    size: int


class Multipart(msgspec.Struct, frozen=True):
    """An object that is being written in parts: the store's `id` for that. `checked`: every part is sent with its
    SHA-256, and the store refuses other bytes."""

    id: str
    checked: bool


class PartPut(msgspec.Struct, frozen=True):
    """A part that a client is to be allowed to write. `number` is 1 to 10,000, `size` in bytes; `sha256` the 32 raw
    bytes, to be given exactly when the write is `checked`."""

    number: int
    size: int
    sha256: bytes | None = None


class Tail(msgspec.Struct, frozen=True):
    """The first `size` bytes of a part that is not whole yet, of part `number`."""

    number: int
    size: int


class StoredPart(msgspec.Struct, frozen=True):
    """A part as the store holds it. `size` in bytes; `etag` opaque and without quotes."""

    number: int
    size: int
    etag: str


class Assembly(StrEnum):
    """What became of putting an object's parts together."""

    DONE = "done"
    """Together now or before, or ended another way: a look-up tells."""
    MISSING = "missing"
    """Parts are missing, or not of the right size."""
    UNKNOWN = "unknown"
    """The store is at it still, or could not be asked: look, and try again."""


class Assembled(msgspec.Struct, frozen=True):
    """`missing` are numbers of parts to be sent again, in order, 100 at most."""

    assembly: Assembly
    missing: tuple[int, ...] = ()


class Unfinished(msgspec.Struct, frozen=True):
    """A write in parts that has not ended: the object's key, the store's id for the write, and when it began."""

    key: str
    multipart: str
    begun_at: datetime


class UnfinishedPage(msgspec.Struct, frozen=True):
    """Writes in parts in the order of their keys; `after` continues the listing and is None at its end."""

    items: tuple[Unfinished, ...]
    after: str | None


class Deletion(msgspec.Struct, frozen=True):
    """The fate of one key of a batch: `error` is None when the object is gone, by us or before us."""

    key: str
    error: str | None = None


class ObjectPage(msgspec.Struct, frozen=True):
    """Objects in key order; `after` continues the listing and is None at its end."""

    objects: tuple[Object, ...]
    after: str | None


class Capabilities(msgspec.Struct, frozen=True):
    """What the store was seen to do by a real round trip at start-up.

    Of a presigned PUT it refuses: another length (`signed_length`), another type (`signed_type`), other bytes than
    the SHA-256 says (`checksum`), a second one (`write_once`). `checksum_told`: a look-up tells the SHA-256.
    `complete_once`: an upload in parts cannot end on an object that is there. `copy_condition`: a copy is
    refused when its source has changed. `batch_delete`: many objects go in one call. `closed`: strangers can
    neither read, list nor write. `cors` and `event_rules`: the bucket took our rule for browsers, and the one
    that tells our queue of new objects. `versioned`: what is deleted is kept as an old version.
    `clock`: seconds by which the store's clock was ahead of ours, None if it does not tell.
    """

    signed_length: bool
    signed_type: bool
    checksum: bool
    write_once: bool
    checksum_told: bool
    complete_once: bool
    copy_condition: bool
    batch_delete: bool
    closed: bool
    cors: bool
    event_rules: bool
    versioned: bool
    clock: int | None


class Storage(Protocol):
    async def presign_put(self, put: Put, signed_at: datetime, seconds: int) -> SignedRequest:
        """Sign a PUT that is valid for `seconds` from `signed_at` (UTC).

        Length, type, checksum when given, and 'only if nothing is there yet' are part of the signature
        as far as the store enforces them. The same arguments give the same URL. Nothing is asked of
        the store. Where it cannot refuse a second PUT the bytes go elsewhere, to be found by `arrived`.
        """
        ...

    async def presign_get(
        self, key: str, name: str, content_type: str, disposition: Disposition, seconds: int
    ) -> SignedRequest:
        """Sign a GET from now on that is served with `name` and `content_type`.

        Inline is granted only to types that no browser runs; others become attachments. Whether the
        object exists is not checked.
        """
        ...

    async def presign_puts(self, puts: tuple[Put, ...], signed_at: datetime, seconds: int) -> tuple[SignedRequest, ...]:
        """`presign_put` for at most 100, in order."""
        ...

    async def presign_gets(self, gets: tuple[Get, ...], seconds: int) -> tuple[SignedRequest, ...]:
        """`presign_get` for at most 100, in order."""
        ...

    # -- in parts ----------------------------------------------------------------------------------

    async def begin_parts(self, put: Put, checked: bool) -> Multipart:
        """Begin to write an object in parts. `put.sha256` is of no use here. Checked as far as the store can.

        What is begun and never ended stays in the store until it is aborted: see `unfinished`.
        Raises Unavailable, InvalidRequest.
        """
        ...

    async def presign_parts(
        self, key: str, multipart: Multipart, parts: tuple[PartPut, ...], seconds: int
    ) -> tuple[SignedRequest, ...]:
        """Sign PUTs of parts, in order, from now on; at most 100. The length of each is part of its signature, and so
        is its checksum if the write is checked. A part may be written again: the last one counts."""
        ...

    async def write_part(self, key: str, multipart: Multipart, part: PartPut, body: bytes) -> None:
        """Write one part, of 15 MiB at most. May be repeated: the last one counts. Raises NotFound when the write has
        ended, Unavailable."""
        ...

    async def write_tail(self, key: str, number: int, body: bytes) -> None:
        """Keep the first bytes of a part that is not whole yet (1 byte to 15 MiB) beside the upload. What is
        shorter goes, of it and of parts before it; what is longer stays. Raises Unavailable."""
        ...

    async def tails(self, key: str) -> tuple[Tail, ...]:
        """What is kept of parts that were not whole: of each part the longest, by number. Raises Unavailable."""
        ...

    async def tail(self, key: str, tail: Tail) -> bytes:
        """The bytes of one that `tails` told of. Raises NotFound, Unavailable."""
        ...

    async def delete_tails(self, key: str, number: int) -> None:
        """Delete what is kept of parts up to this number. May be repeated. Raises Unavailable."""
        ...

    async def parts(self, key: str, multipart: str) -> tuple[StoredPart, ...]:
        """The parts that are there, by number; none when the write has ended. Raises Unavailable.

        A part that was sent twice at the same moment with different bytes is left out: which one counts
        could not be told.
        """
        ...

    async def assemble(self, key: str, multipart: str, sizes: tuple[int, ...], sha256: tuple[bytes, ...]) -> Assembled:
        """Make the object of its parts, which must have these sizes, if nothing is there yet. May be repeated.

        `sha256` are the checksums of the parts if the write is checked, else none.
        """
        ...

    async def abort_parts(self, key: str, multipart: str) -> None:
        """End a write in parts and delete them. May be repeated. Raises Unavailable."""
        ...

    async def unfinished(self, after: str | None, limit: int) -> UnfinishedPage:
        """List up to `limit` (1 to 1,000) writes in parts that have not ended, after `after`. Raises Unavailable."""
        ...

    # -- objects -----------------------------------------------------------------------------------

    async def look_up(self, keys: tuple[str, ...]) -> tuple[Object, ...]:
        """Say for each key, in order, whether its object is there. At most 1,000 keys. Never raises for
        a failing store: that is `Presence.UNKNOWN`."""
        ...

    async def arrived(self, keys: tuple[str, ...]) -> tuple[Object, ...]:
        """Say for each upload, by its key and in order, whether its bytes are there. Otherwise as `look_up`.

        `Object.key` is where they are. Under `.incoming/` they may still change, until they are accepted.
        """
        ...

    async def accept(self, arrived: tuple[Arrival, ...]) -> tuple[Object, ...]:
        """Put what has arrived where no URL was ever good for, just as it was seen, and say for each, in order,
        where it is now. What cannot change any more stays where it is.

        Unknown is what has changed since, or is being copied still: look again and repeat. What a look-up told
        of the bytes stays true of an object that is found. At most 1,000.
        """
        ...

    async def discard(self, accepted: tuple[str, ...]) -> None:
        """Delete what the uploads of these objects left beside them; the objects stay. May be repeated. At most
        1,000 keys. Raises Unavailable."""
        ...

    async def delete(self, keys: tuple[str, ...]) -> tuple[Deletion, ...]:
        """Delete up to 1,000 objects, and what their uploads left beside them. Say for each key, in order, what
        became of it. May be repeated."""
        ...

    async def page(self, after: str | None, limit: int) -> ObjectPage:
        """List up to `limit` (1 to 1,000) objects whose keys come after `after`. Quarantined ones are left
        out, those not yet accepted, and tails of parts."""
        ...

    async def quarantine(self, key: str) -> bool:
        """Move an object out of reach, under `.quarantine/`, keeping its bytes. False if it was not there."""
        ...

    async def capabilities(self) -> Capabilities:
        """What the probe at start-up learned. Unavailable until the store has answered once."""
        ...

    async def health(self) -> tuple[Health, ...]:
        """Tries the store now: reachable, bucket there, clocks within 60 s of one another."""
        ...
