"""The queue of thumbnails: who gets into it, what is claimed, and how results are recorded."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Protocol

import pytest
from uuid_utils.compat import uuid7

from drivebay.contract.files import (
    Access,
    CopyTarget,
    OnConflict,
    Role,
    ThumbnailOutcome,
    ThumbnailState,
    ThumbnailTask,
    UploadRef,
)
from drivebay.contract.ids import ROOT, DriveId, FileId, LeaseId, UploadId, UserId
from drivebay.errors import InvalidRequest, NotFound, RateLimited
from drivebay.files.settings import Settings
from drivebay.files.thumbnails.service import MAX_ATTEMPTS

from .conftest import SETTINGS, UNKNOWN_ID, Drive, open_drive

MINUTE = timedelta(minutes=1)


async def add_image(drive: Drive, name: str = "a.png", body: bytes = b"hello") -> FileId:
    return (await drive.upload_file(name, body, content_type="image/png")).id


async def state_of(drive: Drive, id: FileId, *, is_lost: bool = False) -> ThumbnailState:
    return (await drive.files.get_thumbnail(drive.access, id, is_lost)).state


async def claim(drive: Drive, limit: int = 100) -> tuple[LeaseId, tuple[ThumbnailTask, ...]]:
    lease = LeaseId(uuid7())
    return lease, await drive.files.claim_thumbnails(lease, limit)


async def finish(drive: Drive, outcome: ThumbnailOutcome) -> None:
    lease, (task,) = await claim(drive)
    await drive.files.finish_thumbnail(lease, task.ref, outcome)


async def test_nothing_is_queued_before_somebody_asks_and_then_once(drive: Drive) -> None:
    id = await add_image(drive)
    assert (await claim(drive))[1] == ()
    for _ in range(2):
        thumbnail = await drive.files.get_thumbnail(drive.access, id)
        assert (thumbnail.state, thumbnail.name) == (ThumbnailState.QUEUED, "a.png")
        assert thumbnail.retry_after > 0
    _, (task,) = await claim(drive)
    assert (task.ref.owner, task.size, task.key) == (drive.owner, 5, thumbnail.key)
    assert task.key in drive.bucket.objects


@pytest.mark.parametrize(
    ("outcome", "state"),
    [(ThumbnailOutcome.MADE, ThumbnailState.READY), (ThumbnailOutcome.NO_PREVIEW, ThumbnailState.NONE)],
)
async def test_a_result_is_kept(drive: Drive, outcome: ThumbnailOutcome, state: ThumbnailState) -> None:
    id = await add_image(drive)
    await state_of(drive, id)
    await finish(drive, outcome)
    assert await state_of(drive, id) is state
    assert (await claim(drive))[1] == ()


async def test_lost_thumbnails_are_made_again_and_others_are_not(drive: Drive) -> None:
    made, none = await add_image(drive), await add_image(drive, "b.png")
    for id, outcome in ((made, ThumbnailOutcome.MADE), (none, ThumbnailOutcome.NO_PREVIEW)):
        await state_of(drive, id)
        await finish(drive, outcome)
    assert await state_of(drive, none, is_lost=True) is ThumbnailState.NONE
    assert await state_of(drive, made, is_lost=True) is ThumbnailState.QUEUED
    _, tasks = await claim(drive)
    assert len(tasks) == 1


async def test_a_copy_shares_the_thumbnails_of_their_object(drive: Drive) -> None:
    id = await add_image(drive)
    await state_of(drive, id)
    await finish(drive, ThumbnailOutcome.MADE)
    copy = await drive.files.copy_entry(drive.access, id, CopyTarget(ROOT))
    assert await state_of(drive, copy.id) is ThumbnailState.READY
    original, shared = [await drive.files.get_thumbnail(drive.access, each) for each in (id, copy.id)]
    assert original.key == shared.key


async def test_new_content_has_its_own_thumbnails(drive: Drive) -> None:
    id = await add_image(drive)
    await state_of(drive, id)
    await finish(drive, ThumbnailOutcome.MADE)
    replaced = await drive.upload_file("a.png", b"other", on_conflict=OnConflict.REPLACE, content_type="image/png")
    assert replaced.id == id
    assert await state_of(drive, id) is ThumbnailState.QUEUED


@pytest.mark.parametrize("content_type", ["text/plain", "image/svg+xml", "image/heic", "video/mp4", "text/html"])
async def test_a_type_without_a_preview_is_never_queued(drive: Drive, content_type: str) -> None:
    file = await drive.upload_file("a", content_type=content_type)
    assert await state_of(drive, file.id) is ThumbnailState.NONE
    assert (await claim(drive))[1] == ()


@pytest.mark.parametrize("content_type", ["IMAGE/PNG", "image/jpeg; charset=binary", "application/pdf"])
async def test_parameters_and_case_of_a_type_do_not_count(drive: Drive, content_type: str) -> None:
    file = await drive.upload_file("a", content_type=content_type)
    assert await state_of(drive, file.id) is ThumbnailState.QUEUED


async def test_folders_empty_files_and_large_files_have_none(drive: Drive) -> None:
    folder = await drive.files.create_folder(drive.access, ROOT, "f")
    empty = await add_image(drive, "empty.png", b"")
    assert await state_of(drive, folder.id) is ThumbnailState.NONE
    assert await state_of(drive, empty) is ThumbnailState.NONE


async def test_files_that_are_unknown_in_the_trash_or_of_others_are_not_found(drive: Drive) -> None:
    id = await add_image(drive)
    other = drive.for_owner(DriveId(uuid7()))
    await other.upload_file("x")
    for owner, file in ((drive, FileId(UNKNOWN_ID)), (other, id)):
        with pytest.raises(NotFound):
            await state_of(owner, file)
    await drive.files.trash_entry(drive.access, id)
    with pytest.raises(NotFound):
        await state_of(drive, id)
    assert (await claim(drive))[1] == ()


async def test_the_longest_waiting_object_is_claimed_first_and_by_one_worker(drive: Drive) -> None:
    for name in ("a.png", "b.png"):
        await state_of(drive, await add_image(drive, name))
        await drive.advance_time(MINUTE, "thumbnails")
    lease, (first,) = await claim(drive, 1)
    assert await drive.files.claim_thumbnails(lease, 1) == (first,)
    _, (second,) = await claim(drive)
    assert first.ref.id < second.ref.id
    assert (await claim(drive))[1] == ()


async def test_a_user_with_many_files_does_not_hold_up_another(drive: Drive) -> None:
    for n in range(3):
        await state_of(drive, await add_image(drive, f"{n}.png"))
    await drive.advance_time(MINUTE, "thumbnails")
    late = await add_image(drive, "late.png")
    other = Access(drive.owner, UserId(uuid7()), Role.VIEWER)
    await drive.files.get_thumbnail(other, late)
    _, tasks = await claim(drive, 2)
    keys = {task.key for task in tasks}
    assert (await drive.files.get_thumbnail(other, late)).key in keys
    # While those are made, the next ones of the first user follow.
    assert len((await claim(drive))[1]) == 2


async def test_a_worker_that_died_is_replaced_and_its_result_ignored(drive: Drive) -> None:
    id = await add_image(drive)
    await state_of(drive, id)
    lease, (task,) = await claim(drive)
    await drive.advance_time(3 * MINUTE, "thumbnails")
    await drive.files.finish_thumbnail(lease, task.ref, ThumbnailOutcome.MADE)
    assert await state_of(drive, id) is ThumbnailState.QUEUED
    second, (again,) = await claim(drive)
    assert again == task
    await drive.files.finish_thumbnail(lease, task.ref, ThumbnailOutcome.NO_PREVIEW)
    await drive.files.finish_thumbnail(second, task.ref, ThumbnailOutcome.MADE)
    assert await state_of(drive, id) is ThumbnailState.READY


async def test_a_failed_attempt_is_repeated_later_and_at_most_three_times(drive: Drive) -> None:
    id = await add_image(drive)
    await state_of(drive, id)
    for _ in range(MAX_ATTEMPTS):
        await finish(drive, ThumbnailOutcome.FAILED)
        assert (await claim(drive))[1] == ()
        assert await state_of(drive, id) is ThumbnailState.QUEUED
        await drive.advance_time(MINUTE, "thumbnails")
    assert (await claim(drive))[1] == ()
    assert await state_of(drive, id) is ThumbnailState.NONE


async def test_a_result_belongs_to_the_owner_of_the_object(drive: Drive) -> None:
    id = await add_image(drive)
    await state_of(drive, id)
    lease, (task,) = await claim(drive)
    await drive.files.finish_thumbnail(lease, UploadRef(DriveId(uuid7()), task.ref.id), ThumbnailOutcome.MADE)
    assert await state_of(drive, id) is ThumbnailState.QUEUED


async def test_results_of_unknown_objects_change_nothing(drive: Drive) -> None:
    ref = UploadRef(drive.owner, UploadId(uuid7()))
    await drive.files.finish_thumbnail(LeaseId(uuid7()), ref, ThumbnailOutcome.MADE)
    for limit in (0, 101):
        with pytest.raises(InvalidRequest):
            await drive.files.claim_thumbnails(LeaseId(uuid7()), limit)


async def test_a_purge_names_objects_with_thumbnails_and_the_last_one_forgets_them(drive: Drive) -> None:
    id, plain = await add_image(drive), await drive.upload_file("b.txt")
    await state_of(drive, id)
    for each in (id, plain.id):
        await drive.files.trash_entry(drive.access, each)
        await drive.files.delete_trashed(drive.access, each)
    lease = LeaseId(uuid7())
    purges = await drive.files.claim_purges(lease, 100)
    assert sorted(purge.has_thumbnails for purge in purges) == [False, True]
    await drive.files.finish_purges(lease, tuple(purge.ref for purge in purges))
    await drive.advance_time(timedelta(days=8))
    # Thumbnails that were written meanwhile are deleted again.
    late = LeaseId(uuid7())
    purges = await drive.files.claim_purges(late, 100)
    assert sorted(purge.has_thumbnails for purge in purges) == [False, True]
    await drive.files.finish_purges(late, tuple(purge.ref for purge in purges))
    assert await drive.database.fetchval("SELECT count(*) FROM files.thumbnails") == 0


async def delete_for_good(drive: Drive, id: FileId) -> None:
    await drive.files.trash_entry(drive.access, id)
    await drive.files.delete_trashed(drive.access, id)


async def due_purges(drive: Drive) -> list[bool]:
    """Claim all purges that are due. Return for each whether thumbnails may exist."""
    return [purge.has_thumbnails for purge in await drive.files.claim_purges(LeaseId(uuid7()), 100)]


async def test_a_deleted_object_is_not_claimed_and_holds_up_no_other(drive: Drive) -> None:
    deleted, other = await add_image(drive), await add_image(drive, "b.png")
    await state_of(drive, deleted)
    await drive.advance_time(MINUTE, "thumbnails")
    await state_of(drive, other)
    await delete_for_good(drive, deleted)
    assert await drive.run_purges() == 1
    _, tasks = await claim(drive, 1)
    assert [task.key for task in tasks] == [(await drive.files.get_thumbnail(drive.access, other)).key]
    assert (await claim(drive))[1] == ()


async def test_thumbnails_that_are_written_after_the_purge_are_deleted_at_once(drive: Drive) -> None:
    id = await add_image(drive)
    await state_of(drive, id)
    lease, (task,) = await claim(drive)
    await delete_for_good(drive, id)
    assert await drive.run_purges() == 1
    assert await due_purges(drive) == []
    await drive.files.finish_thumbnail(lease, task.ref, ThumbnailOutcome.MADE)
    assert await due_purges(drive) == [True]


async def test_thumbnails_that_are_written_during_the_purge_are_deleted_at_once(drive: Drive) -> None:
    id = await add_image(drive)
    await state_of(drive, id)
    lease, (task,) = await claim(drive)
    await delete_for_good(drive, id)
    janitor = LeaseId(uuid7())
    purges = await drive.files.claim_purges(janitor, 100)
    await drive.files.finish_thumbnail(lease, task.ref, ThumbnailOutcome.MADE)
    await drive.files.finish_purges(janitor, tuple(purge.ref for purge in purges))
    assert await due_purges(drive) == [True]


async def test_thumbnails_of_a_worker_that_died_are_deleted_when_its_lease_has_ended(drive: Drive) -> None:
    id = await add_image(drive)
    await state_of(drive, id)
    await claim(drive)
    await delete_for_good(drive, id)
    assert await drive.run_purges() == 1
    await drive.advance_time(3 * MINUTE, "purges")
    assert await due_purges(drive) == [True]


async def test_a_late_result_of_another_owner_makes_no_purge_due(drive: Drive) -> None:
    id = await add_image(drive)
    await state_of(drive, id)
    lease, (task,) = await claim(drive)
    await delete_for_good(drive, id)
    assert await drive.run_purges() == 1
    await drive.files.finish_thumbnail(lease, UploadRef(DriveId(uuid7()), task.ref.id), ThumbnailOutcome.MADE)
    assert await due_purges(drive) == []


class OpenDrive(Protocol):
    def __call__(self, **changes: int | bool) -> AbstractAsyncContextManager[Drive]: ...


@pytest.fixture
def limited(database_url: str) -> OpenDrive:
    """Open a drive with other settings."""

    @asynccontextmanager
    async def open(**changes: int | bool) -> AsyncIterator[Drive]:
        settings: Settings = replace(SETTINGS, **changes)  # type: ignore[arg-type]
        async with open_drive(database_url, "direct", settings) as drive:
            yield drive

    return open


async def test_one_user_has_only_a_share_of_the_queue(limited: OpenDrive) -> None:
    async with limited(max_user_thumbnails=2) as drive:
        ids = [await add_image(drive, f"{number}.png") for number in range(3)]
        waits = [(await drive.files.get_thumbnail(drive.access, id)).retry_after for id in ids]
        assert waits[2] > waits[0]
        other = drive.for_owner(DriveId(uuid7()))
        await state_of(other, await add_image(other))
        _, tasks = await claim(drive)
        assert sorted(task.ref.owner for task in tasks) == sorted([drive.owner, drive.owner, other.owner])


async def test_the_queue_has_a_limit_and_a_later_request_gets_in(limited: OpenDrive) -> None:
    async with limited(max_queued_thumbnails=1) as drive:
        first, second = await add_image(drive), await add_image(drive, "b.png")
        assert [await state_of(drive, id) for id in (first, second)] == [ThumbnailState.QUEUED] * 2
        await finish(drive, ThumbnailOutcome.MADE)
        assert (await claim(drive))[1] == ()
        assert await state_of(drive, second) is ThumbnailState.QUEUED
        assert len((await claim(drive))[1]) == 1


async def test_a_user_gets_only_so_many_new_ones_in_an_hour_and_any_number_of_old_ones(limited: OpenDrive) -> None:
    async with limited(user_thumbnails_per_hour=1) as drive:
        first, second = await add_image(drive), await add_image(drive, "b.png")
        await state_of(drive, first)
        await finish(drive, ThumbnailOutcome.MADE)
        with pytest.raises(RateLimited):
            await state_of(drive, second)
        assert await state_of(drive, first) is ThumbnailState.READY
        await drive.advance_time(timedelta(minutes=61), "thumbnails")
        assert await state_of(drive, second) is ThumbnailState.QUEUED


@pytest.mark.parametrize("changes", [{"thumbnails": False}, {"max_thumbnail_source": 4}])
async def test_thumbnails_can_be_turned_off_and_large_files_have_none(
    limited: OpenDrive, changes: dict[str, int | bool]
) -> None:
    async with limited(**changes) as drive:
        assert await state_of(drive, await add_image(drive)) is ThumbnailState.NONE
        assert (await claim(drive))[1] == ()


async def test_a_video_has_a_thumbnail_where_its_library_is(limited: OpenDrive) -> None:
    async with limited(max_video_source=5, max_thumbnail_source=4) as drive:
        for name, body, state in (("a", b"hello", ThumbnailState.QUEUED), ("b", b"longer", ThumbnailState.NONE)):
            file = await drive.upload_file(name, body, content_type="video/mp4")
            assert await state_of(drive, file.id) is state


async def test_a_member_asks_for_thumbnails_of_a_shared_drive(drive: Drive) -> None:
    id = await add_image(drive)
    user = UserId(uuid7())
    access = Access(drive.owner, user, Role.VIEWER)
    assert (await drive.files.get_thumbnail(access, id)).state is ThumbnailState.QUEUED
    row = await drive.database.fetchrow("SELECT owner_id, requested_by FROM files.thumbnails")
    assert row is not None
    assert (row["owner_id"], row["requested_by"]) == (drive.owner, user)
