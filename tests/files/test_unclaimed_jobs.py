"""Jobs that no worker has: what users see of them, their end, and leases that a stopping worker gives back."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from uuid_utils.compat import uuid7

from drivebay.contract import files as c
from drivebay.contract.ids import LeaseId, UserId
from drivebay.errors import RateLimited

from .conftest import SETTINGS, Drive, open_drive
from .test_jobs import claim, get, insert_tree, run_until_hidden, start


async def wait(drive: Drive, time: timedelta) -> None:
    """Move the times of the last steps and of the leases into the past. Hidden entries have the time of their job."""
    sql = "UPDATE files.jobs SET due_at = due_at - $1::interval, leased_until = leased_until - $1::interval"
    await drive.database.execute(sql, time)


async def test_a_job_says_since_when_it_waits_for_a_worker(drive: Drive) -> None:
    top = await insert_tree(drive, 1, 2)
    job = await start(drive, top.id)
    assert job.waiting_since == job.created_at
    assert (await get(drive, job)).waiting_since == job.created_at
    lease, task = await claim(drive)
    assert (await get(drive, job)).waiting_since is None
    assert await drive.files.run_job_step(lease, task, ends_lease=True)
    waiting = (await get(drive, job)).waiting_since
    assert waiting is not None
    assert waiting > job.created_at
    await claim(drive)
    await wait(drive, timedelta(minutes=2))  # the worker has died
    assert (await get(drive, job)).waiting_since is not None


async def test_jobs_that_were_cancelled_before_a_worker_came_do_not_count(database_url: str) -> None:
    async with open_drive(database_url, "direct", replace(SETTINGS, max_jobs=2)) as drive:
        top = await insert_tree(drive, 1, 2)
        for _ in range(3):
            jobs = [await start(drive, top.id) for _ in range(2)]
            with pytest.raises(RateLimited):
                await start(drive, top.id)
            for job in jobs:
                await drive.files.cancel_job(UserId(drive.owner), job.id)
                assert (await get(drive, job)).status is c.JobStatus.CANCELLED
        assert await drive.files.claim_jobs(LeaseId(uuid7()), 10) == ()


async def test_a_cancelled_job_that_has_copies_counts_until_they_are_deleted(database_url: str) -> None:
    async with open_drive(database_url, "direct", replace(SETTINGS, max_jobs=1)) as drive:
        top = await insert_tree(drive)
        job = await start(drive, top.id)
        lease, task = await run_until_hidden(drive)
        await drive.files.cancel_job(UserId(drive.owner), job.id)
        with pytest.raises(RateLimited):
            await start(drive, top.id)
        while await drive.files.run_job_step(lease, task):
            pass
        assert await start(drive, top.id)


async def test_a_job_that_no_worker_claims_for_a_day_fails(direct_drive: Drive) -> None:
    drive = direct_drive
    top = await insert_tree(drive)
    claimed = await start(drive, top.id)
    await run_until_hidden(drive)
    waiting = await start(drive, top.id)
    await wait(drive, timedelta(hours=23))
    assert (await get(drive, waiting)).status is c.JobStatus.RUNNING
    await wait(drive, timedelta(hours=1))
    failed = await get(drive, waiting)
    assert failed.error is not None
    assert (failed.status, failed.error.code) == (c.JobStatus.FAILED, "unavailable")
    assert "no worker" in failed.error.detail
    # The job whose worker died has copies, which the next worker deletes.
    await wait(drive, timedelta(minutes=2))
    assert (await get(drive, claimed)).status is c.JobStatus.FAILED
    lease, task = await claim(drive)
    assert task.id == claimed.id
    while await drive.files.run_job_step(lease, task):
        pass
    assert (await drive.files.get_usage(drive.access)).used_bytes == 2101


async def test_a_lease_that_is_released_can_be_claimed_at_once(drive: Drive) -> None:
    top = await insert_tree(drive)
    await start(drive, top.id)
    lease, task = await run_until_hidden(drive)
    await drive.files.release_jobs(LeaseId(uuid7()))  # another one
    assert await drive.files.claim_jobs(LeaseId(uuid7()), 10) == ()
    await drive.files.release_jobs(lease)
    assert not await drive.files.run_job_step(lease, task)
    other, claimed = await claim(drive)
    assert claimed == task
    assert await drive.files.run_job_step(other, task)
