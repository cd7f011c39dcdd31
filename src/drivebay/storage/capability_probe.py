"""Find out which rules a store enforces: send valid requests, and requests that it must refuse.

A store with an S3 API may check less than Amazon does (Garage ignores `If-None-Match`). The commit of an upload checks
the rules that the store does not check. The probe writes objects under `.drivebay/probe/`, and deletes them.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from datetime import datetime
from typing import Final, NamedTuple

import msgspec

from ..contract.storage import Capabilities, Presence
from ..errors import Unavailable
from .bucket import Bucket, BucketStatus, Misconfigured, PresignSpec
from .object_headers import CHECKSUM, CONTENT_LENGTH, CONTENT_TYPE, IF_NONE_MATCH, signed_put_headers

INTERNAL_PREFIX: Final = ".drivebay/"

_BODY: Final = b"drivebay asks what this store can do"
_OTHER_BODY: Final = b"drivebay asks what this store CAN do"
_TYPE: Final = "text/plain; charset=utf-8"
"""The content type of the probe. It has a parameter, because a store may drop the parameter."""


class ProbeResult(NamedTuple):
    """The results of the probe. `has_staged_objects`: staging may contain objects, because uploads go to staging now,
    or went to staging before the last start."""

    capabilities: Capabilities
    has_staged_objects: bool = False

    @property
    def uses_staging(self) -> bool:
        """Whether new uploads go to staging. The commit then copies each object to its final key."""
        return not self.capabilities.write_once and self.capabilities.conditional_copy


class BucketSetup(NamedTuple):
    """The state of the bucket before the probe. `checked_at` is the time of our clock when `status` was read. `cors` is
    whether the store accepted our CORS rules."""

    status: BucketStatus
    checked_at: datetime
    cors: bool
    has_notification_rule: bool


async def probe_store(bucket: Bucket, folder: str, setup: BucketSetup) -> ProbeResult:
    """Probe one store. `folder` is a part of a key that only this probe uses. Raises Misconfigured, Unavailable."""
    trials = _Trials(bucket, f"{INTERNAL_PREFIX}probe/{folder}", setup.checked_at)
    try:
        unsupported = await trials.find_unsupported_headers()
        write_once = IF_NONE_MATCH not in unsupported and await trials.refuses_second_put(unsupported)
        checksum = CHECKSUM not in unsupported and await trials.refuses("bytes", unsupported, body=_OTHER_BODY)
        store_time = setup.status.store_time
        capabilities = Capabilities(
            signed_length=await trials.refuses("longer", unsupported, body=_BODY + b"!"),
            signed_type=await trials.refuses("type", unsupported, content_type="text/html"),
            signed_checksum=checksum,
            write_once=write_once,
            reports_checksum=await trials.returns_checksum(),
            reports_type=await trials.returns_type(),
            conditional_copy=await trials.checks_copy_condition(),
            complete_once=await bucket.refuses_complete_over_object(trials.accepted_key),
            private=await trials.refuses_unsigned_requests(),
            batch_delete=False,
            cors=setup.cors,
            event_rules=setup.has_notification_rule,
            versioned=await bucket.is_versioned(),
            clock_offset=None if store_time is None else round((store_time - setup.checked_at).total_seconds()),
            unsupported_headers=tuple(sorted(unsupported)),
        )
    except BaseException:
        with suppress(Unavailable):
            await trials.clean_up()
        raise
    return ProbeResult(msgspec.structs.replace(capabilities, batch_delete=await trials.clean_up()))


class _Trials:
    """Uploads a few bytes to a new key in each trial. `accepted_key` is the key of an upload that the store
    accepted."""

    def __init__(self, bucket: Bucket, prefix: str, signed_at: datetime) -> None:
        self.accepted_key = ""
        self._bucket = bucket
        self._prefix = prefix
        self._signed_at = signed_at
        self._keys: list[str] = []

    async def find_unsupported_headers(self) -> frozenset[str]:
        """Return the smallest set of headers that must be left out so that the store accepts a valid upload.

        Raises Misconfigured if our credentials may not write, and Unavailable if the store accepts no upload at all.
        """
        statuses: list[int] = []
        for unsupported in ((), (IF_NONE_MATCH,), (CHECKSUM,), (IF_NONE_MATCH, CHECKSUM)):
            name = f"valid{len(statuses)}"
            status = await self._put(name, frozenset(unsupported))
            if status < 300:
                self.accepted_key = self._key(name)
                return frozenset(unsupported)
            statuses.append(status)
        if set(statuses) == {403}:
            raise Misconfigured(
                "our credentials may not write to the bucket: check DRIVEBAY_S3_ACCESS_KEY and DRIVEBAY_S3_SECRET_KEY"
            )
        raise Unavailable(f"the store accepts no presigned upload: it responds with {statuses}")

    async def refuses(
        self, name: str, unsupported: frozenset[str], *, body: bytes = _BODY, content_type: str = _TYPE
    ) -> bool:
        return 400 <= await self._put(name, unsupported, body=body, content_type=content_type) < 500

    async def refuses_second_put(self, unsupported: frozenset[str]) -> bool:
        first = await self._put("once", unsupported)
        return first < 300 and await self._put("once", unsupported) == 412

    async def returns_checksum(self) -> bool:
        return (await self._bucket.head_object(self.accepted_key)).sha256 == hashlib.sha256(_BODY).digest()

    async def returns_type(self) -> bool:
        return (await self._bucket.head_object(self.accepted_key)).content_type == _TYPE

    async def checks_copy_condition(self) -> bool:
        etag = (await self._bucket.head_object(self.accepted_key)).etag
        try:
            if await self._bucket.copy_object(self.accepted_key, self._key("copy-of-other"), "0" * 32):
                return False
            return await self._bucket.copy_object(self.accepted_key, self._key("copy-of-same"), etag)
        except Unavailable:  # the store may not support copies at all
            return False

    async def refuses_unsigned_requests(self) -> bool:
        """Return whether reading, listing and writing without a signature all fail."""
        read_status = await self._bucket.send("GET", self._bucket.unsigned_url(self.accepted_key), {}, b"")
        list_status = await self._bucket.send("GET", f"{self._bucket.unsigned_url('')}?list-type=2", {}, b"")
        put_status = await self._bucket.send("PUT", self._bucket.unsigned_url(self._key("unsigned")), {}, _BODY)
        return all(400 <= status < 500 for status in (read_status, list_status, put_status))

    async def clean_up(self) -> bool:
        """Delete the objects of the trials. Return whether the store deleted them with one request."""
        with suppress(Unavailable):
            deletions = await self._bucket.delete_objects(tuple(self._keys))
            if all(deletion.error is None for deletion in deletions) and await self._is_absent(self.accepted_key):
                return True
        for key in self._keys:
            await self._bucket.delete_object(key)
        return False

    async def _is_absent(self, key: str) -> bool:
        return not key or (await self._bucket.head_object(key)).presence is Presence.ABSENT

    def _key(self, name: str) -> str:
        key = f"{self._prefix}/{name}"
        if key not in self._keys:
            self._keys.append(key)
        return key

    async def _put(
        self, name: str, unsupported: frozenset[str], *, body: bytes = _BODY, content_type: str = _TYPE
    ) -> int:
        """Sign an upload of `_BODY` as text, and send `body` as `content_type`. Return the HTTP status."""
        key = self._key(name)
        headers = signed_put_headers(_TYPE, hashlib.sha256(_BODY).digest(), "yes", unsupported)
        signed = {**headers, CONTENT_LENGTH: str(len(_BODY))}
        url = self._bucket.presign(PresignSpec("PUT", key, self._signed_at, 300, headers=signed, for_clients=False))
        return await self._bucket.send("PUT", url, {**headers, CONTENT_TYPE: content_type}, body)
