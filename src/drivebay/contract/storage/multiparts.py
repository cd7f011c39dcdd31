"""Multipart uploads in the store, and the partial parts that tus keeps beside an upload."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Protocol

import msgspec

from .signing import PutSpec, SignedRequest


class Multipart(msgspec.Struct, frozen=True):
    """A multipart upload in the store. `id` is the multipart id that the store gave it.

    If `checksummed`, every part is sent with its SHA-256, and the store refuses a part with other bytes.
    """

    id: str
    checksummed: bool


class PartSpec(msgspec.Struct, frozen=True):
    """A part to write. `number` is 1 to 10,000.

    `sha256` has 32 raw bytes. It is required if the multipart upload is checksummed, and forbidden otherwise.
    """

    number: int
    size: int
    sha256: bytes | None = None


class PartialPart(msgspec.Struct, frozen=True):
    """The first `size` bytes of part `number`, stored while the part is not full yet."""

    number: int
    size: int


class StoredPart(msgspec.Struct, frozen=True):
    """A part that the store has. `etag` is opaque and has no quotes."""

    number: int
    size: int
    etag: str


class AssemblyStatus(StrEnum):
    """The result of assembling the parts of an object."""

    DONE = "done"
    """The multipart upload no longer exists: it was assembled, now or earlier, or aborted. Look up the object."""
    MISSING = "missing"
    """Parts are missing or have a wrong size."""
    UNKNOWN = "unknown"
    """The store is still assembling, or gave no usable response. Look up the object and try again."""


class AssemblyResult(msgspec.Struct, frozen=True):
    """The result of `assemble_parts`. `missing` are the numbers of the first 100 parts that must be sent again, in
    ascending order."""

    status: AssemblyStatus
    missing: tuple[int, ...] = ()


class UnfinishedMultipart(msgspec.Struct, frozen=True):
    """A multipart upload that has begun and has not ended yet. `key` is the key of its object."""

    key: str
    multipart_id: str
    begun_at: datetime


class MultipartPage(msgspec.Struct, frozen=True):
    """Unfinished multipart uploads in key order. The next page begins after the position `after`, which is None on the
    last page."""

    items: tuple[UnfinishedMultipart, ...]
    after: str | None


class Multiparts(Protocol):
    async def begin_multipart(self, put: PutSpec, checksummed: bool) -> Multipart:
        """Begin a multipart upload of an object. `put.sha256` is ignored.

        The result is checksummed if `checksummed` is set and the store can verify checksums. The multipart upload stays
        in the store until it is assembled or aborted. `list_multiparts` finds it. Each call begins another multipart
        upload.

        Raises Unavailable, InvalidRequest.
        """
        ...

    async def presign_parts(
        self, key: str, multipart: Multipart, parts: tuple[PartSpec, ...], ttl_seconds: int
    ) -> tuple[SignedRequest, ...]:
        """Sign a PUT for each of at most 100 parts, valid for `ttl_seconds` from now.

        The signature covers the length of the part and, if the multipart upload is checksummed, its SHA-256. A client
        may write a part again. The last write counts.
        """
        ...

    async def write_part(self, key: str, multipart: Multipart, part: PartSpec, body: bytes) -> None:
        """Write one part of at most 15 MiB. A repeat overwrites the part.

        Raises NotFound (the multipart upload has ended), Unavailable.
        """
        ...

    async def write_partial_part(self, key: str, number: int, body: bytes) -> None:
        """Store the first bytes of a part that is not full yet, 1 byte to 15 MiB.

        The call deletes shorter partial parts of this number and all partial parts of lower numbers. A longer partial
        part of this number stays.

        Raises Unavailable.
        """
        ...

    async def list_partial_parts(self, key: str) -> tuple[PartialPart, ...]:
        """Return the longest partial part of each part, by number. Raises Unavailable."""
        ...

    async def read_partial_part(self, key: str, partial: PartialPart) -> bytes:
        """Return the bytes of a partial part that `list_partial_parts` returned. Raises NotFound, Unavailable."""
        ...

    async def delete_partial_parts(self, key: str, number: int) -> None:
        """Delete all partial parts up to and including part `number`. The call is idempotent. Raises Unavailable."""
        ...

    async def list_parts(self, key: str, multipart_id: str) -> tuple[StoredPart, ...]:
        """Return the parts that the store has, by number, or nothing if the multipart upload has ended.

        If a part was written twice at the same moment with different bytes, it is left out, because the store does not
        report which write counts.

        Raises Unavailable.
        """
        ...

    async def measure_parts(self, key: str, multipart_id: str) -> int:
        """Return the number of bytes that the store keeps for a multipart upload, or 0 if it has ended.

        Some stores keep every copy of a part that was sent more than once, and count all copies. Other stores keep and
        count only the last copy.

        Raises Unavailable.
        """
        ...

    async def assemble_parts(
        self, key: str, multipart_id: str, sizes: tuple[int, ...], sha256: tuple[bytes, ...]
    ) -> AssemblyResult:
        """Assemble the object from its parts if no object has this key yet.

        `sizes` are the sizes of all parts in order, and each stored part must have its size. `sha256` are the digests
        of all parts if the multipart upload is checksummed, and is empty otherwise. The call is idempotent.
        """
        ...

    async def abort_multipart(self, key: str, multipart_id: str) -> None:
        """Abort a multipart upload and delete its parts. The call is idempotent. Raises Unavailable."""
        ...

    async def list_multiparts(self, after: str | None, limit: int) -> MultipartPage:
        """Return up to `limit` (1 to 1,000) unfinished multipart uploads.

        `after` is None for the first page. For every other page it is the `after` of the page before.

        Raises Unavailable.
        """
        ...
