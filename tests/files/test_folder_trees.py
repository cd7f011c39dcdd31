"""Paths, sizes of folders, folders made by a path, and batches of entries."""

import asyncio
from dataclasses import replace

import pytest

from drivebay.contract import files as c
from drivebay.contract.files import Access
from drivebay.contract.ids import ROOT, FileId
from drivebay.errors import (
    IdempotencyKeyReused,
    InvalidRequest,
    NameTaken,
    NotFound,
    QuotaExceeded,
    Unavailable,
    WouldCycle,
)

from .conftest import SETTINGS, UNKNOWN_ID, Drive, gather_results, new_owner, open_drive

_MEASUREMENTS = """
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%WITH RECURSIVE folders%'"""


async def create(drive: Drive, path: str, key: str | None = None) -> c.CreatedFolder:
    return await drive.files.create_folders(drive.access, ROOT, tuple(path.split("/")), key)


async def test_an_entry_is_found_by_its_path(drive: Drive) -> None:
    folder = (await create(drive, "a/b")).folder
    file = await drive.upload_file("caf\u00e9", parent=folder.id)
    assert await drive.files.find_entry(drive.access, ("a", "b", "cafe\u0301")) == file
    assert (await drive.files.find_entry(drive.access, ("a", "b"))).id == folder.id
    gone = await drive.upload_file("gone", parent=folder.id)
    await drive.files.trash_entry(drive.access, gone.id)
    for names in ((), ("b",), ("A", "b"), ("a", "b", "gone"), ("a", "b", "caf\u00e9", "x"), ("x",) * 2000):
        with pytest.raises(NotFound):
            await drive.files.find_entry(drive.access, names)
    with pytest.raises(NotFound):
        await drive.files.find_entry(Access.personal(new_owner()), ("a", "b"))
    for name in ("", ".", "..", "x/y", "a\0", "x" * 256):
        with pytest.raises(InvalidRequest) as raised:
            await drive.files.find_entry(drive.access, ("a", name))
        assert [error.field for error in raised.value.errors] == ["path"]


async def test_the_path_of_an_entry_begins_at_the_top(drive: Drive) -> None:
    folder = (await create(drive, "a/b")).folder
    file = await drive.upload_file("f", parent=folder.id)
    path = await drive.files.get_path(drive.access, file.id)
    assert [entry.name for entry in path] == ["a", "b", "f"]
    assert path[1:] == (await drive.files.get_file(drive.access, folder.id), file)
    await drive.files.trash_entry(drive.access, file.id)
    for owner, id in ((drive.owner, file.id), (new_owner(), folder.id), (drive.owner, FileId(UNKNOWN_ID))):
        with pytest.raises(NotFound):
            await drive.files.get_path(Access.personal(owner), id)


async def test_the_size_of_a_folder_counts_everything_below_it(drive: Drive) -> None:
    outer = (await create(drive, "a")).folder
    inner = (await create(drive, "a/b")).folder
    await create(drive, "a/empty")
    for n, parent in enumerate((outer.id, inner.id, inner.id, ROOT)):
        file = await drive.upload_file(f"f{n}", b"x" * (n + 1), parent)
    gone = await drive.upload_file("gone", b"gone", inner.id)
    await drive.files.trash_entry(drive.access, gone.id)
    assert await drive.files.measure_tree(drive.access, outer.id) == c.TreeSize(6, 3, 2)
    assert await drive.files.measure_tree(drive.access, inner.id) == c.TreeSize(5, 2, 0)
    assert await drive.files.measure_tree(drive.access, ROOT) == c.TreeSize(10, 4, 3)
    assert await drive.files.measure_tree(drive.access, file.id) == c.TreeSize(4, 1, 0)
    assert await drive.files.measure_tree(Access.personal(new_owner()), ROOT) == c.TreeSize(0, 0, 0)
    for owner, id in ((new_owner(), outer.id), (drive.owner, gone.id)):
        with pytest.raises(NotFound):
            await drive.files.measure_tree(Access.personal(owner), id)


async def test_a_folder_that_takes_too_long_to_measure_is_refused(direct_drive: Drive) -> None:
    """Another transaction blocks the measurement, as a table of many millions of entries would."""
    drive = direct_drive
    folder = (await create(drive, "a")).folder
    async with drive.database.transaction() as tx:
        await tx.execute("LOCK TABLE files.versions IN ACCESS EXCLUSIVE MODE")
        assert (await drive.files.measure_tree(drive.access, folder.id)).files == 0
    locked = asyncio.Event()

    async def hold_lock() -> None:
        async with drive.database.transaction() as tx:
            await tx.execute("LOCK TABLE files.entries IN ACCESS EXCLUSIVE MODE")
            locked.set()
            await asyncio.sleep(3600)

    holder = asyncio.create_task(hold_lock())
    await locked.wait()
    try:
        calls = [asyncio.create_task(drive.files.measure_tree(drive.access, ROOT)) for _ in range(3)]
        running = 0
        while not any(call.done() for call in calls):
            running = max(running, await drive.database.fetchval(_MEASUREMENTS))
        assert running == 1  # the others of this owner wait without a connection
        with pytest.raises(Unavailable, match="too many entries"):
            await next(call for call in calls if call.done())
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
    finally:
        holder.cancel()
        await asyncio.gather(holder, return_exceptions=True)


async def test_missing_folders_of_a_path_are_created(drive: Drive) -> None:
    first = await create(drive, "a/b/c", "1")
    assert (first.is_new, first.folder.name) == (True, "c")
    assert await create(drive, "a/b/c") == c.CreatedFolder(first.folder, is_new=False)
    second = await create(drive, "a/b/d", "2")
    assert (second.is_new, second.folder.parent) == (True, first.folder.parent)
    below = await drive.files.create_folders(drive.access, first.folder.id, ("x",), "3")
    assert (below.is_new, below.folder.parent) == (True, first.folder.id)
    path = await drive.files.get_path(drive.access, below.folder.id)
    assert [folder.name for folder in path] == ["a", "b", "c", "x"]
    await drive.files.update_entry(drive.access, first.folder.id, c.EntryUpdate("renamed"))
    assert await create(drive, "a/b/c", "1") == first
    with pytest.raises(IdempotencyKeyReused):
        await create(drive, "a/b", "1")


async def test_a_path_that_cannot_be_created_creates_nothing(drive: Drive) -> None:
    await drive.upload_file("file")
    await drive.begin("pending")
    for path in ("file", "file/x", "pending/x"):
        with pytest.raises(NameTaken):
            await create(drive, path)
    for path in ("new/..", "new/" + "x" * 256, "/".join("x" * (SETTINGS.max_depth + 1)), ""):
        with pytest.raises(InvalidRequest):
            await create(drive, path)
    with pytest.raises(InvalidRequest):
        await drive.files.create_folders(drive.access, ROOT, ())
    with pytest.raises(NotFound):
        await drive.files.create_folders(drive.access, FileId(UNKNOWN_ID), ("x",))
    assert await drive.list_names(ROOT) == ["file"]
    deepest = await create(drive, "/".join("x" * SETTINGS.max_depth))
    with pytest.raises(InvalidRequest):
        await drive.files.create_folders(drive.access, deepest.folder.id, ("x",))


async def test_a_path_counts_each_new_folder_as_an_entry(database_url: str) -> None:
    async with open_drive(database_url, "direct", replace(SETTINGS, max_entries=3)) as drive:
        await create(drive, "a/b")
        with pytest.raises(QuotaExceeded):
            await create(drive, "a/c/d")
        await create(drive, "a/c")


async def test_concurrent_calls_create_each_folder_once(direct_drive: Drive) -> None:
    drive = direct_drive
    for round in range(5):
        path = f"{round}/a/b/c"
        results = await asyncio.gather(*(create(drive, path) for _ in range(8)))
        assert len({result.folder.id for result in results}) == 1
        assert sum(result.is_new for result in results) == 1
    assert len(await drive.list_names(ROOT)) == 5


async def test_paths_that_race_with_moves_create_no_cycle_and_no_duplicate(direct_drive: Drive) -> None:
    drive = direct_drive
    for round in range(5):
        a, b = [(await create(drive, f"{name}{round}")).folder for name in "ab"]
        results = await gather_results(
            drive.files.update_entry(drive.access, a.id, c.EntryUpdate(parent=b.id)),
            create(drive, f"a{round}/x/y"),
            drive.files.update_entry(drive.access, b.id, c.EntryUpdate(parent=a.id)),
            create(drive, f"b{round}/a{round}/x"),
        )
        assert sum(isinstance(result, WouldCycle) for result in results) <= 1
        for result in results:
            assert not isinstance(result, BaseException) or isinstance(result, WouldCycle | NameTaken), result


async def test_each_entry_of_a_batch_has_its_own_result(drive: Drive) -> None:
    outer, inner = (await create(drive, "a")).folder, (await create(drive, "a/b")).folder
    files = [await drive.upload_file(name) for name in ("f", "g")]
    await drive.upload_file("g", parent=inner.id)
    ids = (files[0].id, FileId(UNKNOWN_ID), files[1].id, outer.id, ROOT)
    moved = await drive.files.move_entries(drive.access, ids, inner.id)
    codes = [result.error.code if result.error else None for result in moved]
    assert codes == [None, "not_found", "name_taken", "would_cycle", "not_found"]
    assert moved[0].file is not None
    assert moved[0].file.parent == inner.id
    (renamed,) = await drive.files.move_entries(drive.access, (files[1].id,), inner.id, c.OnConflict.RENAME)
    assert renamed.file is not None
    assert renamed.file.name.startswith("g (")  # a repeated begin may hold the first free name
    mine = (files[0].id, FileId(UNKNOWN_ID), inner.id)
    for owner, result in ((new_owner(), [None] * 3), (drive.owner, [files[0].id, None, inner.id])):
        trashed = await drive.files.trash_entries(Access.personal(owner), mine)
        assert [each.file and each.file.id for each in trashed] == result
        assert all(each.file.trashed_at for each in trashed if each.file)
    assert await drive.list_names(outer.id) == []
    restored = await drive.files.restore_entries(drive.access, (inner.id, *mine))
    assert [each.error.code if each.error else None for each in restored] == [None, None, "not_found", "not_found"]
    assert await drive.list_names(inner.id) == ["f", "g", renamed.file.name]


@pytest.mark.parametrize("count", [0, 101])
async def test_a_batch_has_1_to_100_entries(drive: Drive, count: int) -> None:
    ids = (FileId(UNKNOWN_ID),) * count
    for call in (
        drive.files.move_entries(drive.access, ids, ROOT),
        drive.files.trash_entries(drive.access, ids),
        drive.files.restore_entries(drive.access, ids),
    ):
        with pytest.raises(InvalidRequest):
            await call


async def test_concurrent_batches_of_moves_create_no_cycle(direct_drive: Drive) -> None:
    drive = direct_drive
    for round in range(5):
        a, b = [(await create(drive, f"{name}{round}")).folder for name in "ab"]
        results = await asyncio.gather(
            drive.files.move_entries(drive.access, (a.id,), b.id), drive.files.move_entries(drive.access, (b.id,), a.id)
        )
        assert sum(result.error is not None for (result,) in results) == 1
