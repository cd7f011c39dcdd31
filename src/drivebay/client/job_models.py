"""The values of jobs that the API returns."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from .api_models import File, ItemError


class Job(msgspec.Struct, frozen=True):
    """Work that takes longer than a request, such as the copy of a large folder.

    `drive_id` is the drive that gets the copy. `done` of `total` files and folders are copied, and `done_bytes` of
    `total_bytes`. `result` is the copy. `error` is set if the job has failed. `waiting_since` is set while no worker
    has the job.
    """

    id: str
    kind: str
    status: Literal["running", "done", "failed", "cancelled"]
    done: int
    total: int
    drive_id: str
    created_at: datetime
    result: File | None = None
    error: ItemError | None = None
    done_bytes: int = 0
    total_bytes: int = 0
    waiting_since: datetime | None = None


class JobResponse(msgspec.Struct, frozen=True):
    """A response that may contain a job. `job` is None if the response contains another value."""

    job: Job | None = None
