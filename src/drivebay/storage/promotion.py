"""Promote staged objects: copy each to a key for which no URL was ever signed.

In a store that accepts a second PUT, a client could change an existing file with the URL of its upload. So in such a
store the URL writes to staging, and the promotion copies the staged object if its ETag has not changed since the
look-up. The key of the copy contains a hash of the ETag. So two processes that promote the same bytes write the same
object, and a repeated promotion is a no-op.
"""

from __future__ import annotations

import asyncio
import hashlib
from typing import Final

import structlog

from ..contract.storage import PROMOTED_KEY_SEPARATOR, STAGING_PREFIX, ObjectInfo, Presence, StagedObject, upload_key
from ..errors import Unavailable
from .argument_checks import check_staged
from .bounded_map import bounded_map
from .bucket import Bucket
from .store_startup import StoreStartup

log = structlog.get_logger(__name__)

_MAX_RUNNING_COPIES: Final = 8
"""More copies at once do not make a store faster."""


class Promotion:
    """Implements `promote` of `contract.storage`. A call waits at most `wait_seconds` for a copy. The copy continues in
    the background, and a later call finds it."""

    def __init__(self, bucket: Bucket, startup: StoreStartup, *, concurrency: int, wait_seconds: float) -> None:
        self._bucket = bucket
        self._startup = startup
        self._concurrency = concurrency
        self._wait_seconds = wait_seconds
        self._running: dict[str, asyncio.Task[bool]] = {}
        self._copy_slots = asyncio.Semaphore(_MAX_RUNNING_COPIES)

    async def close(self) -> None:
        """Cancel the running copies. The store may finish them, and a later promotion finds them."""
        tasks = tuple(self._running.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

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
            if copy.presence is Presence.ABSENT and await self._copy_and_wait(staged, target):
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

    async def _copy_and_wait(self, staged: StagedObject, target: str) -> bool:
        """Start the copy unless it is running, and wait for it.

        Return False if it failed or is still running. Concurrent callers wait for the same copy.
        """
        task = self._running.get(target)
        if task is None:
            task = self._running[target] = asyncio.create_task(self._copy(staged, target), name=f"copy {target}")
            task.add_done_callback(lambda _: self._running.pop(target, None))
        done, _ = await asyncio.wait((task,), timeout=self._wait_seconds)
        return bool(done) and not task.cancelled() and task.result()

    async def _copy(self, staged: StagedObject, target: str) -> bool:
        async with self._copy_slots:
            try:
                return await self._bucket.copy_object(staged.key, target, staged.etag)  # guard: promotion-etag
            except Unavailable as error:
                log.warning("copy_failed", key=target, reason=error.detail)
                return False


def _etag_hash(etag: str) -> str:
    return hashlib.sha256(etag.encode()).hexdigest()[:32]  # guard: promotion-key
