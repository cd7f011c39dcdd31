"""The sweeper finds what no event told, and goes on through failures."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta

import pytest
from ingest_fakes import RecordingFiles, running, some_ref, unavailable, until

from drivebay.contract.files import Outcome
from drivebay.errors import Unavailable
from drivebay.ingest import service, sweep
from drivebay.ingest.settings import EventSource, Settings
from drivebay.wire.stream import server_stream


@pytest.fixture
def quiet(make_settings: Callable[..., Settings]) -> Settings:
    return make_settings("nats://127.0.0.1:1", source=EventSource.OFF, batch=10)


async def test_one_sweep_takes_all_that_is_due_in_batches(files: RecordingFiles, quiet: Settings) -> None:
    files.due = [some_ref() for _ in range(25)]
    files.outcome[files.due[3]] = Outcome.ABSENT
    assert await sweep.once(files, quiet) == sweep.Swept(looked=25, completed=24)
    assert [len(batch) for batch in files.batches] == [10, 10, 5]


async def test_a_sweep_says_when_nobody_can_be_asked(files: RecordingFiles, quiet: Settings) -> None:
    files.sweep_failures = unavailable(1)
    with pytest.raises(Unavailable):
        await sweep.once(files, quiet)


async def test_one_upload_that_breaks_the_commit_does_not_stop_a_sweep(files: RecordingFiles, quiet: Settings) -> None:
    files.due = [some_ref() for _ in range(10)]
    files.broken.add(files.due[7])
    assert (await sweep.once(files, quiet)).completed == 9


async def test_with_events_off_uploads_are_found_by_sweeps_alone(files: RecordingFiles, quiet: Settings) -> None:
    async with running(files, quiet):
        for _ in range(3):
            ref = some_ref()
            files.due.append(ref)
            await until(lambda ref=ref: ref in files.completed)


async def test_sweeps_go_on_after_failures_and_defects(files: RecordingFiles, quiet: Settings) -> None:
    ref = some_ref()
    files.due.append(ref)
    files.sweep_failures = [Unavailable("down"), RuntimeError("a defect")]
    async with running(files, quiet):
        await until(lambda: ref in files.completed)


async def test_a_recheck_that_failed_is_made_up_for(
    files: RecordingFiles, make_settings: Callable[..., Settings]
) -> None:
    settings = make_settings("", source=EventSource.OFF, sweep_interval=timedelta(minutes=10))
    files.recheck_failures = unavailable(1)
    forgotten = some_ref()
    files.pending.append(forgotten)
    sweeper = sweep.Sweeper(files, settings)
    sweeper.wake()
    task = asyncio.create_task(sweeper.run())
    await until(lambda: forgotten in files.completed)
    task.cancel()
    await asyncio.wait([task], timeout=2)
    assert files.rechecks == 2


async def test_a_source_without_its_address_is_refused_at_once(
    files: RecordingFiles, make_settings: Callable[..., Settings]
) -> None:
    settings = make_settings("nats://127.0.0.1:1", source=EventSource.SEAWEEDFS)
    with pytest.raises(ValueError, match="filer"):
        await service.run(files, settings, open_stream=server_stream)
