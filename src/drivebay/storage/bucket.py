"""The interface that this package needs of a store: one bucket of any S3-compatible store.

An implementation converts every error of its client library. It raises `Unavailable` if the store sends no usable
response. It never guesses a result, except in `add_cors_rules`, `is_versioned` and `refuses_complete_over_object`. It
reports an object as absent only if the store reported that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

import msgspec

from ..contract.storage import DeletionResult, MultipartPage, ObjectInfo, ObjectPage, StoredPart
from ..errors import StartError


class Misconfigured(StartError):
    """A setting is invalid or the store refuses it: wrong credentials, wrong region, or a bucket of another account.
    The message names the setting to change. A retry does not help."""


class BucketStatus(msgspec.Struct, frozen=True):
    """Whether the bucket exists. `store_time` is the time of the store's clock in whole seconds, or None if the store
    does not send its time."""

    exists: bool
    store_time: datetime | None


class PresignSpec(msgspec.Struct, frozen=True):
    """The request that a presigned URL allows. It is valid for `ttl_seconds` from `signed_at`.

    The sender must send exactly these `headers`. With `for_clients`, the URL has the endpoint for clients. Otherwise it
    has the endpoint that Drivebay itself uses.
    """

    method: str
    key: str
    signed_at: datetime
    ttl_seconds: int
    query: Mapping[str, str] = {}
    headers: Mapping[str, str] = {}
    for_clients: bool = True


class PartUpload(msgspec.Struct, frozen=True):
    """One part of a multipart upload. `sha256` is the digest of `body`. The store keeps it with the part if
    `checksummed`."""

    multipart_id: str
    number: int
    body: bytes
    sha256: bytes
    checksummed: bool


class PartCopy(msgspec.Struct, frozen=True):
    """One part of a multipart upload, which the store copies from another object: `size` bytes of the object `source`
    from `start` on. `etag` is the ETag that the source must have."""

    number: int
    source: str
    etag: str
    start: int
    size: int


class Presigner(Protocol):
    """Creates presigned URLs of one bucket."""

    def presign(self, spec: PresignSpec) -> str:
        """Return a presigned URL. The same spec gives the same URL. Nothing is sent."""
        ...


class Bucket(Presigner, Protocol):
    """One bucket. Every method that sends a request raises Unavailable when the store fails."""

    # -- URLs --------------------------------------------------------------------------------------

    def unsigned_url(self, key: str) -> str:
        """Return the URL of a key without a signature."""
        ...

    async def send(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> int:
        """Send a request to a URL as a client would. Return the HTTP status."""
        ...

    # -- the bucket --------------------------------------------------------------------------------

    async def check_access(self) -> BucketStatus:
        """List the bucket with our credentials.

        Raises Misconfigured if the store refuses our settings, or if its response is not a listing of the bucket.
        """
        ...

    async def head_bucket(self) -> BucketStatus:
        """Check with one cheap request whether the bucket exists."""
        ...

    async def create_bucket(self) -> None:
        """Create the bucket. Do nothing if we own the bucket already. Raises Misconfigured if the store refuses."""
        ...

    async def add_cors_rules(self, origins: tuple[str, ...]) -> bool:
        """Allow web pages of these origins to PUT, GET and HEAD, and to read the headers of downloads.

        Downloads also work after a redirect. Other CORS rules stay. A second call has no effect. Return False if the
        store does not support rules, or has rules that we cannot read.
        """
        ...

    async def add_notification_rule(self, target: str) -> str | None:
        """Add a notification rule: the store sends an event to `target` for every new object. Other rules stay.

        `target` is an ARN of the store's configuration. Return None if the rule exists now, otherwise the reason why it
        does not exist. A second call has no effect.
        """
        ...

    async def is_versioned(self) -> bool:
        """Return whether the bucket keeps deleted and overwritten bytes as old versions.

        Return False if the store does not support this request.
        """
        ...

    # -- objects -----------------------------------------------------------------------------------

    async def head_object(self, key: str) -> ObjectInfo:
        """Return one object, found or absent."""
        ...

    async def list_objects(self, prefix: str, after: str, limit: int) -> ObjectPage:
        """List up to `limit` (at most 1,000) objects under `prefix` after the key `after`, in key order.

        Checksum and content type are not set.
        """
        ...

    async def put_object(self, key: str, body: bytes, sha256: bytes) -> None:
        """Write an object with this SHA-256. Replaces an object that exists."""
        ...

    async def get_object(self, key: str) -> bytes | None:
        """Return the bytes of an object, or None if it does not exist."""
        ...

    async def read_range(self, key: str, start: int, length: int) -> bytes | None:
        """Return exactly `length` bytes of an object from `start` on, or None if it does not have these bytes."""
        ...

    async def copy_object(
        self, source: str, target: str, etag: str | None = None, headers: Mapping[str, str] | None = None
    ) -> bool:
        """Copy an object of at most 5 GiB inside the store.

        The copy has the content type and the metadata in `headers`, or of the object if `headers` is None. Return False
        if `source` does not exist, or has another ETag than `etag`.
        """
        ...

    async def delete_objects(self, keys: tuple[str, ...]) -> tuple[DeletionResult, ...]:
        """Delete up to 1,000 objects with one request. An object that does not exist counts as deleted.

        Raises Unavailable when the result is unknown for every key.
        """
        ...

    async def delete_object(self, key: str) -> None:
        """Delete one object. An object that does not exist is no error."""
        ...

    # -- multipart uploads -------------------------------------------------------------------------

    async def create_multipart(self, key: str, headers: Mapping[str, str]) -> str:
        """Create a multipart upload with these headers. Return the id that the store gives it."""
        ...

    async def upload_part(self, key: str, part: PartUpload) -> bool:
        """Write one part. Return False if the multipart upload has ended."""
        ...

    async def copy_part(self, key: str, multipart_id: str, copy: PartCopy) -> StoredPart | None:
        """Copy bytes of an object into one part. Return None if the source does not exist or has another ETag."""
        ...

    async def list_parts(self, key: str, multipart_id: str) -> tuple[StoredPart, ...] | None:
        """Return each stored part once, ordered by number, or None if the multipart upload has ended."""
        ...

    async def measure_parts(self, key: str, multipart_id: str) -> int:
        """Return the total size in bytes of all stored copies of parts, or 0 if the multipart upload has ended."""
        ...

    async def complete_multipart(
        self, key: str, multipart_id: str, parts: Sequence[StoredPart], part_digests: Sequence[bytes]
    ) -> bool:
        """Complete a multipart upload: assemble the object from these parts, if no object exists at `key`.

        `part_digests` are the SHA-256 digests of the parts if the multipart upload was created with checksums, and
        otherwise empty. Return False if the store refused because the multipart upload has ended or an object exists.
        """
        ...

    async def abort_multipart(self, key: str, multipart_id: str) -> None:
        """Abort a multipart upload and delete its parts. A multipart upload that has ended is no error."""
        ...

    async def list_multiparts(self, after: str, limit: int) -> MultipartPage:
        """List unfinished multipart uploads after the position `after`, by key."""
        ...

    async def refuses_complete_over_object(self, key: str) -> bool:
        """Test with a multipart upload whether the store refuses to complete one at `key`, where an object exists.

        The object at `key` may have other bytes afterwards. If the store cannot create a multipart upload, return False
        instead of raising Unavailable.
        """
        ...
