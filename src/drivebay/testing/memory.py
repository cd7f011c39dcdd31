"""A bucket in memory: a fake store that passes the same tests as a real one (`tests/drivers/test_bucket.py`).

Set `broken` to make every call fail as if the store were down. The objects stay. Pass `allows_overwrite` for a store
that accepts a second PUT to the same URL.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from urllib.parse import quote, unquote

import msgspec

from ..contract.storage import (
    DeletionResult,
    MultipartPage,
    ObjectInfo,
    ObjectPage,
    Presence,
    StoredPart,
    UnfinishedMultipart,
)
from ..errors import Unavailable
from ..storage.bucket import BucketStatus, PartCopy, PartUpload, PresignSpec

_URL_SCHEME = "memory:"


class _PresignedRequest(msgspec.Struct, frozen=True):
    """The permissions of a presigned URL of this store. The URL contains them as JSON."""

    method: str
    key: str
    headers: dict[str, str]
    query: dict[str, str]
    expires_at: datetime


def _presigned_request(url: str) -> _PresignedRequest:
    return msgspec.json.decode(unquote(url.removeprefix(_URL_SCHEME)), type=_PresignedRequest)


def presigned_key(url: str) -> str:
    """Return the object key of a presigned URL of this store. Two URLs of one object differ in their expiry."""
    return _presigned_request(url).key


class MultipartState(msgspec.Struct):
    """A multipart upload: its key and headers, when it began, and the bytes of its parts by number."""

    key: str
    headers: Mapping[str, str]
    begun_at: datetime
    bodies: dict[int, bytes] = msgspec.field(default_factory=dict)
    replaced_bytes: int = 0

    def write(self, number: int, body: bytes) -> None:
        """Store a part. As in SeaweedFS, an earlier copy of the part stays and is not used."""
        self.replaced_bytes += len(self.bodies.get(number, b""))
        self.bodies[number] = body


class MemoryBucket:
    """Implements `storage.bucket.Bucket`. `now` is the store's clock."""

    def __init__(self, now: Callable[[], datetime], *, allows_overwrite: bool = False) -> None:
        self._now = now
        self._allows_overwrite = allows_overwrite
        self.objects: dict[str, tuple[ObjectInfo, bytes]] = {}
        self.unfinished_multiparts: dict[str, MultipartState] = {}
        self.copied: list[str] = []
        """The keys of all copies, in their order."""
        self.broken = False
        self._last_multipart_id = 0
        self._exists = False

    def put(self, key: str, body: bytes, content_type: str | None = None) -> None:
        """Write an object without a signature, as an administrator of the store could. None: look-ups return no
        type."""
        info = ObjectInfo(
            key,
            Presence.FOUND,
            size=len(body),
            etag=_md5(body),
            content_type=content_type,
            sha256=hashlib.sha256(body).digest(),
            modified_at=self._now().replace(microsecond=0),
        )
        self.objects[key] = (info, body)

    # -- URLs --------------------------------------------------------------------------------------

    def presign(self, spec: PresignSpec) -> str:
        headers = {name.lower(): value for name, value in spec.headers.items()}
        expires_at = spec.signed_at + timedelta(seconds=spec.ttl_seconds)
        allowed = _PresignedRequest(spec.method, spec.key, headers, dict(spec.query), expires_at)
        return _URL_SCHEME + quote(msgspec.json.encode(allowed, order="deterministic"), safe="")

    def unsigned_url(self, key: str) -> str:
        return f"{_URL_SCHEME}/{key}"

    async def send(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> int:
        self._check_available()
        if url.startswith(f"{_URL_SCHEME}/"):
            return 403
        allowed = _presigned_request(url)
        sent = {name.lower(): value for name, value in headers.items()} | {"content-length": str(len(body))}
        if method != allowed.method or self._now() > allowed.expires_at:
            return 403
        if any(sent.get(name) != value for name, value in allowed.headers.items()):
            return 403
        if method == "GET":
            return 200 if allowed.key in self.objects else 404
        if allowed.headers.get("if-none-match") == "*" and allowed.key in self.objects and not self._allows_overwrite:
            return 412
        checksum = allowed.headers.get("x-amz-checksum-sha256")
        if checksum is not None and checksum != base64.b64encode(hashlib.sha256(body).digest()).decode():
            return 400
        if multipart_id := allowed.query.get("uploadId"):
            if multipart_id not in self.unfinished_multiparts:
                return 404
            self.unfinished_multiparts[multipart_id].write(int(allowed.query["partNumber"]), body)
            return 200
        self.put(allowed.key, body, sent.get("content-type", ""))
        return 200

    # -- the bucket --------------------------------------------------------------------------------

    async def check_access(self) -> BucketStatus:
        return await self.head_bucket()

    async def head_bucket(self) -> BucketStatus:
        self._check_available()
        return BucketStatus(self._exists, self._now().replace(microsecond=0))

    async def create_bucket(self) -> None:
        self._check_available()
        self._exists = True

    async def add_cors_rules(self, origins: tuple[str, ...]) -> bool:
        self._check_available()
        return True

    async def add_notification_rule(self, target: str) -> str | None:
        self._check_available()
        return "this store sends no events"

    async def is_versioned(self) -> bool:
        self._check_available()
        return False

    # -- objects -----------------------------------------------------------------------------------

    async def head_object(self, key: str) -> ObjectInfo:
        self._check_available()
        stored_object = self.objects.get(key)
        return stored_object[0] if stored_object else ObjectInfo(key, Presence.ABSENT)

    async def list_objects(self, prefix: str, after: str, limit: int) -> ObjectPage:
        self._check_available()
        keys = sorted(key for key in self.objects if key.startswith(prefix) and key > after)
        objects = tuple(
            msgspec.structs.replace(self.objects[key][0], sha256=None, content_type=None) for key in keys[:limit]
        )
        return ObjectPage(objects, keys[limit - 1] if len(keys) > limit else None)

    async def put_object(self, key: str, body: bytes, sha256: bytes) -> None:
        self._check_available()
        self.put(key, body, "application/octet-stream")

    async def get_object(self, key: str) -> bytes | None:
        self._check_available()
        stored_object = self.objects.get(key)
        return None if stored_object is None else stored_object[1]

    async def read_range(self, key: str, start: int, length: int) -> bytes | None:
        self._check_available()
        stored_object = self.objects.get(key)
        body = b"" if stored_object is None else stored_object[1][start : start + length]
        return body if len(body) == length else None

    async def copy_object(
        self, source: str, target: str, etag: str | None = None, headers: Mapping[str, str] | None = None
    ) -> bool:
        self._check_available()
        if source not in self.objects or etag not in (None, self.objects[source][0].etag):
            return False
        info, body = self.objects[source]
        self.copied.append(target)
        self.put(target, body, info.content_type if headers is None else headers["Content-Type"])
        return True

    async def delete_objects(self, keys: tuple[str, ...]) -> tuple[DeletionResult, ...]:
        self._check_available()
        for key in keys:
            self.objects.pop(key, None)
        return tuple(DeletionResult(key) for key in keys)

    async def delete_object(self, key: str) -> None:
        self._check_available()
        self.objects.pop(key, None)

    # -- multipart uploads -------------------------------------------------------------------------

    async def create_multipart(self, key: str, headers: Mapping[str, str]) -> str:
        self._check_available()
        self._last_multipart_id += 1
        id = str(self._last_multipart_id)
        lower = {name.lower(): value for name, value in headers.items()}
        self.unfinished_multiparts[id] = MultipartState(key, lower, self._now())
        return id

    async def upload_part(self, key: str, part: PartUpload) -> bool:
        self._check_available()
        state = self.unfinished_multiparts.get(part.multipart_id)
        if state is None or state.key != key:
            return False
        if hashlib.sha256(part.body).digest() != part.sha256:
            raise Unavailable("the store's response to UploadPart was unexpected: 400 XAmzContentSHA256Mismatch")
        state.write(part.number, part.body)
        return True

    async def copy_part(self, key: str, multipart_id: str, copy: PartCopy) -> StoredPart | None:
        self._check_available()
        if copy.source not in self.objects or copy.etag != self.objects[copy.source][0].etag:
            return None
        body = self.objects[copy.source][1][copy.start : copy.start + copy.size]
        self.unfinished_multiparts[multipart_id].write(copy.number, body)
        return StoredPart(copy.number, len(body), _md5(body))

    async def list_parts(self, key: str, multipart_id: str) -> tuple[StoredPart, ...] | None:
        self._check_available()
        state = self.unfinished_multiparts.get(multipart_id)
        if state is None:
            return None
        return tuple(StoredPart(number, len(body), _md5(body)) for number, body in sorted(state.bodies.items()))

    async def measure_parts(self, key: str, multipart_id: str) -> int:
        self._check_available()
        state = self.unfinished_multiparts.get(multipart_id)
        return 0 if state is None else state.replaced_bytes + sum(map(len, state.bodies.values()))

    async def complete_multipart(
        self, key: str, multipart_id: str, parts: Sequence[StoredPart], part_digests: Sequence[bytes]
    ) -> bool:
        self._check_available()
        state = self.unfinished_multiparts.get(multipart_id)
        if state is None or key in self.objects:
            return False
        bodies = [state.bodies[part.number] for part in parts]
        if part_digests and [hashlib.sha256(body).digest() for body in bodies] != list(part_digests):
            raise Unavailable("the store's response to CompleteMultipartUpload was unexpected: 400 InvalidPart")
        del self.unfinished_multiparts[multipart_id]
        self.put(key, b"".join(bodies), state.headers.get("content-type", "application/octet-stream"))
        info, body = self.objects[key]
        self.objects[key] = (msgspec.structs.replace(info, sha256=None, etag=f"{info.etag}-{len(bodies)}"), body)
        return True

    async def abort_multipart(self, key: str, multipart_id: str) -> None:
        self._check_available()
        self.unfinished_multiparts.pop(multipart_id, None)

    async def list_multiparts(self, after: str, limit: int) -> MultipartPage:
        self._check_available()
        positions = sorted((f"{state.key}\n{id}", id) for id, state in self.unfinished_multiparts.items())
        page = [(position, id) for position, id in positions if position > after][: limit + 1]
        items = tuple(
            UnfinishedMultipart(self.unfinished_multiparts[id].key, id, self.unfinished_multiparts[id].begun_at)
            for _, id in page[:limit]
        )
        return MultipartPage(items, page[limit - 1][0] if len(page) > limit else None)

    async def refuses_complete_over_object(self, key: str) -> bool:
        self._check_available()
        return True

    def _check_available(self) -> None:
        if self.broken:
            raise Unavailable("the store does not respond")


def _md5(body: bytes) -> str:
    return hashlib.md5(body, usedforsecurity=False).hexdigest()
