"""Deletes the data of jobs that have ended: copies that did not become visible, and the list of copied folders."""

from __future__ import annotations

from ...contract.files import Job
from ...postgres import Connection
from ..drive_copies.store import DriveCopyStore
from ..versions.store import VersionStore
from .store import JobStore


class JobCleanup:
    def __init__(self) -> None:
        self._copies = DriveCopyStore()
        self._jobs = JobStore()
        self._versions = VersionStore()

    async def delete_batch(self, tx: Connection, job: Job, limit: int) -> bool:
        """Delete up to `limit` planned objects or hidden copies of a job that has ended, or rows about its folders.

        Return whether there is more to delete. Needs the lock of the drive.
        """
        if await self._copies.abort_planned_objects(tx, job, limit) == limit:
            return True
        deleted = await self._jobs.delete_hidden_copies(tx, job, limit)
        await self._versions.delete_of_files(tx, deleted)
        if len(deleted) == limit:
            return True
        if await self._jobs.delete_folders(tx, job, limit) == limit:
            return True
        await self._jobs.finish(tx, job)
        return False
