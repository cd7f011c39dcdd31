"""The sweeper finds uploads without an event, and continues after failures."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from ingest_helpers import RecordingFiles, new_ref, running_ingest, unavailable_errors, wait_until

from drivebay.contract.files import CommitOutcome
from drivebay.errors import Unavailable
from drivebay.ingest import service
from drivebay.ingest.event_health import EventHealth
from drivebay.ingest.settings import EventSource, Settings
from drivebay.ingest.sweeper import Sweeper, SweepResult, sweep_once
from drivebay.rpc.server_stream import server_stream


@pytest.fixture
def without_events(make_settings: Callable[..., Settings]) -> Settings:
    return make_settings("nats://127.0.0.1:1", source=EventSource.OFF, batch=10)


async def test_one_sweep_commits_all_due_uploads_in_batches(files: RecordingFiles, without_events: Settings) -> None:
    files.due = [new_ref() for _ in range(25)]
    files.outcomes[files.due[3]] = CommitOutcome.ABSENT
    assert await sweep_once(files, without_events) == SweepResult(checked=25, completed=24)
    assert [len(batch) for batch in files.batches] == [10, 10, 5]


async def test_a_sweep_raises_unavailable_when_the_files_service_is_down(
    files: RecordingFiles, without_events: Settings
) -> None:
    files.claim_errors = unavailable_errors(1)
    with pytest.raises(Unavailable):
        await sweep_once(files, without_events)


async def test_an_upload_that_fails_the_commit_does_not_stop_a_sweep(
    files: RecordingFiles, without_events: Settings
) -> None:
    files.due = [new_ref() for _ in range(10)]
    files.failing.add(files.due[7])
    assert (await sweep_once(files, without_events)).completed == 9


async def test_without_events_the_sweeper_completes_uploads(files: RecordingFiles, without_events: Settings) -> None:
    async with running_ingest(files, without_events):
        for _ in range(3):
            ref = new_ref()
            files.due.append(ref)
            await wait_until(lambda ref=ref: ref in files.completed)


async def test_the_sweeper_continues_after_failures_and_defects(
    files: RecordingFiles, without_events: Settings
) -> None:
    ref = new_ref()
    files.due.append(ref)
    files.claim_errors = [Unavailable("down"), RuntimeError("a defect")]
    async with running_ingest(files, without_events):
        await wait_until(lambda: ref in files.completed)


async def test_a_failed_recheck_is_repeated(files: RecordingFiles, make_settings: Callable[..., Settings]) -> None:
    settings = make_settings("", source=EventSource.OFF, sweep_interval=timedelta(minutes=10))
    files.recheck_errors = unavailable_errors(1)
    unreported = new_ref()
    files.pending.append(unreported)
    sweeper = Sweeper(files, settings, EventHealth())
    sweeper.request_recheck()
    task = asyncio.create_task(sweeper.run())
    await wait_until(lambda: unreported in files.completed)
    task.cancel()
    await asyncio.wait([task], timeout=2)
    assert files.rechecks == 2


def arriving_events() -> EventHealth:
    health = EventHealth("events")
    health.mark_connected("events")
    return health


@pytest.fixture
def limited(make_settings: Callable[..., Settings]) -> Settings:
    """Settings with a budget of 25 uploads for each round."""
    interval = timedelta(milliseconds=50)
    return make_settings("", source=EventSource.OFF, batch=10, sweep_interval=interval, sweep_rate=500)


@asynccontextmanager
async def running_sweeper(sweeper: Sweeper) -> AsyncIterator[None]:
    task = asyncio.create_task(sweeper.run())
    yield
    task.cancel()
    await asyncio.wait([task], timeout=2)


async def test_a_budget_bounds_a_sweep_and_takes_the_newest_first(
    files: RecordingFiles, without_events: Settings
) -> None:
    files.due = [new_ref() for _ in range(40)]
    assert (await sweep_once(files, without_events, budget=25)).checked == 25
    assert files.claims == [(10, True), (10, True), (5, True)]


async def test_while_events_arrive_many_pending_uploads_are_looked_up_within_the_budget(
    files: RecordingFiles, limited: Settings
) -> None:
    files.backlog = 100_000
    async with running_sweeper(Sweeper(files, limited, arriving_events())):
        await wait_until(lambda: len(files.claims) >= 3)
        refs = [new_ref() for _ in range(1000)]
        files.outcomes.update(dict.fromkeys(refs, CommitOutcome.ABSENT))
        files.due = refs
        await wait_until(lambda: len(files.due) <= 800)
    claims = files.claims[files.claims.index((10, True)) :]
    # Each round claims 10, 10 and 5, and a round that finds nothing ends with its first claim.
    assert set(claims) == {(10, True), (5, True)}
    assert files.rechecks == 0


async def test_with_few_pending_uploads_a_sweep_has_no_budget(files: RecordingFiles, limited: Settings) -> None:
    files.backlog = 25
    async with running_sweeper(Sweeper(files, limited, arriving_events())):
        await wait_until(lambda: len(files.claims) >= 5)
    assert set(files.claims) == {(10, False)}


async def test_without_arriving_events_a_sweep_has_no_budget(files: RecordingFiles, limited: Settings) -> None:
    files.backlog = 100_000
    async with running_sweeper(Sweeper(files, limited, EventHealth("events", "filer"))):
        await wait_until(lambda: len(files.claims) >= 5)
    assert set(files.claims) == {(10, False)}


async def test_uploads_stored_without_events_make_the_sweeper_look_up_all(
    files: RecordingFiles, limited: Settings
) -> None:
    files.backlog = 100_000
    unreported = new_ref()
    async with running_sweeper(Sweeper(files, limited, arriving_events())):
        await wait_until(lambda: (10, True) in files.claims)
        files.pending.append(unreported)
        files.due = [new_ref() for _ in range(5)]
        await wait_until(lambda: unreported in files.completed)


async def test_after_limited_rounds_all_uploads_are_looked_up_again(files: RecordingFiles, limited: Settings) -> None:
    files.backlog = 100_000
    paused = new_ref()
    async with running_sweeper(Sweeper(files, limited, arriving_events())):
        await wait_until(lambda: (10, True) in files.claims)
        files.pending.append(paused)
        files.backlog = 1
        await wait_until(lambda: paused in files.completed)


async def test_a_job_that_ends_is_not_connected() -> None:
    health = EventHealth("events", "filer")
    health.mark_connected("events")
    assert not health.events_arrive
    with health.watch("filer"):
        health.mark_connected("filer")
        assert health.events_arrive
    assert not health.events_arrive
    assert not EventHealth().events_arrive


async def test_seaweedfs_events_without_a_filer_address_are_refused_at_the_start(
    files: RecordingFiles, make_settings: Callable[..., Settings]
) -> None:
    settings = make_settings("nats://127.0.0.1:1", source=EventSource.SEAWEEDFS)
    with pytest.raises(ValueError, match="filer"):
        await service.run(files, settings, open_stream=server_stream)
