"""The deletion of a drive: everything goes to the trash and is purged after the grace period."""

from __future__ import annotations

from uuid import UUID

import pytest
from uuid_utils.compat import uuid7

from drivebay.contract.files import Access, Listing, Role
from drivebay.contract.ids import ROOT, DriveId, UserId
from drivebay.errors import LastManager, NotFound

from .conftest import SETTINGS, Drive, gather_results, new_owner


async def test_an_emptied_drive_is_purged_after_the_grace_period(drive: Drive) -> None:
    folder = await drive.files.create_folder(drive.access, ROOT, "folder", None)
    await drive.upload_file("a", b"12345", folder.id)
    await drive.upload_file("b", b"12345")
    pending = await drive.begin("c")
    other = drive.for_owner(new_owner())
    await other.upload_file("theirs", b"12345")
    open_upload = await other.begin("open")

    assert not await drive.files.empty_drive(drive.access.drive)
    assert (await drive.files.list_files(drive.access, Listing())).items == ()
    assert (await drive.files.get_upload(drive.access, pending.id)).status == "aborted"
    usage = await drive.files.get_usage(drive.access)
    assert (usage.used_bytes, usage.reserved_bytes) == (10, 0)
    assert len((await drive.files.list_trash(drive.access)).items) == 2
    await drive.run_purges()
    assert not await drive.files.empty_drive(drive.access.drive)

    await drive.advance_time(SETTINGS.trash_grace)
    await drive.run_purges()
    assert await drive.files.empty_drive(drive.access.drive)
    assert (await drive.files.get_usage(drive.access)).used_bytes == 0
    assert (await other.files.get_usage(other.access)).used_bytes == 5
    assert (await other.files.get_upload(other.access, open_upload.id)).status != "aborted"


async def test_a_drive_that_never_existed_is_empty(drive: Drive) -> None:
    assert await drive.files.empty_drive(DriveId(UUID(int=uuid7().int)))


async def test_a_deleted_account_leaves_its_shared_drives(direct_drive: Drive) -> None:
    drive = direct_drive
    files, user = drive.files, UserId(drive.owner)
    editor, viewer, manager = (UserId(uuid7()) for _ in range(3))

    async def shared(*members: tuple[UserId, Role]) -> DriveId:
        team = (await files.create_drive(user, "Team")).id
        access = await files.resolve_access(user, team)
        for member, role in members:
            await files.put_member(access, member, role)
        return team

    alone = await shared()
    viewers = await shared((viewer, Role.VIEWER), (manager, Role.VIEWER))
    editors = await shared((viewer, Role.VIEWER), (editor, Role.EDITOR), (manager, Role.EDITOR))
    managers = await shared((editor, Role.EDITOR), (manager, Role.MANAGER))
    guest = (await files.create_drive(manager, "Guest")).id
    await files.put_member(Access(guest, manager, Role.MANAGER), user, Role.EDITOR)

    drive.hints.clear()
    assert await files.empty_drive(drive.owner)
    assert set(drive.hints) == {alone, viewers, editors, managers, guest}
    for team in (alone, viewers, editors, managers, guest):
        with pytest.raises(NotFound):
            await files.resolve_access(user, team)
    expected = {
        viewers: {viewer: Role.MANAGER, manager: Role.VIEWER},
        editors: {viewer: Role.VIEWER, editor: Role.MANAGER, manager: Role.EDITOR},
        managers: {editor: Role.EDITOR, manager: Role.MANAGER},
        guest: {manager: Role.MANAGER},
    }
    for team, members in expected.items():
        listed = await files.list_members(Access(team, next(iter(members)), Role.VIEWER))
        assert {member.user: member.role for member in listed} == members
    deleted = await drive.database.fetchval("SELECT array_agg(owner_id) FROM files.drives WHERE deleted_at IS NOT NULL")
    assert deleted == [alone]
    assert await files.empty_drive(drive.owner)


async def test_an_account_that_ends_while_another_manager_leaves(direct_drive: Drive) -> None:
    files = direct_drive.files
    for _ in range(20):
        user, other, viewer = (UserId(uuid7()) for _ in range(3))
        team = (await files.create_drive(user, "Team")).id
        access = await files.resolve_access(user, team)
        await files.put_member(access, other, Role.MANAGER)
        await files.put_member(access, viewer, Role.VIEWER)
        leaving = files.remove_member(Access(team, other, Role.MANAGER), other)
        results = await gather_results(files.empty_drive(DriveId(user)), leaving)
        assert results[1] is None or isinstance(results[1], LastManager)
        roles = [member.role for member in await files.list_members(Access(team, viewer, Role.VIEWER))]
        assert roles.count(Role.MANAGER) == 1
