"""Operations for operators and background work: dead letters, invariants, backlog, health."""

from __future__ import annotations

from typing import Protocol

import msgspec

from ..health import Health
from ..ids import DriveId


class DeadLetter(msgspec.Struct, frozen=True):
    """An event that cannot be used, with the reason.

    `id` has 1 to 255 bytes and identifies the event. Of `payload` the first 64 KiB are kept. Characters and numbers
    that the database cannot store are replaced. `deliveries` is how often the event was delivered.
    """

    id: str
    subject: str
    reason: str
    payload: bytes
    deliveries: int


class Violation(msgspec.Struct, frozen=True):
    """A broken invariant: its name, the owner it concerns if it concerns one, and what was found.

    `is_unknown`: the invariant could not be checked, or not completely. It may hold. `detail` says what did not answer.
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

        The result is empty only if all invariants were checked and hold. An invariant that could not be checked
        because the database or the store did not answer is one violation with `is_unknown`. The store is asked even
        if it holds no object. The call is slow on large data.
        """
        ...

    async def trim_changes(self, limit: int) -> int:
        """Delete about `limit` (1 to 1,000) of the oldest changes that are older than 30 days, and return their number.

        The changes that stay keep their numbers. Owners that another call is changing are skipped. 0: nothing is left,
        or the owners of the oldest changes are locked. A later call deletes these.

        Raises InvalidRequest.
        """
        ...

    async def get_backlog(self) -> Backlog:
        """Return the amount of waiting work."""
        ...

    async def health(self) -> tuple[Health, ...]:
        """Check the dependencies of the service now."""
        ...
