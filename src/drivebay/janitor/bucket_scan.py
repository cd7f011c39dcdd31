"""A scan of the bucket, which one janitor runs for all janitors, under a lease and at a bounded rate. A scan can be
resumed."""

from __future__ import annotations

import asyncio
from typing import Protocol

import structlog

from ..contract.files import Files, ScanKind
from ..contract.ids import LeaseId
from .settings import Settings

log = structlog.get_logger(__name__)


class Scan(Protocol):
    """A scan of the objects or of the multipart uploads, page by page.

    The scan continues after `position`, or begins at the start if `position` is None.
    """

    position: str | None

    async def extend(self) -> bool:
        """Extend the lease in the middle of a page. Return False if another janitor has taken over the scan."""
        ...

    async def finish_page(self, position: str | None, listed: int) -> bool:
        """End a page of `listed` items. The next page begins after `position`, which is None for the last page.

        Return False if there is no next page, or if another janitor has taken over the scan.
        """
        ...


class BucketScan:
    """Implements `Scan` with a lease in the database, so that one janitor scans for all janitors."""

    def __init__(self, files: Files, settings: Settings, kind: ScanKind, lease: LeaseId) -> None:
        self.position: str | None = None
        self._files = files
        self._settings = settings
        self._kind = kind
        self._lease = lease

    @classmethod
    async def claim(cls, files: Files, settings: Settings, kind: ScanKind, lease: LeaseId) -> BucketScan | None:
        """Claim a scan. Return None if another janitor has it, or if it is not due. Raises Unavailable or
        TimeoutError, as the other methods do.

        With the lease of an earlier claim, a janitor resumes the scan at the position where it failed.
        """
        scan = cls(files, settings, kind, lease)
        async with asyncio.timeout(settings.deadline.total_seconds()):
            claim = await files.claim_scan(kind, lease)
        scan.position = claim.position
        return scan if claim.is_granted else None

    async def extend(self) -> bool:
        """Extend the lease at the current position. Return False if another janitor has taken over the scan."""
        async with asyncio.timeout(self._settings.deadline.total_seconds()):
            return await self._save(self.position or "")

    async def finish_page(self, position: str | None, listed: int) -> bool:
        """Record the position after a page of `listed` items, and wait to keep the rate.

        If `position` is None, the scan is complete. Return False if the scan is complete, or if another janitor has
        taken it over.
        """
        async with asyncio.timeout(self._settings.deadline.total_seconds()):
            if position is None:
                # Pause a little less than the interval, so that the scan is due when this janitor tries again.
                pause = int(self._settings.orphan_interval.total_seconds() * 0.9)
                await self._files.finish_scan(self._kind, self._lease, pause)
                return False
            self.position = position
            is_ours = await self._save(position)
        if not is_ours:
            return False
        await asyncio.sleep(listed / self._settings.scan_rate)  # guard: scan-rate
        return True

    async def _save(self, position: str) -> bool:
        is_ours = await self._files.save_scan(self._kind, self._lease, position)
        if not is_ours:
            log.warning("scan_lease_lost", kind=self._kind.value)
        return is_ours
