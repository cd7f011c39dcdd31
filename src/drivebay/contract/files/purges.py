"""Purges: the permanent deletion of objects, under a lease.

A purge has three steps. `claim_purges` marks objects as `purging` in the database. The caller deletes them in the
store. `finish_purges` deletes their rows. If a purge is interrupted, it is claimed again when its lease has ended.
"""

from __future__ import annotations

from typing import Protocol

import msgspec

from ..ids import LeaseId
from .uploads import UploadRef


class PurgeTask(msgspec.Struct, frozen=True):
    """An object to delete. `key` is its key in the store.

    If `multipart_id` is set, a multipart upload must be aborted first. If `has_partial_parts` is set, partial parts may
    be stored beside the upload and must be deleted too. If `has_thumbnails` is set, the thumbnails of the object must
    be deleted too.
    """

    ref: UploadRef
    key: str
    multipart_id: str | None = None
    has_partial_parts: bool = False
    has_thumbnails: bool = False


class Purges(Protocol):
    async def claim_purges(self, lease: LeaseId, limit: int) -> tuple[PurgeTask, ...]:
        """Claim up to `limit` (at most 1,000) objects that are due for deletion, under a new lease.

        Before that, delete entries whose grace period is over, and old versions that have reached their age. An object
        is due when the last version that refers to it is deleted.

        When the call returns, the state `purging` of these objects is committed, so they cannot be restored. When the
        lease has ended, another caller may claim the objects that were not finished.
        """
        ...

    async def finish_purges(self, lease: LeaseId, uploads: tuple[UploadRef, ...]) -> int:
        """Delete the rows of objects that are deleted in the store, and release their bytes from the quota.

        Return the number of purges that were finished. Uploads that do not belong to `lease` any more are ignored. A
        drive that stays locked for seconds does not delay the others: its purges are claimed again when the lease ends.
        """
        ...

    async def known_uploads(self, uploads: tuple[UploadRef, ...]) -> tuple[bool, ...]:
        """Return for each upload whether a row refers to its object: an upload, a version or a tombstone.

        An object for which this returns False is an orphan.
        """
        ...

    async def list_multipart_ids(self, uploads: tuple[UploadRef, ...]) -> tuple[str, ...]:
        """Return the multipart id of each upload (at most 1,000) that is pending, and an empty string for others."""
        ...
