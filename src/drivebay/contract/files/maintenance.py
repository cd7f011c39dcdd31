"""Calls for operators and for background work: dead letters, invariants, deletion of old changes, backlog, health."""

from __future__ import annotations

from typing import Protocol

import msgspec

from ..health import Health
from ..ids import DriveId


class DeadLetter(msgspec.Struct, frozen=True):
    """An event that cannot be used, with the reason.

    `id` has 1 to 255 bytes and identifies the event. The first 64 KiB of `payload` are stored. Characters and numbers
    that the database cannot store are replaced. `deliveries` is the number of deliveries of the event.
    """

    id: str
    subject: str
    reason: str
    payload: bytes
    deliveries: int


class Violation(msgspec.Struct, frozen=True):
    """A violated invariant: its name, the drive (None if it is not about one drive), and a description.

    `is_unknown`: the invariant could not be checked completely, so it may hold. `detail` says what was not available.
    """

    invariant: str
    owner: DriveId | None
    detail: str
    is_unknown: bool = False


class Backlog(msgspec.Struct, frozen=True):
    """The amount of waiting work.

    `overdue_uploads` are pending uploads whose deadline has passed. `due_purges` are objects that may be purged now, or
    whose purge has begun and is not finished.
    """

    pending_uploads: int
    overdue_uploads: int
    due_purges: int
    dead_letters: int


class Maintenance(Protocol):
    async def dead_letter(self, event: DeadLetter) -> None:
        """Record an event that cannot be used as a dead letter. A repeat with the same id has no effect."""
        ...

    async def check_invariants(self) -> tuple[Violation, ...]:
        """Check every invariant against the database and the store, and return the violations.

        The result is empty only if all invariants were checked and hold. If the database or the store was not available
        for an invariant, the result has one violation with `is_unknown`. The store is checked even if it has no
        objects. The call is slow on large data.
        """
        ...

    async def trim_changes(self, limit: int) -> int:
        """Delete about `limit` (1 to 1,000) of the oldest changes that are older than 30 days, and return their number.

        The other changes keep their numbers. Drives that another call has locked are skipped. If the result is 0, no
        such changes are left, or their drives are locked. A later call deletes these changes.

        Raises InvalidRequest.
        """
        ...

    async def get_backlog(self) -> Backlog:
        """Return the amount of waiting work."""
        ...

    async def health(self) -> tuple[Health, ...]:
        """Check the dependencies of the service now."""
        ...
