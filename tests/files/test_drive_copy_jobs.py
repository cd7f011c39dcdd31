"""Copies of folders into other drives: steps, what is visible, the quota, access, and the end of a job."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from uuid_utils.compat import uuid7

from drivebay.contract import files as c
from drivebay.contract.ids import ROOT, FileId, LeaseId, UserId
from drivebay.contract.storage import CopyResult, ObjectCopy
from drivebay.errors import InvalidRequest, NotFound, Unavailable
from drivebay.files.purges.store import PurgeStore

from .conftest import SETTINGS, Drive, gather_results, new_owner, open_drive
from .drive_pairs import IN_ROOT, CopyingStorage, DrivePair, as_member, make_pair
from .test_copies import tree
from .test_jobs import count_hidden, insert_tree
from .trees import rows_read

FILES = 120
"""Files in each of two folders: more than one step plans, and than one step copies."""
ENTRIES = 2 * FILES + 4


@pytest.fixture
async def pair(drive: Drive) -> DrivePair:
    return await make_pair(drive)


@pytest.fixture
async def direct_pair(direct_drive: Drive) -> DrivePair:
    return await make_pair(direct_drive)


async def fail_after(pair: DrivePair, job: c.Job, code: str) -> c.Job:
    """Run a job that must fail with a code, and check that nothing of it is left."""
    lease = await pair.source.database.fetchval("SELECT lease FROM files.jobs WHERE id = $1", job.id)
    if lease is None:
        await pair.run()
    else:
        await pair.run_until_ended(job)
    failed = await pair.get(job)
    assert failed.error is not None
    assert (failed.status, failed.error.code, failed.result) == (c.JobStatus.FAILED, code, None)
    await assert_nothing_left(pair)
    return failed


async def assert_nothing_left(pair: DrivePair) -> None:
    """Neither entries nor bytes nor, after the next purge, objects are left in the other drive."""
    assert await pair.target.list_names(ROOT) == []
    assert await count_hidden(pair.target) == await pair.count_planned() == 0
    await pair.source.run_purges()
    usage = await pair.target.files.get_usage(pair.target.access)
    assert (usage.used_bytes, usage.reserved_bytes, usage.file_count) == (0, 0, 0)
    assert await pair.target_keys() == []
    assert await pair.source.database.fetchval("SELECT count(*) FROM files.jobs WHERE NOT is_settled") == 0


async def test_a_folder_appears_in_the_other_drive_as_a_whole(pair: DrivePair) -> None:
    source, target = pair.source, pair.target
    top = await insert_tree(source, 2, FILES)
    await source.files.update_entry(source.access, top.id, c.EntryUpdate(properties={"k": "v"}))
    cursor = (await target.files.list_changes(target.access)).next_cursor
    job = await pair.copy(top.id, c.CopyTarget(ROOT, "copy"), "k")
    assert (job.status, job.drive, job.done) == (c.JobStatus.RUNNING, target.owner, 0)
    assert await pair.copy(top.id, c.CopyTarget(ROOT, "copy"), "k") == job
    lease, task = await pair.claim()
    progress = []
    while (await pair.get(job)).status is c.JobStatus.RUNNING:
        assert await target.list_names(ROOT) == []
        assert (await target.files.list_changes(target.access, cursor)).items == ()
        assert await target.files.list_trash(target.access) == c.FilePage((), None)
        assert await source.files.run_job_step(lease, task)
        state = await pair.get(job)
        progress.append((state.done, state.done_bytes))
        assert state.waiting_since is None
    while await source.files.run_job_step(lease, task):
        pass
    assert progress == sorted(progress)
    assert len(set(progress)) > 4
    done = await pair.get(job)
    assert (done.status, done.done, done.total) == (c.JobStatus.DONE, ENTRIES, ENTRIES)
    assert (done.done_bytes, done.total_bytes) == (2 * FILES + 1,) * 2
    assert done.result is not None
    copy = await target.files.get_file(target.access, done.result.id)
    assert (copy.name, copy.properties, copy.modified_at) == ("copy", {"k": "v"}, top.modified_at)
    assert await tree(target, copy.id) == await tree(source, top.id)
    usage = await target.files.get_usage(target.access)
    assert (usage.used_bytes, usage.reserved_bytes, usage.file_count) == (2 * FILES + 1, 0, 2 * FILES + 1)
    keys = await pair.target_keys()
    assert len(keys) == len(pair.copied) == 2 * FILES + 1
    # A follower knows the folder of an entry before the entry.
    known: set[UUID] = {ROOT}
    while (page := await target.files.list_changes(target.access, cursor, 1000)).items:
        for change in page.items:
            assert change.file is not None
            assert change.file.parent in known
            known.add(change.file.id)
        cursor = page.next_cursor
    assert len(known) == ENTRIES + 1
    assert await source.database.fetchval("SELECT count(*) FROM files.job_objects") == 0


async def test_an_empty_folder_is_copied(direct_pair: DrivePair) -> None:
    folder = await direct_pair.source.files.create_folder(direct_pair.source.access, ROOT, "empty")
    await direct_pair.copy(folder.id)
    await direct_pair.run()
    assert await direct_pair.target.list_names(ROOT) == ["empty"]


async def test_a_cancelled_copy_leaves_neither_entries_nor_objects(pair: DrivePair) -> None:
    top = await insert_tree(pair.source, 2, FILES)
    job = await pair.copy(top.id)
    lease, task = await pair.run_until_planned()
    reserved = (await pair.target.files.get_usage(pair.target.access)).reserved_bytes
    assert reserved == await pair.count_planned()
    assert await pair.source.files.run_job_step(lease, task)  # the store copies some objects
    assert await pair.target_keys()
    await pair.source.files.cancel_job(pair.user, job.id)
    while await pair.source.files.run_job_step(lease, task):
        pass
    assert (await pair.get(job)).status is c.JobStatus.CANCELLED
    await assert_nothing_left(pair)


async def test_objects_that_the_store_copies_after_the_end_are_purged(direct_pair: DrivePair) -> None:
    """The answer of the store was lost, so no row says that the objects exist."""
    pair = direct_pair
    top = await insert_tree(pair.source, 1, 5)
    job = await pair.copy(top.id)
    lease, task = await pair.run_until_planned()
    planned = await pair.source.database.fetch("SELECT upload_id, source_key FROM files.job_objects")
    await pair.source.files.cancel_job(pair.user, job.id)
    for upload, key in planned:
        await pair.source.bucket.copy_object(key, f"{pair.target.owner}/{upload}")
    while await pair.source.files.run_job_step(lease, task):
        pass
    assert len(await pair.target_keys()) == len(planned) > 0
    await assert_nothing_left(pair)


async def test_a_copy_continues_after_a_lost_answer_of_the_store(direct_pair: DrivePair) -> None:
    """Each object is copied once."""
    pair = direct_pair
    top = await insert_tree(pair.source, 1, 5)
    await pair.copy(top.id)
    lease, task = await pair.run_until_planned()

    async def copy_and_lose(copies: tuple[ObjectCopy, ...]) -> tuple[CopyResult, ...]:
        await pair.source.storage.copy_objects(copies)
        raise Unavailable("the answer was lost")

    with pytest.raises(Unavailable):
        await pair.service(CopyingStorage(pair.source.storage, copy_and_lose)).run_job_step(lease, task)
    while await pair.source.files.run_job_step(lease, task):
        pass
    assert len(pair.copied) == 6
    assert await pair.target.list_names(ROOT) == ["top"]


async def test_two_workers_at_the_same_time_copy_each_file_once(direct_pair: DrivePair) -> None:
    pair = direct_pair
    top = await insert_tree(pair.source, 2, FILES)
    job = await pair.copy(top.id)
    lease, task = await pair.claim()
    while (await pair.get(job)).status is c.JobStatus.RUNNING:
        await gather_results(*(pair.source.files.run_job_step(lease, task) for _ in range(4)))
    await gather_results(*(pair.source.files.run_job_step(lease, task) for _ in range(4)))
    done = await pair.get(job)
    assert (done.status, done.done, done.done_bytes) == (c.JobStatus.DONE, ENTRIES, 2 * FILES + 1)


async def test_content_that_is_purged_meanwhile_fails_the_job_with_its_name(direct_pair: DrivePair) -> None:
    pair = direct_pair
    folder = await pair.source.files.create_folder(pair.source.access, ROOT, "folder")
    file = await pair.source.upload_file("lost.txt", b"lost", folder.id)
    await pair.source.upload_file("kept.txt", b"kept", folder.id)
    job = await pair.copy(folder.id)
    await pair.run_until_planned()
    await pair.source.files.trash_entry(pair.source.access, file.id)
    await pair.source.files.delete_trashed(pair.source.access, file.id)
    await pair.source.run_purges()
    failed = await fail_after(pair, job, "conflict")
    assert failed.error is not None
    assert "'lost.txt' was deleted before it was copied" in failed.error.detail


async def test_an_object_that_the_store_does_not_copy_for_a_day_fails_the_job(direct_pair: DrivePair) -> None:
    pair = direct_pair
    top = await insert_tree(pair.source, 1, 1)
    job = await pair.copy(top.id)
    await pair.run_until_planned()
    await pair.source.advance_time(timedelta(days=1), "uploads")
    failed = await fail_after(pair, job, "conflict")
    assert failed.error is not None
    assert "within a day" in failed.error.detail


async def test_a_step_in_which_the_store_copies_nothing_is_tried_again(direct_pair: DrivePair) -> None:
    pair = direct_pair
    top = await insert_tree(pair.source, 1, 1)
    job = await pair.copy(top.id)
    lease, task = await pair.run_until_planned()
    pair.source.bucket.broken = True
    with pytest.raises(Unavailable, match="the store copies no objects now"):
        await pair.source.files.run_job_step(lease, task)
    pair.source.bucket.broken = False
    assert (await pair.get(job)).status is c.JobStatus.RUNNING
    while await pair.source.files.run_job_step(lease, task):
        pass
    assert (await pair.get(job)).status is c.JobStatus.DONE


async def test_a_quota_that_is_reached_in_the_middle_fails_the_job(direct_pair: DrivePair) -> None:
    pair = direct_pair
    top = await insert_tree(pair.source, 2, FILES)
    job = await pair.copy(top.id)
    lease, task = await pair.run_until_planned()
    assert await pair.source.files.run_job_step(lease, task)
    await pair.source.files.set_quota(pair.target.owner, 205)
    await fail_after(pair, job, "quota_exceeded")
    await pair.source.files.set_quota(pair.target.owner, 2 * FILES)
    again = await pair.copy(top.id)
    await fail_after(pair, again, "quota_exceeded")
    assert (await pair.get(again)).done == 0  # it does not fit as a whole


async def test_a_purge_reads_each_object_once_with_old_statistics(direct_pair: DrivePair) -> None:
    """The planner's statistics are of the first copies. A join may read all objects for each purge."""
    pair, database = direct_pair, direct_pair.source.database
    top = await insert_tree(pair.source, 2, FILES)
    job = await pair.copy(top.id)
    lease, task = await pair.run_until_planned()
    assert await pair.source.files.run_job_step(lease, task)
    for table in ("usage", "purges", "versions", "objects"):
        await database.execute(f"VACUUM (ANALYZE) files.{table}")
    await pair.source.files.set_quota(pair.target.owner, 205)
    await pair.run_until_ended(job)
    purges = await database.fetchval("SELECT count(*) FROM files.purges")
    statement = PurgeStore().statements["take_purges_of_versions"]
    plan = await database.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", 1000)
    assert purges > 100
    assert rows_read(plan, "objects") <= purges
    await pair.source.run_purges()


async def test_a_drive_that_has_no_room_for_entries_fails_the_job(database_url: str) -> None:
    async with open_drive(database_url, "direct", replace(SETTINGS, max_entries=12, max_copied_entries=9)) as drive:
        pair = await make_pair(drive)
        top = await insert_tree(drive, 0, 0)
        job = await pair.copy(top.id)
        await pair.run_until_planned()
        others = await insert_folders(pair.target, ROOT, 11)
        await pair.run_until_ended(job)
        failed = await pair.get(job)
        assert failed.error is not None
        assert failed.error.code == "quota_exceeded"
        await pair.target.files.trash_entries(pair.target.access, tuple(each.id for each in others))
        await pair.target.files.empty_trash(pair.target.access)
        await pair.source.run_purges()
        await insert_folders(drive, top.id, 8)
        await fail_after(pair, await pair.copy(top.id), "too_large")


async def insert_folders(drive: Drive, parent: FileId, number: int) -> list[c.File]:
    return [await drive.files.create_folder(drive.access, parent, f"folder {each}") for each in range(number)]


async def test_a_job_ends_when_its_user_loses_an_access(direct_pair: DrivePair) -> None:
    pair = direct_pair
    member, manager = UserId(uuid7()), pair.target.access
    shared = await pair.source.files.create_drive(pair.user, "source", "source")
    full = await pair.source.files.resolve_access(pair.user, shared.id)
    top = await insert_tree(as_member(pair.source, full), 1, 5)

    async def leave_source() -> None:
        await pair.source.files.remove_member(full, member)

    async def leave_target() -> None:
        await pair.source.files.remove_member(manager, member)

    async def become_viewer() -> None:
        await pair.source.files.put_member(manager, member, c.Role.VIEWER)

    cases: tuple[tuple[Callable[[], Awaitable[None]], str], ...] = (
        (leave_source, "not_found"),
        (leave_target, "not_found"),
        (become_viewer, "forbidden"),
    )
    for lose, code in cases:
        await pair.source.files.put_member(full, member, c.Role.VIEWER)  # reading is enough
        await pair.source.files.put_member(manager, member, c.Role.EDITOR)
        access = await pair.source.files.resolve_access(member, full.drive)
        target = await pair.source.files.resolve_access(member, manager.drive)
        job = await pair.source.files.start_drive_copy(access, top.id, target, IN_ROOT)
        await pair.run_until_planned()
        await lose()
        await pair.run_until_ended(job)
        sql = "SELECT error_code FROM files.jobs WHERE id = $1 AND is_settled"
        assert await pair.source.database.fetchval(sql, job.id) == code
        await assert_nothing_left(pair)


async def test_a_job_within_permissions_ends_with_the_permission(direct_pair: DrivePair) -> None:
    pair = direct_pair
    top = await insert_tree(pair.source, 1, 5)
    folder = await pair.target.files.create_folder(pair.target.access, ROOT, "folder")
    guest = UserId(uuid7())
    for each in (pair.source, pair.target):  # another permission, which does not help
        other = await each.files.create_folder(each.access, ROOT, "other")
        await each.files.put_permission(each.access, other.id, guest, c.Role.EDITOR)
    for drive, lost in ((pair.source, top), (pair.target, folder)):
        await pair.source.files.put_permission(pair.source.access, top.id, guest, c.Role.VIEWER)
        await pair.source.files.put_permission(pair.target.access, folder.id, guest, c.Role.EDITOR)
        access = await pair.source.files.resolve_access(guest, pair.source.owner)
        target = await pair.source.files.resolve_access(guest, pair.target.owner)
        with pytest.raises(NotFound):
            await pair.source.files.start_drive_copy(access, top.id, target, IN_ROOT)
        job = await pair.source.files.start_drive_copy(access, top.id, target, c.CopyTarget(folder.id))
        await pair.run_until_planned()
        await pair.source.files.delete_permission(drive.access, lost.id, guest)
        await pair.run_until_ended(job)
        sql = "SELECT error_code FROM files.jobs WHERE id = $1 AND is_settled"
        assert await pair.source.database.fetchval(sql, job.id) == "not_found"
        assert await pair.target.list_names(folder.id) == []


async def test_a_folder_that_was_moved_away_is_not_read_any_more(direct_pair: DrivePair) -> None:
    pair = direct_pair
    top = await insert_tree(pair.source, 2, 3)
    await pair.copy(top.id)
    lease, task = await pair.run_until_planned()
    names = {
        each.name: each.id for each in (await pair.source.files.list_files(pair.source.access, c.Listing(top.id))).items
    }
    await pair.source.files.update_entry(pair.source.access, names["folder 1"], c.EntryUpdate(parent=ROOT))
    await pair.source.upload_file("secret", b"s", names["folder 1"])
    while await pair.source.files.run_job_step(lease, task):
        pass
    assert await tree(pair.target) == {
        "top": {"f": 1, "folder 1": {}, "folder 2": {"file 1": 1, "file 2": 1, "file 3": 1}}
    }


async def test_a_copy_is_not_nested_too_deeply(database_url: str) -> None:
    async with open_drive(database_url, "direct", replace(SETTINGS, max_depth=4)) as drive:
        pair = await make_pair(drive)
        top = await insert_tree(drive, 1, 1)
        outer = await pair.target.files.create_folder(pair.target.access, ROOT, "outer")
        inner = await pair.target.files.create_folder(pair.target.access, outer.id, "inner")
        place = await pair.target.files.create_folder(pair.target.access, ROOT, "place")
        job = await pair.copy(top.id, c.CopyTarget(place.id))
        lease, task = await pair.run_until_planned()
        while (await pair.get(job)).done < (await pair.get(job)).total:
            assert await drive.files.run_job_step(lease, task)
        await pair.target.files.move_entries(pair.target.access, (place.id,), inner.id)
        await pair.run_until_ended(job)
        failed = await pair.get(job)
        assert failed.error is not None
        assert failed.error.code == "invalid_request"
        deepest = await pair.target.files.create_folder(pair.target.access, place.id, "deepest")
        with pytest.raises(InvalidRequest):
            await pair.copy(top.id, c.CopyTarget(deepest.id))


async def test_the_end_of_a_drive_ends_copies_into_it(direct_pair: DrivePair) -> None:
    """The personal drive of a deleted account gets a copy of a shared folder."""
    pair = direct_pair
    own = pair.source
    shared = pair.target
    top = await insert_tree(shared, 1, 5)
    job = await own.files.start_drive_copy(shared.access, top.id, own.access, IN_ROOT)
    lease, task = await pair.claim()
    for _ in range(2):
        assert await own.files.run_job_step(lease, task)
    member = UserId(new_owner())
    await own.files.put_member(shared.access, member, c.Role.MANAGER)
    while not await own.files.empty_drive(own.owner):
        await own.advance_time(timedelta(days=60), "entries", "purges")
        await own.run_purges()
    assert not await own.files.run_job_step(lease, task)
    sql = "SELECT status FROM files.jobs WHERE id = $1"
    assert await own.database.fetchval(sql, job.id) == "cancelled"
    assert [key for key in own.bucket.objects if key.startswith(f"{own.owner}/")] == []
    assert await own.files.claim_jobs(LeaseId(uuid7()), 10) == ()
