"""The worker runs jobs: to their end, after kill -9 at any step, and in turns."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

import msgspec
import pytest
from uuid_utils.compat import uuid7

from drivebay.contract import files as c
from drivebay.contract.ids import ROOT, UserId
from drivebay.worker import service
from drivebay.worker.job_runner import JobRunner
from drivebay.worker.settings import Settings

from ..files.conftest import Drive, new_owner, open_drive
from ..files.test_copies import tree
from ..files.test_jobs import count_hidden, get, insert_tree, start

OWN: Final = Settings(interval=timedelta(milliseconds=20))
_ENTRIES: Final = 3 * 701 + 2


@pytest.fixture
async def drive(database_url: str) -> AsyncIterator[Drive]:
    async with open_drive(database_url, "direct") as drive:
        yield drive


@asynccontextmanager
async def running(drive: Drive) -> AsyncIterator[None]:
    no_auth: Any = None  # without webhooks the worker does not call it
    task = asyncio.create_task(service.run(no_auth, OWN, files=drive.files))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def wait_for_end(drive: Drive, job: c.Job) -> c.Job:
    async with asyncio.timeout(120):
        while (shown := await get(drive, job)).status is c.JobStatus.RUNNING:
            await asyncio.sleep(0.05)
        sql = "SELECT is_settled FROM files.jobs WHERE id = $1"
        while not await drive.database.fetchval(sql, job.id):
            await asyncio.sleep(0.05)
    return shown


async def test_a_worker_copies_a_tree(drive: Drive) -> None:
    top = await insert_tree(drive)
    job = await start(drive, top.id)
    async with running(drive):
        done = await wait_for_end(drive, job)
    assert (done.status, done.done) == (c.JobStatus.DONE, _ENTRIES)
    assert done.result is not None
    assert await tree(drive, done.result.id) == await tree(drive, top.id)


async def test_a_worker_deletes_what_a_cancelled_job_has_copied(drive: Drive) -> None:
    top = await insert_tree(drive)
    before = await drive.files.get_usage(drive.access)
    job = await start(drive, top.id)
    runner = JobRunner(drive.files, replace(OWN, job_time=timedelta(seconds=-1)), new_id=uuid7)
    for _ in range(3):
        async with asyncio.TaskGroup() as tasks:
            assert await runner.start_jobs(tasks, lambda: None) == 1  # one step each time: its time is over
    assert await count_hidden(drive) > 0
    await drive.files.cancel_job(UserId(drive.owner), job.id)
    async with running(drive):
        await wait_for_end(drive, job)
    assert await count_hidden(drive) == 0
    assert await drive.files.get_usage(drive.access) == before


async def test_a_worker_claims_no_more_jobs_than_it_has_slots(drive: Drive) -> None:
    for each in (drive, drive.for_owner(new_owner())):
        await start(each, (await insert_tree(each, 1, 1)).id)
    for slots, expected in ((0, 0), (1, 1), (2, 1)):  # the second claim has ended one of the two jobs
        async with asyncio.TaskGroup() as tasks:
            runner = JobRunner(drive.files, replace(OWN, job_slots=slots), new_id=uuid7)
            assert await runner.start_jobs(tasks, lambda: None) == expected


_WORKER: Final = """
import asyncio, sys
from datetime import timedelta
from drivebay import postgres
from drivebay.files.service import Service
from drivebay.files.settings import Settings as FilesSettings
from drivebay.observability import crash_points
from drivebay.worker import service
from drivebay.worker.settings import Settings
from uuid_utils.compat import uuid7

async def main():
    crash_points.arm(sys.argv[2])
    async with postgres.connect(sys.argv[1], size=4) as database:
        files = Service(database, None, FilesSettings(b"s" * 32), new_id=uuid7)
        await service.run(None, Settings(interval=timedelta(milliseconds=20)), files=files)

asyncio.run(asyncio.wait_for(main(), 120))
"""
"""It imports nothing of the tests, which takes as long as the rest."""
BEFORE: Final = "job.step_before_db_commit"
AFTER: Final = "job.step_after_db_commit"


@pytest.mark.parametrize(
    ("steps", "point"),
    [
        pytest.param(0, BEFORE, id="first step, before its commit"),
        pytest.param(2, AFTER, id="in the middle, after its commit"),
        pytest.param(5, AFTER, id="last step, after its commit"),
        pytest.param(0, AFTER, id="first step, after its commit", marks=pytest.mark.slow),
        pytest.param(2, BEFORE, id="in the middle, before its commit", marks=pytest.mark.slow),
        pytest.param(3, BEFORE, id="later, before its commit", marks=pytest.mark.slow),
        pytest.param(3, AFTER, id="later, after its commit", marks=pytest.mark.slow),
        pytest.param(5, BEFORE, id="last step, before its commit", marks=pytest.mark.slow),
    ],
)
async def test_a_job_continues_when_its_worker_is_killed(database_url: str, point: str, steps: int) -> None:
    async with open_drive(database_url, "direct") as drive:
        top = await insert_tree(drive)
        job = await start(drive, top.id)
        once = replace(OWN, job_time=timedelta(seconds=-1))
        for _ in range(steps):
            async with asyncio.TaskGroup() as tasks:
                await JobRunner(drive.files, once, new_id=uuid7).start_jobs(tasks, lambda: None)
        before = await get(drive, job)
        assert before.waiting_since is not None
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", _WORKER, database_url, point)
        assert await process.wait() == -signal.SIGKILL
        killed = await get(drive, job)
        is_committed = point == AFTER
        assert killed.waiting_since is None  # the killed worker has the lease
        assert (killed != msgspec.structs.replace(before, waiting_since=None)) is is_committed
        is_visible = killed.status is c.JobStatus.DONE
        assert is_visible is (is_committed and steps == 5)
        assert await drive.list_names(ROOT) == (["copy", "top"] if is_visible else ["top"])
        assert await drive.files.check_invariants() == ()
        async with running(drive):
            # The lease of the killed worker has not ended.
            assert (await get(drive, job)).done == killed.done
            await drive.database.execute("UPDATE files.jobs SET leased_until = now()")
            done = await wait_for_end(drive, job)
        assert (done.status, done.done, done.total) == (c.JobStatus.DONE, _ENTRIES, _ENTRIES)
        assert done.result is not None
        assert await tree(drive, done.result.id) == await tree(drive, top.id)
        assert (await drive.files.get_usage(drive.access)).file_count == 2 * (3 * 700 + 1)


async def test_a_worker_that_stops_gives_its_jobs_back(drive: Drive) -> None:
    """Another worker need not wait for the end of the lease."""
    top = await insert_tree(drive)
    job = await start(drive, top.id)
    async with running(drive):
        while (await get(drive, job)).done < 500:
            await asyncio.sleep(0.01)
    assert (await get(drive, job)).waiting_since is not None
    async with running(drive):
        done = await wait_for_end(drive, job)
    assert (done.status, done.done) == (c.JobStatus.DONE, _ENTRIES)
