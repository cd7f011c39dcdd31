"""Shared drives and their members, at the contract."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from uuid_utils.compat import uuid7

from drivebay.contract import files as c
from drivebay.contract.files import Access, Role
from drivebay.contract.ids import ROOT, DriveId, UserId
from drivebay.errors import Conflict, Forbidden, InvalidRequest, LastManager, NotFound, QuotaExceeded

from .conftest import SETTINGS, Drive, gather_results, open_drive

GRACE = SETTINGS.trash_grace


def new_user() -> UserId:
    return UserId(uuid7())


async def shared(drive: Drive, *members: tuple[UserId, Role]) -> tuple[Drive, Access]:
    """Return a shared drive with these members, and the access of its creator."""
    creator = UserId(drive.owner)
    created = await drive.files.create_drive(creator, "Team")
    access = await drive.files.resolve_access(creator, created.id)
    for user, role in members:
        await drive.files.put_member(access, user, role)
    return drive.for_owner(created.id), access


async def test_access_follows_the_membership(drive: Drive) -> None:
    user = new_user()
    team, access = await shared(drive, (user, Role.VIEWER))
    assert access == Access(team.owner, UserId(drive.owner), Role.MANAGER)
    assert await drive.files.resolve_access(user, team.owner) == Access(team.owner, user, Role.VIEWER)
    assert await drive.files.put_member(access, user, Role.EDITOR) == c.Member(user, Role.EDITOR)
    assert (await drive.files.resolve_access(user, team.owner)).role is Role.EDITOR
    assert set(await drive.files.list_members(access)) == {
        c.Member(UserId(drive.owner), Role.MANAGER),
        c.Member(user, Role.EDITOR),
    }
    await drive.files.remove_member(access, user)
    for nobody, where in ((user, team.owner), (new_user(), team.owner), (user, DriveId(uuid7()))):
        with pytest.raises(NotFound):
            await drive.files.resolve_access(nobody, where)
    assert await drive.files.resolve_access(user, DriveId(user)) == Access.personal(user)


async def test_a_former_manager_changes_nothing_with_an_old_access(drive: Drive) -> None:
    second, third = new_user(), new_user()
    team, first = await shared(drive, (second, Role.MANAGER))
    old = await drive.files.resolve_access(second, team.owner)
    await drive.files.put_member(first, second, Role.EDITOR)
    for call in (
        drive.files.put_member(old, third, Role.MANAGER),
        drive.files.remove_member(old, first.actor),
        drive.files.rename_drive(old, "x"),
        drive.files.delete_drive(old),
    ):
        with pytest.raises(Forbidden):
            await call
    await drive.files.remove_member(first, second)
    with pytest.raises(NotFound):
        await drive.files.put_member(old, third, Role.MANAGER)


async def test_one_of_two_managers_stays_in_every_race(direct_drive: Drive) -> None:
    files = direct_drive.files
    for demote in (True, False):
        for _ in range(5):
            second = new_user()
            team, first = await shared(direct_drive, (second, Role.MANAGER))
            other = await files.resolve_access(second, team.owner)
            calls = (
                [files.put_member(access, access.actor, Role.VIEWER) for access in (first, other)]
                if demote
                else [files.remove_member(access, access.actor) for access in (first, other)]
            )
            results = await gather_results(*calls)
            assert sorted(isinstance(result, LastManager) for result in results) == [False, True]


async def test_a_personal_drive_is_not_shared(drive: Drive) -> None:
    user = new_user()
    for call in (
        drive.files.put_member(drive.access, user, Role.VIEWER),
        drive.files.remove_member(drive.access, user),
        drive.files.rename_drive(drive.access, "x"),
        drive.files.delete_drive(drive.access),
    ):
        with pytest.raises(Conflict):
            await call
    assert await drive.files.list_members(drive.access) == (c.Member(UserId(drive.owner), Role.MANAGER),)
    with pytest.raises(NotFound):
        await drive.files.resolve_access(user, drive.owner)


async def test_the_name_of_a_drive_is_checked(drive: Drive) -> None:
    _, access = await shared(drive)
    for name in ("", "a/b", "\0", "x" * 256, "."):
        with pytest.raises(InvalidRequest):
            await drive.files.create_drive(UserId(drive.owner), name)
        with pytest.raises(InvalidRequest):
            await drive.files.rename_drive(access, name)
    assert (await drive.files.rename_drive(access, "cafe\u0301")).name == "caf\u00e9"


async def test_the_drives_of_one_user_are_limited(database_url: str) -> None:
    async with open_drive(database_url, "direct", replace(SETTINGS, max_drives=3)) as drive:
        user = UserId(drive.owner)
        results = await gather_results(*(drive.files.create_drive(user, "Team") for _ in range(6)))
        assert sum(isinstance(result, QuotaExceeded) for result in results) == 3
        created = (await drive.files.list_drives(user)).items[1:]
        await drive.files.delete_drive(await drive.files.resolve_access(user, created[0].id))
        with pytest.raises(QuotaExceeded):  # its bytes are still stored
            await drive.files.create_drive(user, "Team")


async def test_the_members_of_one_drive_are_limited(database_url: str) -> None:
    async with open_drive(database_url, "direct", replace(SETTINGS, max_members=2)) as drive:
        member = new_user()
        _, access = await shared(drive, (member, Role.VIEWER))
        with pytest.raises(Conflict):
            await drive.files.put_member(access, new_user(), Role.VIEWER)
        assert (await drive.files.put_member(access, member, Role.EDITOR)).role is Role.EDITOR


async def test_a_deleted_drive_is_purged_after_the_grace_period(direct_drive: Drive) -> None:
    team, access = await shared(direct_drive)
    folder = await team.files.create_folder(access, ROOT, "folder")
    inner = await team.files.create_folder(access, folder.id, "inner")
    for name, parent in (("a", ROOT), ("b", folder.id), ("c", inner.id)):
        await team.upload_file(name, b"hello", parent=parent)
    trashed = await team.upload_file("d", b"hello")
    await team.files.trash_entry(access, trashed.id)
    kept = await direct_drive.upload_file("mine", b"hello")
    await team.files.delete_drive(access)
    with pytest.raises(NotFound):
        await team.files.resolve_access(access.actor, team.owner)
    with pytest.raises(NotFound):
        await team.files.delete_drive(access)
    assert [drive.kind for drive in (await team.files.list_drives(access.actor)).items] == [c.DriveKind.PERSONAL]

    async def move_drive_back(delta: timedelta) -> None:
        await team.database.execute(
            "UPDATE files.drives SET deleted_at = deleted_at - $1::interval, purge_after = purge_after - $1::interval",
            delta,
        )

    await move_drive_back(GRACE - timedelta(minutes=1))
    assert await team.run_purges() == 0
    await move_drive_back(timedelta(minutes=2))
    # Each round takes the entries that have nothing left in them.
    rounds = [await team.run_purges() for _ in range(4)]
    assert sum(rounds) == 3
    usage = await team.files.get_usage(access)
    assert (usage.file_count, usage.used_bytes) == (0, 5)  # the file that was in the trash has a time of its own
    assert [key for key in team.bucket.objects if key.startswith(str(direct_drive.owner))]
    assert await direct_drive.files.get_file(direct_drive.access, kept.id) == kept


async def test_an_upload_that_ends_after_the_deletion_is_purged_too(direct_drive: Drive) -> None:
    team, access = await shared(direct_drive)
    upload = await team.begin("late", b"hello")
    await team.files.delete_drive(access)
    await team.database.execute("UPDATE files.drives SET purge_after = now()")
    assert await team.run_purges() == 0
    team.bucket.put(upload.key, b"hello")
    await team.files.commit_uploads((c.UploadRef(team.owner, upload.id),))
    assert await team.run_purges() == 1
    assert (await team.files.get_usage(access)).used_bytes == 0


async def test_a_drive_has_a_quota_of_its_own(direct_drive: Drive) -> None:
    team, access = await shared(direct_drive)
    size = SETTINGS.quota // 2
    for name in ("a", "b"):
        intent = c.UploadIntent(name, size, "text/plain", ROOT)
        await asyncio.gather(
            team.files.begin_upload(access, intent), direct_drive.files.begin_upload(direct_drive.access, intent)
        )
    for one in (access, direct_drive.access):
        with pytest.raises(QuotaExceeded):
            await team.files.begin_upload(one, c.UploadIntent("c", 1, "text/plain", ROOT))
        assert (await team.files.get_usage(one)).reserved_bytes == 2 * size
