"""The last step of a copy: all hidden entries become visible at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final
from uuid import UUID

from ...contract.files import Access, File, JobStatus, Role
from ...contract.ids import DriveId, FileId, VersionId
from ...errors import Conflict
from ...postgres import Connection
from ..drive_copies.store import DriveCopyStore
from ..entries.free_names import Location
from ..entries.name_conflicts import place_entry
from ..entries.service import require_entry
from ..entries.store import EntryStore
from ..settings import Settings
from ..versions.store import SharedVersion, VersionStore
from .job_cleanup import JobCleanup
from .store import JobStore, StoredJob

_CLEANUP_LIMIT: Final = 10
"""The maximum number of rows that a cleanup deletes here. A job that has copied one file has fewer rows."""


class JobPublication:
    """Makes the copies of a job visible when all are made."""

    def __init__(self, settings: Settings, new_id: Callable[[], UUID]) -> None:
        self._settings = settings
        self._new_id = new_id
        self._copies = DriveCopyStore()
        self._entries = EntryStore()
        self._jobs = JobStore()
        self._cleanup = JobCleanup()
        self._versions = VersionStore()

    async def publish(self, tx: Connection, stored: StoredJob, source: File, entries: int) -> None:
        """Make all copies of a job visible, and end the job. `entries` is the number of copies.

        Raises NameTaken, Conflict (some of the copies are lost).
        """
        drive, target = stored.job.drive, stored.target
        location = Location(DriveId(drive), target.parent, source.name if target.name is None else target.name)
        placement = await place_entry(self._entries, tx, source, location, target.on_conflict, is_copy=True)
        if placement.replaced is not None:
            await self._replace(tx, stored, source, placement.replaced)
            return
        published = await self._jobs.publish_copies(tx, stored, target.parent, placement.name)
        # A process of the previous release of Drivebay may have emptied the trash, and so deleted hidden copies.
        if published is None or published[0] != entries:  # guard: job-complete-copy
            raise Conflict("some of the copies were deleted before all were made: start the copy again")
        await self._jobs.end_job(tx, stored.job, JobStatus.DONE, result=published[1])

    async def _replace(self, tx: Connection, stored: StoredJob, source: File, replaced: FileId) -> None:
        """Make the content of the hidden copy of a file a new version of another file, and delete the copy."""
        copy = await self._jobs.select_first_copy(tx, stored.job)
        version = await self._copies.select_copied_version(tx, stored.job, copy)
        if version is None:
            raise Conflict("the copy was deleted before it was complete: start the copy again")
        shared = SharedVersion(VersionId(self._new_id()), replaced, version, source.modified_at)
        access = Access(stored.job.drive, stored.actor, Role.EDITOR)
        file = require_entry(await self._versions.share_version(tx, access, shared), replaced)
        await self._versions.delete_excess(tx, access.drive, replaced, self._settings.versions_keep)
        await self._jobs.end_job(tx, stored.job, JobStatus.DONE, result=file)
        # A job that is done has no hidden entries.
        await self._cleanup.delete_batch(tx, stored.job, _CLEANUP_LIMIT)
