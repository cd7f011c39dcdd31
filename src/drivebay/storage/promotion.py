"""Promote staged objects: copy each staged object to a key for which no URL was ever signed.

In a store that accepts a second PUT, a client could change an existing file with the URL of its upload. So in such a
store the URL writes to staging, and the promotion copies the staged object if its ETag has not changed since the
look-up. The key of the copy contains a hash of the ETag. So two processes that promote the same bytes write the same
object, and a repeated promotion has no effect.
"""

from __future__ import annotations

import hashlib
from typing import Final

import structlog

from ..contract.storage import PROMOTED_KEY_SEPARATOR, STAGING_PREFIX, ObjectInfo, Presence, StagedObject, upload_key
from ..errors import Unavailable
from .argument_checks import check_staged
from .background_work import BackgroundWork
from .bounded_map import bounded_map
from .bucket import Bucket
from .store_startup import StoreStartup

log = structlog.get_logger(__name__)

_MAX_RUNNING_COPIES: Final = 8
"""The maximum number of copies at the same time. More copies do not make a store faster."""


class Promotion:
    """Implements `promote` of `contract.storage`. A call waits at most `wait_seconds` for a copy. A copy that takes
    longer continues in the background, and a later call finds it."""

    def __init__(self, bucket: Bucket, startup: StoreStartup, *, concurrency: int, wait_seconds: float) -> None:
        self._bucket = bucket
        self._startup = startup
        self._concurrency = concurrency
        self._copies = BackgroundWork[bool]("copy", wait_seconds=wait_seconds, max_running=_MAX_RUNNING_COPIES)
        self.close = self._copies.close

    async def promote(self, staged: tuple[StagedObject, ...]) -> tuple[ObjectInfo, ...]:
        check_staged(staged)
        self._startup.require_ready()
        return await bounded_map(staged, self._promote_one, self._concurrency)

    async def _promote_one(self, staged: StagedObject) -> ObjectInfo:
        # `stat_staged` also returns objects at their final key, which need no copy.
        if not staged.key.startswith(STAGING_PREFIX):
            return ObjectInfo(staged.key, Presence.FOUND, size=staged.size, etag=staged.etag)
        target = f"{upload_key(staged.key)}{PROMOTED_KEY_SEPARATOR}{_etag_hash(staged.etag)}"
        try:
            copy = await self._bucket.head_object(target)
            if copy.presence is Presence.ABSENT and await self._copies.run(
                target, lambda: self._copy(staged, target), unfinished=False
            ):
                copy = await self._bucket.head_object(target)
        except Unavailable as error:
            log.warning("promotion_failed", key=target, reason=error.detail)
            return ObjectInfo(target, Presence.UNKNOWN)
        if copy.presence is not Presence.FOUND:
            return ObjectInfo(target, Presence.UNKNOWN)
        if copy.size != staged.size:
            log.error("copy_differs", key=target, size=copy.size, expected=staged.size)
            return ObjectInfo(target, Presence.UNKNOWN)
        return copy

    async def _copy(self, staged: StagedObject, target: str) -> bool:
        """Copy a staged object. Return False if it has changed, or if the copy failed."""
        try:
            return await self._bucket.copy_object(staged.key, target, staged.etag)  # guard: promotion-etag
        except Unavailable as error:
            log.warning("copy_failed", key=target, reason=error.detail)
            return False


def _etag_hash(etag: str) -> str:
    return hashlib.sha256(etag.encode()).hexdigest()[:32]  # guard: promotion-key
