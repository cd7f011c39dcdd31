"""Copies of files into other drives: the store copies the bytes, in the request that asks for it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import msgspec
import pytest
from uuid_utils.compat import uuid7

from drivebay.contract import files as c
from drivebay.contract.ids import ROOT, FileId, UserId
from drivebay.contract.storage import CopyResult, CopyStatus, ObjectCopy
from drivebay.errors import (
    Conflict,
    Error,
    Forbidden,
    IdempotencyKeyReused,
    InvalidRequest,
    NameTaken,
    NotFound,
    QuotaExceeded,
    RateLimited,
)
from drivebay.janitor.orphans import upload_ref

from .conftest import SETTINGS, UNKNOWN_ID, Drive, new_owner, open_drive
from .drive_pairs import IN_ROOT, CopyingStorage, DrivePair, make_pair
from .test_copies import read

REPLACE, FAIL = c.OnConflict.REPLACE, c.OnConflict.FAIL
DONE, RUNNING = c.JobStatus.DONE, c.JobStatus.RUNNING


@pytest.fixture
async def pair(drive: Drive) -> DrivePair:
    return await make_pair(drive)


@pytest.fixture
async def direct_pair(direct_drive: Drive) -> DrivePair:
    return await make_pair(direct_drive)


async def test_a_copy_of_a_file_has_an_object_of_its_own(pair: DrivePair) -> None:
    source, target = pair.source, pair.target
    file = await source.upload_file("a.txt", b"hello")
    update = c.EntryUpdate(properties={"k": "v"}, starred=True, modified_at=file.modified_at - timedelta(1))
    file = await source.files.update_entry(source.access, file.id, update)
    await source.database.execute("UPDATE files.objects SET crc32 = 907060870")
    job = await pair.copy(file.id, c.CopyTarget(ROOT, "copy.txt"), "k")
    assert (job.status, job.drive, job.done, job.total) == (DONE, target.owner, 1, 1)
    assert (job.done_bytes, job.total_bytes, job.waiting_since) == (5, 5, None)
    assert job.result is not None
    copy = await target.files.get_file(target.access, job.result.id)
    assert copy == job.result
    assert (copy.name, copy.size, copy.sha256, copy.content_type) == ("copy.txt", 5, file.sha256, "text/plain")
    assert (copy.properties, copy.starred, copy.modified_at) == ({"k": "v"}, False, file.modified_at)
    assert (copy.drive, copy.parent, copy.created_by) == (target.owner, ROOT, pair.user)
    assert await pair.target_keys() == [f"{target.owner}/{copy.version}"]
    assert await read(target, copy) == b"hello"
    assert await source.database.fetch("SELECT DISTINCT crc32 FROM files.objects") == [(907060870,)]
    assert target.owner in source.hints
    usage = await target.files.get_usage(target.access)
    assert (usage.used_bytes, usage.reserved_bytes, usage.file_count) == (5, 0, 1)
    # The same request again: the same copy.
    assert await pair.copy(file.id, c.CopyTarget(ROOT, "copy.txt"), "k") == job
    assert pair.copied == [f"{target.owner}/{copy.version}"]
    with pytest.raises(IdempotencyKeyReused):
        await pair.copy(file.id, c.CopyTarget(ROOT, "other"), "k")
    # The copy lives without the original.
    await source.files.trash_entry(source.access, file.id)
    await source.files.delete_trashed(source.access, file.id)
    assert await source.run_purges() == 1
    assert await read(target, copy) == b"hello"


async def test_copies_and_deletions_in_a_loop_are_refused_until_tombstones_end(database_url: str) -> None:
    few = replace(SETTINGS, max_purges=2)
    async with open_drive(database_url, "direct", few) as drive:
        pair = await make_pair(drive)
        source, target = pair.source, pair.target
        file = await source.upload_file("a.txt", b"hello")
        for _ in range(2):
            job = await pair.copy(file.id)
            assert job.result is not None
            await target.files.trash_entry(target.access, job.result.id)
            await target.files.delete_trashed(target.access, job.result.id)
            await target.run_purges()
        with pytest.raises(RateLimited, match="deleted"):
            await pair.copy(file.id)
        await drive.advance_time(few.tombstone, "purges")
        await target.run_purges()
        await pair.copy(file.id)


async def test_a_key_of_a_copy_inside_the_drive_is_not_used_again(direct_pair: DrivePair) -> None:
    source = direct_pair.source
    file = await source.upload_file()
    await source.files.copy_entry(source.access, file.id, IN_ROOT, "k")
    with pytest.raises(IdempotencyKeyReused):
        await direct_pair.copy(file.id, IN_ROOT, "k")


async def test_the_rules_for_a_taken_name_hold(direct_pair: DrivePair) -> None:
    pair, source, target = direct_pair, direct_pair.source, direct_pair.target
    file = await source.upload_file("a.txt", b"new bytes")
    old = await target.upload_file("a.txt", b"old")
    numbered = await pair.copy(file.id)
    assert numbered.result is not None
    assert numbered.result.name == "a (1).txt"
    for name, rule in (("a.txt", FAIL), ("a/b", REPLACE)):
        with pytest.raises((NameTaken, InvalidRequest)):
            await pair.copy(file.id, c.CopyTarget(ROOT, name, rule))
    replaced = await pair.copy(file.id, c.CopyTarget(ROOT, "a.txt", REPLACE))
    assert replaced.result is not None
    assert (replaced.result.id, replaced.result.size, replaced.result.sha256) == (old.id, 9, file.sha256)
    assert await read(target, replaced.result) == b"new bytes"
    versions = (await target.files.list_versions(target.access, old.id)).items
    assert [version.size for version in versions] == [9, 3]
    usage = await target.files.get_usage(target.access)
    assert (usage.used_bytes, usage.reserved_bytes, usage.file_count) == (9 + 3 + 9, 0, 2)
    # The bytes of the replaced file are those of one object, which goes with its last version.
    await target.files.trash_entry(target.access, old.id)
    await target.files.delete_trashed(target.access, old.id)
    assert await source.run_purges() == 2
    assert (await target.files.get_usage(target.access)).used_bytes == 9


async def test_an_empty_file_and_a_file_of_the_root_are_copied_anywhere(pair: DrivePair) -> None:
    folder = await pair.target.files.create_folder(pair.target.access, ROOT, "folder", "f")
    file = await pair.source.upload_file("empty", b"")
    job = await pair.copy(file.id, c.CopyTarget(folder.id))
    assert job.result is not None
    assert (job.result.parent, job.result.size, job.total_bytes) == (folder.id, 0, 0)


async def test_the_bytes_are_reserved_before_the_store_copies_them(direct_pair: DrivePair) -> None:
    pair = direct_pair
    file = await pair.source.upload_file("a.txt", b"x" * 100)
    seen = []

    async def copy_objects(copies: tuple[ObjectCopy, ...]) -> tuple[CopyResult, ...]:
        seen.append(await pair.target.files.get_usage(pair.target.access))
        upload = upload_ref(copies[0].put.key)
        assert upload is not None
        assert await pair.source.files.known_uploads((upload,)) == (True,)  # it is no orphan
        assert await pair.target.list_names(ROOT) == []
        return await pair.source.storage.copy_objects(copies)

    files = pair.service(CopyingStorage(pair.source.storage, copy_objects))
    job = await files.start_drive_copy(pair.source.access, file.id, pair.target.access, IN_ROOT)
    assert job.status is DONE
    assert [(usage.used_bytes, usage.reserved_bytes) for usage in seen] == [(0, 100)]


async def test_a_copy_that_does_not_fit_copies_nothing(direct_pair: DrivePair) -> None:
    pair = direct_pair
    file = await pair.source.upload_file("a.txt", b"x" * 100)
    await pair.source.files.set_quota(pair.target.owner, 99)
    key = uuid7().hex
    for _ in range(2):
        with pytest.raises(QuotaExceeded):
            await pair.copy(file.id, IN_ROOT, key)
    assert pair.copied == []
    usage = await pair.target.files.get_usage(pair.target.access)
    assert (usage.used_bytes, usage.reserved_bytes) == (0, 0)
    assert await pair.source.database.fetchval("SELECT count(*) FROM files.jobs WHERE NOT is_settled") == 0


async def test_while_the_store_is_down_the_copy_waits(direct_pair: DrivePair) -> None:
    pair = direct_pair
    file = await pair.source.upload_file("a.txt", b"x" * 100)
    pair.source.bucket.broken = True
    job = await pair.copy(file.id)
    assert (job.status, job.done, job.total, job.total_bytes) == (RUNNING, 0, 1, 100)
    assert job.waiting_since is not None  # a worker may take it at once
    assert (await pair.target.files.get_usage(pair.target.access)).reserved_bytes == 100
    pair.source.bucket.broken = False
    await pair.run()
    done = await pair.get(job)
    assert done.result is not None
    assert await read(pair.target, done.result) == b"x" * 100


async def test_a_copy_that_the_store_has_not_finished_goes_on_as_a_job(direct_pair: DrivePair) -> None:
    pair = direct_pair
    file = await pair.source.upload_file("a.txt", b"x" * 100)
    calls = 0

    async def copy_objects(copies: tuple[ObjectCopy, ...]) -> tuple[CopyResult, ...]:
        nonlocal calls
        calls += 1
        if calls < 3:
            return tuple(CopyResult(copy.put.key, CopyStatus.RUNNING) for copy in copies)
        return await pair.source.storage.copy_objects(copies)

    files = pair.service(CopyingStorage(pair.source.storage, copy_objects))
    job = await files.start_drive_copy(pair.source.access, file.id, pair.target.access, IN_ROOT)
    assert (job.status, calls) == (DONE, 3)


async def test_a_file_whose_content_is_gone_fails_with_its_name(direct_pair: DrivePair) -> None:
    pair = direct_pair
    file = await pair.source.upload_file("report.pdf")
    pair.source.bucket.objects.clear()
    with pytest.raises(Conflict, match=r"content of 'report\.pdf' was deleted before it was copied"):
        await pair.copy(file.id)
    usage = await pair.target.files.get_usage(pair.target.access)
    assert (usage.used_bytes, usage.reserved_bytes) == (0, 0)
    pair.source.bucket.put(f"{file.drive}/{file.version}", b"hello", "text/plain")


async def test_the_upload_of_a_planned_copy_belongs_to_its_job_alone(direct_pair: DrivePair) -> None:
    pair = direct_pair
    file = await pair.source.upload_file("a.txt")
    pair.source.bucket.broken = True
    job = await pair.copy(file.id)
    upload = await pair.source.database.fetchval("SELECT upload_id FROM files.job_objects")
    pair.source.bucket.broken = False
    # The store copied it, and the answer was lost. Its event commits nothing.
    key = f"{pair.target.owner}/{upload}"
    await pair.source.bucket.copy_object(f"{file.drive}/{file.version}", key)
    ref = c.UploadRef(pair.target.owner, upload)
    assert await pair.source.files.commit_uploads((ref,), c.Trigger.EVENT) == (c.CommitOutcome.ALREADY_ENDED,)
    for call in (pair.source.files.get_upload, pair.source.files.abort_upload, pair.source.files.complete_upload):
        with pytest.raises(NotFound):
            await call(pair.target.access, upload)
    assert (await pair.source.files.list_pending_uploads(pair.target.access)).items == ()
    await pair.run()
    assert (await pair.get(job)).status is DONE
    assert pair.copied == [key]


async def test_a_copy_needs_an_account_two_drives_and_a_place(direct_pair: DrivePair) -> None:
    pair = direct_pair
    file = await pair.source.upload_file("a.txt")
    stranger = pair.source.for_owner(new_owner()).access
    unknown, own, other = FileId(UNKNOWN_ID), pair.source.access, pair.target.access
    member = UserId(uuid7())
    granted = c.Access(other.drive, member, c.Role.EDITOR, (c.Grant(file.id, c.Role.EDITOR),))
    reader = c.Access(own.drive, member, c.Role.VIEWER)
    cases: tuple[tuple[type[Error], c.Access, FileId, c.Access, FileId], ...] = (
        (InvalidRequest, own, file.id, own, ROOT),
        (NotFound, own, unknown, other, ROOT),
        (NotFound, own, file.id, other, unknown),
        (NotFound, own, file.id, other, file.id),
        (NotFound, stranger, file.id, c.Access(other.drive, stranger.actor, c.Role.EDITOR), ROOT),
        (Forbidden, own, file.id, c.Access(other.drive, own.actor, c.Role.VIEWER), ROOT),
        (Forbidden, own, file.id, stranger, ROOT),  # two users
        (Forbidden, c.Access(own.drive, None, c.Role.VIEWER, (c.Grant(file.id, c.Role.VIEWER),)), file.id, other, ROOT),
        (NotFound, reader, file.id, granted, ROOT),
        (NotFound, msgspec.structs.replace(own, grants=(c.Grant(unknown, c.Role.VIEWER),)), file.id, other, ROOT),
    )
    for error, access, id, target, parent in cases:
        with pytest.raises(error):
            await pair.source.files.start_drive_copy(access, id, target, c.CopyTarget(parent))
    assert await pair.source.database.fetchval("SELECT count(*) FROM files.jobs") == 0


async def test_a_user_has_a_limited_number_of_copies_into_a_drive(database_url: str) -> None:
    async with open_drive(database_url, "direct", replace(SETTINGS, max_jobs=2)) as drive:
        pair = await make_pair(drive)
        folder = await drive.files.create_folder(drive.access, ROOT, "folder")
        for _ in range(2):
            await pair.copy(folder.id)
        with pytest.raises(RateLimited, match="cancel one"):
            await pair.copy((await drive.upload_file()).id)


async def test_a_file_is_not_copied_deeper_than_folders_go(database_url: str) -> None:
    async with open_drive(database_url, "direct", replace(SETTINGS, max_depth=2)) as drive:
        pair = await make_pair(drive)
        outer = await pair.target.files.create_folder(pair.target.access, ROOT, "outer")
        inner = await pair.target.files.create_folder(pair.target.access, outer.id, "inner")
        file = await drive.upload_file()
        assert (await pair.copy(file.id, c.CopyTarget(inner.id))).status is DONE
        folder = await drive.files.create_folder(drive.access, ROOT, "folder")
        with pytest.raises(InvalidRequest):
            await pair.copy(folder.id, c.CopyTarget(inner.id))
