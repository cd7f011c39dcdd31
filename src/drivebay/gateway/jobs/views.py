"""JSON types of jobs."""

from __future__ import annotations

from uuid import UUID

import msgspec

from ...contract import files
from ..entries.views import File, file_view
from ..json_types import Time
from ..uploads.views import ItemProblem, item_problem_view


class Job(msgspec.Struct):
    """Work that takes longer than a request. A job of the kind `copy` copies a file, or a folder with everything in it.

    `drive_id` is the drive that gets the copy. `done` of `total` files and folders are copied, and `done_bytes` of
    `total_bytes`. The totals grow if the folder grows. `result` is the copy, as it was when the job was done. `error`
    says why a job has failed. Nothing of a job is visible before it is done.

    `waiting_since` is set while the job is running and no worker has it: the time of its last step, or of its start. If
    it is older than a minute, no worker runs, or all are busy. A job that no worker takes for a day fails with the code
    `unavailable`.
    """

    id: UUID
    kind: files.JobKind
    status: files.JobStatus
    done: int
    total: int
    drive_id: UUID
    created_at: Time
    result: File | None
    error: ItemProblem | None
    done_bytes: int
    total_bytes: int
    waiting_since: Time | None


class StartedJob(msgspec.Struct):
    """The job that continues the work of a request."""

    job: Job


def job_view(job: files.Job) -> Job:
    return Job(
        id=job.id,
        kind=job.kind,
        status=job.status,
        done=job.done,
        total=job.total,
        drive_id=job.drive,
        created_at=job.created_at,
        result=None if job.result is None else file_view(job.result),
        error=None if job.error is None else item_problem_view(job.error),
        done_bytes=job.done_bytes,
        total_bytes=job.total_bytes,
        waiting_since=job.waiting_since,
    )
