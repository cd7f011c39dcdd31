"""The activity of an item: its changes, newest first, in pages, and who may see them."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest

from drivebay.contract import files as c
from drivebay.contract.files import Access, Grant, Role
from drivebay.contract.ids import ROOT, FileId, UserId
from drivebay.errors import InvalidCursor, InvalidRequest, NotFound

from .conftest import UNKNOWN_ID, Drive, new_owner


async def activity_of(drive: Drive, id: FileId, limit: int = 100) -> list[c.Activity]:
    """Return the whole activity of an item, read in pages of `limit`."""
    found: list[c.Activity] = []
    page = await drive.files.list_activity(drive.access, id, limit)
    while True:
        assert len(page.items) <= limit
        found += page.items
        if page.next_cursor is None:
            return found
        page = await drive.files.list_activity(drive.access, id, limit, page.next_cursor)


async def test_the_activity_of_a_file_is_its_changes_newest_first(drive: Drive) -> None:
    folder = await drive.files.create_folder(drive.access, ROOT, "folder")
    file = await drive.upload_file("a.txt")
    await drive.upload_file("b.txt")
    await drive.upload_file("a.txt", b"new", on_conflict=c.OnConflict.REPLACE)
    await drive.files.update_entry(drive.access, file.id, c.EntryUpdate(name="c.txt"))
    await drive.files.update_entry(drive.access, file.id, c.EntryUpdate(parent=folder.id))
    await drive.files.trash_entry(drive.access, file.id)
    await drive.files.restore_entry(drive.access, file.id)
    await drive.files.trash_entry(drive.access, folder.id)  # no change of the file
    await drive.files.restore_entry(drive.access, folder.id)
    found = await activity_of(drive, file.id)
    assert [each.kind.value for each in found] == ["restored", "trashed", "moved", "renamed", "content", "created"]
    assert {each.actor for each in found} == {drive.owner}
    assert [each.at for each in found] == sorted((each.at for each in found), reverse=True)
    assert await activity_of(drive, file.id, 1) == await activity_of(drive, file.id, 4) == found
    assert [each.kind.value for each in await activity_of(drive, folder.id)] == ["restored", "trashed", "created"]


async def test_the_activity_names_who_made_each_change(direct_drive: Drive) -> None:
    drive, guest = direct_drive, UserId(new_owner())
    file = await drive.upload_file("a.txt")
    access = Access(drive.owner, guest, Role.EDITOR, (Grant(file.id, Role.EDITOR),))
    await drive.files.update_entry(access, file.id, c.EntryUpdate(name="b.txt"))
    page = await drive.files.list_activity(access, file.id)
    assert [(each.kind.value, each.actor) for each in page.items] == [("renamed", guest), ("created", drive.owner)]


async def test_the_deletion_of_an_object_is_no_activity(direct_drive: Drive) -> None:
    drive = direct_drive
    file = await drive.upload_file()
    await drive.database.execute(
        """WITH numbered AS (
               UPDATE files.usage SET last_change = last_change + 1 WHERE owner_id = $1 RETURNING last_change)
           INSERT INTO files.changes (owner_id, number, what, file_id)
           SELECT $1, last_change, 'purged', $2 FROM numbered""",
        drive.owner,
        file.id,
    )
    assert [each.kind.value for each in await activity_of(drive, file.id)] == ["created"]


async def test_an_item_without_changes_has_an_empty_activity(direct_drive: Drive) -> None:
    drive = direct_drive
    file = await drive.upload_file()
    await drive.advance_time(timedelta(days=31), "changes")
    await drive.files.trim_changes(1000)
    assert await activity_of(drive, file.id) == []


async def test_only_an_item_that_exists_and_is_reached_has_an_activity(drive: Drive) -> None:
    file, trashed, other = [await drive.upload_file(name) for name in ("a", "b", "c")]
    await drive.files.trash_entry(drive.access, trashed.id)
    limited = msgspec.structs.replace(drive.access, grants=(Grant(file.id, Role.VIEWER),))
    assert len((await drive.files.list_activity(limited, file.id)).items) == 1
    stranger = drive.for_owner(new_owner())
    for access, id in (
        (drive.access, trashed.id),
        (drive.access, FileId(UNKNOWN_ID)),
        (drive.access, ROOT),
        (limited, other.id),
        (stranger.access, file.id),
    ):
        with pytest.raises(NotFound):
            await drive.files.list_activity(access, id)


async def test_only_a_cursor_of_this_activity_is_valid(drive: Drive) -> None:
    file = await drive.upload_file("a")
    other = await drive.upload_file("b")
    for entry in (file, other):
        await drive.files.update_entry(drive.access, entry.id, c.EntryUpdate(starred=True))
    cursor = (await drive.files.list_activity(drive.access, file.id, 1)).next_cursor
    assert cursor is not None
    feed = (await drive.files.list_changes(drive.access)).next_cursor
    for id, wrong in ((other.id, cursor), (file.id, cursor[:-2]), (file.id, feed), (file.id, "")):
        with pytest.raises(InvalidCursor):
            await drive.files.list_activity(drive.access, id, 1, wrong)
    for limit in (0, 1001):
        with pytest.raises(InvalidRequest):
            await drive.files.list_activity(drive.access, file.id, limit)
