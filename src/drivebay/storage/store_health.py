"""Checks whether the store can be reached and has a correct clock."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from ..contract.health import Health
from ..errors import Unavailable
from .bucket import Bucket, BucketStatus
from .store_startup import StoreStartup

_CLOCK_TOLERANCE: Final = timedelta(seconds=60)
"""The maximum difference between our clock and the clock of the store. S3 refuses a signature whose time differs by
more than 15 minutes."""
_CACHE_SECONDS: Final = 1.0
"""The number of seconds for which a result is returned to all callers."""


class StoreHealth:
    """Checks the store at most once a second for all callers."""

    def __init__(self, bucket: Bucket, startup: StoreStartup, name: str, now: Callable[[], datetime]) -> None:
        self._bucket = bucket
        self._startup = startup
        self._bucket_name = name
        self._now = now
        self._cached: tuple[Health, ...] = ()
        self._cached_until = 0.0
        self._lock = asyncio.Lock()

    async def health(self) -> tuple[Health, ...]:
        async with self._lock:
            clock = asyncio.get_running_loop().time
            if clock() >= self._cached_until:
                self._cached = await self._check()
                self._cached_until = clock() + _CACHE_SECONDS
            return self._cached

    async def _check(self) -> tuple[Health, ...]:
        try:
            self._startup.require_ready()
            status = await self._bucket.head_bucket()
        except Unavailable as error:
            return (Health("store", ok=False, detail=error.detail),)
        if not status.exists:
            detail = f"the bucket {self._bucket_name} does not exist: create it, or correct DRIVEBAY_S3_BUCKET"
            return (Health("store", ok=False, detail=detail),)
        return (Health("store", ok=True), self._check_clock(status))

    def _check_clock(self, status: BucketStatus) -> Health:
        if status.store_time is None:
            return Health("store clock", ok=True)
        difference = abs(self._now() - status.store_time)
        if difference <= _CLOCK_TOLERANCE:
            return Health("store clock", ok=True)
        detail = f"the store's clock is {difference.total_seconds():.0f} s from ours: correct both clocks"
        return Health("store clock", ok=False, detail=detail)
