"""What a store does and does not do, found out by trying: good requests, and such that must fail.

A store that calls itself S3 may check less than Amazon does (Garage ignores `If-None-Match`, for one). What is
not enforced at the door is made up for at commit. Probing writes under `.drivebay/probe/` and cleans up.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from typing import Final, NamedTuple

import msgspec

from ..contract.storage import Capabilities, Presence
from ..errors import Unavailable
from .bucket import Bucket, Misconfigured, Sight

PREFIX: Final = ".drivebay/"

CONTENT_TYPE: Final = "Content-Type"
ONLY_IF_NEW: Final = "If-None-Match"
CHECKSUM: Final = "x-amz-checksum-sha256"
LENGTH: Final = "Content-Length"

_RIGHT: Final = b"drivebay asks what this store can do"
_OTHER: Final = b"drivebay asks what this store CAN do"
_TYPE: Final = "text/plain"


class Findings(NamedTuple):
    """`refused` are headers the store takes no upload with; they are left out of every signature. `incoming`:
    there may be uploads that are not where their URL cannot reach them any more."""

    capabilities: Capabilities
    refused: frozenset[str]
    incoming: bool = False

    @property
    def staged(self) -> bool:
        """Whether uploads are written elsewhere and copied when they are accepted."""
        return not self.capabilities.write_once and self.capabilities.copy_condition


def put_headers(
    content_type: str, sha256: bytes | None, metadata: Mapping[str, str], refused: frozenset[str]
) -> dict[str, str]:
    """The headers of an upload that a client must send, all of them signed."""
    headers = {CONTENT_TYPE: content_type, ONLY_IF_NEW: "*"}
    if sha256 is not None:
        headers[CHECKSUM] = base64.b64encode(sha256).decode()
    for name, value in metadata.items():
        headers[f"x-amz-meta-{name}"] = value
    for name in refused:
        headers.pop(name, None)
    return headers


async def probe(bucket: Bucket, folder: str, sight: Sight, at: datetime, *, cors: bool, event_rules: bool) -> Findings:
    """Try one store; `folder` is a part of a key that nobody else uses, `sight` a look at the bucket just now (`at`).
    Raises Misconfigured, Unavailable."""
    attempts = _Attempts(bucket, f"{PREFIX}probe/{folder}", at)
    try:
        refused = await attempts.refused_headers()
        write_once = ONLY_IF_NEW not in refused and await attempts.is_written_once(refused)
        checksum = CHECKSUM not in refused and await attempts.is_refused("bytes", refused, body=_OTHER)
        capabilities = Capabilities(
            signed_length=await attempts.is_refused("longer", refused, body=_RIGHT + b"!"),
            signed_type=await attempts.is_refused("type", refused, content_type="text/html"),
            checksum=checksum,
            write_once=write_once,
            checksum_told=await attempts.is_checksum_told(),
            copy_condition=await attempts.is_copy_conditional(),
            complete_once=await bucket.completes_once(attempts.right),
            closed=await attempts.are_strangers_refused(),
            batch_delete=False,
            cors=cors,
            event_rules=event_rules,
            versioned=await bucket.versioned(),
            clock=None if sight.store_time is None else round((sight.store_time - at).total_seconds()),
        )
    except BaseException:
        with suppress(Unavailable):
            await attempts.clean_up()
        raise
    return Findings(msgspec.structs.replace(capabilities, batch_delete=await attempts.clean_up()), refused)


class _Attempts:
    """Uploads of a few bytes, each to its own key."""

    def __init__(self, bucket: Bucket, prefix: str, at: datetime) -> None:
        self._bucket = bucket
        self._prefix = prefix
        self._at = at
        self.written: list[str] = []
        self.right = ""
        """The key of an upload that was taken."""

    async def is_checksum_told(self) -> bool:
        return (await self._bucket.head(self.right)).sha256 == hashlib.sha256(_RIGHT).digest()

    async def is_copy_conditional(self) -> bool:
        etag = (await self._bucket.head(self.right)).etag
        try:
            if await self._bucket.copy(self.right, self._key("copy-of-other"), "0" * 32):
                return False
            return await self._bucket.copy(self.right, self._key("copy-of-same"), etag)
        except Unavailable:  # it may not copy at all
            return False

    async def are_strangers_refused(self) -> bool:
        """Whether reading, listing and writing without a signature all fail."""
        read = await self._bucket.send("GET", self._bucket.address(self.right), {}, b"")
        listed = await self._bucket.send("GET", f"{self._bucket.address('')}?list-type=2", {}, b"")
        put = await self._bucket.send("PUT", self._bucket.address(self._key("stranger")), {}, _RIGHT)
        return all(400 <= status < 500 for status in (read, listed, put))

    async def clean_up(self) -> bool:
        """Delete what was written; whether that went by one call for all."""
        with suppress(Unavailable):
            fates = await self._bucket.delete(tuple(self.written))
            if all(fate.error is None for fate in fates) and await self._is_gone(self.right):
                return True
        for key in self.written:
            await self._bucket.delete_one(key)
        return False

    async def _is_gone(self, key: str) -> bool:
        return not key or (await self._bucket.head(key)).presence is Presence.ABSENT

    def _key(self, name: str) -> str:
        key = f"{self._prefix}/{name}"
        if key not in self.written:
            self.written.append(key)
        return key

    async def refused_headers(self) -> frozenset[str]:
        """The fewest headers that must go so that a right upload is taken."""
        statuses: list[int] = []
        for refused in ((), (ONLY_IF_NEW,), (CHECKSUM,), (ONLY_IF_NEW, CHECKSUM)):
            name = f"right{len(statuses)}"
            status = await self._put(name, frozenset(refused))
            if status < 300:
                self.right = self._key(name)
                return frozenset(refused)
            statuses.append(status)
        if set(statuses) == {403}:
            raise Misconfigured(
                "our keys may not write to the bucket: check DRIVEBAY_S3_ACCESS_KEY and DRIVEBAY_S3_SECRET_KEY"
            )
        raise Unavailable(f"the store takes no signed upload: {statuses}")

    async def is_refused(
        self, name: str, refused: frozenset[str], *, body: bytes = _RIGHT, content_type: str = _TYPE
    ) -> bool:
        return 400 <= await self._put(name, refused, body=body, content_type=content_type) < 500

    async def is_written_once(self, refused: frozenset[str]) -> bool:
        first = await self._put("once", refused)
        return first < 300 and await self._put("once", refused) == 412

    async def _put(self, name: str, refused: frozenset[str], *, body: bytes = _RIGHT, content_type: str = _TYPE) -> int:
        """Sign for the right bytes as text, and send `body` as `content_type`."""
        key = self._key(name)
        headers = put_headers(_TYPE, hashlib.sha256(_RIGHT).digest(), {"probe": "yes"}, refused)
        signed = {**headers, LENGTH: str(len(_RIGHT))}
        url = self._bucket.presign("PUT", key, query={}, headers=signed, at=self._at, seconds=300, public=False)
        return await self._bucket.send("PUT", url, {**headers, CONTENT_TYPE: content_type}, body)
