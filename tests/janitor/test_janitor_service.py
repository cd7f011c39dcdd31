"""The periodic jobs of the janitor."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from janitor_backend import Backend, utc_now

from drivebay.errors import Internal, Unavailable
from drivebay.janitor import service
from drivebay.janitor.settings import Settings
from drivebay.testing.client import eventually


@asynccontextmanager
async def running_janitor(backend: Backend, settings: Settings) -> AsyncIterator[None]:
    """Run a janitor whose clock is two days ahead, so that the objects of a test are old."""
    run = service.run(backend.files, backend.storage, settings, now=lambda: utc_now() + timedelta(days=2))
    task = asyncio.create_task(run)
    try:
        yield
        assert not task.done(), task
    finally:
        task.cancel()
        await asyncio.wait([task])
    assert task.cancelled()


async def test_all_jobs_continue_after_failures_and_defects(backend: Backend) -> None:
    (due,) = await backend.make_due_for_purge(1)
    await backend.begin_upload()
    await backend.pass_time(timedelta(hours=1))
    backend.bucket.put("readme.txt", b"hello")
    backend.log.errors = {
        "claim_purges": [Unavailable("down"), RuntimeError("a defect")],
        "claim_pending_uploads": [Internal()],
        "list_objects": [RuntimeError("a defect")],
    }
    interval = timedelta(milliseconds=20)

    async def all_done() -> bool:
        is_purged = due in await backend.purged()
        return is_purged and backend.quarantined() == ["readme.txt"] and await backend.pending_count() == 0

    async with running_janitor(backend, Settings(interval=interval, orphan_interval=interval)):
        await eventually(all_done, within=20)


async def test_orphans_are_not_searched_at_the_start(backend: Backend) -> None:
    backend.bucket.put("readme.txt", b"hello")

    async def first_round_done() -> bool:
        return {"claim_purges", "claim_pending_uploads"} <= set(backend.log.names())

    async with running_janitor(backend, Settings()):
        await eventually(first_round_done, within=20)
    assert not {"list_objects", "list_multiparts"} & set(backend.log.names())
    assert backend.quarantined() == []
