"""SQL statements on the usage row of a drive. A lock on this row is the lock of the drive.

A transaction that waits too long for a lock fails with Unavailable, and releases its connection. So a large change of
one drive does not use up the connections that other drives need.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import msgspec

from ...contract.files import DriveUsage, Totals, Usage
from ...contract.ids import DriveId
from ...errors import QuotaExceeded, RateLimited
from ...postgres import Connection, Database, Statements

_LOCK_TIMEOUT: Final = "3000"
"""The number of milliseconds for which a transaction waits for a lock."""


class LockedUsage(msgspec.Struct, frozen=True):
    """The usage of an owner whose row this transaction has locked. `used_bytes` are the stored bytes."""

    used_bytes: int
    reserved_bytes: int
    pending_uploads: int
    quota_bytes: int
    entry_count: int
    purge_count: int

    @property
    def free_bytes(self) -> int:
        """The bytes of the quota that are not used and not reserved, at least 0."""
        return max(0, self.quota_bytes - self.used_bytes - self.reserved_bytes)

    def fits(self, size: int) -> bool:
        """Return whether `size` more bytes fit in the quota."""
        return self.used_bytes + self.reserved_bytes + size <= self.quota_bytes  # guard: quota-reserved-bytes

    def check_bytes(self, size: int) -> None:
        """Raise QuotaExceeded if `size` more bytes would exceed the quota."""
        if not self.fits(size):
            left = f"{self.free_bytes} of {self.quota_bytes} bytes are free"
            raise QuotaExceeded(f"{size} bytes do not fit in the quota: {left}")

    def allows_entries(self, new: int, max_entries: int) -> bool:
        """Return whether `new` more entries are allowed. Each pending upload counts as an entry."""
        return self.entry_count + self.pending_uploads + new <= max_entries  # guard: entry-limit-pending

    def check_entries(self, max_entries: int) -> None:
        """Raise QuotaExceeded if the drive cannot have another entry."""
        if not self.allows_entries(1, max_entries):  # guard: entry-limit
            raise QuotaExceeded(
                f"the drive has {self.entry_count} files and folders, the trash included, and {self.pending_uploads} "
                f"pending uploads, and may have {max_entries}; delete some from the trash, or abort pending uploads"
            )

    def allows_uploads(self, new: int, max_purges: int) -> bool:
        """Return whether `new` more uploads may begin. The purges of ended uploads count, and so do pending uploads."""
        return self.purge_count + self.pending_uploads + new <= max_purges

    def check_purges(self, max_purges: int) -> None:
        """Raise RateLimited if no other upload may begin."""
        if not self.allows_uploads(1, max_purges):  # guard: begin-purges-locked
            raise RateLimited(
                f"{self.purge_count} uploads of this drive were aborted, or their files deleted, within the last days; "
                "try again later",
                retry_after=3600,
            )


class UsageStore:
    def __init__(self) -> None:
        self.statements = Statements(Path(__file__).with_name("statements.sql"))

    async def lock_usage(self, tx: Connection, owner: DriveId, default_quota: int) -> LockedUsage:
        """Take the lock of the drive until the transaction ends, and return its usage. A missing row is inserted."""
        record = await tx.fetchrow(self.statements["lock_usage"], owner, default_quota, _LOCK_TIMEOUT)
        assert record is not None  # noqa: S101 - an upsert returns its row
        return LockedUsage(*record)

    async def lock_owners(self, tx: Connection, owners: Iterable[DriveId]) -> None:
        """Take the locks of several drives until the transaction ends. A drive without a row is skipped."""
        await tx.execute(self.statements["lock_owners"], sorted(set(owners)), _LOCK_TIMEOUT)

    async def lock_free_owners(self, tx: Connection, owners: Iterable[DriveId]) -> frozenset[DriveId]:
        """Take the locks that no other transaction has, until this transaction ends, and return their drives."""
        records = await tx.fetch(self.statements["lock_free_owners"], list(owners))
        return frozenset(DriveId(record["owner_id"]) for record in records)

    async def reserve_bytes(self, tx: Connection, owner: DriveId, size: int) -> None:
        await tx.execute(self.statements["reserve_bytes"], owner, size)

    async def set_quota(self, tx: Connection, drive: DriveId, limit_bytes: int | None) -> None:
        """Set the quota of a drive that is locked. None: the quota of the deployment."""
        await tx.execute(self.statements["set_quota"], drive, limit_bytes)

    async def select_usages(self, db: Database, drives: Iterable[DriveId], default_quota: int) -> list[DriveUsage]:
        """Return the usage of the drives that have a row."""
        records = await db.fetch(self.statements["select_usages"], list(drives), default_quota)
        return [_drive_usage(record) for record in records]

    async def list_usages(
        self, db: Database, after: tuple[int, UUID], limit: int, default_quota: int, *, descending: bool
    ) -> list[DriveUsage]:
        """Return up to `limit` drives with stored bytes. `after` is the last drive of the previous page."""
        arguments = (*after, limit, default_quota)
        if descending:
            records = await db.fetch(self.statements["list_usages_descending"], *arguments)
        else:
            records = await db.fetch(self.statements["list_usages"], *arguments)
        return [_drive_usage(record) for record in records]

    async def select_totals(self, db: Database) -> Totals:
        record = await db.fetchrow(self.statements["select_totals"])
        assert record is not None  # noqa: S101 - an aggregate without GROUP BY returns one row
        return Totals(*record)

    async def select_usage(self, db: Database, owner: DriveId, default_quota: int) -> Usage | None:
        """Return the usage of a drive, or None if it has no row yet."""
        record = await db.fetchrow(self.statements["select_usage"], owner, default_quota)
        return None if record is None else Usage(*record)


def _drive_usage(record: Any) -> DriveUsage:
    drive, *usage = record
    return DriveUsage(DriveId(UUID(int=drive.int)), Usage(*usage))
