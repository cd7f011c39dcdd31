"""Scans of the bucket, shared by all janitors."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from ...contract.files import ScanClaim, ScanKind
from ...contract.ids import LeaseId
from ...errors import InvalidRequest
from ...postgres import Database
from ..storable_text import storable_text
from .store import ScanStore

LEASE_TIME: Final = timedelta(minutes=15)
"""The lease of a janitor for one page of the listing. The move of one orphan to quarantine may take 11 minutes."""
_MAX_PAUSE: Final = 366 * 86_400
"""The maximum number of seconds between two scans."""


class ScanService:
    """Implements `contract.files.BucketScans`."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._scans = ScanStore()

    async def claim_scan(self, kind: ScanKind, lease: LeaseId) -> ScanClaim:
        return await self._scans.claim_scan(self._db, kind, lease, LEASE_TIME)

    async def save_scan(self, kind: ScanKind, lease: LeaseId, position: str) -> bool:
        if storable_text(position) != position:
            raise InvalidRequest("position must be one that `list_objects` returned")
        return await self._scans.save_scan(self._db, kind, lease, position, LEASE_TIME)

    async def finish_scan(self, kind: ScanKind, lease: LeaseId, pause_seconds: int) -> bool:
        if not 0 <= pause_seconds <= _MAX_PAUSE:
            raise InvalidRequest(f"pause_seconds must be 0 to {_MAX_PAUSE}")
        return await self._scans.finish_scan(self._db, kind, lease, timedelta(seconds=pause_seconds))
