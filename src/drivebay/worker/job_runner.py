"""Runs the jobs of the files service, step by step.

A step is one transaction of the files service. If a worker dies during a step, the lease ends later, and another worker
continues after the last step.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final
from uuid import UUID

import structlog
from prometheus_client import Counter

from ..contract.files import Files, JobTask
from ..contract.ids import LeaseId
from ..errors import Error
from .settings import Settings

log = structlog.get_logger(__name__)

STEPS: Final = Counter("drivebay_worker_job_steps_total", "Steps of jobs that have ended", ["outcome"])

_RELEASE_TIMEOUT: Final = 2.0
"""The maximum number of seconds to release a lease. The worker is stopping, and must not wait for long."""


class JobRunner:
    """Runs `job_slots` jobs at the same time."""

    def __init__(self, files: Files, settings: Settings, *, new_id: Callable[[], UUID]) -> None:
        self._files = files
        self._settings = settings
        self._new_id = new_id
        self._running: set[asyncio.Task[None]] = set()

    async def start_jobs(self, tasks: asyncio.TaskGroup, ended: Callable[[], None]) -> int:
        """Claim jobs for the free slots and begin to run them. Return the number of claimed jobs.

        `ended` is called after each job. Raises Unavailable and TimeoutError.
        """
        free = self._settings.job_slots - len(self._running)
        if free <= 0:  # guard: job-slots
            return 0
        lease = LeaseId(self._new_id())
        async with asyncio.timeout(self._settings.deadline.total_seconds()):
            claimed = await self._files.claim_jobs(lease, free)
        for task in claimed:
            running = tasks.create_task(self._run_safely(lease, task))
            self._running.add(running)
            running.add_done_callback(self._running.discard)
            running.add_done_callback(lambda _: ended())
        return len(claimed)

    async def run(self, lease: LeaseId, task: JobTask) -> None:
        """Run steps until the job ends, or until `job_time` has passed. Raises the errors of the files service."""
        clock = asyncio.get_running_loop().time
        ends_at = clock() + self._settings.job_time.total_seconds()
        ends_lease = False
        while not ends_lease:
            ends_lease = clock() > ends_at
            # The timeout of this method in the contract bounds the call, not `deadline`: the last step of a large copy
            # takes long.
            needs_step = await self._files.run_job_step(lease, task, ends_lease)
            STEPS.labels("ok").inc()
            if not needs_step:
                return

    async def _run_safely(self, lease: LeaseId, task: JobTask) -> None:
        try:
            await self.run(lease, task)
        except (Error, TimeoutError) as error:  # the lease ends, and the job is claimed again
            STEPS.labels("failed").inc()
            log.warning("job_postponed", job=str(task.id), reason=str(error) or "no response in time")
        except Exception as error:  # a defect must not stop the other jobs
            STEPS.labels("failed").inc()
            log.error("job_step_failed", job=str(task.id), exc_info=error)
        except asyncio.CancelledError:  # the worker stops
            await self._release(lease)  # guard: job-release-at-stop
            raise

    async def _release(self, lease: LeaseId) -> None:
        """End the lease, so that another worker gets its jobs immediately.

        If the call fails, the lease ends when its time is over.
        """
        try:
            async with asyncio.timeout(_RELEASE_TIMEOUT):
                await self._files.release_jobs(lease)
        except (Error, TimeoutError) as error:
            log.info("job_not_released", reason=str(error) or "no response in time")
