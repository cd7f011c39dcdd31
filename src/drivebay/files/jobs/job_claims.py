"""Jobs for the worker, which claims them with a lease and runs them in steps.

Each step is one transaction under the lock of the drive, and writes its progress. So a step happens once or not at all,
and another worker can continue after it. If another worker has claimed the job, the first worker cannot change it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Final
from uuid import UUID

import structlog

from ...contract.files import JobStatus, JobTask, TreeSize
from ...contract.ids import LeaseId
from ...contract.storage import Storage
from ...errors import (
    Conflict,
    Error,
    Forbidden,
    Internal,
    InvalidRequest,
    NotFound,
    QuotaExceeded,
    TooLarge,
    Unavailable,
)
from ...hints import HintChannel
from ...observability.crash_points import crash_point
from ...postgres import Connection, Database
from ..drive_copies.drive_copy import DriveCopy, PreparedStep
from ..entries.store import EntryStore
from ..settings import Settings
from ..usage.store import LockedUsage, UsageStore
from .job_cleanup import JobCleanup
from .store import JobStore, StoredJob
from .tree_copy import STEP_ENTRIES, TreeCopy

log = structlog.get_logger(__name__)

RETENTION: Final = timedelta(days=7)
"""Jobs are deleted when this time has passed since their end."""
MAX_ATTEMPTS: Final = 20
"""A job fails after this number of claims without a successful step."""
_MAX_TASKS: Final = 100
"""The maximum number of jobs in one claim."""
_FINAL_ERRORS: Final = (NotFound, Forbidden, Conflict, InvalidRequest, QuotaExceeded, TooLarge)
"""The errors that end a job. After any other error, the step is tried again."""


class JobClaimService:
    """Implements `contract.files.JobClaims`."""

    def __init__(
        self, db: Database, storage: Storage, settings: Settings, new_id: Callable[[], UUID], hints: HintChannel
    ) -> None:
        self._db = db
        self._settings = settings
        self._hints = hints
        self._jobs = JobStore()
        self._entries = EntryStore()
        self._usage = UsageStore()
        self._copy = TreeCopy(settings, new_id)
        self._drive_copy = DriveCopy(db, storage, settings, new_id)
        self._cleanup = JobCleanup()

    async def claim_jobs(self, lease: LeaseId, limit: int) -> tuple[JobTask, ...]:
        if not 1 <= limit <= _MAX_TASKS:
            raise InvalidRequest(f"limit must be 1 to {_MAX_TASKS}")
        await self._jobs.prune_jobs(self._db, RETENTION)
        return tuple(await self._jobs.lease_jobs(self._db, lease, limit, self._settings.job_lease))

    async def run_job_step(self, lease: LeaseId, task: JobTask, ends_lease: bool = False) -> bool:
        unfinished = await self._jobs.select_unfinished(self._db, task)
        if unfinished is None:
            return False
        length = None if ends_lease else self._settings.job_lease
        try:
            found = await self._prepare(unfinished)
            async with self._db.transaction() as tx:
                usage = await self._usage.lock_usage(tx, task.drive, self._settings.quota)
                stored = await self._jobs.lock_leased(tx, lease, task)
                if stored is None:
                    return False
                if stored.steps != unfinished.steps:  # guard: job-overtaken-step
                    return True
                needs_step, is_visible = await self._run(tx, stored, usage, found)
                if needs_step:
                    await self._jobs.keep_lease(tx, task, length)
                crash_point("job.step_before_db_commit")
        except _FINAL_ERRORS as error:
            return await self._fail(lease, task, error, length)
        crash_point("job.step_after_db_commit")
        if is_visible:
            self._hints.publish(task.drive)  # guard: hint-after-job
        return needs_step

    async def release_jobs(self, lease: LeaseId) -> None:
        await self._jobs.release_jobs(self._db, lease)

    async def _run(
        self, tx: Connection, stored: StoredJob, usage: LockedUsage, found: PreparedStep | TreeSize | None
    ) -> tuple[bool, bool]:
        """Run a step. Return whether another step is needed, and whether copies became visible."""
        if stored.job.status is not JobStatus.RUNNING:
            return await self._cleanup.delete_batch(tx, stored.job, STEP_ENTRIES), False
        if stored.attempts > MAX_ATTEMPTS:  # guard: job-attempts
            problem = Internal(f"the job was tried {MAX_ATTEMPTS} times, and made no progress")
            await self._jobs.end_job(tx, stored.job, JobStatus.FAILED, error=problem)
            return True, False
        if isinstance(found, PreparedStep):
            return True, await self._drive_copy.run_step(tx, stored, usage, found)
        return True, await self._copy.run_step(tx, stored, usage, found)

    async def _prepare(self, stored: StoredJob) -> PreparedStep | TreeSize | None:
        """Read what the next step needs, before the step takes the lock of the drive.

        Return None if nothing is needed or known.
        """
        if stored.job.status is not JobStatus.RUNNING or stored.attempts > MAX_ATTEMPTS:
            return None
        if stored.source_drive is not None:
            return await self._drive_copy.prepare(stored, stored.source_drive)
        return await self._measure(stored)

    async def _fail(self, lease: LeaseId, task: JobTask, error: Error, length: timedelta | None) -> bool:
        """End a job with an error. The step that raised it was rolled back."""
        async with self._db.transaction() as tx:
            await self._usage.lock_usage(tx, task.drive, self._settings.quota)
            stored = await self._jobs.lock_leased(tx, lease, task)
            if stored is None:
                return False
            await self._jobs.end_job(tx, stored.job, JobStatus.FAILED, error=error)
            await self._jobs.keep_lease(tx, task, length)
        log.info("job_failed", job=str(task.id), kind=stored.job.kind.value, code=error.code, done=stored.job.done)
        return True

    async def _measure(self, stored: StoredJob) -> TreeSize | None:
        """Return the size of the tree, without the lock. Only the first step needs it.

        Return None after the first step, or if it takes too long.
        """
        if stored.has_begun:
            return None
        try:
            return await self._entries.measure_tree(self._db, stored.job.drive, stored.source)
        except Unavailable:
            return None
