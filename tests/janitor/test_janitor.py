"""What the janitor does, in which order, and what it never does."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from janitor_fakes import Backend, key, some_ref
from uuid_utils.compat import uuid7

from drivebay.errors import Internal, InvalidRequest, Unavailable
from drivebay.janitor import expire, loop, purge, strays
from drivebay.janitor.settings import Settings

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
OLD = NOW - timedelta(hours=25)
YOUNG = NOW - timedelta(hours=23)


async def test_everything_due_is_purged_in_batches(backend: Backend) -> None:
    refs = backend.due = [some_ref() for _ in range(2500)]
    done = await purge.once(backend, backend, Settings(batch=1000), new_id=uuid7)
    assert done == purge.Purged(claimed=2500, gone=2500, finished=2500)
    assert sorted(backend.purged) == sorted(refs)
    assert sorted(len(keys) for keys in backend.told("delete")) == [500, 1000, 1000]


async def test_a_row_goes_only_after_its_object(backend: Backend) -> None:
    backend.due = [some_ref()]
    await purge.once(backend, backend, Settings(in_flight=1), new_id=uuid7)
    assert [what for what, _ in backend.story] == ["claim", "delete", "finish", "claim"]


async def test_every_batch_has_a_lease_of_its_own_and_finishes_by_it(backend: Backend) -> None:
    backend.due = [some_ref() for _ in range(30)]
    await purge.once(backend, backend, Settings(batch=10), new_id=uuid7)
    claims = backend.told("claim")
    assert len(set(claims)) == len(claims)
    for lease, refs in backend.told("finish"):
        assert {backend.leases[ref] for ref in refs} == {lease}


async def test_one_batch_is_deleted_while_another_is(backend: Backend) -> None:
    backend.due = [some_ref() for _ in range(60)]
    backend.delete_takes = 0.02
    await purge.once(backend, backend, Settings(batch=10, in_flight=2), new_id=uuid7)
    assert backend.most_deleting == 2


async def test_what_the_store_refuses_to_delete_keeps_its_row(backend: Backend) -> None:
    bad, good = some_ref(), some_ref()
    backend.due = [bad, good]
    backend.refused.add(key(bad))
    assert await purge.once(backend, backend, Settings(), new_id=uuid7) == purge.Purged(2, 1, 1)
    assert backend.purged == [good]


async def test_who_lost_the_lease_finishes_nothing(backend: Backend) -> None:
    ref = some_ref()
    backend.due = [ref]
    backend.delete_takes = 0.05

    async def somebody_else() -> None:
        await asyncio.sleep(0.01)
        backend.leases[ref] = uuid7()

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(somebody_else())
        done = tasks.create_task(purge.once(backend, backend, Settings(), new_id=uuid7))
    assert done.result() == purge.Purged(claimed=1, gone=1, finished=0)
    assert backend.purged == []


async def test_no_row_goes_when_the_store_is_down(backend: Backend) -> None:
    backend.due = [some_ref() for _ in range(30)]
    backend.failures["delete"] = [Unavailable("down") for _ in range(10)]
    with pytest.raises(Unavailable):
        await purge.once(backend, backend, Settings(batch=10), new_id=uuid7)
    assert backend.purged == []
    assert len(backend.told("delete")) == 2


async def test_a_store_that_refuses_everything_ends_the_round(backend: Backend) -> None:
    refs = backend.due = [some_ref() for _ in range(100)]
    backend.refused.update(map(key, refs))
    with pytest.raises(Unavailable):
        await purge.once(backend, backend, Settings(batch=10, in_flight=1), new_id=uuid7)
    assert len(backend.told("delete")) == 1


async def test_two_janitors_share_the_work(backend: Backend) -> None:
    refs = backend.due = [some_ref() for _ in range(200)]
    backend.delete_takes = 0.001
    settings = Settings(batch=10)
    done = await asyncio.gather(*(purge.once(backend, backend, settings, new_id=uuid7) for _ in range(2)))
    assert sum(each.finished for each in done) == 200
    assert Counter(backend.purged) == Counter(refs)


async def test_twenty_thousand_objects_take_little_of_our_own_time(backend: Backend) -> None:
    backend.due = [some_ref() for _ in range(20_000)]
    began = time.monotonic()
    await purge.once(backend, backend, Settings(), new_id=uuid7)
    assert 20_000 / (time.monotonic() - began) > 5_000


async def test_only_overdue_uploads_are_settled_and_all_of_them(backend: Backend) -> None:
    backend.overdue = [some_ref() for _ in range(25)]
    assert sum((await expire.once(backend, Settings(batch=10))).values()) == 25
    assert set(backend.told("checks")) == {True}


async def test_one_upload_that_breaks_the_commit_keeps_no_other_open(backend: Backend) -> None:
    bad = some_ref()
    backend.overdue = [*(some_ref() for _ in range(9)), bad]
    commit = backend.commit

    class Bad(Backend):
        async def commit(self, uploads, cause=None):  # type: ignore[no-untyped-def]
            if bad in uploads:
                raise Internal
            return await commit(uploads)

    broken = Bad()
    broken.overdue = backend.overdue
    assert sum((await expire.once(broken, Settings())).values()) == 9


async def test_old_objects_that_nobody_knows_are_moved_and_never_deleted(backend: Backend) -> None:
    mine, stray = some_ref(), some_ref()
    backend.accounted.add(mine)
    backend.objects = {key(mine): OLD, key(stray): OLD, "readme.txt": OLD}
    found = await strays.once(backend, backend, Settings(), now=NOW)
    assert found == strays.Strays(seen=3, young=0, quarantined=2)
    assert sorted(backend.quarantined) == sorted([key(stray), "readme.txt"])
    assert backend.told("delete") == []


async def test_a_stray_that_cannot_be_named_keeps_nobody_from_the_others(backend: Backend) -> None:
    backend.objects = dict.fromkeys(["a\ufffe", "readme.txt"], OLD)
    backend.failures["quarantine"] = [InvalidRequest("no key")]
    assert await strays.once(backend, backend, Settings(), now=NOW) == strays.Strays(seen=2, young=0, quarantined=1)
    assert backend.quarantined != []


@pytest.mark.parametrize("modified", [YOUNG, NOW, NOW + timedelta(hours=1), None])
async def test_a_young_object_is_left_alone(backend: Backend, modified: datetime | None) -> None:
    backend.objects = {key(some_ref()): modified, "readme.txt": modified}
    assert await strays.once(backend, backend, Settings(), now=NOW) == strays.Strays(2, 2, 0)
    assert backend.quarantined == []


async def test_every_page_of_the_store_is_looked_at(backend: Backend) -> None:
    refs = [some_ref() for _ in range(2500)]
    backend.accounted.update(refs[1:])
    backend.objects = dict.fromkeys(map(key, refs), OLD)
    found = await strays.once(backend, backend, Settings(), now=NOW)
    assert (found.seen, backend.quarantined) == (2500, [key(refs[0])])
    assert len(backend.told("page")) == 3


async def test_nothing_is_moved_when_files_cannot_be_asked(backend: Backend) -> None:
    backend.objects = {key(some_ref()): OLD}
    backend.failures["known"] = [Unavailable("down")]
    with pytest.raises(Unavailable):
        await strays.once(backend, backend, Settings(), now=NOW)
    assert backend.quarantined == []


async def test_rounds_go_on_after_failures_and_defects_until_cancelled(backend: Backend) -> None:
    backend.failures = {"claim": [Unavailable("down"), RuntimeError("a defect")], "checks": [Internal()]}
    settings = Settings(interval=timedelta(milliseconds=20), stray_interval=timedelta(milliseconds=20))
    backend.due, backend.overdue = [some_ref()], [some_ref()]
    backend.objects = {"readme.txt": OLD}
    task = asyncio.create_task(loop.run(backend, backend, settings, now=lambda: NOW))
    deadline = time.monotonic() + 10
    while not (backend.purged and backend.quarantined and not backend.overdue):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.wait([task], timeout=2)
    assert task.cancelled()


async def test_strays_are_not_looked_for_at_the_very_start(backend: Backend) -> None:
    backend.objects = {"readme.txt": OLD}
    task = asyncio.create_task(loop.run(backend, backend, Settings(), now=lambda: NOW))
    await asyncio.sleep(0.1)
    task.cancel()
    await asyncio.wait([task], timeout=2)
    assert backend.told("page") == []
    assert backend.told("claim") != []
