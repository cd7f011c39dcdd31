"""A bucket in memory: the fake of a store, which passes the same driver suite as a real one.

`broken` makes every call fail as a store that is down does; objects stay. Made with `lax` it takes a second PUT, as
some stores do.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from urllib.parse import quote, unquote

import msgspec

from ..contract.storage import Deletion, Object, ObjectPage, Presence
from ..errors import Unavailable
from ..storage.bucket import Sight


class _Signed(msgspec.Struct, frozen=True):
    method: str
    key: str
    headers: dict[str, str]
    query: dict[str, str]
    ends: datetime


class MemoryBucket:
    """Implements `storage.bucket.Bucket`. `now` is the store's clock."""

    def __init__(self, now: Callable[[], datetime], *, lax: bool = False) -> None:
        self._now = now
        self._lax = lax
        self.objects: dict[str, tuple[Object, bytes]] = {}
        self.broken = False
        self._exists = False

    def put(self, key: str, body: bytes, content_type: str = "application/octet-stream") -> None:
        """Write an object past every signature, as a store's administrator could."""
        etag = hashlib.md5(body, usedforsecurity=False).hexdigest()
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
