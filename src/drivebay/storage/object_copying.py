"""Copy objects to other keys inside the store, small objects with one request and large objects in parts.

A copy gets its own content type and metadata, because sealed metadata belongs to the key of an object. The key of the
copy is looked up first, so a copy that an earlier call has made is not made again. A copy that takes longer than a call
continues in the background.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import structlog

from ..contract.storage import CopyResult, CopyStatus, ObjectCopy, Presence
from ..errors import Unavailable
from ..observability.crash_points import crash_point
from .argument_checks import check_copies
from .background_work import BackgroundWork
from .bounded_map import bounded_map
from .bucket import Bucket, PartCopy
from .object_headers import CHECKSUM, IF_NONE_MATCH, upload_headers
from .sealed_metadata import MetadataSeal
from .store_startup import StoreStartup

log = structlog.get_logger(__name__)

_MAX_RUNNING_COPIES: Final = 8
"""The maximum number of copies at the same time. More copies do not make a store faster."""
_MAX_RUNNING_PARTS: Final = 4
"""The maximum number of parts of one object that are copied at the same time."""


@dataclass(frozen=True, slots=True)
class CopyLimits:
    """The limits of copies.

    `max_single` is the size in bytes of the largest object that one request copies. A larger object is copied in parts
    of `part_size` bytes. A call copies at most `concurrency` objects at the same time, and waits at most `wait_seconds`
    for each object.
    """

    max_single: int
    part_size: int
    concurrency: int
    wait_seconds: float


class ObjectCopying:
    """Implements `contract.storage.Copying`."""

    def __init__(self, bucket: Bucket, startup: StoreStartup, seal: MetadataSeal | None, limits: CopyLimits) -> None:
        self._bucket = bucket
        self._startup = startup
        self._seal = seal
        self._limits = limits
        self._copies = BackgroundWork[CopyStatus](
            "copy", wait_seconds=limits.wait_seconds, max_running=_MAX_RUNNING_COPIES
        )
        self.close = self._copies.close

    async def copy_objects(self, copies: tuple[ObjectCopy, ...]) -> tuple[CopyResult, ...]:
        check_copies(copies)
        unsupported = frozenset(self._startup.require_ready().capabilities.unsupported_headers)
        # Several processes may make the same copy, with the same bytes. So the request needs no condition.
        omitted = unsupported | {IF_NONE_MATCH, CHECKSUM}
        described = [(copy, upload_headers(copy.put, self._seal, omitted)) for copy in copies]
        return await bounded_map(described, lambda each: self._copy_one(*each), self._limits.concurrency)

    async def _copy_one(self, copy: ObjectCopy, headers: Mapping[str, str]) -> CopyResult:
        key = copy.put.key
        try:
            found = await self._bucket.head_object(key)
            if found.presence is not Presence.FOUND:  # guard: copy-made-before
                status = await self._copies.run(key, lambda: self._copy(copy, headers), unfinished=CopyStatus.RUNNING)
                if status is not CopyStatus.DONE:
                    return CopyResult(key, status)
                found = await self._bucket.head_object(key)
        except Unavailable as error:
            log.warning("copy_failed", key=key, reason=error.detail)
            return CopyResult(key, CopyStatus.UNKNOWN)
        if found.presence is not Presence.FOUND:
            return CopyResult(key, CopyStatus.UNKNOWN)
        if found.size != copy.put.size:  # guard: copy-size
            log.error("copy_differs", key=key, size=found.size, expected=copy.put.size)
            return CopyResult(key, CopyStatus.SOURCE_CHANGED)
        return CopyResult(key, CopyStatus.DONE, found.etag)

    async def _copy(self, copy: ObjectCopy, headers: Mapping[str, str]) -> CopyStatus:
        try:
            is_copied = await self._copy_bytes(copy, headers)
            crash_point("copy.object_copied")
        except Unavailable as error:
            log.warning("copy_failed", key=copy.put.key, reason=error.detail)
            return CopyStatus.UNKNOWN
        return CopyStatus.DONE if is_copied else CopyStatus.SOURCE_CHANGED

    async def _copy_bytes(self, copy: ObjectCopy, headers: Mapping[str, str]) -> bool:
        """Copy an object. Return False if the source is not the expected object."""
        if copy.put.size <= self._limits.max_single:  # guard: copy-in-parts
            return await self._bucket.copy_object(copy.source, copy.put.key, copy.etag, headers)  # guard: copy-etag
        return await self._copy_in_parts(copy, headers)

    async def _copy_in_parts(self, copy: ObjectCopy, headers: Mapping[str, str]) -> bool:
        """Copy a large object. A multipart upload that a crash leaves behind is aborted by the janitor."""
        key, size, length = copy.put.key, copy.put.size, self._limits.part_size
        multipart_id = await self._bucket.create_multipart(key, headers)
        try:
            starts = enumerate(range(0, size, length), 1)
            ranges = [
                PartCopy(number, copy.source, copy.etag, start, min(length, size - start)) for number, start in starts
            ]
            parts = await bounded_map(
                ranges, lambda part: self._bucket.copy_part(key, multipart_id, part), _MAX_RUNNING_PARTS
            )
            crash_point("copy.parts_copied")
            copied = [part for part in parts if part is not None]
            if len(copied) == len(ranges) and await self._bucket.complete_multipart(key, multipart_id, copied, ()):
                return True
        except Unavailable:
            await self._bucket.abort_multipart(key, multipart_id)
            raise
        await self._bucket.abort_multipart(key, multipart_id)
        # An object that exists already is a copy that another process has made.
        return len(copied) == len(ranges)
