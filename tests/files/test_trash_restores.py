"""Trees in the trash: what comes back, what is purged, and how many files are counted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Final

import pytest
from uuid_utils.compat import uuid7

from drivebay.contract import files as c
from drivebay.contract.ids import ROOT, FileId, LeaseId
from drivebay.errors import InvalidRequest, NotFound
from drivebay.files.trash.store import MAX_COUNTED, TrashStore

from .conftest import SETTINGS, Drive, open_drive
from .test_trashed_folders import create_folders
from .trees import all_ids, file_count, fill_folder, ids_in_trash, run_all_purges

CHANGED_ROWS: Final = "SELECT id, xmin::text FROM files.entries WHERE owner_id = $1"


@pytest.fixture
async def large_drive(database_url: str) -> AsyncIterator[Drive]:
    """A drive whose folders may have four levels."""
    async with open_drive(database_url, "direct", replace(SETTINGS, max_depth=4)) as drive:
        yield drive


# -- restores


async def test_nested_trash_loses_nothing(direct_drive: Drive) -> None:
    """B in F is trashed, then another B is created in F, and F is trashed. All comes back, in each order."""
    for order in ("outer first", "inner first"):
        drive = direct_drive.for_owner(uuid7())  # type: ignore[arg-type]
        (outer,) = await create_folders(drive, "F")
        (first,) = await create_folders(drive, "B", parent=outer)
        one = await drive.upload_file("one", parent=first)
        await drive.files.trash_entry(drive.access, first)
        (second,) = await create_folders(drive, "B", parent=outer)
        two = await drive.upload_file("two", parent=second)
        await drive.files.trash_entry(drive.access, outer)
        assert await ids_in_trash(drive) == [outer, first]
        assert (await drive.list_names(), await file_count(drive)) == ([], 0)
        if order == "outer first":
            await drive.files.restore_entry(drive.access, outer)
            assert await drive.list_names() == ["two"]
            restored = await drive.files.restore_entry(drive.access, first)
            assert (restored.parent, restored.name) == (outer, "B (1)")
        else:
            restored = await drive.files.restore_entry(drive.access, first)
            assert (restored.parent, restored.name) == (ROOT, "B")
            assert (await drive.list_names(), await file_count(drive)) == (["one"], 1)
            await drive.files.restore_entry(drive.access, outer)
        assert (await drive.list_names(), await file_count(drive)) == (["one", "two"], 2)
        assert (await drive.files.get_file(drive.access, one.id)).parent == first
        assert (await drive.files.get_file(drive.access, two.id)).parent == second
        assert await ids_in_trash(drive) == []


@pytest.mark.parametrize("gone", ["trashed", "purged"])
async def test_a_restore_to_the_root_replaces_nothing_there(direct_drive: Drive, gone: str) -> None:
    """The old folder is gone, so the file comes back to the root, where another file has its name."""
    (folder,) = await create_folders(direct_drive, "F")
    inside = await direct_drive.upload_file("report.txt", b"inside", parent=folder)
    other = await direct_drive.upload_file("report.txt", b"other")
    await direct_drive.files.trash_entry(direct_drive.access, inside.id)
    await direct_drive.files.trash_entry(direct_drive.access, folder)
    if gone == "purged":
        await direct_drive.files.delete_trashed(direct_drive.access, folder)
        await run_all_purges(direct_drive)
    restored = await direct_drive.files.restore_entry(direct_drive.access, inside.id, on_conflict=c.OnConflict.REPLACE)
    assert (restored.id, restored.parent, restored.name) == (inside.id, ROOT, "report (1).txt")
    assert (await direct_drive.files.get_file(direct_drive.access, other.id)).version == other.version


async def test_a_restored_folder_is_never_deeper_than_allowed(large_drive: Drive) -> None:
    drive = large_drive
    outer, inner, deepest = await create_folders(drive, "outer", "inner", "deepest")
    await drive.upload_file(parent=deepest)
    await drive.files.trash_entry(drive.access, inner)
    a, b, c3 = await create_folders(drive, "a", "b", "c")
    # The same depth, and one level more, which is the last one.
    for parent, is_allowed in ((a, True), (b, True), (c3, False)):
        if is_allowed:
            await drive.files.restore_entry(drive.access, inner, parent)
            await drive.files.trash_entry(drive.access, inner)
        else:
            with pytest.raises(InvalidRequest):
                await drive.files.restore_entry(drive.access, inner, parent)
    # Its own folder is moved down while it is in the trash.
    await drive.files.restore_entry(drive.access, inner, outer)
    await drive.files.trash_entry(drive.access, inner)
    await drive.files.update_entry(drive.access, outer, c.EntryUpdate(parent=b))
    with pytest.raises(InvalidRequest):
        await drive.files.restore_entry(drive.access, inner)
    assert (await drive.files.restore_entry(drive.access, inner, ROOT)).parent == ROOT


async def test_a_folder_that_is_too_deep_may_move_to_a_place_that_is_not_deeper(
    direct_drive: Drive, database_url: str
) -> None:
    """The limit was lowered. Only a move to a deeper place reads the folders below."""
    _, inner, _ = await create_folders(direct_drive, "outer", "inner", "deepest")
    (target, below) = await create_folders(direct_drive, "target", "below")
    async with open_drive(database_url, "direct", replace(SETTINGS, max_depth=2)) as limited:
        drive = limited.for_owner(direct_drive.owner)
        moved = await drive.files.update_entry(drive.access, inner, c.EntryUpdate(parent=target))
        assert moved.parent == target
        with pytest.raises(InvalidRequest):
            await drive.files.update_entry(drive.access, inner, c.EntryUpdate(parent=below))
        await drive.files.trash_entry(drive.access, inner)
        assert (await drive.files.restore_entry(drive.access, inner)).parent == target


async def test_a_restore_leaves_what_was_trashed_at_the_same_moment(direct_drive: Drive) -> None:
    drive = direct_drive
    one, two = await drive.upload_file("one"), await drive.upload_file("two")
    for file in (one, two):
        await drive.files.trash_entry(drive.access, file.id)
    await drive.database.execute("UPDATE files.entries SET trashed_at = now(), purge_after = now() + interval '1 day'")
    await drive.files.restore_entry(drive.access, one.id)
    assert await drive.list_names() == ["one"]
    assert await ids_in_trash(drive) == [two.id]


async def test_two_late_files_of_one_name_are_restored(direct_drive: Drive) -> None:
    """Both uploads had expired, so neither held the name. Their bytes arrive when the folder is in the trash."""
    drive = direct_drive
    (folder,) = await create_folders(drive, "folder")
    late = []
    for body in (b"one", b"three"):
        late.append((await drive.begin("a.txt", body, folder), body))
        await drive.advance_time(timedelta(minutes=16), "uploads")
        await drive.files.commit_uploads((c.UploadRef(drive.owner, late[-1][0].id),))
    await drive.files.trash_entry(drive.access, folder)
    for upload, body in late:
        drive.bucket.put(upload.key, body)
        await drive.files.commit_uploads((c.UploadRef(drive.owner, upload.id),))
    await drive.files.restore_entry(drive.access, folder)
    assert await drive.list_names(folder) == ["a (1).txt", "a.txt"]
    assert await ids_in_trash(drive) == []


async def test_what_the_previous_release_trashed_is_restored(direct_drive: Drive) -> None:
    """It trashed each entry below the folder. A file that it added later may have a name that is taken."""
    drive = direct_drive
    (folder, inner) = await create_folders(drive, "folder", "inner")
    kept = await drive.upload_file("a.txt", b"kept", inner)
    other = await drive.upload_file("b.txt", b"other", inner)
    await trash_as_the_previous_release(drive, folder, inner, kept.id, other.id)
    with pytest.raises(NotFound):
        await drive.files.restore_entry(drive.access, kept.id)
    assert (await drive.list_names(), await file_count(drive)) == ([], 0)
    await drive.files.restore_entry(drive.access, folder)
    assert (await drive.list_names(inner), await file_count(drive)) == (["a.txt", "b.txt"], 2)
    await trash_as_the_previous_release(drive, folder, inner, kept.id)
    await drive.database.execute("UPDATE files.entries SET name = 'a.txt' WHERE id = $1", other.id)
    await drive.files.restore_entry(drive.access, folder)
    assert await ids_in_trash(drive) == [kept.id]
    restored = await drive.files.restore_entry(drive.access, kept.id)
    assert (restored.name, restored.parent) == ("a (1).txt", inner)


async def trash_as_the_previous_release(drive: Drive, head: FileId, *below: FileId) -> None:
    """Trash a folder as the previous release does: with the rows below it."""
    await drive.database.execute(
        """
        WITH trashed AS (
            UPDATE files.entries SET trashed_at = now(), purge_after = now() + interval '30 days', trashed_with = $2
            WHERE owner_id = $1 AND id = ANY($3::uuid[]) RETURNING kind)
        UPDATE files.usage SET file_count = file_count - (SELECT count(*) FROM trashed WHERE kind = 'file')
        WHERE owner_id = $1""",
        drive.owner,
        head,
        [head, *below],
    )


async def test_the_previous_release_deletes_no_folder_with_entries_in_it(direct_drive: Drive) -> None:
    drive = direct_drive
    (folder, inner) = await create_folders(drive, "folder", "inner")
    await drive.upload_file("a.txt", parent=inner)
    await drive.files.trash_entry(drive.access, folder)
    await drive.advance_time(SETTINGS.trash_grace, "entries")
    deleted = await drive.database.fetch("DELETE FROM files.entries WHERE purge_after <= now() RETURNING id")
    assert deleted == []
    await run_all_purges(drive)
    assert await drive.database.fetchval("SELECT count(*) FROM files.entries") == 0


# -- the purge


async def test_a_purge_takes_nothing_of_a_folder_that_can_be_restored(direct_drive: Drive) -> None:
    drive = direct_drive
    outer, inner = await create_folders(drive, "outer", "inner")
    await drive.upload_file("a.txt", parent=inner)
    await drive.files.trash_entry(drive.access, outer)
    rows = dict(await drive.database.fetch(CHANGED_ROWS, drive.owner))
    assert await drive.run_purges() == 0
    assert dict(await drive.database.fetch(CHANGED_ROWS, drive.owner)) == rows
    await drive.files.restore_entry(drive.access, outer)
    assert await drive.list_names() == ["a.txt"]


async def test_a_large_folder_is_purged_in_steps_that_may_stop(direct_drive: Drive) -> None:
    drive = direct_drive
    outer, inner = await create_folders(drive, "outer", "inner")
    await fill_folder(drive, inner, 7, 12)
    own = await drive.upload_file("own", b"hello", inner)
    before = await drive.upload_file("before", b"hello", inner)
    await drive.files.trash_entry(drive.access, before.id)
    await drive.files.trash_entry(drive.access, outer)
    await drive.files.delete_trashed(drive.access, outer)
    remaining = await drive.database.fetchval("SELECT count(*) FROM files.entries")
    for _ in range(100):
        # A janitor that dies after each claim.
        await drive.files.claim_purges(LeaseId(uuid7()), 5)
        assert await drive.files.check_invariants() == ()
        assert (await drive.list_names(), await file_count(drive)) == ([], 0)
        count = await drive.database.fetchval("SELECT count(*) FROM files.entries")
        assert remaining - 100 <= count
        if count == remaining:
            break
        remaining = count
    # The files that were trashed before are still there.
    assert sorted(await ids_in_trash(drive)) == sorted(await kept_ids(drive))
    assert before.id in await ids_in_trash(drive)
    await drive.advance_time(SETTINGS.lease + timedelta(seconds=1), "purges")
    await run_all_purges(drive)
    assert own.id not in await kept_ids(drive)
    assert (await drive.files.restore_entry(drive.access, before.id)).parent == ROOT


async def kept_ids(drive: Drive) -> list[FileId]:
    return [row["id"] for row in await drive.database.fetch("SELECT id FROM files.entries WHERE trashed_with = id")]


async def test_a_tree_of_folders_is_purged_by_one_claim(direct_drive: Drive) -> None:
    """None of them has an object. The files share the object of a file that stays."""
    drive = direct_drive
    (folder,) = await create_folders(drive, "folder")
    await fill_folder(drive, folder, 60, 3)
    await drive.files.trash_entry(drive.access, folder)
    await drive.files.delete_trashed(drive.access, folder)
    assert (await drive.files.get_backlog()).due_purges == 1 + 180
    assert await drive.files.claim_purges(LeaseId(uuid7()), 10) == ()
    assert await drive.database.fetchval("SELECT count(*) FROM files.entries") == 1
    assert (await drive.files.get_backlog()).due_purges == 0


async def test_a_claim_waits_a_moment_for_a_locked_drive(direct_drive: Drive) -> None:
    drive = direct_drive
    file = await drive.upload_file()
    await drive.files.trash_entry(drive.access, file.id)
    await drive.files.delete_trashed(drive.access, file.id)
    async with drive.database.transaction() as tx:
        await tx.execute("SELECT FROM files.usage WHERE owner_id = $1 FOR UPDATE", drive.owner)
        claim = asyncio.create_task(drive.files.claim_purges(LeaseId(uuid7()), 10))
        await asyncio.wait([claim], timeout=0.3)
    assert len(await claim) == 1


async def test_a_folder_that_was_trashed_before_survives_the_purge_of_its_folder(direct_drive: Drive) -> None:
    drive = direct_drive
    outer, inner, before = await create_folders(drive, "outer", "inner", "before")
    await drive.upload_file("kept", parent=before)
    await drive.files.trash_entry(drive.access, before)
    await drive.files.trash_entry(drive.access, outer)
    await drive.files.delete_trashed(drive.access, outer)
    await run_all_purges(drive)
    assert await kept_ids(drive) == [before]
    assert (await drive.files.restore_entry(drive.access, before)).parent == ROOT
    assert await drive.list_names(before) == ["kept"]
    assert inner not in await kept_ids(drive)


async def test_a_deep_tree_is_purged_in_one_round(direct_drive: Drive) -> None:
    drive = direct_drive
    folders = await create_folders(drive, *(f"level {level}" for level in range(SETTINGS.max_depth)))
    await drive.upload_file("deepest", b"hello", folders[-1])
    await drive.files.trash_entry(drive.access, folders[0])
    await drive.files.delete_trashed(drive.access, folders[0])
    assert await drive.run_purges() == 1
    assert await drive.files.get_usage(drive.access) == c.Usage(0, 0, SETTINGS.quota, 0)


# -- the number of files


async def test_a_file_that_was_trashed_before_its_folder_is_subtracted_once(direct_drive: Drive) -> None:
    drive = direct_drive
    (folder,) = await create_folders(drive, "folder")
    (inner,) = await create_folders(drive, "inner", parent=folder)
    before = await drive.upload_file("before", parent=folder)
    await drive.upload_file("inside", parent=inner)
    await drive.upload_file("with", parent=folder)
    await drive.upload_file("outside")
    await drive.files.trash_entry(drive.access, before.id)
    await drive.files.trash_entry(drive.access, inner)
    assert await file_count(drive) == 2
    await drive.files.trash_entry(drive.access, folder)
    assert await file_count(drive) == 1
    for id, count in ((inner, 2), (folder, 3), (before.id, 4)):
        await drive.files.restore_entry(drive.access, id)
        assert await file_count(drive) == count


async def test_a_large_folder_in_the_trash_is_counted_later(direct_drive: Drive) -> None:
    drive = direct_drive
    outer, inner = await create_folders(drive, "outer", "inner")
    await fill_folder(drive, inner, 10, MAX_COUNTED // 10 + 1)
    outside = await drive.upload_file("outside")
    pending = await drive.begin("late.txt", b"hello", inner)
    await drive.files.trash_entry(drive.access, outer)
    await drive.run_purges()
    assert await file_count(drive) == 1
    drive.bucket.put(pending.key, b"hello")
    await drive.files.complete_upload(drive.access, pending.id)
    assert await file_count(drive) == 1
    assert await drive.files.check_invariants() == ()
    await drive.files.restore_entry(drive.access, outer)
    assert await file_count(drive) == len(await all_ids(drive))
    await drive.files.trash_entry(drive.access, outside.id)
    assert await file_count(drive) == len(await all_ids(drive))


async def test_an_upload_into_a_folder_that_is_being_counted_is_counted(direct_drive: Drive) -> None:
    drive = direct_drive
    outer, inner = await create_folders(drive, "outer", "inner")
    await fill_folder(drive, inner, 2, MAX_COUNTED)
    pending = await drive.begin("late.txt", b"hello", inner)
    drive.bucket.put(pending.key, b"hello")
    await drive.files.trash_entry(drive.access, outer)
    store = TrashStore()
    async with drive.database.snapshot() as snapshot:
        folder = await store.select_folder_to_count(snapshot, 1)
        assert folder is not None
        count = await store.count_hidden_files(snapshot, folder)
    await drive.files.complete_upload(drive.access, pending.id)
    async with drive.database.transaction() as tx:
        await store.set_hidden_files(tx, folder, count)
    assert await drive.database.fetchval("SELECT hidden_files FROM files.entries WHERE id = $1", outer) is None
    await drive.run_purges()
    assert await file_count(drive) == 0


async def test_the_claim_of_a_purge_counts_nothing_while_something_is_due(direct_drive: Drive) -> None:
    drive = direct_drive
    outer, inner = await create_folders(drive, "outer", "inner")
    await fill_folder(drive, inner, 2, MAX_COUNTED)
    due = await drive.upload_file("due")
    await drive.files.trash_entry(drive.access, outer)
    await drive.files.trash_entry(drive.access, due.id)
    await drive.files.delete_trashed(drive.access, due.id)
    assert await drive.run_purges() == 1
    assert await hidden_files(drive, outer) is None
    await drive.run_purges()
    assert await hidden_files(drive, outer) == 2 * MAX_COUNTED


async def hidden_files(drive: Drive, folder: FileId) -> int | None:
    count: int | None = await drive.database.fetchval("SELECT hidden_files FROM files.entries WHERE id = $1", folder)
    return count


async def test_a_folder_that_cannot_be_counted_is_left_after_some_attempts(direct_drive: Drive) -> None:
    drive = direct_drive
    store, folder = TrashStore(), (await create_folders(drive, "folder"))[0]
    await fill_folder(drive, folder, 2, MAX_COUNTED)
    await drive.files.trash_entry(drive.access, folder)
    for attempt in range(2):
        async with drive.database.transaction() as tx:
            to_count = await store.select_folder_to_count(tx, 2)
            assert to_count is not None, attempt
            await store.set_hidden_files(tx, to_count, None)
    async with drive.database.transaction() as tx:
        assert await store.select_folder_to_count(tx, 2) is None
    assert await hidden_files(drive, folder) is None


async def test_what_the_previous_release_trashed_is_not_counted(direct_drive: Drive) -> None:
    drive = direct_drive
    (folder,) = await create_folders(drive, "folder")
    await trash_as_the_previous_release(drive, folder)
    rows = dict(await drive.database.fetch(CHANGED_ROWS, drive.owner))
    await drive.run_purges()
    assert dict(await drive.database.fetch(CHANGED_ROWS, drive.owner)) == rows


async def test_a_locked_drive_does_not_stop_the_count_or_the_purges_of_others(direct_drive: Drive) -> None:
    drive = direct_drive
    (folder,) = await create_folders(drive, "folder")
    await fill_folder(drive, folder, 2, MAX_COUNTED)
    await drive.files.trash_entry(drive.access, folder)
    async with drive.database.transaction() as tx:
        await tx.execute("SELECT FROM files.usage WHERE owner_id = $1 FOR UPDATE", drive.owner)
        assert await drive.files.claim_purges(LeaseId(uuid7()), 10) == ()
    assert await hidden_files(drive, folder) is None
    async with drive.database.transaction() as tx:
        assert await TrashStore().lock_counting(tx)
        assert await drive.files.claim_purges(LeaseId(uuid7()), 10) == ()
    assert await hidden_files(drive, folder) is None
    await drive.files.claim_purges(LeaseId(uuid7()), 10)
    assert await hidden_files(drive, folder) == 2 * MAX_COUNTED


# -- uploads


@pytest.mark.parametrize("on_conflict", list(c.OnConflict))
async def test_an_upload_into_a_hidden_folder_is_only_one_row(direct_drive: Drive, on_conflict: c.OnConflict) -> None:
    drive = direct_drive
    outer, inner = await create_folders(drive, "outer", "inner")
    existing = await drive.upload_file("a.txt", b"old", inner)
    upload = await drive.begin(
        "a.txt" if on_conflict is not c.OnConflict.FAIL else "b.txt", b"hello", inner, on_conflict
    )
    drive.bucket.put(upload.key, b"hello")
    await drive.files.trash_entry(drive.access, outer)
    rows = dict(await drive.database.fetch(CHANGED_ROWS, drive.owner))
    await drive.files.complete_upload(drive.access, upload.id)
    after = dict(await drive.database.fetch(CHANGED_ROWS, drive.owner))
    changed = {id for id in after if rows.get(id) != after[id]}
    is_replaced = on_conflict is c.OnConflict.REPLACE
    assert len(changed) == (1 if is_replaced else 2)  # a new file is also counted in the trashed folder
    assert await file_count(drive) == 0
    await drive.files.restore_entry(drive.access, outer)
    names = {
        c.OnConflict.REPLACE: ["a.txt"],
        c.OnConflict.RENAME: ["a (1).txt", "a.txt"],
        c.OnConflict.FAIL: ["a.txt", "b.txt"],
    }
    assert await drive.list_names(inner) == names[on_conflict]
    assert (await drive.files.get_file(drive.access, existing.id)).size == (5 if is_replaced else 3)


async def test_the_feed_shows_an_item_below_a_trashed_folder_in_the_trash(direct_drive: Drive) -> None:
    drive = direct_drive
    start = (await drive.files.list_changes(drive.access)).next_cursor
    outer, inner = await create_folders(drive, "outer", "inner")
    await drive.files.trash_entry(drive.access, outer)
    changes = (await drive.files.list_changes(drive.access, start)).items
    shown = {change.file_id: change.file for change in changes}
    (head,) = (await drive.files.list_trash(drive.access)).items
    hidden = shown[inner]
    assert hidden is not None
    assert (hidden.trashed_at, hidden.purge_after) == (head.trashed_at, head.purge_after)
    await drive.files.delete_trashed(drive.access, outer)
    changes = (await drive.files.list_changes(drive.access, start)).items
    assert [change.file for change in changes] == [None] * len(changes)
