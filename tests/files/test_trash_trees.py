"""Trees in the trash: trashing a folder changes one row, and hides everything below it until it is restored."""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, Final

import pytest
from uuid_utils.compat import uuid7

from drivebay.contract import files as c
from drivebay.contract.files import LinkRole, Role
from drivebay.contract.ids import ROOT, FileId, UserId
from drivebay.errors import NotFound
from drivebay.files.entries.listings import ListingService
from drivebay.files.trash.store import MAX_COUNTED, TrashStore

from .conftest import SETTINGS, Drive
from .test_access_scope import SCOPED, Place, create_place, granted, outcome, unknown_place
from .test_links import link_to
from .test_trashed_folders import create_folders
from .trees import all_ids, fill_folder, rows_read

ABOUT_UPLOADS: Final = {
    "get_upload",
    "open_parts",
    "list_parts",
    "resize_upload",
    "complete_upload",
    "complete_uploads",
    "list_upload_events",
    "abort_upload",
}
"""Calls about a pending upload, which goes on when its folder is trashed."""
ABOUT_TRASHED_ENTRIES: Final = {"restore_entry", "restore_entries"}
"""Calls about an entry that was trashed before its folder. It can still be restored, to the root."""
CHANGED_ROWS: Final = "SELECT id, xmin::text FROM files.entries WHERE owner_id = $1"


async def create_hidden_place(drive: Drive) -> tuple[FileId, Place]:
    """Return a folder, and a place inside it."""
    place = await create_place(drive, "place")
    outer = (await drive.files.create_folder(drive.access, ROOT, "outer")).id
    await drive.files.update_entry(drive.access, place.folder, c.EntryUpdate(parent=outer))
    return outer, place


# -- the rows that a change touches


@pytest.mark.parametrize(("folders", "files"), [(2, 4), (100, 200)], ids=["10 below", "20,100 below"])
async def test_trash_restore_and_move_of_a_folder_change_one_row(direct_drive: Drive, folders: int, files: int) -> None:
    drive = direct_drive
    folder, target = [(await drive.files.create_folder(drive.access, ROOT, name)).id for name in ("folder", "target")]
    await fill_folder(drive, folder, folders, files)
    assert await drive.database.fetchval("SELECT count(*) FROM files.entries WHERE parent_id <> $1", ROOT) == (
        folders * (files + 1)
    )
    for change in (
        drive.files.trash_entry(drive.access, folder),
        drive.files.restore_entry(drive.access, folder),
        drive.files.update_entry(drive.access, folder, c.EntryUpdate("renamed", target)),
        drive.files.trash_entry(drive.access, target),
        drive.files.delete_trashed(drive.access, target),
    ):
        rows = dict(await drive.database.fetch(CHANGED_ROWS, drive.owner))
        changes = await drive.files.list_changes(drive.access)
        await change
        after = dict(await drive.database.fetch(CHANGED_ROWS, drive.owner))
        assert len([id for id in rows if rows[id] != after[id]]) == 1
        assert len((await drive.files.list_changes(drive.access, changes.next_cursor)).items) == 1


async def test_the_statements_read_as_many_rows_for_a_large_folder(direct_drive: Drive) -> None:
    """Counting the files of a folder stops at a limit. The other statements read the row of the folder."""
    drive = direct_drive
    statements = TrashStore().statements
    read = []
    for name, folders, files in (("small", 2, 4), ("large", 100, 200)):
        folder = (await drive.files.create_folder(drive.access, ROOT, name)).id
        await fill_folder(drive, folder, folders, files)
        await drive.database.execute("ANALYZE files.entries")
        counts = []
        async with drive.database.transaction() as tx:
            for statement, arguments in (
                ("measure_folder", (MAX_COUNTED + 1,)),
                ("trash_entry", (timedelta(days=30), drive.owner, 0, None)),
                ("keep_duplicates_in_trash", ()),
                ("restore_entry", (ROOT, name)),
            ):
                values: tuple[object, ...] = arguments
                if statement in ("keep_duplicates_in_trash", "restore_entry"):
                    trashed_at = await tx.fetchval("SELECT trashed_at FROM files.entries WHERE id = $1", folder)
                    values = (*arguments, trashed_at)
                if statement == "restore_entry":
                    values = (*values, drive.owner)
                explain = f"EXPLAIN (ANALYZE, FORMAT JSON) {statements[statement]}"
                plan = await tx.fetchval(explain, drive.owner, folder, *values)
                counts.append(rows_read(plan, "entries"))
        read.append(counts)
    small, large = read
    assert max(small[1:] + large[1:]) <= 3
    assert small[0] < 50
    assert large[0] < 20 * MAX_COUNTED


# -- what is hidden


@pytest.mark.parametrize("name", SCOPED)
@pytest.mark.parametrize("by_grant", [False, True], ids=["owner", "grant"])
async def test_nothing_below_a_trashed_folder_is_reached(direct_drive: Drive, name: str, by_grant: bool) -> None:
    drive, case = direct_drive, SCOPED[name]
    outer, place = await create_hidden_place(drive)
    access = granted(drive, (place.folder, Role.EDITOR)) if by_grant else drive.access
    unknown = unknown_place()
    expected = await outcome(case.call(drive.files, access, unknown), unknown)
    await drive.files.trash_entry(drive.access, outer)
    before = await drive.files.list_changes(drive.access)
    result = await outcome(case.call(drive.files, access, place), place)
    if by_grant or name not in ABOUT_UPLOADS | ABOUT_TRASHED_ENTRIES:
        assert result == expected
        assert await drive.files.list_changes(drive.access) == before
    else:
        assert result == "ok"
    if name in ABOUT_TRASHED_ENTRIES and not by_grant:
        assert (await drive.files.get_file(drive.access, place.trashed)).parent == ROOT
    await drive.files.restore_entry(drive.access, outer)
    if name not in ABOUT_TRASHED_ENTRIES:
        assert await outcome(case.call(drive.files, access, place), place) == "ok"


MORE_CALLS: Final[dict[str, Callable[[Drive, Place], Awaitable[Any]]]] = {
    "list_files by name": lambda drive, at: drive.files.list_files(drive.access, c.Listing(at.folder, name="a.txt")),
    "list_files of an empty folder": lambda drive, at: drive.files.list_files(drive.access, c.Listing(at.inner)),
    "list_files by time": lambda drive, at: drive.files.list_files(drive.access, c.Listing(at.folder)),
    "list_files by name order": lambda drive, at: drive.files.list_files(
        drive.access, c.Listing(at.folder, c.Sort.NAME)
    ),
    "list_files with a star": lambda drive, at: drive.files.list_files(
        drive.access, c.Listing(at.folder, starred=True)
    ),
    "find_entry": lambda drive, at: drive.files.find_entry(drive.access, ("outer", "place", "a.txt")),
    "move into": lambda drive, at: drive.files.move_entries(drive.access, (at.trashed,), at.inner),
    "trash": lambda drive, at: drive.files.trash_entry(drive.access, at.inner),
    "delete for good": lambda drive, at: drive.files.delete_trashed(drive.access, at.file),
    "restore": lambda drive, at: drive.files.restore_entry(drive.access, at.file),
    "restore into": lambda drive, at: drive.files.restore_entry(drive.access, at.trashed, at.inner),
    "put_permission": lambda drive, at: drive.files.put_permission(drive.access, at.file, UserId(uuid7()), Role.VIEWER),
    "list_permissions": lambda drive, at: drive.files.list_permissions(drive.access, at.file),
    "create_link": lambda drive, at: drive.files.create_link(drive.access, c.NewLink(at.file, LinkRole.VIEWER)),
    "create_folders": lambda drive, at: drive.files.create_folders(drive.access, at.folder, ("inner", "x")),
    "search below": lambda drive, at: drive.files.search_files(drive.access, c.Search("a", below=at.folder)),
}


@pytest.mark.parametrize("name", MORE_CALLS)
async def test_an_entry_below_a_trashed_folder_is_not_found(direct_drive: Drive, name: str) -> None:
    drive = direct_drive
    outer, place = await create_hidden_place(drive)
    await drive.files.trash_entry(drive.access, outer)
    call = MORE_CALLS[name](drive, place)
    if name == "move into":
        assert (await outcome(call, place)).startswith("not_found")
        return
    with pytest.raises(NotFound):
        await call


async def test_no_list_shows_what_a_trashed_folder_hides(direct_drive: Drive) -> None:
    drive = direct_drive
    outer, place = await create_hidden_place(drive)
    outside = await drive.upload_file("a outside.txt")
    user = UserId(uuid7())
    await drive.files.put_permission(drive.access, place.file, user, Role.VIEWER)
    await drive.files.put_permission(drive.access, place.inner, user, Role.VIEWER)
    for id in (place.file, place.inner, outside.id):
        await drive.files.update_entry(drive.access, id, c.EntryUpdate(starred=True))
    _, token = await link_to(drive, place.file)
    _, folder_token = await link_to(drive, place.folder, LinkRole.EDITOR)
    link_archive = await drive.files.create_link_archive(folder_token, None, (place.folder,))

    async def shown() -> tuple[list[FileId], ...]:
        files, access = drive.files, drive.access
        listed = [
            sorted(item.id for item in (await files.list_files(access, c.Listing(None, sort, descending))).items)
            for sort, descending in itertools.product(c.Sort, (False, True))
        ]
        assert listed[1:] == listed[:-1]
        starred = [item.id for item in (await files.list_files(access, c.Listing(starred=True))).items]
        unstarred = [item.id for item in (await files.list_files(access, c.Listing(starred=False))).items]
        found = [
            item.file.id
            for text in ("a", "xt", "a.tx", "inner")
            for item in (await files.search_files(access, c.Search(text))).items
        ]
        misspelt = [item.file.id for item in (await files.search_files(access, c.Search("ottside"))).items]
        shared = [item.file.id for item in (await files.list_shared_items(user)).items]
        return listed[0], sorted(starred), unstarred, sorted(set(found)), misspelt, sorted(shared)

    before = await shown()
    assert before[0] == sorted([place.file, outside.id])
    assert before[1] == sorted([place.file, place.inner, outside.id])
    assert before[5] == sorted([place.file, place.inner])
    await drive.files.trash_entry(drive.access, outer)
    assert await shown() == ([outside.id], [outside.id], [], [outside.id], [outside.id], [])
    for call in (
        drive.files.open_link(token, None),
        drive.files.open_link(folder_token, None),
        drive.files.get_link_content(token, None, ROOT),
        drive.files.list_link_files(folder_token, None, c.Listing()),
        drive.files.begin_link_upload(folder_token, None, c.UploadIntent("x", 1, "text/plain", ROOT)),
        drive.files.open_archive(link_archive.token),
    ):
        with pytest.raises(NotFound):
            await call
    await drive.files.restore_entry(drive.access, outer)
    assert await shown() == before
    assert (await drive.files.open_link(token, None)).name == "a.txt"
    await drive.files.open_archive(link_archive.token)


@pytest.mark.parametrize("limit", [1, 3, 1000])
async def test_a_listing_of_all_files_goes_on_behind_what_is_hidden(direct_drive: Drive, limit: int) -> None:
    """Hidden files are before, between and behind the others."""
    drive = direct_drive
    folders = await create_folders(drive, "folder", "inner")
    visible = []
    for number in range(4):
        visible.append((await drive.upload_file(f"visible {number}")).id)
        await drive.upload_file(f"hidden {number}", parent=folders[number % 2])
    await drive.files.trash_entry(drive.access, folders[0])
    assert await all_ids(drive, limit) == visible[::-1]


async def test_a_page_ends_after_a_limited_number_of_hidden_files(direct_drive: Drive) -> None:
    drive = direct_drive
    (folder,) = await create_folders(drive, "folder")
    oldest = await drive.upload_file("oldest")
    await fill_folder(drive, folder, 2, 60)
    newest = await drive.upload_file("newest")
    await drive.files.trash_entry(drive.access, folder)
    listing = ListingService(drive.database, SETTINGS, files_per_read=10)
    first = await listing.list_files(drive.access, c.Listing(limit=10))
    assert [file.id for file in first.items] == [newest.id]
    cursor, pages = first.next_cursor, []
    while cursor is not None:
        page = await listing.list_files(drive.access, c.Listing(limit=10, cursor=cursor))
        pages.append([file.id for file in page.items])
        cursor = page.next_cursor
    assert len(pages) > 2
    assert pages == [*([] for _ in pages[1:]), [oldest.id]]
    assert await all_ids(drive, 10) == [newest.id, oldest.id]
