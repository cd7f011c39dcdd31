"""Jobs: work that takes longer than a request. Today that is the copy of a large folder, and copies into other drives.

A job belongs to the user who started it. `Jobs` is for users. `JobClaims` is for the worker, which claims jobs under a
lease and runs them in steps. Each step is one transaction, so another worker continues a job after the last step.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Protocol

import msgspec

from ..ids import DriveId, FileId, JobId, LeaseId, UserId
from .access import Access
from .copies import CopyTarget
from .entries import File
from .uploads import ItemError


class JobKind(StrEnum):
    """The kind of work of a job."""

    COPY = "copy"
    """Copies a file, or a folder with everything in it."""


class JobStatus(StrEnum):
    """The state of a job. Every state but `RUNNING` is final."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Job(msgspec.Struct, frozen=True):
    """A job of a user.

    `drive` is the drive that gets the copy. `done` of `total` files and folders are copied, and `done_bytes` of
    `total_bytes`. The totals are those that are known at the moment, and grow if the folder grows. `result` is the
    copy, as it was when the job was done. `error` is set if the job has failed.

    `waiting_since` is set while the job has the status `running` but no worker has claimed it. It is the time of the
    last step of the job, or of its start. If a job waits for more than a minute, no worker runs, or other jobs keep all
    workers busy.
    """

    id: JobId
    drive: DriveId
    kind: JobKind
    status: JobStatus
    done: int
    total: int
    created_at: datetime
    result: File | None = None
    error: ItemError | None = None
    done_bytes: int = 0
    total_bytes: int = 0
    waiting_since: datetime | None = None


class JobTask(msgspec.Struct, frozen=True):
    """A job to run, or a job that has ended and is not cleaned up yet."""

    drive: DriveId
    id: JobId


class Jobs(Protocol):
    """The jobs of a user. A job of another user raises NotFound, and so does a job in a drive to which the user has
    lost access."""

    async def start_copy(
        self, access: Access, id: FileId, target: CopyTarget, idempotency_key: str | None = None
    ) -> Job:
        """Start a job that copies a folder of any size with everything in it, as `copy_entry` does.

        The copy becomes visible as a whole when the job is done. Each folder is copied as it is when the job reads it.
        The bytes count in the usage from the time they are copied, until soon after a job has failed or was cancelled.
        The job checks before each step that the actor still has access. If it fails, its `error` is the error that
        `copy_entry` would raise. `too_large` means that the folder has more than 200,000 files and folders (a setting
        of the files service). The record of a job is deleted 7 days after the end of the job, or earlier if 1,000 later
        jobs of the user have ended. A job that no worker claims for a day fails.

        A repeat with the same `idempotency_key` within 24 hours returns the same job. If the record of this job was
        deleted meanwhile, because 1,000 later jobs of the actor have ended, the repeat raises NotFound and copies
        nothing.

        Raises NotFound (the folder, the new parent, or the deleted record of a repeat), NameTaken, WouldCycle,
        InvalidRequest (a file, the name, or folders would be nested too deeply), Forbidden (the actor has no account),
        RateLimited (too many jobs of the actor are running), IdempotencyKeyReused, InProgress.
        """
        ...

    async def start_drive_copy(
        self,
        access: Access,
        id: FileId,
        target_access: Access,
        target: CopyTarget,
        idempotency_key: str | None = None,
    ) -> Job:
        """Copy a file, or a folder with everything in it, into another drive. Return the job that does it.

        The store copies the bytes of each current version. Content, type, properties, checksums and the modification
        time are copied. Stars and old versions are not. This call runs the job of a file itself, for up to 10 seconds,
        so the job is often done already. If the job of a file fails in this time, the call raises its error. Otherwise
        the rules of `start_copy` apply: the copy becomes visible as a whole, the bytes are reserved in the quota of the
        other drive before the store copies them, and each step checks that the actor still may read the original and
        change the folder. If the content of a file is deleted before it is copied, the job fails with Conflict.

        `access` and `target_access` have the same actor. The result of a repeat with the same `idempotency_key` is the
        same job as it is now. If the record of this job was deleted, the repeat raises NotFound, as in `start_copy`.

        Raises NotFound (the entry, the new parent, or the deleted record of a repeat), NameTaken, InvalidRequest (both
        drives are the same, the name, or folders would be nested too deeply), Forbidden (the actor has no account),
        QuotaExceeded, Conflict, RateLimited (too many jobs of the actor are running, or the drive has too many
        tombstones), IdempotencyKeyReused, InProgress.
        """
        ...

    async def get_job(self, actor: UserId, id: JobId) -> Job:
        """Return a job. Raises NotFound."""
        ...

    async def cancel_job(self, actor: UserId, id: JobId) -> None:
        """Cancel a job that is running: no part of its copy becomes visible. A job that has ended does not change.
        Raises NotFound."""
        ...


class JobClaims(Protocol):
    async def claim_jobs(self, lease: LeaseId, limit: int) -> tuple[JobTask, ...]:
        """Claim up to `limit` (1 to 100) jobs under a new lease of one minute. The job that has waited longest is
        first.

        While the lease lasts, no other caller gets these jobs or other jobs of their drives. A repeat gets the same
        jobs. Raises InvalidRequest (the limit).
        """
        ...

    async def run_job_step(self, lease: LeaseId, task: JobTask, ends_lease: bool = False) -> bool:
        """Run the next step of a job, which handles at most 1,000 files and folders. Return whether there is another
        step.

        In a step of a copy into another drive, the store copies at most 64 objects, and the call waits some seconds for
        them.

        The step extends the lease by a minute. With `ends_lease`, the lease ends after the step, and the job can be
        claimed at once. If the lease has ended already, the call changes nothing and returns False.

        Raises Unavailable: the step has changed nothing.
        """
        ...

    async def release_jobs(self, lease: LeaseId) -> None:
        """End a lease: its jobs can be claimed at once. If the lease has ended already, the call does nothing."""
        ...
