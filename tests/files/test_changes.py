"""The change feed: its order, its items, its cursors, and a client that follows it."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any
from uuid import uuid4

import msgspec
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule
from uuid_utils.compat import uuid7

from drivebay.contract import files as c
from drivebay.contract.files import Access, Role
from drivebay.contract.ids import ROOT, FileId, UserId
from drivebay.errors import CursorExpired, Error, Forbidden, InvalidCursor, InvalidRequest
from drivebay.files.changes.store import ChangeStore
from tests.tree_follower import Item, TreeFollower

from .conftest import SETTINGS, Drive, new_owner
from .state_machine import DriveMachine, run_machine

Kind = c.ChangeKind


async def now(drive: Drive) -> str:
    """Return the cursor of the feed's end."""
    page = await drive.files.list_changes(drive.access)
    assert page.items == ()
    return page.next_cursor


async def changes_after(drive: Drive, cursor: str, limit: int = 100) -> list[c.Change]:
    """Return all changes after a cursor, read in pages."""
    changes: list[c.Change] = []
    while (page := await drive.files.list_changes(drive.access, cursor, limit)).items:
        assert len(page.items) <= limit
        assert page.items[-1].cursor <= page.next_cursor or len(page.items) < limit
        changes += page.items
        cursor = page.next_cursor
    assert page.next_cursor
    return changes


def kinds(changes: list[c.Change]) -> list[tuple[str, FileId]]:
    return [(change.kind.value, change.file_id) for change in changes]


async def test_each_change_of_an_entry_is_in_the_feed_once_and_in_order(drive: Drive) -> None:
    start = await now(drive)
    folder = await drive.files.create_folder(drive.access, ROOT, "folder")
    file = await drive.upload_file("a.txt")
    await drive.upload_file("a.txt", b"new", on_conflict=c.OnConflict.REPLACE)
    await drive.files.update_entry(drive.access, file.id, c.EntryUpdate(name="b.txt"))
    await drive.files.update_entry(drive.access, file.id, c.EntryUpdate(name="b.txt"))  # changes nothing
    await drive.files.update_entry(drive.access, file.id, c.EntryUpdate("c.txt", folder.id))
    await drive.files.trash_entry(drive.access, folder.id)
    await drive.files.restore_entry(drive.access, folder.id)
    await drive.files.trash_entry(drive.access, file.id)
    await drive.files.delete_trashed(drive.access, file.id)
    changes = await changes_after(drive, start, 2)
    assert kinds(changes) == [
        ("created", folder.id),
        ("created", file.id),
        ("content", file.id),
        ("renamed", file.id),
        ("moved", file.id),
        ("trashed", folder.id),
        ("restored", folder.id),
        ("trashed", file.id),
        ("deleted", file.id),
    ]
    assert {change.actor for change in changes} == {drive.owner}
    assert changes == await changes_after(drive, start, 1000)
    assert kinds(await changes_after(drive, changes[6].cursor)) == kinds(changes)[7:]


async def test_a_change_shows_its_entry_as_it_is_now(direct_drive: Drive) -> None:
    drive = direct_drive
    start = await now(drive)
    kept, trashed, deleted = [await drive.upload_file(name) for name in ("kept", "trashed", "deleted")]
    renamed = await drive.files.update_entry(drive.access, kept.id, c.EntryUpdate(name="renamed"))
    for file in (trashed, deleted):
        await drive.files.trash_entry(drive.access, file.id)
    await drive.files.delete_trashed(drive.access, deleted.id)
    files = {change.file_id: change.file for change in await changes_after(drive, start)}
    assert files[kept.id] == renamed
    shown = files[trashed.id]
    assert shown is not None
    assert (shown.name, shown.trashed_at is not None) == ("trashed", True)
    assert files[deleted.id] is None


async def test_trashing_a_folder_is_one_change_and_so_is_its_deletion(direct_drive: Drive) -> None:
    drive = direct_drive
    folder = await drive.files.create_folder(drive.access, ROOT, "folder")
    for name in ("a", "b"):
        await drive.upload_file(name, parent=folder.id)
    start = await now(drive)
    await drive.files.trash_entry(drive.access, folder.id)
    await drive.files.delete_trashed(drive.access, folder.id)
    await drive.run_purges()
    assert kinds(await changes_after(drive, start)) == [("trashed", folder.id), ("deleted", folder.id)]


async def test_emptying_the_trash_changes_each_entry_that_was_trashed(direct_drive: Drive) -> None:
    drive = direct_drive
    folder = await drive.files.create_folder(drive.access, ROOT, "folder")
    inner = await drive.upload_file("inner", parent=folder.id)
    await drive.upload_file("along", parent=folder.id)
    other = await drive.upload_file("other")
    for id in (inner.id, folder.id, other.id):
        await drive.files.trash_entry(drive.access, id)
    start = await now(drive)
    await drive.files.empty_trash(drive.access)
    await drive.files.empty_trash(drive.access)
    await drive.run_purges()
    changes = await changes_after(drive, start)
    assert sorted(kinds(changes)) == sorted(("deleted", id) for id in (inner.id, folder.id, other.id))
    assert {change.actor for change in changes} == {drive.owner}


async def test_the_end_of_the_grace_period_is_a_change_of_the_system(direct_drive: Drive) -> None:
    drive = direct_drive
    folder = await drive.files.create_folder(drive.access, ROOT, "folder")
    await drive.upload_file("along", parent=folder.id)
    await drive.files.trash_entry(drive.access, folder.id)
    start = await now(drive)
    await drive.advance_time(SETTINGS.trash_grace, "entries")
    await drive.run_purges()
    await drive.run_purges()
    (change,) = await changes_after(drive, start)
    assert (change.kind, change.file_id, change.actor, change.file) == (Kind.DELETED, folder.id, None, None)


async def test_a_file_that_arrives_in_a_trashed_folder_is_shown_in_the_trash(direct_drive: Drive) -> None:
    drive = direct_drive
    folder = await drive.files.create_folder(drive.access, ROOT, "folder")
    upload = await drive.begin("late", parent=folder.id)
    await drive.files.trash_entry(drive.access, folder.id)
    start = await now(drive)
    drive.bucket.put(upload.key, b"hello")
    await drive.files.complete_upload(drive.access, upload.id)
    (change,) = await changes_after(drive, start)
    assert change.kind is Kind.CREATED
    assert change.file is not None
    assert change.file.trashed_at is not None


async def test_changes_of_the_previous_release_are_in_the_feed(direct_drive: Drive) -> None:
    drive = direct_drive
    file = await drive.upload_file()
    start = await now(drive)
    for kind in ("stored", "replaced", "changed", "purged", "trashed"):
        await drive.database.execute(
            """WITH numbered AS (
                   UPDATE files.usage SET last_change = last_change + 1 WHERE owner_id = $1 RETURNING last_change)
               INSERT INTO files.changes (owner_id, number, what, file_id)
               SELECT $1, last_change, $2, $3 FROM numbered""",
            drive.owner,
            kind,
            file.id,
        )
    changes = await changes_after(drive, start, 1)
    assert [change.kind.value for change in changes] == ["created", "content", "moved", "trashed"]
    assert await changes_after(drive, changes[-1].cursor) == []


# -- cursors


@pytest.mark.parametrize("place", ["empty drive", "root", "empty folder", "all files", "name", "missing name"])
async def test_a_listing_has_the_cursor_of_its_moment(direct_drive: Drive, place: str) -> None:
    drive = direct_drive
    parent: FileId | None = ROOT
    if place != "empty drive":
        await drive.upload_file("a")
        folder = await drive.files.create_folder(drive.access, ROOT, "folder")
        parent = {"empty folder": folder.id, "all files": None}.get(place, ROOT)
    name = {"name": "a", "missing name": "b"}.get(place)
    page = await drive.files.list_files(drive.access, c.Listing(parent, c.Sort.NAME, name=name))
    assert page.changes_cursor is not None
    assert await changes_after(drive, page.changes_cursor) == []
    new = await drive.upload_file("new")
    assert kinds(await changes_after(drive, page.changes_cursor)) == [("created", new.id)]


async def test_a_listing_and_its_cursor_are_of_one_moment(direct_drive: Drive) -> None:
    drive = direct_drive

    async def list_with_changes() -> None:
        page = await drive.files.list_files(drive.access, c.Listing(limit=1000))
        assert page.changes_cursor is not None
        later = {change.file_id for change in await changes_after(drive, page.changes_cursor)}
        listed = {item.id for item in page.items}
        everything = {item.id for item in (await drive.files.list_files(drive.access, c.Listing(limit=1000))).items}
        assert not listed & later
        assert everything >= listed | later

    await asyncio.gather(
        *(drive.upload_file(f"{number}") for number in range(15)), *(list_with_changes() for _ in range(30))
    )


async def test_a_cursor_expires_with_the_changes_after_it(drive: Drive) -> None:
    start = await now(drive)
    await drive.upload_file("a")
    await drive.advance_time(timedelta(days=31), "changes")
    last = await now(drive)
    assert len(await changes_after(drive, start)) == 1
    while await drive.files.trim_changes(1000):
        pass
    with pytest.raises(CursorExpired):
        await drive.files.list_changes(drive.access, start)
    assert await changes_after(drive, last) == []
    new = await drive.upload_file("b")
    assert kinds(await changes_after(drive, last)) == [("created", new.id)]


async def test_a_cursor_of_a_later_time_than_the_database_has_expired(direct_drive: Drive) -> None:
    drive = direct_drive
    await drive.upload_file("a")
    await drive.files.create_folder(drive.access, ROOT, "folder")
    cursor = await now(drive)
    # As after a restore from a backup.
    await drive.database.execute(
        "DELETE FROM files.changes c USING files.usage g WHERE c.owner_id = g.owner_id AND c.number = g.last_change"
    )
    await drive.database.execute("UPDATE files.usage SET last_change = last_change - 1")
    with pytest.raises(CursorExpired):
        await drive.files.list_changes(drive.access, cursor)


async def test_only_a_cursor_of_this_feed_is_valid(drive: Drive) -> None:
    for name in ("a", "b"):
        await drive.upload_file(name)
    cursor = await now(drive)
    listing = await drive.files.list_files(drive.access, c.Listing(limit=1))
    other = drive.for_owner(new_owner())
    assert listing.next_cursor is not None
    for wrong in ("", "x", cursor[:-2], cursor + "A", cursor[::-1], listing.next_cursor, await now(other)):
        with pytest.raises(InvalidCursor):
            await drive.files.list_changes(drive.access, wrong)
    for limit in (0, 1001):
        with pytest.raises(InvalidRequest):
            await drive.files.list_changes(drive.access, cursor, limit)


async def test_a_stranger_gets_no_change_of_a_drive(direct_drive: Drive) -> None:
    drive = direct_drive
    other = drive.for_owner(new_owner())
    start, theirs = await now(drive), await now(other)
    mine = await drive.upload_file("mine")
    his = await other.upload_file("his")
    assert kinds(await changes_after(drive, start)) == [("created", mine.id)]
    assert kinds(await changes_after(other, theirs)) == [("created", his.id)]


async def test_a_part_of_a_drive_has_no_feed(direct_drive: Drive) -> None:
    drive = direct_drive
    folder = await drive.files.create_folder(drive.access, ROOT, "folder")
    cursor = await now(drive)
    limited = msgspec.structs.replace(drive.access, grants=(c.Grant(folder.id, c.Role.EDITOR),))
    for wanted in (None, cursor):
        with pytest.raises(Forbidden):
            await drive.files.list_changes(limited, wanted)


async def test_after_a_restore_every_earlier_cursor_has_expired(direct_drive: Drive) -> None:
    """Also when the restored feed has as many changes as the cursor of the lost one says."""
    drive = direct_drive
    files, access = drive.files, Access.personal(drive.owner)
    cursors = []
    for name in ("a", "b", "c"):
        cursors.append((await files.list_changes(access)).next_cursor)
        await files.create_folder(access, ROOT, name)
    stranger = UserId(uuid4())
    theirs = (await files.list_changes(Access.personal(stranger))).next_cursor
    await ChangeStore().restart_feeds(drive.database, [drive.owner, stranger])
    after = (await files.list_changes(access)).next_cursor
    for name in ("d", "e", "f"):
        await files.create_folder(access, ROOT, name)
    for cursor in cursors:
        with pytest.raises(CursorExpired):
            await files.list_changes(access, cursor)
    with pytest.raises(CursorExpired):
        await files.list_changes(Access.personal(stranger), theirs)
    assert len((await files.list_changes(access, after)).items) == 3
    assert await files.check_invariants() == ()


# -- hints


async def test_each_call_that_changes_an_entry_publishes_a_hint(direct_drive: Drive) -> None:
    drive = direct_drive

    async def expect_hint(call: Callable[[], Awaitable[Any]]) -> Any:
        start = await now(drive)
        drive.hints.clear()
        result = await call()
        assert await changes_after(drive, start)
        assert set(drive.hints) == {drive.owner}
        return result

    async def complete(upload: c.Upload) -> None:
        drive.bucket.put(upload.key, b"hello")
        await drive.files.complete_upload(drive.access, upload.id)

    files, owner = drive.files, drive.owner
    folder = await expect_hint(lambda: files.create_folder(Access.personal(owner), ROOT, "folder"))
    first, second = await drive.begin("a"), await drive.begin("a", on_conflict=c.OnConflict.REPLACE)
    for upload in (first, second):
        await expect_hint(lambda upload=upload: complete(upload))  # type: ignore[misc]
    by_event = await drive.begin("b")
    drive.bucket.put(by_event.key, b"hello")
    await expect_hint(lambda: files.commit_uploads((c.UploadRef(owner, by_event.id),)))
    await expect_hint(lambda: files.update_entry(Access.personal(owner), folder.id, c.EntryUpdate(name="renamed")))
    await expect_hint(lambda: files.trash_entry(Access.personal(owner), folder.id))
    await expect_hint(lambda: files.restore_entry(Access.personal(owner), folder.id))
    await files.trash_entry(Access.personal(owner), folder.id)
    await expect_hint(lambda: files.delete_trashed(Access.personal(owner), folder.id))
    listed = await files.list_files(Access.personal(owner), c.Listing())
    for item in listed.items:
        await files.trash_entry(Access.personal(owner), item.id)
    await drive.advance_time(SETTINGS.trash_grace, "entries")
    await expect_hint(drive.run_purges)
    file = await drive.upload_file("c")
    await files.trash_entry(Access.personal(owner), file.id)
    await expect_hint(lambda: files.empty_trash(Access.personal(owner)))


async def test_each_call_that_ends_an_access_publishes_a_hint(direct_drive: Drive) -> None:
    drive, files, user = direct_drive, direct_drive.files, UserId(uuid7())
    creator = UserId(drive.owner)
    team = (await files.create_drive(creator, "Team")).id
    access = await files.resolve_access(creator, team)
    calls: list[Callable[[], Awaitable[Any]]] = [
        lambda: files.put_member(access, user, Role.VIEWER),
        lambda: files.remove_member(access, user),
        lambda: files.delete_drive(access),
    ]
    for call in calls:
        drive.hints.clear()
        await call()
        assert drive.hints == [team]


async def test_a_call_that_fails_publishes_no_hint(direct_drive: Drive) -> None:
    drive = direct_drive
    await drive.files.create_folder(drive.access, ROOT, "folder")
    drive.hints.clear()
    with pytest.raises(Error):
        await drive.files.create_folder(drive.access, ROOT, "folder")
    assert drive.hints == []


# -- a client that follows


async def list_tree(drive: Drive) -> dict[FileId, Item]:
    """Return the entries outside the trash, as listings show them."""
    tree: dict[FileId, Item] = {}
    folders = [ROOT]
    while folders:
        listing = c.Listing(folders.pop(), c.Sort.NAME, descending=False, limit=1000)
        for file in (await drive.files.list_files(drive.access, listing)).items:
            tree[file.id] = Item(file.parent, file.name, file.size)
            if file.kind is c.Kind.FOLDER:
                folders.append(file.id)
    return tree


class Follower:
    """Follows a drive from its beginning."""

    def __init__(self, drive: Drive, cursor: str) -> None:
        self.drive = drive
        self.cursor = cursor
        self.tree = TreeFollower(ROOT)

    async def read(self, limit: int) -> bool:
        """Apply one page of changes. Return False at the end of the feed."""
        page = await self.drive.files.list_changes(self.drive.access, self.cursor, limit)
        for change in page.items:
            file = change.file
            item = None if file is None else Item(file.parent, file.name, file.size)
            self.tree.apply(change.kind.value, change.file_id, item)
        self.cursor = page.next_cursor
        return bool(page.items)


Operation = tuple[str, int, int, str]
OPERATIONS = st.tuples(
    st.sampled_from(
        [
            "folder",
            "upload",
            "replace",
            "late",
            "rename",
            "move",
            "trash",
            "trash",
            "restore",
            "delete",
            "empty",
            "purge",
        ]
    ),
    st.integers(0, 30),
    st.integers(0, 30),
    st.sampled_from(["a", "b", "c"]),
)


class Machine(DriveMachine):
    """Runs operations on a drive, several at once, and follows its changes meanwhile."""

    @initialize()
    def create_user(self) -> None:
        self.drive = self.loop.drive.for_owner(new_owner())
        self.ids: list[FileId] = []
        self.follower = Follower(self.drive, self.run(now(self.drive)))

    @rule(operations=st.lists(OPERATIONS, min_size=1, max_size=4), limit=st.integers(1, 4))
    def concurrently(self, operations: list[Operation], limit: int) -> None:
        async def all_at_once() -> None:
            await asyncio.gather(*(self.operate(*operation) for operation in operations), self.follower.read(limit))

        self.run(all_at_once())

    @rule(limit=st.integers(1, 3))
    def read(self, limit: int) -> None:
        self.run(self.follower.read(limit))

    @rule()
    def catch_up(self) -> None:
        async def catch_up() -> None:
            while await self.follower.read(5):
                pass
            assert self.follower.tree.tree() == await list_tree(self.drive)

        self.run(catch_up())

    def teardown(self) -> None:
        if hasattr(self, "follower"):
            self.catch_up()
            assert self.run(self.drive.files.check_invariants()) == ()

    def pick(self, number: int) -> FileId:
        return self.ids[number % len(self.ids)] if self.ids else ROOT

    async def operate(self, operation: str, first: int, second: int, name: str) -> None:
        files, owner, id, other = self.drive.files, self.drive.owner, self.pick(first), self.pick(second)
        parent = other if second % 3 else ROOT
        with suppress(Error):
            if operation == "folder":
                self.ids.append((await files.create_folder(Access.personal(owner), parent, name)).id)
            elif operation in ("upload", "replace", "late"):
                await self.upload(operation, parent, name)
            elif operation == "rename":
                await files.update_entry(Access.personal(owner), id, c.EntryUpdate(name=name))
            elif operation == "move":
                await files.update_entry(Access.personal(owner), id, c.EntryUpdate(name, parent))
            elif operation == "trash":
                await files.trash_entry(Access.personal(owner), id)
            elif operation == "restore":
                await files.restore_entry(Access.personal(owner), id)
            elif operation == "delete":
                await files.delete_trashed(Access.personal(owner), id)
            elif operation == "empty":
                await files.empty_trash(Access.personal(owner))
            elif operation == "purge":
                await self.drive.run_purges()

    async def upload(self, operation: str, parent: FileId, name: str) -> None:
        on_conflict = c.OnConflict.REPLACE if operation == "replace" else c.OnConflict.RENAME
        body = bytes(len(self.ids))  # versions differ in size
        upload = await self.drive.begin(name, body, parent, on_conflict)
        if operation == "late" and parent != ROOT:
            await self.drive.files.trash_entry(self.drive.access, parent)
        self.drive.bucket.put(upload.key, body)
        done = await self.drive.files.complete_upload(self.drive.access, upload.id)
        if done.file is not None:
            self.ids.append(done.file)


@pytest.mark.slow
def test_a_follower_ends_with_the_tree_that_listings_show(database_url: str) -> None:
    run_machine(Machine, database_url, examples=40, steps=30)
