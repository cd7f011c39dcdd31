"""Limits that keep a drive's tables bounded: the number of entries, their depth, and the age of changes."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from drivebay.contract import files as c
from drivebay.contract.files import Access
from drivebay.contract.ids import ROOT, FileId
from drivebay.errors import InvalidRequest, QuotaExceeded, RateLimited
from drivebay.files.uploads.store import UploadStore

from .conftest import SETTINGS, Drive, gather_results, open_drive

MAX_ENTRIES = 6
MAX_DEPTH = 8
LIMITED = replace(SETTINGS, max_entries=MAX_ENTRIES, max_depth=MAX_DEPTH)


@pytest.fixture
async def limited_drive(database_url: str) -> AsyncIterator[Drive]:
    async with open_drive(database_url, "direct", LIMITED) as drive:
        yield drive


@pytest.fixture
async def shallow_drive(database_url: str) -> AsyncIterator[Drive]:
    async with open_drive(database_url, "direct", replace(SETTINGS, max_depth=MAX_DEPTH)) as drive:
        yield drive


def empty(name: str, on_conflict: c.OnConflict = c.OnConflict.RENAME, *, multipart: bool = False) -> c.UploadIntent:
    return c.UploadIntent(name, 0, "text/plain", ROOT, on_conflict, multipart=multipart)


# -- the number of entries ------------------------------------------------------------------------------


async def test_every_kind_of_entry_counts_until_the_limit(limited_drive: Drive) -> None:
    """A folder, a file, a trashed file, a pending upload, one in parts and one of a batch use the limit up."""
    drive, files, owner = limited_drive, limited_drive.files, limited_drive.owner
    folder = await files.create_folder(Access.personal(owner), ROOT, "folder")
    await drive.upload_file("file", b"")
    trashed = await drive.upload_file("trashed", b"")
    await files.trash_entry(Access.personal(owner), trashed.id)
    pending = await drive.begin("pending", b"")
    await files.begin_upload(Access.personal(owner), empty("parts", multipart=True))
    one, two = await files.begin_uploads(Access.personal(owner), (empty("in a batch"), empty("too many")), "batch")
    assert one.upload is not None
    assert two.error is not None
    assert (two.error.code, str(MAX_ENTRIES) in two.error.detail) == ("quota_exceeded", True)
    for on_conflict in c.OnConflict:
        for key in (None, f"key {on_conflict}"):
            with pytest.raises(QuotaExceeded):
                await files.begin_upload(Access.personal(owner), empty("another", on_conflict), key)
    for key in (None, "folder key"):
        with pytest.raises(QuotaExceeded, match="trash"):
            await files.create_folder(Access.personal(owner), ROOT, "another", key)
    # A pending upload becomes a file in its own place, and moving or restoring needs none.
    drive.bucket.put(pending.key, b"")
    await files.complete_upload(Access.personal(owner), pending.id)
    await files.restore_entry(Access.personal(owner), trashed.id)
    await files.update_entry(Access.personal(owner), trashed.id, c.EntryUpdate(parent=folder.id))
    with pytest.raises(QuotaExceeded):
        await drive.begin("another", b"")
    # An aborted upload and a purged entry make room.
    await files.abort_upload(Access.personal(owner), one.upload.id)
    await drive.begin("after the abort", b"")
    await files.trash_entry(Access.personal(owner), trashed.id)
    await drive.advance_time(SETTINGS.trash_grace, "entries")
    with pytest.raises(QuotaExceeded):
        await drive.begin("another", b"")
    await drive.run_purges()
    await drive.begin("after the purge", b"")


async def test_a_new_version_is_no_new_entry(limited_drive: Drive) -> None:
    drive = limited_drive
    for n in range(MAX_ENTRIES - 1):
        await drive.upload_file(f"{n}", b"")
    await drive.upload_file("0", b"new", on_conflict=c.OnConflict.REPLACE)
    await drive.upload_file("last", b"")
    with pytest.raises(QuotaExceeded):
        await drive.begin("one more", b"")


async def test_concurrent_calls_never_exceed_the_limit_of_entries(limited_drive: Drive) -> None:
    drive = limited_drive
    await drive.files.create_folder(drive.access, ROOT, "the first")
    results = await gather_results(
        *(drive.begin(f"file {n}", b"") for n in range(4)),
        *(drive.files.create_folder(drive.access, ROOT, f"folder {n}") for n in range(4)),
        drive.files.begin_uploads(drive.access, tuple(empty(f"batch {n}") for n in range(4))),
    )
    refused = [result for result in results if isinstance(result, Exception)]
    assert all(isinstance(error, QuotaExceeded) for error in refused)
    row = await drive.database.fetchrow(
        "SELECT entry_count, open_uploads FROM files.usage WHERE owner_id = $1", drive.owner
    )
    assert row is not None
    assert row["entry_count"] + row["open_uploads"] == MAX_ENTRIES


async def test_a_late_upload_becomes_a_file_beyond_the_limit(limited_drive: Drive) -> None:
    """Its bytes are stored, so it is kept."""
    drive = limited_drive
    late = await drive.begin("late", b"")
    await drive.advance_time(timedelta(minutes=16), "uploads")
    await drive.files.commit_uploads((c.UploadRef(drive.owner, late.id),))
    for n in range(MAX_ENTRIES):
        await drive.upload_file(f"{n}", b"")
    drive.bucket.put(late.key, b"")
    assert await drive.files.commit_uploads((c.UploadRef(drive.owner, late.id),)) == (c.CommitOutcome.COMPLETED,)
    with pytest.raises(QuotaExceeded):
        await drive.begin("another", b"")


# -- the number of purges -------------------------------------------------------------------------------


async def test_begins_and_aborts_in_a_loop_are_refused_until_tombstones_end(database_url: str) -> None:
    """The rows of an aborted upload and of a deleted file stay for days, so they are limited too."""
    few = replace(SETTINGS, max_purges=6)
    async with open_drive(database_url, "direct", few) as drive:
        files, owner = drive.files, drive.owner

        async def abort(upload: c.Upload | None) -> None:
            assert upload is not None
            await files.abort_upload(Access.personal(owner), upload.id)

        for on_conflict in c.OnConflict:
            await abort(await files.begin_upload(Access.personal(owner), empty("loop", on_conflict)))
        deleted = await drive.upload_file("deleted", b"")
        await files.trash_entry(Access.personal(owner), deleted.id)
        await files.delete_trashed(Access.personal(owner), deleted.id)
        await drive.run_purges()
        one, two, three = await files.begin_uploads(Access.personal(owner), tuple(empty(n) for n in "123"), "batch")
        assert three.error is not None
        assert three.error.code == "rate_limited"
        for result in (one, two):
            await abort(result.upload)
        await drive.run_purges()
        for on_conflict in c.OnConflict:
            for key in (None, f"key {on_conflict}"):
                with pytest.raises(RateLimited):
                    await files.begin_upload(Access.personal(owner), empty("another", on_conflict), key)
        # Folders are no uploads. When the tombstones have ended, uploads begin again.
        await files.create_folder(Access.personal(owner), ROOT, "folder")
        await drive.advance_time(few.tombstone, "purges")
        await drive.run_purges()
        await drive.upload_file("later", b"")


# -- the depth of folders -------------------------------------------------------------------------------


async def create_chain(drive: Drive, name: str, levels: int, parent: FileId = ROOT) -> list[FileId]:
    """Create that many folders, each inside the one before."""
    chain = []
    for n in range(levels):
        parent = (await drive.files.create_folder(drive.access, parent, f"{name} {n}")).id
        chain.append(parent)
    return chain


async def depth_of(drive: Drive, folder: FileId) -> int:
    depth = 0
    while folder != ROOT:
        folder = (await drive.files.get_file(drive.access, folder)).parent
        depth += 1
    return depth


async def test_a_restore_keeps_the_limit_of_nested_folders(shallow_drive: Drive) -> None:
    drive = shallow_drive
    outer = await create_chain(drive, "outer", 3)
    inner = await create_chain(drive, "inner", 5, outer[-1])
    target = await create_chain(drive, "target", 1)
    await drive.files.trash_entry(drive.access, inner[0])
    await drive.files.update_entry(drive.access, outer[0], c.EntryUpdate(parent=target[0]))
    with pytest.raises(InvalidRequest) as error:
        await drive.files.restore_entry(drive.access, inner[0])
    assert error.value.errors[0].field == "parent_id"
    assert [item.id for item in (await drive.files.list_trash(drive.access)).items] == [inner[0]]
    await drive.files.update_entry(drive.access, outer[0], c.EntryUpdate(parent=ROOT))
    await drive.files.restore_entry(drive.access, inner[0])
    assert await depth_of(drive, inner[-1]) == MAX_DEPTH


async def test_only_the_folders_that_come_back_count_for_the_depth(shallow_drive: Drive) -> None:
    drive = shallow_drive
    outer = await create_chain(drive, "outer", 3)
    inner = await create_chain(drive, "inner", 5, outer[-1])
    target = await create_chain(drive, "target", 1)
    await drive.files.trash_entry(drive.access, inner[-1])
    await drive.files.trash_entry(drive.access, inner[0])
    await drive.files.update_entry(drive.access, outer[0], c.EntryUpdate(parent=target[0]))
    await drive.files.restore_entry(drive.access, inner[0])
    with pytest.raises(InvalidRequest):
        await drive.files.restore_entry(drive.access, inner[-1])
    # The folder above is gone, so the folder is restored to the root.
    await drive.files.trash_entry(drive.access, inner[0])
    assert (await drive.files.restore_entry(drive.access, inner[-1])).parent == ROOT


async def test_restores_and_moves_at_once_keep_the_limit_of_nested_folders(shallow_drive: Drive) -> None:
    drive = shallow_drive
    for turn in range(6):
        outer = await create_chain(drive, f"outer {turn}", 3)
        inner = await create_chain(drive, "inner", 4, outer[-1])
        target = await create_chain(drive, f"target {turn}", 2)
        await drive.files.trash_entry(drive.access, inner[0])
        results = await gather_results(
            drive.files.restore_entry(drive.access, inner[0]),
            drive.files.update_entry(drive.access, outer[0], c.EntryUpdate(parent=target[-1])),
        )
        assert sum(isinstance(result, InvalidRequest) for result in results) == 1
        for folder in (outer[-1], inner[-1]):
            if not isinstance(results[0], InvalidRequest) or folder == outer[-1]:
                assert await depth_of(drive, folder) <= MAX_DEPTH


# -- the age of changes ---------------------------------------------------------------------------------


async def age_changes(drive: Drive, days: int) -> None:
    await drive.database.execute(
        "UPDATE files.changes SET at = at - make_interval(days => $1) WHERE owner_id = $2", days, drive.owner
    )


async def numbers(drive: Drive) -> list[int]:
    rows = await drive.database.fetch(
        "SELECT number FROM files.changes WHERE owner_id = $1 ORDER BY number", drive.owner
    )
    return [row["number"] for row in rows]


async def test_old_changes_are_deleted_and_the_others_keep_their_numbers(direct_drive: Drive) -> None:
    drive = direct_drive
    for n in range(4):
        await drive.upload_file(f"{n}")
    await age_changes(drive, 29)
    assert await drive.files.trim_changes(1000) == 0
    await age_changes(drive, 2)
    file = await drive.upload_file("new")
    assert await drive.files.trim_changes(3) == 3
    assert await numbers(drive) == [4, 5]
    assert await drive.files.check_invariants() == ()
    assert await drive.files.trim_changes(3) == 1
    assert await drive.files.trim_changes(3) == 0
    await drive.files.trash_entry(drive.access, file.id)
    assert await numbers(drive) == [5, 6]
    for limit in (0, 1001):
        with pytest.raises(InvalidRequest):
            await drive.files.trim_changes(limit)


async def test_a_missing_change_is_found_after_older_ones_were_deleted(direct_drive: Drive) -> None:
    drive = direct_drive
    for n in range(4):
        await drive.upload_file(f"{n}")
    await age_changes(drive, 31)
    await drive.files.trim_changes(2)
    for number in (3, 4):
        row = await drive.database.fetchrow("DELETE FROM files.changes WHERE number = $1 RETURNING *", number)
        assert row is not None
        (violation,) = await drive.files.check_invariants()
        assert violation.invariant == "changes_are_numbered_without_gaps"
        places = ", ".join(f"${place}" for place in range(1, len(row) + 1))
        await drive.database.execute(f"INSERT INTO files.changes VALUES ({places})", *row)


async def test_two_calls_trim_the_same_changes_once(direct_drive: Drive) -> None:
    drive = direct_drive
    for n in range(6):
        await drive.upload_file(f"{n}")
    await age_changes(drive, 31)
    counts = await gather_results(*(drive.files.trim_changes(1000) for _ in range(4)))
    assert sum(count for count in counts if isinstance(count, int)) == 6
    assert await numbers(drive) == []


async def test_a_timeline_shows_the_upload_after_its_old_changes_were_deleted(direct_drive: Drive) -> None:
    drive = direct_drive
    file = await drive.upload_file("a.txt")
    (upload,) = await drive.database.fetch("SELECT id FROM files.uploads WHERE owner_id = $1", drive.owner)
    await drive.files.update_entry(drive.access, file.id, c.EntryUpdate("b.txt"))
    events = await drive.files.list_upload_events(drive.access, upload["id"])
    assert [event.state for event in events] == ["pending", "complete", "changed"]
    await age_changes(drive, 31)
    await drive.files.trim_changes(1000)
    events = await drive.files.list_upload_events(drive.access, upload["id"])
    assert [event.state for event in events] == ["pending", "complete"]


async def test_a_timeline_reads_only_the_changes_of_its_file(direct_drive: Drive) -> None:
    drive = direct_drive
    await drive.upload_file("a.txt")
    upload = await drive.database.fetchval("SELECT id FROM files.uploads WHERE owner_id = $1", drive.owner)
    await drive.database.execute(
        "INSERT INTO files.changes (owner_id, number, what, file_id)"
        " SELECT $1, 100 + n, 'renamed', gen_random_uuid() FROM generate_series(1, 5000) n",
        drive.owner,
    )
    await drive.database.execute("ANALYZE files.changes")
    statement = UploadStore().statements["select_events"]
    rows = await drive.database.fetch(f"EXPLAIN {statement}", drive.owner, upload)
    await drive.database.execute("DELETE FROM files.changes WHERE number > 100")  # The numbers must have no gap.
    assert "Index Scan using changes_of_file" in "\n".join(row[0] for row in rows)
