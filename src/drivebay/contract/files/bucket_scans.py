"""Bucket scans: lists of the whole bucket. One janitor at a time runs a scan for all janitors.

A scan reads the bucket page by page, and records its position. If the janitor of a scan stops, another janitor resumes
the scan at the recorded position.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol

import msgspec

from ..ids import LeaseId


class ScanKind(StrEnum):
    """The kind of items that a scan lists. Each kind has its own position and lease."""

    OBJECTS = "objects"
    MULTIPARTS = "multiparts"


class ScanClaim(msgspec.Struct, frozen=True):
    """The result of `claim_scan`. If `is_granted`, the scan continues after `position`, or begins if `position` is
    None."""

    is_granted: bool
    position: str | None = None


class BucketScans(Protocol):
    async def claim_scan(self, kind: ScanKind, lease: LeaseId) -> ScanClaim:
        """Claim a scan under a new lease. The claim is refused if another lease is valid, or before the scan is due.

        The lease ends after some time if `save_scan` does not extend it. A repeat with the same lease has the same
        result.
        """
        ...

    async def save_scan(self, kind: ScanKind, lease: LeaseId, position: str) -> bool:
        """Record the position after a page, and extend the lease. Return False if another lease has replaced it."""
        ...

    async def finish_scan(self, kind: ScanKind, lease: LeaseId, pause_seconds: int) -> bool:
        """Record that a scan is complete. The next scan is due after `pause_seconds`.

        Return False if another lease has replaced `lease`.
        """
        ...
