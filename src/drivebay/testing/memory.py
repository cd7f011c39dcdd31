"""A bucket in memory: the fake of a store, which passes the same driver suite as a real one.

`broken` makes every call fail as a store that is down does; objects stay. Made with `lax` it takes a second PUT, as
some stores do.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from urllib.parse import quote, unquote

import msgspec

from ..contract.storage import Deletion, Object, ObjectPage, Presence, StoredPart, Unfinished, UnfinishedPage
from ..errors import Unavailable
from ..storage.bucket import Sight


class _Signed(msgspec.Struct, frozen=True):
    method: str
    key: str
    headers: dict[str, str]
    query: dict[str, str]
    ends: datetime


class UnderWay(msgspec.Struct):
    """A write in parts: its key and headers, when it began, and the bytes of its parts."""

    key: str
    headers: Mapping[str, str]
    begun_at: datetime
    bodies: dict[int, bytes] = msgspec.field(default_factory=dict)


class MemoryBucket:
    """Implements `storage.bucket.Bucket`. `now` is the store's clock."""

    def __init__(self, now: Callable[[], datetime], *, lax: bool = False) -> None:
        self._now = now
        self._lax = lax
        self.objects: dict[str, tuple[Object, bytes]] = {}
        self.unfinished_parts: dict[str, UnderWay] = {}
        self.broken = False
        self._begun = 0
        self._exists = False

    def put(self, key: str, body: bytes, content_type: str = "application/octet-stream") -> None:
        """Write an object past every signature, as a store's administrator could."""
        etag = _md5(body)
        self.objects[key] = (
            Object(
                key,
                Presence.FOUND,
                size=len(body),
                etag=etag,
                content_type=content_type,
                sha256=hashlib.sha256(body).digest(),
                modified_at=self._now().replace(microsecond=0),
            ),
            body,
        )

    def presign(
        self,
        method: str,
        key: str,
        *,
        query: Mapping[str, str],
        headers: Mapping[str, str],
        at: datetime,
        seconds: int,
        public: bool = True,
    ) -> str:
        lower = {name.lower(): value for name, value in headers.items()}
        signed = _Signed(method, key, lower, dict(query), at + timedelta(seconds=seconds))
        return "memory:" + quote(msgspec.json.encode(signed, order="deterministic"), safe="")

    def address(self, key: str) -> str:
        return f"memory:/{key}"

    async def send(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> int:
        self._answer()
        if url.startswith("memory:/"):
            return 403
        signed = msgspec.json.decode(unquote(url.removeprefix("memory:")), type=_Signed)
        sent = {name.lower(): value for name, value in headers.items()} | {"content-length": str(len(body))}
        if method != signed.method or self._now() > signed.ends:
            return 403
        if any(sent.get(name) != value for name, value in signed.headers.items()):
            return 403
        if method == "GET":
            return 200 if signed.key in self.objects else 404
        if signed.headers.get("if-none-match") == "*" and signed.key in self.objects and not self._lax:
            return 412
        checksum = signed.headers.get("x-amz-checksum-sha256")
        if checksum is not None and checksum != base64.b64encode(hashlib.sha256(body).digest()).decode():
            return 400
        if multipart := signed.query.get("uploadId"):
            if multipart not in self.unfinished_parts:
                return 404
            self.unfinished_parts[multipart].bodies[int(signed.query["partNumber"])] = body
            return 200
        self.put(signed.key, body, sent.get("content-type", ""))
        return 200

    async def connect(self) -> Sight:
        return await self.sight()

    async def create(self) -> None:
        self._answer()
        self._exists = True

    async def allow_origins(self, origins: tuple[str, ...]) -> bool:
        self._answer()
        return True

    async def send_events(self, target: str) -> str | None:
        self._answer()
        return "it knows nobody to tell"

    async def sight(self) -> Sight:
        self._answer()
        return Sight(self._exists, self._now().replace(microsecond=0))

    async def head(self, key: str) -> Object:
        self._answer()
        found = self.objects.get(key)
        return found[0] if found else Object(key, Presence.ABSENT)

    async def page(self, prefix: str, after: str, limit: int) -> ObjectPage:
        self._answer()
        keys = sorted(key for key in self.objects if key.startswith(prefix) and key > after)
        shown = tuple(
            msgspec.structs.replace(self.objects[key][0], sha256=None, content_type=None) for key in keys[:limit]
        )
        return ObjectPage(shown, keys[limit - 1] if len(keys) > limit else None)

    async def delete(self, keys: tuple[str, ...]) -> tuple[Deletion, ...]:
        self._answer()
        for key in keys:
            self.objects.pop(key, None)
        return tuple(Deletion(key) for key in keys)

    async def versioned(self) -> bool:
        self._answer()
        return False

    async def delete_one(self, key: str) -> None:
        self._answer()
        self.objects.pop(key, None)

    async def write(self, key: str, body: bytes, sha256: bytes) -> None:
        self._answer()
        self.put(key, body)

    async def read(self, key: str) -> bytes | None:
        self._answer()
        found = self.objects.get(key)
        return None if found is None else found[1]

    async def write_part(
        self, key: str, multipart: str, number: int, body: bytes, sha256: bytes, checked: bool
    ) -> bool:
        self._answer()
        under_way = self.unfinished_parts.get(multipart)
        if under_way is None or under_way.key != key:
            return False
        if hashlib.sha256(body).digest() != sha256:
            raise Unavailable("the store would not write a part: 400 XAmzContentSHA256Mismatch")
        under_way.bodies[number] = body
        return True

    async def begin_parts(self, key: str, headers: Mapping[str, str]) -> str:
        self._answer()
        self._begun += 1
        lower = {name.lower(): value for name, value in headers.items()}
        self.unfinished_parts[str(self._begun)] = UnderWay(key, lower, self._now())
        return str(self._begun)

    async def parts(self, key: str, multipart: str) -> tuple[StoredPart, ...] | None:
        self._answer()
        under_way = self.unfinished_parts.get(multipart)
        if under_way is None:
            return None
        return tuple(StoredPart(number, len(body), _md5(body)) for number, body in sorted(under_way.bodies.items()))

    async def complete_parts(
        self, key: str, multipart: str, parts: Sequence[StoredPart], sha256: Sequence[bytes]
    ) -> bool:
        self._answer()
        under_way = self.unfinished_parts.get(multipart)
        if under_way is None or key in self.objects:
            return False
        bodies = [under_way.bodies[part.number] for part in parts]
        if sha256 and [hashlib.sha256(body).digest() for body in bodies] != list(sha256):
            raise Unavailable("the store would not put parts together: 400 InvalidPart")
        del self.unfinished_parts[multipart]
        self.put(key, b"".join(bodies), under_way.headers.get("content-type", "application/octet-stream"))
        object, body = self.objects[key]
        self.objects[key] = (msgspec.structs.replace(object, sha256=None, etag=f"{object.etag}-{len(bodies)}"), body)
        return True

    async def abort_parts(self, key: str, multipart: str) -> None:
        self._answer()
        self.unfinished_parts.pop(multipart, None)

    async def unfinished(self, after: str, limit: int) -> UnfinishedPage:
        self._answer()
        places = sorted((f"{each.key}\n{id}", id) for id, each in self.unfinished_parts.items())
        shown = [(place, id) for place, id in places if place > after][: limit + 1]
        items = tuple(
            Unfinished(self.unfinished_parts[id].key, id, self.unfinished_parts[id].begun_at) for _, id in shown[:limit]
        )
        return UnfinishedPage(items, shown[limit - 1][0] if len(shown) > limit else None)

    async def completes_once(self, key: str) -> bool:
        self._answer()
        return True

    async def copy(self, source: str, target: str, etag: str | None = None) -> bool:
        self._answer()
        if source not in self.objects or etag not in (None, self.objects[source][0].etag):
            return False
        object, body = self.objects[source]
        self.put(target, body, object.content_type or "")
        return True

    def _answer(self) -> None:
        if self.broken:
            raise Unavailable("the store does not answer")


def _md5(body: bytes) -> str:
    return hashlib.md5(body, usedforsecurity=False).hexdigest()
