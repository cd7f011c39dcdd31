"""Permissions of users on items, at the contract."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from uuid_utils.compat import uuid7

from drivebay.contract import files as c
from drivebay.contract.files import Access, Grant, Role
from drivebay.contract.ids import ROOT, DriveId, FileId, UserId
from drivebay.errors import Conflict, Forbidden, InvalidCursor, InvalidRequest, NotFound

from .conftest import SETTINGS, Drive, gather_results, open_drive
from .test_drives import new_user, shared

VIEWER, EDITOR = Role.VIEWER, Role.EDITOR


async def new_folder(drive: Drive, name: str = "folder", parent: FileId = ROOT) -> FileId:
    return (await drive.files.create_folder(drive.access, parent, name)).id


async def kinds_after(drive: Drive, cursor: str) -> list[tuple[str, FileId, UserId | None]]:
    page = await drive.files.list_changes(drive.access, cursor)
    return [(change.kind.value, change.file_id, change.actor) for change in page.items]


async def shared_ids(drive: Drive, user: UserId) -> list[FileId]:
    return [item.file.id for item in (await drive.files.list_shared_items(user)).items]


async def count_rows(drive: Drive) -> int:
    return int(
        await drive.database.fetchval(
            "SELECT (SELECT count(*) FROM files.permissions) + (SELECT count(*) FROM files.shared_with)"
        )
    )


async def test_a_permission_gives_access_to_one_item(drive: Drive) -> None:
    files, user = drive.files, new_user()
    folder, file = await new_folder(drive), await drive.upload_file("a.txt")
    with pytest.raises(NotFound):
        await files.resolve_access(user, drive.owner)
    start = (await files.list_changes(drive.access)).next_cursor
    given = await files.put_permission(drive.access, folder, user, VIEWER)
    assert (given.user, given.role, given.inherited_from, given.created_by) == (user, VIEWER, None, drive.owner)
    access = await files.resolve_access(user, drive.owner)
    assert access == Access(drive.owner, user, VIEWER, (Grant(folder, VIEWER),))
    changed = await files.put_permission(drive.access, folder, user, EDITOR)
    assert changed == c.Permission(user, EDITOR, given.created_at, None, UserId(drive.owner))
    await files.put_permission(drive.access, file.id, user, VIEWER)
    access = await files.resolve_access(user, drive.owner)
    assert access == Access(drive.owner, user, EDITOR, (Grant(folder, EDITOR), Grant(file.id, VIEWER)))
    await files.delete_permission(drive.access, folder, user)
    assert (await files.resolve_access(user, drive.owner)).grants == (Grant(file.id, VIEWER),)
    await files.delete_permission(drive.access, file.id, user)
    with pytest.raises(NotFound):
        await files.resolve_access(user, drive.owner)
    with pytest.raises(NotFound):
        await files.delete_permission(drive.access, file.id, user)
    # A repeat is no change.
    shared_items = [folder, folder, file.id, folder, file.id]
    assert await kinds_after(drive, start) == [("shared", id, drive.owner) for id in shared_items]
    assert await count_rows(drive) == 0


async def test_shared_items_are_listed_for_the_user(drive: Drive) -> None:
    files, user = drive.files, new_user()
    folder, file = await new_folder(drive), await drive.upload_file("a.txt", parent=ROOT)
    other = drive.for_owner(DriveId(uuid7()))
    theirs = await new_folder(other, "theirs")
    for where, item, role in ((drive, folder, VIEWER), (other, theirs, EDITOR), (drive, file.id, EDITOR)):
        await files.put_permission(where.access, item, user, role)
    await files.put_permission(drive.access, folder, new_user(), VIEWER)
    page = await files.list_shared_items(user)
    assert [(item.file.id, item.role, item.shared_by) for item in page.items] == [
        (file.id, EDITOR, drive.owner),
        (theirs, EDITOR, other.owner),
        (folder, VIEWER, drive.owner),
    ]
    assert page.items[0].file == replace_parent(file)
    assert [item.file.drive for item in page.items] == [drive.owner, other.owner, drive.owner]

    listed, cursor = [], None
    for _ in range(3):
        part = await files.list_shared_items(user, 1, cursor)
        listed += part.items
        cursor = part.next_cursor
    assert (tuple(listed), cursor) == (page.items, None)
    first = await files.list_shared_items(user, 1)
    for wanted in (first.next_cursor, "x"):
        with pytest.raises(InvalidCursor):
            await files.list_shared_items(new_user(), 1, wanted)
    with pytest.raises(InvalidRequest):
        await files.list_shared_items(user, 0)

    await files.trash_entry(drive.access, folder)
    assert await shared_ids(drive, user) == [file.id, theirs]
    await files.restore_entry(drive.access, folder)
    assert await shared_ids(drive, user) == [file.id, theirs, folder]


def replace_parent(file: c.File) -> c.File:
    """Return a file as the user sees it with whom it is shared."""
    return c.File(**{name: getattr(file, name) for name in c.File.__struct_fields__} | {"parent": c.HIDDEN_FOLDER})


async def test_inherited_permissions_are_listed_too(drive: Drive) -> None:
    files = drive.files
    top = await new_folder(drive, "top")
    middle = await new_folder(drive, "middle", top)
    inner = await new_folder(drive, "inner", middle)
    beside = await new_folder(drive, "beside", top)
    one, two = new_user(), new_user()
    for item, user, role in ((top, one, VIEWER), (middle, two, EDITOR), (inner, one, EDITOR), (beside, two, VIEWER)):
        await files.put_permission(drive.access, item, user, role)
    listed = await files.list_permissions(drive.access, inner)
    assert [(each.user, each.role, each.inherited_from) for each in listed] == [
        (one, EDITOR, None),
        (two, EDITOR, middle),
        (one, VIEWER, top),
    ]
    assert [each.user for each in await files.list_permissions(drive.access, top)] == [one]
    with pytest.raises(NotFound):  # it belongs to the folder above
        await files.delete_permission(drive.access, inner, two)


async def test_only_editors_of_the_drive_handle_permissions(drive: Drive) -> None:
    files, user = drive.files, new_user()
    viewer, editor = new_user(), new_user()
    team, manager = await shared(drive, (viewer, VIEWER), (editor, EDITOR))
    folder = (await files.create_folder(manager, ROOT, "folder")).id
    await files.put_permission(await files.resolve_access(editor, team.owner), folder, user, EDITOR)
    grantee = await files.resolve_access(user, team.owner)
    for access in (await files.resolve_access(viewer, team.owner), grantee):
        for call in (
            files.put_permission(access, folder, new_user(), VIEWER),
            files.list_permissions(access, folder),
            files.delete_permission(access, folder, editor),
        ):
            with pytest.raises(Forbidden):
                await call
    other = new_user()
    await files.put_permission(manager, folder, other, VIEWER)
    with pytest.raises(Forbidden):
        await files.delete_permission(grantee, folder, other)
    await files.delete_permission(grantee, folder, user)
    with pytest.raises(NotFound):
        await files.resolve_access(user, team.owner)
    assert (await files.resolve_access(other, team.owner)).grants == (Grant(folder, VIEWER),)


async def test_a_permission_needs_an_item_and_a_role_below_manager(drive: Drive) -> None:
    files, user = drive.files, new_user()
    trashed = await drive.upload_file("a.txt")
    await files.put_permission(drive.access, trashed.id, user, VIEWER)
    await files.trash_entry(drive.access, trashed.id)
    for item in (FileId(uuid7()), trashed.id, ROOT):
        for call in (
            files.put_permission(drive.access, item, user, VIEWER),
            files.list_permissions(drive.access, item),
            files.delete_permission(drive.access, item, user),
        ):
            with pytest.raises(NotFound):
                await call
    folder = await new_folder(drive)
    with pytest.raises(InvalidRequest):
        await files.put_permission(drive.access, folder, user, Role.MANAGER)
    with pytest.raises(NotFound):
        await files.put_permission(Access.personal(new_user()), folder, user, VIEWER)


async def test_the_owner_and_members_get_no_permission(drive: Drive) -> None:
    files, member = drive.files, new_user()
    team, manager = await shared(drive, (member, VIEWER))
    item = (await files.create_folder(manager, ROOT, "folder")).id
    for user in (manager.actor, member):
        assert user is not None
        with pytest.raises(Conflict):
            await files.put_permission(manager, item, user, EDITOR)
    with pytest.raises(Conflict):
        await files.put_permission(drive.access, await new_folder(drive), UserId(drive.owner), VIEWER)
    # A new member has the role of a member only, and a former member has nothing.
    guest, elsewhere = new_user(), await new_folder(drive, "elsewhere")
    await files.put_permission(drive.access, elsewhere, guest, VIEWER)
    await files.put_permission(manager, item, guest, EDITOR)
    await files.put_member(manager, guest, VIEWER)
    assert await files.resolve_access(guest, team.owner) == Access(team.owner, guest, VIEWER)
    assert await shared_ids(drive, guest) == [elsewhere]
    await files.remove_member(manager, guest)
    with pytest.raises(NotFound):
        await files.resolve_access(guest, team.owner)


async def test_the_permissions_on_one_item_are_limited(database_url: str) -> None:
    async with open_drive(database_url, "direct", replace(SETTINGS, max_permissions=2)) as drive:
        folder, users = await new_folder(drive), [new_user() for _ in range(6)]
        calls = (drive.files.put_permission(drive.access, folder, user, VIEWER) for user in users)
        results = await gather_results(*calls)
        assert sum(isinstance(result, Conflict) for result in results) == 4
        listed = await drive.files.list_permissions(drive.access, folder)
        assert len(listed) == 2
        assert (await drive.files.put_permission(drive.access, folder, listed[0].user, EDITOR)).role is EDITOR
        await drive.files.put_permission(drive.access, await new_folder(drive, "another"), users[0], VIEWER)


async def test_the_permissions_of_one_user_in_a_drive_are_limited(database_url: str) -> None:
    async with open_drive(database_url, "direct", replace(SETTINGS, max_shared_items=2)) as drive:
        user, folders = new_user(), [await new_folder(drive, str(number)) for number in range(6)]
        calls = (drive.files.put_permission(drive.access, folder, user, VIEWER) for folder in folders)
        results = await gather_results(*calls)
        assert sum(isinstance(result, Conflict) for result in results) == 4
        other = drive.for_owner(DriveId(uuid7()))
        await drive.files.put_permission(other.access, await new_folder(other), user, VIEWER)


async def test_a_purged_item_leaves_no_permission(direct_drive: Drive) -> None:
    drive, user = direct_drive, new_user()
    folder = await new_folder(drive)
    inside = await drive.upload_file("a.txt", parent=folder)
    replaced = await drive.upload_file("b.txt")
    for item in (folder, inside.id, replaced.id):
        await drive.files.put_permission(drive.access, item, user, VIEWER)
    kept = await drive.upload_file("c.txt")
    await drive.files.put_permission(drive.access, kept.id, user, VIEWER)
    await drive.files.trash_entry(drive.access, folder)
    # The file `b.txt` becomes a version of `c.txt`.
    update = c.EntryUpdate("c.txt", on_conflict=c.OnConflict.REPLACE)
    assert (await drive.files.update_entry(drive.access, replaced.id, update)).id == kept.id
    assert await shared_ids(drive, user) == [kept.id]
    await drive.advance_time(SETTINGS.trash_grace, "entries")
    await drive.run_purges()
    assert (await drive.files.resolve_access(user, drive.owner)).grants == (Grant(kept.id, VIEWER),)
    assert await count_rows(drive) == 2


async def test_a_deleted_drive_leaves_no_permission(direct_drive: Drive) -> None:
    drive, user = direct_drive, new_user()
    team, manager = await shared(drive)
    item = (await team.files.create_folder(manager, ROOT, "folder")).id
    mine = await new_folder(drive)
    await drive.files.put_permission(drive.access, mine, user, VIEWER)
    await team.files.put_permission(manager, item, user, VIEWER)
    await team.files.delete_drive(manager)
    with pytest.raises(NotFound):
        await team.files.resolve_access(user, team.owner)
    with pytest.raises(NotFound):  # a request that was under way
        await team.files.put_permission(manager, item, new_user(), VIEWER)
    assert await shared_ids(drive, user) == [mine]
    assert await count_rows(drive) == 2


async def test_a_deleted_account_leaves_no_permission(direct_drive: Drive) -> None:
    drive, user = direct_drive, UserId(uuid7())
    folder, mine = await new_folder(drive), drive.for_owner(DriveId(user))
    given = await new_folder(mine, "mine")
    other = new_user()
    await drive.files.put_permission(drive.access, folder, user, EDITOR)
    await drive.files.put_permission(drive.access, folder, other, VIEWER)
    await drive.files.put_permission(mine.access, given, other, VIEWER)
    await drive.files.empty_drive(DriveId(user))
    with pytest.raises(NotFound):
        await drive.files.resolve_access(user, drive.owner)
    assert [each.user for each in await drive.files.list_permissions(drive.access, folder)] == [other]
    assert await shared_ids(drive, other) == [folder]
    await drive.advance_time(SETTINGS.trash_grace + timedelta(minutes=1), "entries")
    await drive.run_purges()
    assert await drive.files.empty_drive(DriveId(user))
    assert await count_rows(drive) == 2


async def test_the_check_finds_a_permission_without_an_item(direct_drive: Drive) -> None:
    drive, folder = direct_drive, await new_folder(direct_drive)
    await drive.files.put_permission(drive.access, folder, new_user(), VIEWER)
    for change in (
        "UPDATE files.permissions SET file_id = gen_random_uuid()",
        "UPDATE files.shared_with SET role = 'editor'",
        "DELETE FROM files.permissions",
    ):
        await drive.database.execute(change)
        broken = {violation.invariant for violation in await drive.files.check_invariants()}
        assert "shared_with_equals_the_permissions" in broken
        assert ("a_permission_has_an_item" in broken) is not change.startswith("DELETE")
    await drive.database.execute("DELETE FROM files.shared_with")
