"""Commits: the only way in which an upload becomes a file."""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol

from .uploads import UploadRef


class CommitOutcome(StrEnum):
    """The result of one commit. A retry soon makes sense only for `UNKNOWN`."""

    # The values are labels of a released metric, so they must not change.
    COMPLETED = "completed"
    """This call turned the upload into a file."""
    ALREADY_ENDED = "already"
    """The upload had ended before this call, as a file or in another state."""
    ABSENT = "absent"
    """The store has no such object yet. The upload stays pending."""
    EXPIRED = "expired"
    """The store has no such object and the deadline has passed. This call ended the upload."""
    REJECTED = "rejected"
    """The object does not match the intent, or the file cannot be created. This call ended the upload, and the object
    will be purged."""
    UNKNOWN = "unknown"
    """The store sent no usable response, or another transaction holds the lock of the drive. The upload stays
    pending."""
    NO_UPLOAD = "no_upload"
    """There is no such upload."""


class Trigger(StrEnum):
    """The cause of a commit or of another change of an upload."""

    CLIENT = "client"
    EVENT = "event"
    """An event of the store."""
    SWEEP = "sweep"


class Commits(Protocol):
    async def commit_uploads(
        self, uploads: tuple[UploadRef, ...], trigger: Trigger | None = None
    ) -> tuple[CommitOutcome, ...]:
        """Look up the object of each upload and turn the upload into a file if the object matches the intent.

        Takes at most 1,000 uploads. `trigger` only appears in the timeline of the upload. Callers may commit any upload
        at any time, also concurrently: an upload creates exactly one file and is charged exactly once.

        If the folder of the upload, or a folder above it, is in the trash, the commit creates the file there, as if it
        had been trashed with the folder. The file is restored or purged with the folder. If the folder is purged, or
        its grace period has ended, the commit creates the file in the root, with a free name, and replaces nothing.
        """
        ...

    async def claim_pending_uploads(
        self, limit: int, overdue: bool, newest_first: bool = False
    ) -> tuple[UploadRef, ...]:
        """Return up to `limit` (at most 1,000) pending uploads whose scheduled look-up is due.

        With `overdue`, return uploads whose deadline has passed instead. These may be pending, watched (expired, and
        late bytes are still accepted), or complete with a staged object to delete. The call postpones their next
        look-up, so two callers do not get the same uploads.

        With `newest_first`, return the uploads first whose look-up became due most recently, and double the pause
        before each further look-up, up to ten minutes. Otherwise the pause is at most 8 seconds. `newest_first` has no
        effect together with `overdue`.
        """
        ...

    async def recheck_pending_uploads(self) -> int:
        """Make the look-up of every pending upload due now, and return the number of these uploads."""
        ...
