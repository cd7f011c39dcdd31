"""Copies of files and folders: the bytes are shared, and each copy counts."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from uuid_utils.compat import uuid7

from drivebay.contract import files as c
from drivebay.contract.ids import ROOT, FileId, UserId
from drivebay.errors import (
    IdempotencyKeyReused,
    InProgress,
    InvalidRequest,
    NameTaken,
    NotFound,
    QuotaExceeded,
    TooLarge,
    WouldCycle,
)
from drivebay.files.copies.service import MAX_ENTRIES

from .conftest import SETTINGS, UNKNOWN_ID, Drive, new_owner, open_drive

REPLACE, FAIL = c.OnConflict.REPLACE, c.OnConflict.FAIL
IN_ROOT = c.CopyTarget(ROOT)


async def read(drive: Drive, file: c.File) -> bytes:
    return drive.bucket.objects[(await drive.files.get_content(drive.access, file.id)).key][1]


async def tree(drive: Drive, folder: FileId = ROOT) -> dict[str, object]:
    """Return the names in a folder: those of files with their sizes, those of folders with what is in them."""
    page = await drive.files.list_files(drive.access, c.Listing(folder, limit=1000))
    return {
        entry.name: entry.size if entry.kind is c.Kind.FILE else await tree(drive, entry.id) for entry in page.items
    }


async def test_a_copy_of_a_file_shares_its_bytes(drive: Drive) -> None:
    file = await drive.upload_file("a.txt", b"hello")
    update = c.EntryUpdate(properties={"k": "v"}, starred=True, modified_at=file.modified_at - timedelta(1))
    file = await drive.files.update_entry(drive.access, file.id, update)
    target = c.CopyTarget(ROOT, "copy.txt")
    copy = await drive.files.copy_entry(drive.access, file.id, target, "k")
    assert (copy.name, copy.size, copy.sha256, copy.content_type) == ("copy.txt", 5, file.sha256, "text/plain")
    assert (copy.properties, copy.starred, copy.modified_at) == ({"k": "v"}, False, file.modified_at)
    assert copy.created_by == drive.access.actor
    assert copy.id != file.id
    assert copy.version != file.version
    assert await drive.files.copy_entry(drive.access, file.id, target, "k") == copy
    with pytest.raises(IdempotencyKeyReused):
        await drive.files.copy_entry(drive.access, file.id, c.CopyTarget(ROOT, "other"), "k")
    usage = await drive.files.get_usage(drive.access)
    assert (usage.used_bytes, usage.file_count, len(drive.bucket.objects)) == (10, 2, 1)
    # Neither file changes the other.
    await drive.files.trash_entry(drive.access, file.id)
    await drive.files.delete_trashed(drive.access, file.id)
    assert await drive.run_purges() == 0
    assert await read(drive, copy) == b"hello"
    assert (await drive.files.get_usage(drive.access)).used_bytes == 5
    changes = await drive.database.fetch("SELECT what FROM files.changes WHERE file_id = $1", copy.id)
    assert [row["what"] for row in changes] == ["created"]


async def test_a_copy_goes_by_the_rules_for_names(drive: Drive) -> None:
    file, other = await drive.upload_file("a.txt", b"hello"), await drive.upload_file("b.txt", b"other one")
    folder = await drive.files.create_folder(drive.access, ROOT, "folder", "f")
    await drive.begin("pending")
    for target in (
        c.CopyTarget(ROOT, None, FAIL),
        c.CopyTarget(ROOT, None, REPLACE),  # a file does not replace itself
        c.CopyTarget(ROOT, "folder", REPLACE),
        c.CopyTarget(ROOT, "pending", REPLACE),
    ):
        with pytest.raises(NameTaken):
            await drive.files.copy_entry(drive.access, file.id, target)
    with pytest.raises(NameTaken):
        await drive.files.copy_entry(drive.access, folder.id, c.CopyTarget(ROOT, "a.txt", REPLACE))
    with pytest.raises(InvalidRequest):
        await drive.files.copy_entry(drive.access, file.id, c.CopyTarget(ROOT, "a/b"))
    replaced = await drive.files.copy_entry(drive.access, file.id, c.CopyTarget(ROOT, "b.txt", REPLACE), "k")
    assert (replaced.id, replaced.name, replaced.size, replaced.modified_at) == (other.id, "b.txt", 5, file.modified_at)
    versions = (await drive.files.list_versions(drive.access, other.id)).items
    assert [(each.size, each.is_current) for each in versions] == [(5, True), (9, False)]
    inside = await drive.files.copy_entry(drive.access, file.id, c.CopyTarget(folder.id, "new", FAIL), "in")
    assert (inside.name, inside.parent) == ("new", folder.id)


async def test_a_copy_of_a_folder_has_everything_below_it(drive: Drive) -> None:
    top = await drive.files.create_folder(drive.access, ROOT, "top", "1")
    inner = await drive.files.create_folder(drive.access, top.id, "inner", "2")
    await drive.files.create_folder(drive.access, inner.id, "empty", "3")
    await drive.upload_file("a", b"a", top.id)
    await drive.upload_file("b", b"bb", inner.id)
    gone = await drive.upload_file("a gone", b"gone", inner.id)
    await drive.files.trash_entry(drive.access, gone.id)
    before = await tree(drive, top.id)
    start = (await drive.files.list_changes(drive.access)).next_cursor
    copy = await drive.files.copy_entry(drive.access, top.id, c.CopyTarget(ROOT, "copy"), "k")
    assert await tree(drive, copy.id) == before == {"a": 1, "inner": {"b": 2, "empty": {}}}
    usage = await drive.files.get_usage(drive.access)
    assert (usage.used_bytes, usage.file_count) == (10, 4)
    changes = (await drive.files.list_changes(drive.access, start)).items
    assert [change.kind for change in changes] == [c.ChangeKind.CREATED] * 5
    # A follower knows the folder of an entry before the entry.
    known = {ROOT, top.id}
    for change in changes:
        assert change.file is not None
        assert change.file.parent in known
        known.add(change.file.id)
    again = await drive.files.copy_entry(drive.access, top.id, IN_ROOT, "again")
    assert again.name == "top (1)"


async def test_a_folder_is_not_copied_into_itself_or_below(drive: Drive) -> None:
    top = await drive.files.create_folder(drive.access, ROOT, "top", "1")
    below = await drive.files.create_folder(drive.access, top.id, "below", "2")
    for parent in (top.id, below.id):
        with pytest.raises(WouldCycle):
            await drive.files.copy_entry(drive.access, top.id, c.CopyTarget(parent))
    assert (await drive.files.copy_entry(drive.access, below.id, c.CopyTarget(top.id), "k")).name == "below (1)"


async def test_a_copy_needs_an_entry_and_a_folder_of_the_drive(drive: Drive) -> None:
    file, trashed = await drive.upload_file("a"), await drive.upload_file("b")
    folder = await drive.files.create_folder(drive.access, ROOT, "folder", "1")
    await drive.files.trash_entry(drive.access, trashed.id)
    other = drive.for_owner(new_owner())
    own = await other.files.create_folder(other.access, ROOT, "own", "1")
    for caller, id, parent in (
        (drive, trashed.id, ROOT),
        (drive, FileId(UNKNOWN_ID), ROOT),
        (drive, ROOT, folder.id),
        (drive, file.id, file.id),
        (drive, file.id, trashed.id),
        (drive, file.id, own.id),
        (other, file.id, own.id),
    ):
        with pytest.raises(NotFound):
            await caller.files.copy_entry(caller.access, id, c.CopyTarget(parent))


async def test_a_copy_respects_the_quota_the_entries_and_the_depth(database_url: str) -> None:
    limited = replace(SETTINGS, max_entries=6, max_depth=3)
    async with open_drive(database_url, "direct", limited) as drive:
        top = await drive.files.create_folder(drive.access, ROOT, "top")
        inner = await drive.files.create_folder(drive.access, top.id, "inner")
        await drive.upload_file("a", b"x" * 4_000, inner.id)
        aside = await drive.files.create_folder(drive.access, ROOT, "aside")
        with pytest.raises(QuotaExceeded):
            await drive.files.copy_entry(drive.access, top.id, IN_ROOT)
        other = await drive.files.create_folder(drive.access, aside.id, "other")
        with pytest.raises(InvalidRequest):
            await drive.files.copy_entry(drive.access, top.id, c.CopyTarget(other.id))
        await drive.upload_file("b", b"x" * 4_000)
        with pytest.raises(QuotaExceeded):
            await drive.files.copy_entry(drive.access, inner.id, IN_ROOT)
        assert (await drive.files.get_usage(drive.access)).used_bytes == 8_000


async def test_a_copy_does_not_exceed_the_quota(direct_drive: Drive) -> None:
    drive = direct_drive
    file = await drive.upload_file("a", b"x" * 4_000)
    await drive.files.copy_entry(drive.access, file.id, IN_ROOT)
    with pytest.raises(QuotaExceeded):
        await drive.files.copy_entry(drive.access, file.id, IN_ROOT)


async def test_a_tree_with_too_many_entries_is_refused(direct_drive: Drive) -> None:
    drive = direct_drive
    top = await drive.files.create_folder(drive.access, ROOT, "top")
    await drive.database.execute(
        "INSERT INTO files.entries (owner_id, id, parent_id, kind, name)"
        " SELECT $1, gen_random_uuid(), $2, 'folder', 'f' || i FROM generate_series(1, $3::int) AS i",
        drive.owner,
        top.id,
        MAX_ENTRIES - 1,
    )
    copy = await drive.files.copy_entry(drive.access, top.id, IN_ROOT)
    assert len(await drive.list_names(copy.id)) == MAX_ENTRIES - 1
    await drive.files.create_folder(drive.access, top.id, "one more")
    with pytest.raises(TooLarge):
        await drive.files.copy_entry(drive.access, top.id, IN_ROOT)


async def test_a_repeated_copy_needs_access_again(direct_drive: Drive) -> None:
    drive = direct_drive
    file, folder = await drive.upload_file("a"), await drive.files.create_folder(drive.access, ROOT, "folder")
    target = c.CopyTarget(folder.id)
    guest = UserId(uuid7())
    items = (c.Grant(folder.id, c.Role.EDITOR), c.Grant(file.id, c.Role.VIEWER))
    await drive.files.copy_entry(c.Access(drive.owner, guest, c.Role.EDITOR, items), file.id, target, "k")
    with pytest.raises(NotFound):
        await drive.files.copy_entry(c.Access(drive.owner, guest, c.Role.EDITOR, items[:1]), file.id, target, "k")


async def test_entries_are_copied_in_a_batch(direct_drive: Drive) -> None:
    drive = direct_drive
    file, folder = await drive.upload_file("a"), await drive.files.create_folder(drive.access, ROOT, "folder")
    ids = (file.id, FileId(UNKNOWN_ID), folder.id, file.id)
    results = await drive.files.copy_entries(drive.access, ids, IN_ROOT)
    assert [each.file.name if each.file else each.error and each.error.code for each in results] == [
        "a (1)", "not_found", "folder (1)", "a (2)",
    ]  # fmt: skip
    with pytest.raises(InvalidRequest):
        await drive.files.copy_entries(drive.access, (file.id,), c.CopyTarget(ROOT, "name"))
    for ids in ((), (file.id,) * 101):
        with pytest.raises(InvalidRequest):
            await drive.files.copy_entries(drive.access, ids, IN_ROOT)
    assert drive.hints


async def test_a_repeated_batch_copies_nothing_again(drive: Drive) -> None:
    file, folder = await drive.upload_file("a"), await drive.files.create_folder(drive.access, ROOT, "folder")
    ids = (file.id, FileId(UNKNOWN_ID), folder.id, file.id)
    originals = await tree(drive)
    results = await drive.files.copy_entries(drive.access, ids, IN_ROOT, "batch")
    assert [result.error and result.error.code for result in results] == [None, "not_found", None, None]
    before = await tree(drive)
    assert len(before) == len(originals) + 3
    assert await drive.files.copy_entries(drive.access, ids, IN_ROOT, "batch") == results
    for changed in ((file.id,), (*ids, file.id), ids[::-1]):
        with pytest.raises(IdempotencyKeyReused):
            await drive.files.copy_entries(drive.access, changed, IN_ROOT, "batch")
    with pytest.raises(IdempotencyKeyReused):
        await drive.files.copy_entries(drive.access, ids, c.CopyTarget(folder.id), "batch")
    with pytest.raises(IdempotencyKeyReused):
        await drive.files.copy_entry(drive.access, file.id, IN_ROOT, "batch")
    assert await tree(drive) == before


async def test_refused_items_belong_to_the_request_of_a_batch_of_copies(drive: Drive) -> None:
    file = await drive.upload_file("a")
    ids, refused = (file.id,), (c.RefusedItem(1, b"bad"),)
    first = await drive.files.copy_entries(drive.access, ids, IN_ROOT, "batch", refused)
    assert await drive.files.copy_entries(drive.access, ids, IN_ROOT, "batch", refused) == first
    for _ in range(2):
        assert (
            await drive.files.copy_entries(drive.access, (), IN_ROOT, "all refused", (c.RefusedItem(0, b"bad"),)) == ()
        )
    before = await tree(drive)
    assert len(before) == 2
    others: tuple[tuple[str, tuple[c.RefusedItem, ...]], ...] = (
        ("batch", ()),
        ("batch", (c.RefusedItem(1, b"another"),)),
        ("batch", (c.RefusedItem(0, b"bad"),)),
        ("batch", (c.RefusedItem(1, b"bad"), c.RefusedItem(2, b"bad"))),
        ("all refused", ()),
    )
    for key, other in others:
        with pytest.raises(IdempotencyKeyReused):
            await drive.files.copy_entries(drive.access, ids, IN_ROOT, key, other)
    for positions in ((2,), (-1,), (0, 0)):
        items = tuple(c.RefusedItem(position, b"") for position in positions)
        with pytest.raises(InvalidRequest):
            await drive.files.copy_entries(drive.access, ids, IN_ROOT, "bad", items)
    assert await tree(drive) == before


async def test_batches_with_one_key_at_once_copy_each_entry_once(direct_drive: Drive) -> None:
    drive = direct_drive
    ids = tuple([(await drive.upload_file(f"f{n}")).id for n in range(4)])
    folder = await drive.files.create_folder(drive.access, ROOT, "folder")
    calls = (drive.files.copy_entries(drive.access, ids, c.CopyTarget(folder.id), "k") for _ in range(8))
    answers = await asyncio.gather(*calls, return_exceptions=True)
    results = [answer for answer in answers if not isinstance(answer, InProgress)]
    assert results
    assert all(result == results[0] for result in results)
    assert sorted(await tree(drive, folder.id)) == ["f0", "f1", "f2", "f3"]


async def test_a_repeated_batch_copies_what_the_quota_refused(direct_drive: Drive) -> None:
    drive = direct_drive
    file = await drive.upload_file("a", bytes(3_000))
    filler = await drive.begin("filler", bytes(3_000))
    ids = (file.id, file.id)
    copied, refused = await drive.files.copy_entries(drive.access, ids, IN_ROOT, "batch")
    assert copied.file is not None
    assert refused.error is not None
    assert refused.error.code == "quota_exceeded"
    with pytest.raises(IdempotencyKeyReused):
        await drive.files.copy_entries(drive.access, (file.id,), IN_ROOT, "batch")
    await drive.files.abort_upload(drive.access, filler.id)
    same, later = await drive.files.copy_entries(drive.access, ids, IN_ROOT, "batch")
    assert same == copied
    assert later.file is not None
    assert await drive.files.copy_entries(drive.access, ids, IN_ROOT, "batch") == (same, later)


async def test_a_repeated_batch_of_copies_needs_access_again(direct_drive: Drive) -> None:
    drive = direct_drive
    file, folder = await drive.upload_file("a"), await drive.files.create_folder(drive.access, ROOT, "folder")
    other = await drive.files.create_folder(drive.access, ROOT, "other")
    target, guest = c.CopyTarget(folder.id), UserId(uuid7())
    grants = (c.Grant(folder.id, c.Role.EDITOR), c.Grant(file.id, c.Role.VIEWER), c.Grant(other.id, c.Role.EDITOR))

    async def copy(*items: c.Grant) -> str | None:
        access = c.Access(drive.owner, guest, c.Role.EDITOR, items)
        (result,) = await drive.files.copy_entries(access, (file.id,), target, "k")
        return result.error and result.error.code

    assert await copy(*grants) is None
    assert await copy(*grants) is None
    assert await copy(grants[0]) == "not_found"
    assert await copy(*grants[1:]) == "not_found"
