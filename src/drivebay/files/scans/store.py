"""SQL statements on scans of the bucket. They need no lock of a drive."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from ...contract.files import ScanClaim, ScanKind
from ...contract.ids import LeaseId
from ...postgres import Database, Statements


class ScanStore:
    def __init__(self) -> None:
        self.statements = Statements(Path(__file__).with_name("statements.sql"))

    async def claim_scan(self, db: Database, kind: ScanKind, lease: LeaseId, lease_time: timedelta) -> ScanClaim:
        """Lease a due scan for `lease_time`."""
        record = await db.fetchrow(self.statements["claim_scan"], kind.value, lease, lease_time)
        return (
            ScanClaim(is_granted=False) if record is None else ScanClaim(is_granted=True, position=record["position"])
        )

    async def save_scan(
        self, db: Database, kind: ScanKind, lease: LeaseId, position: str, lease_time: timedelta
    ) -> bool:
        """Record the position of a scan. Return False if another janitor has the lease."""
        return await db.fetchval(self.statements["save_scan"], kind.value, lease, position, lease_time) is not None

    async def finish_scan(self, db: Database, kind: ScanKind, lease: LeaseId, pause: timedelta) -> bool:
        """Record that a scan is complete. Return False if another janitor has the lease."""
        return await db.fetchval(self.statements["finish_scan"], kind.value, lease, pause) is not None
