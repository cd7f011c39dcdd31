"""Archives of links: how they count as downloads, and when they end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from drivebay.contract import files as c
from drivebay.contract.files import LinkField, LinkRole, LinkUpdate
from drivebay.contract.ids import ROOT, FileId, UserId
from drivebay.errors import IdempotencyKeyReused, InvalidRequest, NotFound, PasswordRequired, RateLimited
from drivebay.files.archives.service import MAX_LIVE_ENTRIES

from .conftest import UNKNOWN_ID, Drive, gather_results, new_owner
from .test_archives import make_folder, open_all
from .test_links import link_to


async def shared_folder(drive: Drive) -> tuple[FileId, FileId]:
    """Create a folder with a file, and a file beside it. Return the ids of the folder and of the file in it."""
    folder = await make_folder(drive, "shared")
    file = await drive.upload_file("a.txt", b"hello", folder)
    await drive.upload_file("outside.txt", b"secret")
    return folder, file.id


async def assert_ended(drive: Drive, archive: c.Archive) -> None:
    for after in (0, 1):
        with pytest.raises(NotFound):
            await drive.files.open_archive(archive.token, after)


async def test_an_archive_of_a_link_has_only_what_is_in_the_link(drive: Drive) -> None:
    folder, file = await shared_folder(drive)
    outside = await drive.upload_file("other.txt", b"x")
    _, token = await link_to(drive, folder)
    whole = await drive.files.create_link_archive(token, None, (ROOT,), None, "whole")
    assert (whole.actor, whole.name) == (None, "shared.zip")
    assert [entry.path for entry in await open_all(drive, whole.token)] == ["shared/", "shared/a.txt"]
    one = await drive.files.create_link_archive(token, None, (file,), "x", "one")
    assert (one.name, [entry.path for entry in await open_all(drive, one.token)]) == ("x.zip", ["a.txt"])
    for id in (outside.id, FileId(UNKNOWN_ID)):
        with pytest.raises(NotFound):
            await drive.files.create_link_archive(token, None, (file, id))
    with pytest.raises(InvalidRequest):
        await drive.files.create_link_archive(token, None, ())
    with pytest.raises(NotFound):
        await drive.files.create_link_archive("x" * 40, None, (ROOT,))


async def test_an_uploader_link_has_no_archives(drive: Drive) -> None:
    folder, _ = await shared_folder(drive)
    link, token = await link_to(drive, folder, LinkRole.UPLOADER, max_downloads=3)
    with pytest.raises(NotFound):
        await drive.files.create_link_archive(token, None, (ROOT,))
    (listed,) = (await drive.files.list_links(drive.access, c.LinkListing(folder))).items
    assert (listed.id, listed.downloads) == (link.id, 0)


async def test_an_archive_counts_as_one_download_of_its_link(direct_drive: Drive) -> None:
    drive = direct_drive
    folder, file = await shared_folder(drive)
    _, token = await link_to(drive, folder, max_downloads=3)

    async def downloads() -> int:
        return (await drive.files.list_links(drive.access, c.LinkListing(folder))).items[0].downloads

    with pytest.raises(NotFound):
        await drive.files.create_link_archive(token, None, (FileId(UNKNOWN_ID),))
    assert await downloads() == 0
    first = await drive.files.create_link_archive(token, None, (ROOT,), None, "key")
    assert await drive.files.create_link_archive(token, None, (ROOT,), None, "key") == first
    with pytest.raises(IdempotencyKeyReused):
        await drive.files.create_link_archive(token, None, (file,), None, "key")
    await open_all(drive, first.token)
    assert await downloads() == 1
    results = await gather_results(*(drive.files.create_link_archive(token, None, (ROOT,)) for _ in range(10)))
    made = [result for result in results if isinstance(result, c.Archive)]
    assert len(made) == 2
    assert {type(result) for result in results if not isinstance(result, c.Archive)} == {NotFound}
    assert await downloads() == 3


async def test_a_repeat_gets_the_archive_that_took_the_last_download(drive: Drive) -> None:
    folder, file = await shared_folder(drive)
    link, token = await link_to(drive, folder, max_downloads=1)
    first = await drive.files.create_link_archive(token, None, (ROOT,), None, "key")
    assert await drive.files.create_link_archive(token, None, (ROOT,), None, "key") == first
    assert len(await open_all(drive, first.token)) == 2
    with pytest.raises(IdempotencyKeyReused):
        await drive.files.create_link_archive(token, None, (file,), None, "key")
    for key in (None, "other"):
        with pytest.raises(NotFound):
            await drive.files.create_link_archive(token, None, (ROOT,), None, key)
    await drive.files.delete_link(drive.access, link.id)
    with pytest.raises(NotFound):
        await drive.files.create_link_archive(token, None, (ROOT,), None, "key")


async def test_an_archive_ends_when_a_later_download_is_the_last_one(direct_drive: Drive) -> None:
    drive = direct_drive
    folder, _ = await shared_folder(drive)
    link, token = await link_to(drive, folder, max_downloads=2)
    early = await drive.files.create_link_archive(token, None, (ROOT,))
    assert len(await open_all(drive, early.token)) == 2
    last = await drive.files.create_link_archive(token, None, (ROOT,))
    # The archive that took the last download can be read, the link and the earlier one cannot.
    assert len(await open_all(drive, last.token)) == 2
    await assert_ended(drive, early)
    with pytest.raises(NotFound):
        await drive.files.open_link(token, None)
    await drive.files.update_link(drive.access, link.id, LinkUpdate(cleared=(LinkField.MAX_DOWNLOADS,)))
    await drive.files.count_link_download(token, None)
    await drive.files.update_link(drive.access, link.id, LinkUpdate(max_downloads=1))
    await assert_ended(drive, last)


async def test_an_archive_ends_with_its_link(direct_drive: Drive) -> None:
    drive = direct_drive
    folder, _ = await shared_folder(drive)
    links = [await link_to(drive, folder) for _ in range(4)]
    deleted, expired, locked, kept = [await drive.files.create_link_archive(token, None, (ROOT,)) for _, token in links]
    await drive.files.delete_link(drive.access, links[0][0].id)
    await drive.database.execute("UPDATE files.links SET expires_at = now() WHERE id = $1", links[1][0].id)
    await drive.files.update_link(drive.access, links[2][0].id, LinkUpdate(password="sesame"))
    for ended in (deleted, expired, locked):
        await assert_ended(drive, ended)
    end = datetime.now(UTC) + timedelta(days=300)
    await drive.files.update_link(drive.access, links[3][0].id, LinkUpdate(name="x", expires_at=end))
    assert len(await open_all(drive, kept.token)) == 2
    with pytest.raises(PasswordRequired):
        await drive.files.create_link_archive(links[2][1], None, (ROOT,))
    await drive.files.trash_entry(drive.access, folder)
    await assert_ended(drive, kept)


async def test_an_archive_ends_when_its_items_leave_the_link(direct_drive: Drive) -> None:
    drive = direct_drive
    folder, file = await shared_folder(drive)
    _, token = await link_to(drive, folder)
    archive = await drive.files.create_link_archive(token, None, (file,))
    await drive.files.update_entry(drive.access, file, c.EntryUpdate(parent=ROOT))
    await assert_ended(drive, archive)


async def test_an_archive_ends_with_the_account_that_made_the_link(direct_drive: Drive) -> None:
    drive = direct_drive
    folder, _ = await shared_folder(drive)
    _, token = await link_to(drive, folder)
    archive = await drive.files.create_link_archive(token, None, (ROOT,))
    await drive.files.end_links(UserId(drive.owner))
    await assert_ended(drive, archive)


async def test_a_new_password_ends_the_archives_of_the_old_one(direct_drive: Drive) -> None:
    drive = direct_drive
    folder, _ = await shared_folder(drive)
    link, token = await link_to(drive, folder, password="sesame")
    session = await drive.files.unlock_link(token, "sesame", "client")
    archive = await drive.files.create_link_archive(token, session, (ROOT,))
    assert len(await open_all(drive, archive.token)) == 2
    await drive.files.update_link(drive.access, link.id, LinkUpdate(password="other"))
    await assert_ended(drive, archive)


async def test_archives_of_links_are_limited_by_link(direct_drive: Drive) -> None:
    drive = direct_drive
    folder, _ = await shared_folder(drive)
    (_, token), (_, other) = [await link_to(drive, folder) for _ in range(2)]
    await drive.files.create_link_archive(token, None, (ROOT,))
    await drive.database.execute("UPDATE files.archives SET entry_count = $1", MAX_LIVE_ENTRIES)
    with pytest.raises(RateLimited) as caught:
        await drive.files.create_link_archive(token, None, (ROOT,))
    assert "upload" not in caught.value.detail
    # Neither the holders of another link nor the owner lose anything.
    await drive.files.create_link_archive(other, None, (ROOT,))
    await drive.files.create_archive(drive.access, (ROOT,))


async def test_a_link_of_another_drive_keeps_no_archive_alive(direct_drive: Drive) -> None:
    drive, twin = direct_drive, direct_drive.for_owner(new_owner())
    folder, _ = await shared_folder(drive)
    link, token = await link_to(drive, folder)
    archive = await drive.files.create_link_archive(token, None, (ROOT,))
    theirs = await make_folder(twin, "theirs")
    await link_to(twin, theirs)
    await drive.files.delete_link(drive.access, link.id)
    await drive.database.execute("UPDATE files.links SET id = $1 WHERE owner_id = $2", link.id, twin.owner)
    await assert_ended(drive, archive)


async def test_the_archives_of_an_earlier_holder_of_an_account_end(direct_drive: Drive) -> None:
    drive, user = direct_drive, UserId(direct_drive.owner)
    await drive.upload_file("a.txt", b"hello")
    early = await drive.files.create_archive(drive.access, (ROOT,))
    late = await drive.files.create_archive(drive.access, (ROOT,))
    theirs = await drive.files.create_archive(drive.for_owner(new_owner()).access, (ROOT,))
    now = await drive.database.fetchval("SELECT now()")
    await drive.database.execute(
        "UPDATE files.archives SET created_at = $1 WHERE expires_at = $2", now + timedelta(days=1), late.expires_at
    )
    await drive.files.end_sharing(user, now)
    await assert_ended(drive, early)
    assert len(await open_all(drive, late.token)) == 1
    assert (await drive.files.open_archive(theirs.token)).entries == ()
