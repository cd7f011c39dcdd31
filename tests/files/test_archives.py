"""Archives: which entries they have, who opens them, and how long."""

from __future__ import annotations

import base64
import zlib
from datetime import timedelta

import pytest

from drivebay.contract import files as c
from drivebay.contract.files import Access, ArchiveEntry, EntryCrc, Role
from drivebay.contract.ids import ROOT, FileId, UserId
from drivebay.errors import IdempotencyKeyReused, InvalidRequest, NotFound, RateLimited
from drivebay.files.archives.service import MAX_ENTRIES, MAX_LIVE_ENTRIES

from .conftest import UNKNOWN_ID, Drive, new_owner


async def open_all(drive: Drive, token: str, limit: int = 1000) -> list[ArchiveEntry]:
    """Return all entries of an archive, page by page."""
    entries: list[ArchiveEntry] = []
    while page := (await drive.files.open_archive(token, len(entries), limit)).entries:
        entries += page
    return entries


async def paths(drive: Drive, *ids: FileId) -> list[str]:
    archive = await drive.files.create_archive(drive.access, ids)
    entries = await open_all(drive, archive.token)
    assert archive.entry_count == len(entries)
    return [entry.path for entry in entries]


async def make_folder(drive: Drive, name: str, parent: FileId = ROOT) -> FileId:
    return (await drive.files.create_folder(drive.access, parent, name)).id


async def test_an_archive_has_the_tree_of_its_folders(drive: Drive) -> None:
    top = await make_folder(drive, "top")
    inner = await make_folder(drive, "inner", top)
    await make_folder(drive, "empty", inner)
    file = await drive.upload_file("a.txt", b"hello", inner)
    gone = await drive.upload_file("gone.txt", b"x", inner)
    await drive.files.trash_entry(drive.access, gone.id)
    archive = await drive.files.create_archive(drive.access, (top,))
    page = await drive.files.open_archive(archive.token)
    assert page.archive == archive
    assert (archive.name, archive.actor, archive.entry_count) == ("top.zip", drive.owner, 4)
    assert [(entry.path, entry.size) for entry in page.entries] == [
        ("top/", 0), ("top/inner/", 0), ("top/inner/a.txt", 5), ("top/inner/empty/", 0),
    ]  # fmt: skip
    content = await drive.files.get_content(drive.access, file.id)
    assert [entry.key for entry in page.entries] == [None, None, content.key, None]
    assert page.entries[2].modified_at == file.modified_at


async def test_an_archive_stays_as_it_was(direct_drive: Drive) -> None:
    drive = direct_drive
    file = await drive.upload_file("a.txt", b"hello")
    archive = await drive.files.create_archive(drive.access, (ROOT,))
    before = await open_all(drive, archive.token)
    await drive.files.update_entry(drive.access, file.id, c.EntryUpdate("b.txt"))
    await drive.upload_file("c.txt", b"new")
    assert await open_all(drive, archive.token) == before
    assert [entry.path for entry in before] == ["a.txt"]


async def test_the_root_is_everything_in_it(direct_drive: Drive) -> None:
    drive = direct_drive
    assert await paths(drive, ROOT) == []
    folder = await make_folder(drive, "folder")
    await drive.upload_file("a.txt", parent=folder)
    await drive.upload_file("b.txt")
    assert await paths(drive, ROOT) == ["b.txt", "folder/", "folder/a.txt"]
    assert (await drive.files.create_archive(drive.access, (ROOT,))).name == "files.zip"


async def test_an_archive_of_a_root_has_nothing_of_other_roots(direct_drive: Drive) -> None:
    drive = direct_drive
    folder = await make_folder(drive, "mine")
    await make_folder(drive.for_owner(new_owner()), "theirs")
    twin = new_owner()
    await drive.database.execute(
        "INSERT INTO files.entries (owner_id, id, parent_id, kind, name) VALUES ($1, $2, $3, 'folder', 'twin')",
        twin,
        (await make_folder(drive, "inner", folder)),
        ROOT,
    )
    assert await paths(drive, ROOT) == ["mine/", "mine/inner/"]
    await drive.database.execute("DELETE FROM files.entries WHERE owner_id = $1", twin)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("photos", "photos.zip"), ("photos.ZIP", "photos.ZIP"), ("x" * 255, "x" * 251 + ".zip")],
)
async def test_a_name_ends_with_zip(direct_drive: Drive, name: str, expected: str) -> None:
    assert (await direct_drive.files.create_archive(direct_drive.access, (ROOT,), name)).name == expected


@pytest.mark.parametrize("name", ["", "a/b", "..", "a\0", "x" * 256])
async def test_a_wrong_name_is_refused(direct_drive: Drive, name: str) -> None:
    with pytest.raises(InvalidRequest):
        await direct_drive.files.create_archive(direct_drive.access, (ROOT,), name)


async def test_wrong_ids_are_refused(direct_drive: Drive) -> None:
    drive = direct_drive
    file = await drive.upload_file("a.txt")
    theirs = await drive.for_owner(new_owner()).upload_file("theirs.txt")
    trashed = await drive.upload_file("b.txt")
    await drive.files.trash_entry(drive.access, trashed.id)
    for id in (FileId(UNKNOWN_ID), theirs.id, trashed.id):
        with pytest.raises(NotFound):
            await drive.files.create_archive(drive.access, (file.id, id))
    for ids in ((), (file.id,) * 1001):
        with pytest.raises(InvalidRequest):
            await drive.files.create_archive(drive.access, ids)


async def fill(drive: Drive, count: int) -> None:
    await drive.files.create_folder(drive.access, ROOT, "first")
    await drive.database.execute(
        "INSERT INTO files.entries (owner_id, id, parent_id, kind, name)"
        " SELECT $1, gen_random_uuid(), $2, 'folder', 'f' || i FROM generate_series(1, $3::int) i",
        drive.owner,
        ROOT,
        count,
    )


async def test_an_archive_has_at_most_ten_thousand_entries(direct_drive: Drive) -> None:
    drive = direct_drive
    await fill(drive, MAX_ENTRIES - 1)
    archive = await drive.files.create_archive(drive.access, (ROOT,))
    assert archive.entry_count == MAX_ENTRIES == len(await open_all(drive, archive.token))
    await make_folder(drive, "one more")
    with pytest.raises(InvalidRequest) as caught:
        await drive.files.create_archive(drive.access, (ROOT,))
    assert caught.value.errors[0].field == "ids"


async def test_long_paths_are_limited_together(direct_drive: Drive) -> None:
    drive = direct_drive
    parent = ROOT
    for _ in range(8):
        parent = await make_folder(drive, "x" * 250, parent)
    await drive.database.execute(
        "INSERT INTO files.entries (owner_id, id, parent_id, kind, name)"
        " SELECT $1, gen_random_uuid(), $2, 'folder', 'f' || i FROM generate_series(1, 5000) i",
        drive.owner,
        parent,
    )
    with pytest.raises(InvalidRequest):
        await drive.files.create_archive(drive.access, (ROOT,))


async def test_the_archives_of_one_user_are_limited_until_some_expire(direct_drive: Drive) -> None:
    drive = direct_drive
    first = await drive.files.create_archive(drive.access, (ROOT,))
    await drive.database.execute("UPDATE files.archives SET entry_count = $1", MAX_LIVE_ENTRIES)
    with pytest.raises(RateLimited) as caught:
        await drive.files.create_archive(drive.access, (ROOT,))
    assert caught.value.retry_after
    await drive.for_owner(new_owner()).files.create_archive(Access.personal(new_owner()), (ROOT,))
    await drive.advance_time(timedelta(days=1), "archives")
    await drive.files.create_archive(drive.access, (ROOT,))
    with pytest.raises(NotFound):
        await drive.files.open_archive(first.token)


async def test_a_forged_token_opens_nothing(direct_drive: Drive) -> None:
    drive = direct_drive
    token = (await drive.files.create_archive(drive.access, (ROOT,))).token
    raw = base64.urlsafe_b64decode(token)
    others = [raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :] for at in range(len(raw))]
    forged = [base64.urlsafe_b64encode(other).decode() for other in others]
    for wrong in (*forged, "", "x", token[:-1], token + "A", "é" * 64, "\ud800" * 64, "=" * 64, token[:-4] + "===="):
        with pytest.raises(NotFound):
            await drive.files.open_archive(wrong)
        with pytest.raises(NotFound):
            await drive.files.save_archive_crcs(wrong, (EntryCrc(0, 1, 1),))


async def test_a_token_tells_nothing_about_the_drive(direct_drive: Drive) -> None:
    drive = direct_drive
    tokens = [(await drive.files.create_archive(drive.access, (ROOT,))).token for _ in range(2)]
    first, second = [base64.urlsafe_b64decode(token) for token in tokens]
    id = await drive.database.fetchval("SELECT id FROM files.archives LIMIT 1")
    for part in (drive.owner.bytes, drive.owner.bytes[8:], id.bytes, id.bytes[8:]):
        assert part not in first + second
    assert not {first[at : at + 8] for at in range(41)} & {second[at : at + 8] for at in range(41)}


async def test_a_repeat_with_the_same_key_returns_the_same_archive(drive: Drive) -> None:
    folder = await make_folder(drive, "folder")
    first = await drive.files.create_archive(drive.access, (folder,), None, "key")
    assert await drive.files.create_archive(drive.access, (folder,), None, "key") == first
    with pytest.raises(IdempotencyKeyReused):
        await drive.files.create_archive(drive.access, (ROOT,), None, "key")


async def test_an_archive_ends_with_the_access_of_its_user(direct_drive: Drive) -> None:
    drive = direct_drive
    member, manager = UserId(new_owner()), UserId(drive.owner)
    shared = await drive.files.create_drive(manager, "Team")
    access = await drive.files.resolve_access(manager, shared.id)
    await drive.files.put_member(access, member, Role.VIEWER)
    archive = await drive.files.create_archive(await drive.files.resolve_access(member, shared.id), (ROOT,))
    assert (await drive.files.open_archive(archive.token)).archive.actor == member
    await drive.files.remove_member(access, member)
    with pytest.raises(NotFound):
        await drive.files.open_archive(archive.token)


async def test_an_archive_ends_with_the_permission_of_its_user(direct_drive: Drive) -> None:
    drive, guest = direct_drive, UserId(new_owner())
    kept, ended = await make_folder(drive, "kept"), await make_folder(drive, "ended")
    for folder in (kept, ended):
        await drive.files.put_permission(drive.access, folder, guest, Role.VIEWER)
    access = await drive.files.resolve_access(guest, drive.owner)
    archives = [await drive.files.create_archive(access, (folder,)) for folder in (kept, ended)]
    await drive.files.delete_permission(drive.access, ended, guest)
    assert len(await open_all(drive, archives[0].token)) == 1
    with pytest.raises(NotFound):
        await drive.files.open_archive(archives[1].token)


async def test_an_archive_ends_with_its_account(direct_drive: Drive) -> None:
    drive, stranger = direct_drive, direct_drive.for_owner(new_owner())
    archive = await drive.files.create_archive(drive.access, (ROOT,))
    theirs = await drive.files.create_archive(stranger.access, (ROOT,))
    await drive.files.empty_drive(drive.owner)
    with pytest.raises(NotFound):
        await drive.files.open_archive(archive.token)
    assert (await drive.files.open_archive(theirs.token)).entries == ()


async def test_crcs_are_kept_and_never_lose_bytes(drive: Drive) -> None:
    await make_folder(drive, "folder")
    await drive.upload_file("a.txt", b"hello")
    token = (await drive.files.create_archive(drive.access, (ROOT,))).token

    async def kept() -> list[tuple[str, int, int]]:
        return [(entry.path, entry.crc_size, entry.crc32) for entry in await open_all(drive, token)]

    await drive.files.save_archive_crcs(
        token, (EntryCrc(0, 3, zlib.crc32(b"hel")), EntryCrc(1, 5, 1), EntryCrc(9, 1, 1))
    )
    assert await kept() == [("a.txt", 3, zlib.crc32(b"hel")), ("folder/", 0, 0)]
    await drive.files.save_archive_crcs(token, (EntryCrc(0, 2, 7), EntryCrc(0, 6, 7)))
    assert await kept() == [("a.txt", 3, zlib.crc32(b"hel")), ("folder/", 0, 0)]
    for wrong in (EntryCrc(-1, 1, 1), EntryCrc(0, -1, 1), EntryCrc(0, 1, 2**32), EntryCrc(MAX_ENTRIES, 1, 1)):
        with pytest.raises(InvalidRequest):
            await drive.files.save_archive_crcs(token, (wrong,))
    with pytest.raises(InvalidRequest):
        await drive.files.save_archive_crcs(token, (EntryCrc(0, 1, 1),) * 1001)


async def test_pages_have_every_entry_once(direct_drive: Drive) -> None:
    drive = direct_drive
    for name in ("a", "b", "c"):
        await make_folder(drive, name)
    token = (await drive.files.create_archive(drive.access, (ROOT,))).token
    assert [entry.path for entry in await open_all(drive, token, 2)] == ["a/", "b/", "c/"]
    for after, limit in ((-1, 1), (0, 0), (0, 1001), (MAX_ENTRIES + 1, 1)):
        with pytest.raises(InvalidRequest):
            await drive.files.open_archive(token, after, limit)


async def test_expired_archives_are_deleted_in_batches(direct_drive: Drive) -> None:
    drive = direct_drive
    await make_folder(drive, "a")
    for _ in range(3):
        await drive.files.create_archive(drive.access, (ROOT,))
    assert await drive.files.delete_expired_archives(2) == 0
    await drive.advance_time(timedelta(days=1), "archives")
    kept = await drive.files.create_archive(drive.access, (ROOT,))
    assert [await drive.files.delete_expired_archives(2) for _ in range(3)] == [2, 1, 0]
    assert await drive.database.fetchval("SELECT count(*) FROM files.archive_entries") == 1
    assert len(await open_all(drive, kept.token)) == 1
    with pytest.raises(InvalidRequest):
        await drive.files.delete_expired_archives(0)


async def test_a_drive_with_the_same_ids_changes_nothing(direct_drive: Drive) -> None:
    """A twin has an archive and entries with the same ids and other names."""
    drive = direct_drive
    folder = await make_folder(drive, "folder")
    await drive.upload_file("a.txt", b"hello", folder)
    archive = await drive.files.create_archive(drive.access, (ROOT,))
    twin = new_owner()
    for statement in (
        "INSERT INTO files.entries (owner_id, id, parent_id, kind, name)"
        " SELECT $1, id, parent_id, 'folder', 'twin ' || name FROM files.entries WHERE owner_id <> $1",
        "INSERT INTO files.archives (owner_id, id, name, created_by, chosen, entry_count, size, expires_at)"
        " SELECT $1, id, 'twin', created_by, chosen, 1, 22, now() FROM files.archives",
        "INSERT INTO files.archive_entries (owner_id, archive_id, position, path, size, modified_at, key)"
        " SELECT $1, archive_id, position, 'twin', 9, now(), 'key' FROM files.archive_entries",
    ):
        await drive.database.execute(statement, twin)
    assert [entry.path for entry in await open_all(drive, archive.token)] == ["folder/", "folder/a.txt"]
    assert await paths(drive, ROOT) == ["folder/", "folder/a.txt"]
    await drive.files.save_archive_crcs(archive.token, (EntryCrc(1, 5, 7),))
    count = "SELECT count(*) FROM files.archive_entries WHERE owner_id = $1 AND crc_size = 0"
    assert await drive.database.fetchval(count, twin) == 2
    await drive.database.execute(
        "UPDATE files.archives SET expires_at = now() + interval '1 day' WHERE owner_id = $1", twin
    )
    await drive.database.execute("UPDATE files.archives SET expires_at = now() WHERE owner_id = $1", drive.owner)
    assert await drive.files.delete_expired_archives(10) == 2
    assert await drive.database.fetchval(count, twin) == 2
    assert await drive.database.fetchval("SELECT count(*) FROM files.archives") == 1
    for table in ("entries", "archives", "archive_entries"):
        await drive.database.execute(f"DELETE FROM files.{table} WHERE owner_id = $1", twin)
