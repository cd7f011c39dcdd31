"""Copies of large folders by jobs: steps, what is visible, the quota, access, cancellation and leases."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Final
from uuid import UUID

import pytest
from uuid_utils.compat import uuid7

from drivebay.contract import files as c
from drivebay.contract.ids import ROOT, DriveId, FileId, JobId, LeaseId, UserId
from drivebay.errors import (
    Error,
    Forbidden,
    IdempotencyKeyReused,
    InvalidRequest,
    NameTaken,
    NotFound,
    RateLimited,
    TooLarge,
    WouldCycle,
)
from drivebay.files.copies.service import MAX_ENTRIES
from drivebay.files.jobs.job_claims import MAX_ATTEMPTS

from .conftest import SETTINGS, UNKNOWN_ID, Drive, gather_results, new_owner, open_drive
from .test_copies import read, tree

IN_ROOT: Final = c.CopyTarget(ROOT, "copy")
FOLDERS: Final = 3
FILES: Final = 700
"""Files in each of the folders: the copy takes several steps."""


async def insert_tree(drive: Drive, folders: int = FOLDERS, files: int = FILES, size: int = 1) -> c.File:
    """Return a folder with folders and files. All files share one object."""
    top = await drive.files.create_folder(drive.access, ROOT, "top", "top")
    first = await drive.upload_file("f", b"x" * size, top.id)
    await drive.database.execute(
        """
        WITH folders AS (
            INSERT INTO files.entries (owner_id, id, parent_id, kind, name)
            SELECT $1::uuid, gen_random_uuid(), $2::uuid, 'folder', 'folder ' || i FROM generate_series(1, $4::int) i
            RETURNING id
        ), entries AS (
            INSERT INTO files.entries (owner_id, id, parent_id, kind, name, version_id, size, content_type)
            SELECT $1, gen_random_uuid(), folders.id, 'file', 'file ' || i, gen_random_uuid(), $6, 'text/plain'
            FROM folders, generate_series(1, $5::int) i
            RETURNING id, version_id
        ), versions AS (
            INSERT INTO files.versions (owner_id, id, file_id, size, content_type, sha256, etag, key, object_id)
            SELECT v.owner_id, e.version_id, e.id, v.size, v.content_type, v.sha256, v.etag,
                   v.owner_id || '/' || v.id, v.id
            FROM entries e, files.versions v WHERE v.owner_id = $1 AND v.id = $3
        )
        UPDATE files.usage SET used_bytes = used_bytes + t.n * $6, file_count = file_count + t.n
        FROM (SELECT count(*) AS n FROM entries) t WHERE owner_id = $1""",
        drive.owner,
        top.id,
        first.version,
        folders,
        files,
        size,
    )
    return top


async def start(drive: Drive, folder: FileId, target: c.CopyTarget = IN_ROOT) -> c.Job:
    """Start a job. Calls may be delivered twice, so it has a key."""
    return await drive.files.start_copy(drive.access, folder, target, uuid7().hex)


async def get(drive: Drive, job: c.Job) -> c.Job:
    return await drive.files.get_job(UserId(drive.owner), job.id)


async def claim(drive: Drive) -> tuple[LeaseId, c.JobTask]:
    lease = LeaseId(uuid7())
    (task,) = await drive.files.claim_jobs(lease, 10)
    return lease, task


async def run_until_hidden(drive: Drive) -> tuple[LeaseId, c.JobTask]:
    """Claim the only job and run steps until some files are copied, and not all."""
    lease, task = await claim(drive)
    while await drive.database.fetchval("SELECT done FROM files.jobs WHERE id = $1", task.id) <= MAX_ENTRIES:
        assert await drive.files.run_job_step(lease, task)
    return lease, task


async def run_to_end(drive: Drive, lease: LeaseId, task: c.JobTask) -> None:
    while await drive.files.run_job_step(lease, task):
        pass


async def run_all(drive: Drive) -> None:
    lease = LeaseId(uuid7())
    for task in await drive.files.claim_jobs(lease, 10):
        await run_to_end(drive, lease, task)


async def count_hidden(drive: Drive) -> int:
    sql = "SELECT count(*) FROM files.entries WHERE owner_id = $1 AND purge_after = 'infinity'"
    return int(await drive.database.fetchval(sql, drive.owner))


async def test_a_job_copies_a_large_tree_which_appears_as_a_whole(drive: Drive) -> None:
    top = await insert_tree(drive)
    entries = FOLDERS * (FILES + 1) + 2
    with pytest.raises(TooLarge):
        await drive.files.copy_entry(drive.access, top.id, IN_ROOT, "k")
    cursor = (await drive.files.list_changes(drive.access)).next_cursor
    job = await drive.files.start_copy(drive.access, top.id, IN_ROOT, "k")
    assert (job.status, job.kind, job.drive) == (c.JobStatus.RUNNING, c.JobKind.COPY, drive.owner)
    assert (job.done, job.total, job.result, job.error) == (0, MAX_ENTRIES + 1, None, None)
    # The same request again: the same job, and the gateway is sent to it again.
    assert await drive.files.start_copy(drive.access, top.id, IN_ROOT, "k") == job
    with pytest.raises(TooLarge):
        await drive.files.copy_entry(drive.access, top.id, IN_ROOT, "k")
    with pytest.raises(IdempotencyKeyReused):
        await drive.files.start_copy(drive.access, top.id, c.CopyTarget(ROOT, "other"), "k")

    lease, task = await run_until_hidden(drive)
    running = await get(drive, job)
    assert running.total == entries
    assert running.done == await count_hidden(drive) > 1000
    assert await drive.list_names(ROOT) == ["top"]
    assert await drive.files.list_trash(drive.access) == c.FilePage((), None)
    found = await drive.files.search_files(drive.access, c.Search("file 7"))
    assert {each.file.parent for each in found.items}.isdisjoint({top.id, UUID(int=job.id.int)})
    assert (await drive.files.list_changes(drive.access, cursor)).items == ()
    assert (await drive.files.get_usage(drive.access)).file_count == FOLDERS * FILES + 1

    drive.hints.clear()
    await run_to_end(drive, lease, task)
    done = await get(drive, job)
    assert (done.status, done.done, done.total) == (c.JobStatus.DONE, entries, entries)
    assert done.result is not None
    copy = await drive.files.get_file(drive.access, done.result.id)
    assert done.result == copy
    assert (copy.name, copy.parent, copy.created_by) == ("copy", ROOT, drive.access.actor)
    assert await tree(drive, copy.id) == await tree(drive, top.id)
    usage = await drive.files.get_usage(drive.access)
    assert (usage.used_bytes, usage.file_count) == (2 * (FOLDERS * FILES + 1),) * 2
    assert drive.owner in drive.hints
    # A follower knows the folder of an entry before the entry.
    known: set[UUID] = {ROOT, top.id}
    while (page := await drive.files.list_changes(drive.access, cursor, 1000)).items:
        for change in page.items:
            assert change.kind is c.ChangeKind.CREATED
            assert change.file is not None
            assert change.file.parent in known
            known.add(change.file.id)
        cursor = page.next_cursor
    assert len(known) == 2 + entries
    assert await drive.files.claim_jobs(LeaseId(uuid7()), 10) == ()
    assert await drive.database.fetchval("SELECT count(*) FROM files.job_folders") == 0


async def test_a_copied_tree_lives_by_itself(direct_drive: Drive) -> None:
    drive = direct_drive
    top = await insert_tree(drive, 1, 2)
    job = await start(drive, top.id)
    await run_all(drive)
    await drive.files.trash_entry(drive.access, top.id)
    await drive.files.delete_trashed(drive.access, top.id)
    assert await drive.run_purges() == 0
    done = await get(drive, job)
    assert done.result is not None
    (file,) = [
        each
        for each in (await drive.files.list_files(drive.access, c.Listing(done.result.id))).items
        if each.kind is c.Kind.FILE
    ]
    assert await read(drive, file) == b"x"
    assert (await drive.files.get_usage(drive.access)).used_bytes == 3


async def test_a_cancelled_job_leaves_nothing_and_frees_its_bytes(drive: Drive) -> None:
    top = await insert_tree(drive)
    before = await drive.files.get_usage(drive.access)
    job = await start(drive, top.id)
    lease, task = await run_until_hidden(drive)
    assert (await drive.files.get_usage(drive.access)).used_bytes > before.used_bytes
    await drive.files.cancel_job(UserId(drive.owner), job.id)
    cancelled = await get(drive, job)
    assert (cancelled.status, cancelled.result, cancelled.error) == (c.JobStatus.CANCELLED, None, None)
    assert await drive.list_names(ROOT) == ["top"]
    await drive.files.empty_trash(drive.access)
    await run_to_end(drive, lease, task)
    assert await count_hidden(drive) == 0
    assert await drive.files.get_usage(drive.access) == before
    await drive.files.cancel_job(UserId(drive.owner), job.id)
    assert await get(drive, job) == cancelled
    assert await drive.files.claim_jobs(LeaseId(uuid7()), 10) == ()


async def test_a_job_that_is_done_is_not_cancelled(direct_drive: Drive) -> None:
    drive = direct_drive
    top = await insert_tree(drive, 1, 2)
    job = await start(drive, top.id)
    await run_all(drive)
    done = await get(drive, job)
    await drive.files.cancel_job(UserId(drive.owner), job.id)
    assert await get(drive, job) == done
    assert await drive.list_names(ROOT) == ["copy", "top"]


async def test_emptying_the_trash_spares_hidden_copies_and_none_can_be_restored(direct_drive: Drive) -> None:
    drive = direct_drive
    top = await insert_tree(drive)
    job = await start(drive, top.id)
    lease, task = await run_until_hidden(drive)
    sql = "SELECT id, name FROM files.entries WHERE purge_after = 'infinity' AND kind = 'file' LIMIT 1"
    ((hidden, name),) = await drive.database.fetch(sql)
    await drive.upload_file(name, b"not to be replaced")
    await drive.files.empty_trash(drive.access)
    await drive.run_purges()
    rule = c.OnConflict.REPLACE
    for id in (hidden, FileId(UUID(int=job.id.int))):
        with pytest.raises(NotFound):
            await drive.files.restore_entry(drive.access, id, ROOT, rule)
        with pytest.raises(NotFound):
            await drive.files.delete_trashed(drive.access, id)
        with pytest.raises(NotFound):
            await drive.files.get_file(drive.access, id)
    await run_to_end(drive, lease, task)
    assert (await get(drive, job)).status is c.JobStatus.DONE


async def test_a_copy_that_has_lost_entries_is_not_shown(direct_drive: Drive) -> None:
    """The previous release empties the trash with hidden copies in it."""
    drive = direct_drive
    top = await insert_tree(drive)
    job = await start(drive, top.id)
    lease, task = await run_until_hidden(drive)
    await drive.database.execute(
        "UPDATE files.entries SET purge_after = now() WHERE id IN ("
        " SELECT id FROM files.entries WHERE purge_after = 'infinity' AND kind = 'file' LIMIT 3)"
    )
    await drive.run_purges()
    await fail_after(drive, job, lease, task, "conflict")


async def fail_after(drive: Drive, job: c.Job, lease: LeaseId, task: c.JobTask, code: str) -> None:
    """Run a job that must fail with a code, and check that nothing is left."""
    before = await drive.list_names(ROOT)
    await run_to_end(drive, lease, task)
    failed = await get(drive, job)
    assert failed.status is c.JobStatus.FAILED
    assert failed.error is not None
    assert failed.error.code == code
    assert failed.result is None
    assert await count_hidden(drive) == 0
    assert await drive.list_names(ROOT) == before


async def test_a_quota_that_is_reached_in_the_middle_fails_the_job(direct_drive: Drive) -> None:
    drive = direct_drive
    top = await insert_tree(drive, 3, 700, 1)
    job = await start(drive, top.id)
    lease, task = await run_until_hidden(drive)
    used = (await drive.files.get_usage(drive.access)).used_bytes
    await drive.files.set_quota(drive.owner, used + 10)
    await fail_after(drive, job, lease, task, "quota_exceeded")
    assert (await drive.files.get_usage(drive.access)).used_bytes == 2101


async def test_a_copy_that_cannot_fit_fails_before_it_begins(database_url: str) -> None:
    async with open_drive(database_url, "direct", replace(SETTINGS, max_entries=10)) as drive:
        top = await insert_tree(drive, 1, 3, 3_000)
        for quota, code in ((12_000, "quota_exceeded"), (100_000, "quota_exceeded")):  # bytes, then entries
            await drive.files.set_quota(drive.owner, quota)
            job = await start(drive, top.id)
            lease, task = await claim(drive)
            await fail_after(drive, job, lease, task, code)
            assert (await get(drive, job)).done == 0


async def test_a_tree_that_grows_too_large_fails_the_job(database_url: str) -> None:
    async with open_drive(database_url, "direct", replace(SETTINGS, max_entries=20, max_depth=4)) as drive:
        top = await insert_tree(drive, 2, 2)
        job = await start(drive, top.id)
        lease, task = await claim(drive)
        assert await drive.files.run_job_step(lease, task)
        for i in range(7):
            await drive.files.create_folder(drive.access, top.id, f"late {i}")
        await fail_after(drive, job, lease, task, "quota_exceeded")


async def test_a_copy_has_a_limited_number_of_entries(database_url: str) -> None:
    async with open_drive(database_url, "direct", replace(SETTINGS, max_copied_entries=8)) as drive:
        top = await insert_tree(drive, 2, 2)
        fits = await start(drive, top.id)
        await run_all(drive)
        assert (await get(drive, fits)).status is c.JobStatus.DONE
        grows = await start(drive, top.id)
        lease, task = await claim(drive)
        assert await drive.files.run_job_step(lease, task)
        for i in range(2):
            await drive.files.create_folder(drive.access, top.id, f"late {i}")
        await fail_after(drive, grows, lease, task, "too_large")
        larger = await start(drive, top.id)
        lease, task = await claim(drive)
        await fail_after(drive, larger, lease, task, "too_large")
        assert (await get(drive, larger)).done == 0


async def test_a_copy_is_not_nested_too_deeply(database_url: str) -> None:
    async with open_drive(database_url, "direct", replace(SETTINGS, max_depth=3)) as drive:
        top = await insert_tree(drive, 1, 1)
        target = await drive.files.create_folder(drive.access, ROOT, "target")
        inner = await drive.files.create_folder(drive.access, target.id, "inner")
        job = await start(drive, top.id, c.CopyTarget(inner.id))
        lease, task = await claim(drive)
        await fail_after(drive, job, lease, task, "invalid_request")
        deepest = await drive.files.create_folder(drive.access, inner.id, "deepest")
        with pytest.raises(InvalidRequest):
            await start(drive, top.id, c.CopyTarget(deepest.id))


async def test_a_target_that_is_moved_down_does_not_pass_the_depth(database_url: str) -> None:
    async with open_drive(database_url, "direct", replace(SETTINGS, max_depth=4)) as drive:
        top = await insert_tree(drive, 1, 1)
        outer = await drive.files.create_folder(drive.access, ROOT, "outer")
        inner = await drive.files.create_folder(drive.access, outer.id, "inner")
        target = await drive.files.create_folder(drive.access, ROOT, "target")
        job = await start(drive, top.id, c.CopyTarget(target.id))
        lease, task = await claim(drive)
        while (await get(drive, job)).done < (await get(drive, job)).total:
            assert await drive.files.run_job_step(lease, task)
        await drive.files.move_entries(drive.access, (target.id,), inner.id)
        await fail_after(drive, job, lease, task, "invalid_request")
        assert await drive.list_names(target.id) == []


async def test_a_job_ends_with_the_error_of_what_has_changed(direct_drive: Drive) -> None:
    drive = direct_drive
    top = await insert_tree(drive)
    target = await drive.files.create_folder(drive.access, ROOT, "target")
    place = c.CopyTarget(target.id, "copy", c.OnConflict.FAIL)

    async def restart() -> tuple[c.Job, LeaseId, c.JobTask]:
        job = await start(drive, top.id, place)
        return job, *await run_until_hidden(drive)

    running = await restart()
    taken = await drive.files.create_folder(drive.access, target.id, "copy")
    await fail_after(drive, *running, "name_taken")
    with pytest.raises(NameTaken):
        await start(drive, top.id, place)
    await drive.files.trash_entry(drive.access, taken.id)

    running = await restart()
    await drive.files.update_entry(drive.access, target.id, c.EntryUpdate(parent=top.id))
    await fail_after(drive, *running, "would_cycle")
    await drive.files.update_entry(drive.access, target.id, c.EntryUpdate(parent=ROOT))

    running = await restart()
    await drive.files.trash_entry(drive.access, target.id)
    await fail_after(drive, *running, "not_found")
    await drive.files.restore_entry(drive.access, target.id)

    running = await restart()
    await drive.files.trash_entry(drive.access, top.id)
    await fail_after(drive, *running, "not_found")


async def test_a_taken_name_gets_a_number_at_the_end(direct_drive: Drive) -> None:
    drive = direct_drive
    top = await insert_tree(drive, 1, 2)
    await start(drive, top.id)
    await drive.files.create_folder(drive.access, ROOT, "copy")
    await run_all(drive)
    assert await drive.list_names(ROOT) == ["copy", "copy (1)", "top"]


async def test_a_folder_that_was_moved_away_is_not_read_any_more(direct_drive: Drive) -> None:
    """Otherwise somebody who may read only the source would get what is put into the folder later."""
    drive = direct_drive
    top = await insert_tree(drive, 2, 3)
    job = await start(drive, top.id)
    lease, task = await claim(drive)
    for _ in range(2):
        assert await drive.files.run_job_step(lease, task)
    folders = {
        each.name: each.id
        for each in (await drive.files.list_files(drive.access, c.Listing(top.id))).items
        if each.kind is c.Kind.FOLDER
    }
    await drive.files.update_entry(drive.access, folders["folder 1"], c.EntryUpdate(parent=ROOT))
    await drive.upload_file("secret", b"s", folders["folder 1"])
    await run_to_end(drive, lease, task)
    done = await get(drive, job)
    assert done.result is not None
    copied = await tree(drive, done.result.id)
    assert copied == {"f": 1, "folder 1": {}, "folder 2": {"file 1": 1, "file 2": 1, "file 3": 1}}


async def test_a_job_needs_an_account_a_folder_and_a_place(direct_drive: Drive) -> None:
    drive = direct_drive
    top = await insert_tree(drive, 1, 1)
    file = await drive.upload_file("a file")
    other = drive.for_owner(new_owner())
    cases: tuple[tuple[type[Error], c.Access, FileId, c.CopyTarget], ...] = (
        (InvalidRequest, drive.access, file.id, IN_ROOT),
        (InvalidRequest, drive.access, top.id, c.CopyTarget(ROOT, "a/b")),
        (NotFound, drive.access, FileId(UNKNOWN_ID), IN_ROOT),
        (NotFound, drive.access, top.id, c.CopyTarget(FileId(UNKNOWN_ID))),
        (NotFound, other.access, top.id, IN_ROOT),
        (WouldCycle, drive.access, top.id, c.CopyTarget(top.id)),
        (NameTaken, drive.access, top.id, c.CopyTarget(ROOT, "top", c.OnConflict.FAIL)),
        (NameTaken, drive.access, top.id, c.CopyTarget(ROOT, "top", c.OnConflict.REPLACE)),
        (Forbidden, c.Access(drive.owner, None, c.Role.EDITOR, (c.Grant(top.id, c.Role.EDITOR),)), top.id, IN_ROOT),
    )
    for error, access, id, target in cases:
        with pytest.raises(error):
            await drive.files.start_copy(access, id, target)
    folder, guest = await drive.files.create_folder(drive.access, ROOT, "of the guest"), UserId(uuid7())
    for grants, target in (
        ((c.Grant(top.id, c.Role.VIEWER),), ROOT),
        ((c.Grant(folder.id, c.Role.EDITOR),), folder.id),
    ):
        with pytest.raises(NotFound):
            limited = c.Access(drive.owner, guest, c.Role.EDITOR, grants)
            await drive.files.start_copy(limited, top.id, c.CopyTarget(target))
    assert await drive.files.claim_jobs(LeaseId(uuid7()), 10) == ()


async def test_a_job_belongs_to_the_user_who_started_it(direct_drive: Drive) -> None:
    drive = direct_drive
    top = await insert_tree(drive, 1, 1)
    job = await start(drive, top.id)
    for user, id in ((UserId(new_owner()), job.id), (UserId(drive.owner), JobId(UNKNOWN_ID))):
        with pytest.raises(NotFound):
            await drive.files.get_job(user, id)
        with pytest.raises(NotFound):
            await drive.files.cancel_job(user, id)
    assert (await get(drive, job)).status is c.JobStatus.RUNNING


async def test_a_job_ends_when_its_user_loses_the_access(direct_drive: Drive) -> None:
    drive = direct_drive
    manager, member = UserId(drive.owner), UserId(uuid7())
    shared = await drive.files.create_drive(manager, "shared")
    own = drive.for_owner(shared.id)
    full = await drive.files.resolve_access(manager, shared.id)
    top = await insert_tree(replace_access(own, full), 2, 700)
    for role, code in ((c.Role.VIEWER, "forbidden"), (None, "not_found")):
        await drive.files.put_member(full, member, c.Role.EDITOR)
        access = await drive.files.resolve_access(member, shared.id)
        job = await drive.files.start_copy(access, top.id, IN_ROOT)
        lease, task = await run_until_hidden(drive)
        if role is None:
            await drive.files.remove_member(full, member)
            with pytest.raises(NotFound):
                await drive.files.get_job(member, job.id)
        else:
            await drive.files.put_member(full, member, role)
        await run_to_end(drive, lease, task)
        sql = "SELECT error_code FROM files.jobs WHERE id = $1 AND is_settled"
        assert await drive.database.fetchval(sql, job.id) == code
        assert await count_hidden(own) == 0


def replace_access(drive: Drive, access: c.Access) -> Drive:
    """Return a drive whose calls are made with an access of a member."""

    class MemberDrive(Drive):
        @property
        def access(self) -> c.Access:
            return access

    return MemberDrive(drive.files, drive.bucket, drive.database, drive.storage, drive.owner)


async def test_a_job_within_a_permission_ends_with_the_permission(direct_drive: Drive) -> None:
    drive = direct_drive
    top = await insert_tree(drive)
    target = await drive.files.create_folder(drive.access, ROOT, "target")
    guest = UserId(uuid7())
    for lost in (top.id, target.id):
        await drive.files.put_permission(drive.access, top.id, guest, c.Role.VIEWER)
        await drive.files.put_permission(drive.access, target.id, guest, c.Role.EDITOR)
        access = await drive.files.resolve_access(guest, drive.owner)
        job = await drive.files.start_copy(access, top.id, c.CopyTarget(target.id))
        lease, task = await run_until_hidden(drive)
        await drive.files.delete_permission(drive.access, lost, guest)
        await run_to_end(drive, lease, task)
        failed = await drive.files.get_job(guest, job.id)
        assert failed.error is not None
        assert failed.error.code == "not_found"
        assert await drive.list_names(target.id) == []


async def test_a_job_is_leased_to_one_worker_and_taken_over_when_the_lease_ends(direct_drive: Drive) -> None:
    drive = direct_drive
    top = await insert_tree(drive)
    job = await start(drive, top.id)
    first, task = await run_until_hidden(drive)
    done = (await get(drive, job)).done
    assert await drive.files.claim_jobs(first, 10) == (task,)  # a repeat, because an answer may be lost
    second = LeaseId(uuid7())
    assert await drive.files.claim_jobs(second, 10) == ()
    assert not await drive.files.run_job_step(second, task)
    await drive.database.execute("UPDATE files.jobs SET leased_until = now() - interval '1 second'")
    assert await drive.files.claim_jobs(second, 10) == (task,)
    # The first worker was slow. It does not disturb the second one.
    assert not await drive.files.run_job_step(first, task)
    assert (await get(drive, job)).done == done
    await run_to_end(drive, second, task)
    assert (await get(drive, job)).status is c.JobStatus.DONE


async def test_two_workers_at_the_same_time_run_each_step_once(direct_drive: Drive) -> None:
    drive = direct_drive
    top = await insert_tree(drive)
    job = await start(drive, top.id)
    lease, task = await claim(drive)
    await gather_results(*(drive.files.run_job_step(lease, task) for _ in range(12)))
    await run_to_end(drive, lease, task)
    done = await get(drive, job)
    assert done.done == done.total == FOLDERS * (FILES + 1) + 2


async def test_a_last_step_gives_the_job_back_and_drives_take_turns(direct_drive: Drive) -> None:
    drive = direct_drive
    top = await insert_tree(drive)
    jobs = [await start(drive, top.id), await start(drive, top.id)]
    lease, task = await claim(drive)
    assert task.id == jobs[0].id  # one job of a drive at a time
    assert await drive.files.claim_jobs(LeaseId(uuid7()), 10) == ()
    assert await drive.files.run_job_step(lease, task, ends_lease=True)
    assert not await drive.files.run_job_step(lease, task)
    _, other = await claim(drive)
    assert other.id == jobs[1].id


async def test_a_job_that_never_gets_on_fails(direct_drive: Drive) -> None:
    drive = direct_drive
    top = await insert_tree(drive, 1, 1)
    job = await start(drive, top.id)
    for _ in range(MAX_ATTEMPTS):
        await claim(drive)
        await drive.database.execute("UPDATE files.jobs SET leased_until = now() - interval '1 second'")
    await run_all(drive)
    failed = await get(drive, job)
    assert failed.error is not None
    assert failed.error.code == "internal"


async def test_a_user_has_a_limited_number_of_jobs_in_a_drive(database_url: str) -> None:
    async with open_drive(database_url, "direct", replace(SETTINGS, max_jobs=2)) as drive:
        top = await insert_tree(drive, 1, 1)
        jobs = [await start(drive, top.id) for _ in range(2)]
        with pytest.raises(RateLimited):
            await start(drive, top.id)
        begun, task = await claim(drive)
        assert task.id == jobs[0].id
        assert await drive.files.run_job_step(begun, task)
        await drive.files.cancel_job(UserId(drive.owner), jobs[0].id)
        with pytest.raises(RateLimited):  # its remains are not deleted yet
            await start(drive, top.id)
        await run_to_end(drive, begun, task)
        lease = LeaseId(uuid7())
        for _ in range(2):
            for task in await drive.files.claim_jobs(lease, 10):
                await run_to_end(drive, lease, task)
        assert (await start(drive, top.id)).status is c.JobStatus.RUNNING


async def test_only_the_last_ended_jobs_of_a_user_are_kept(database_url: str) -> None:
    async with open_drive(database_url, "direct", replace(SETTINGS, max_ended_jobs=3)) as drive:
        top = await insert_tree(drive, 1, 1)
        long, *short = [await start(drive, top.id) for _ in range(3)]
        for job in short:
            await drive.files.cancel_job(UserId(drive.owner), job.id)
        await run_all(drive)  # the job that began first ends last
        for _ in range(2):
            kept = await start(drive, top.id)
            await drive.files.cancel_job(UserId(drive.owner), kept.id)
        assert (await get(drive, short[1])).status is c.JobStatus.CANCELLED
        running = await start(drive, top.id)
        assert (await get(drive, long)).status is c.JobStatus.DONE
        assert (await get(drive, kept)).status is c.JobStatus.CANCELLED
        assert (await get(drive, running)).status is c.JobStatus.RUNNING
        for job in short:
            with pytest.raises(NotFound):
                await get(drive, job)


async def test_an_old_job_is_forgotten(direct_drive: Drive) -> None:
    drive = direct_drive
    top = await insert_tree(drive, 1, 1)
    job = await start(drive, top.id)
    await run_all(drive)
    await drive.advance_time(timedelta(days=6), "jobs")
    await drive.files.claim_jobs(LeaseId(uuid7()), 1)
    assert (await get(drive, job)).status is c.JobStatus.DONE
    await drive.advance_time(timedelta(days=2), "jobs")
    await drive.files.claim_jobs(LeaseId(uuid7()), 1)
    with pytest.raises(NotFound):
        await get(drive, job)


async def test_the_deletion_of_a_drive_ends_its_jobs(direct_drive: Drive) -> None:
    drive = direct_drive
    top = await insert_tree(drive)
    job = await start(drive, top.id)
    await run_until_hidden(drive)
    async with asyncio.timeout(60):
        while not await drive.files.empty_drive(drive.owner):
            await drive.advance_time(timedelta(days=40))
            await drive.run_purges()
    assert (await get(drive, job)).status is c.JobStatus.CANCELLED
    assert await drive.database.fetchval("SELECT count(*) FROM files.entries") == 0


async def test_a_limit_of_a_claim_is_1_to_100(direct_drive: Drive) -> None:
    for limit in (0, 101):
        with pytest.raises(InvalidRequest):
            await direct_drive.files.claim_jobs(LeaseId(uuid7()), limit)
    assert not await direct_drive.files.run_job_step(
        LeaseId(uuid7()), c.JobTask(DriveId(UNKNOWN_ID), JobId(UNKNOWN_ID))
    )
