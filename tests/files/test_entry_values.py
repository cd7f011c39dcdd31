"""Times, stars and properties of entries, and names that are taken."""

from datetime import UTC, datetime, timedelta, timezone

import msgspec
import pytest

from drivebay.contract import files as c
from drivebay.contract.files import Access
from drivebay.contract.ids import ROOT, FileId
from drivebay.errors import InvalidRequest, NameTaken, NotFound, PreconditionFailed

from .conftest import UNKNOWN_ID, Drive, new_owner

OLD = datetime(2001, 2, 3, 4, 5, 6, 789, tzinfo=UTC)
FAIL, RENAME, REPLACE = c.OnConflict.FAIL, c.OnConflict.RENAME, c.OnConflict.REPLACE
LIMITS = (datetime(1970, 1, 1, tzinfo=UTC), datetime.now(UTC) + timedelta(hours=23))
INVALID = (
    datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC),
    datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14))),
    datetime.now(UTC) + timedelta(days=2),
    datetime(9999, 12, 31, 23, 59, 59, tzinfo=timezone(-timedelta(hours=14))),
)


def intent(name: str, modified_at: datetime | None = OLD, **values: object) -> c.UploadIntent:
    made = c.UploadIntent(name, 5, "text/plain", ROOT, modified_at=modified_at)
    return msgspec.structs.replace(made, **values)


async def complete(drive: Drive, upload: c.Upload | None) -> c.File:
    assert upload is not None
    drive.bucket.put(upload.key, b"hello")
    done = await drive.files.complete_upload(drive.access, upload.id)
    assert done.file is not None
    return await drive.files.get_file(drive.access, done.file)


async def update(drive: Drive, id: FileId, **values: object) -> c.File:
    return await drive.files.update_entry(drive.access, id, msgspec.structs.replace(c.EntryUpdate(), **values))


async def test_a_file_has_the_time_of_its_upload(drive: Drive) -> None:
    single = await drive.files.begin_upload(drive.access, intent("a"))
    assert (await complete(drive, single)).modified_at == OLD
    locked = await drive.files.begin_upload(drive.access, intent("b", on_conflict=FAIL), "key")
    assert (await complete(drive, locked)).modified_at == OLD
    results = await drive.files.begin_uploads(
        drive.access, (intent("c"), intent("d", None), intent("e", client_note="n"))
    )
    of_batch = [await complete(drive, result.upload) for result in results]
    assert [file.modified_at for file in of_batch] == [OLD, of_batch[1].created_at, OLD]
    replaced = await drive.files.begin_upload(drive.access, intent("a", OLD + timedelta(1), on_conflict=REPLACE))
    assert (await complete(drive, replaced)).modified_at == OLD + timedelta(1)
    for file in of_batch:
        assert (file.created_by, file.modified_by, file.drive) == (drive.owner, drive.owner, drive.owner)


async def test_a_time_of_an_upload_is_from_1970_to_one_day_ahead(direct_drive: Drive) -> None:
    drive = direct_drive
    file = await drive.upload_file("f")
    for number, time in enumerate(LIMITS):
        upload = await drive.files.begin_upload(drive.access, intent(f"{number}", time))
        assert (await complete(drive, upload)).modified_at == time
        assert (await update(drive, file.id, modified_at=time)).modified_at == time
    for time in INVALID:
        for call in (
            drive.files.begin_upload(drive.access, intent("x", time)),
            update(drive, file.id, modified_at=time),
        ):
            with pytest.raises(InvalidRequest) as raised:
                await call
            assert [error.field for error in raised.value.errors] == ["modified_at"]
        (result,) = await drive.files.begin_uploads(drive.access, (intent("x", time),))
        assert result.error is not None
        assert (result.error.code, result.error.field) == ("invalid_request", "modified_at")


async def test_a_time_in_another_zone_is_the_same_upload(drive: Drive) -> None:
    elsewhere = OLD.astimezone(timezone(timedelta(hours=5)))
    first = await drive.files.begin_upload(drive.access, intent("a"), "key")
    assert (await drive.files.begin_upload(drive.access, intent("a", elsewhere), "key")).id == first.id


async def test_a_rename_and_a_move_keep_the_time(drive: Drive) -> None:
    folder = await drive.files.create_folder(drive.access, ROOT, "dir", "k")
    file = await complete(drive, await drive.files.begin_upload(drive.access, intent("a")))
    moved = await update(drive, file.id, name="b", parent=folder.id)
    assert (moved.modified_at, moved.created_at) == (OLD, file.created_at)
    assert (await update(drive, folder.id, name="dir 2")).modified_at == folder.modified_at


async def test_every_change_of_a_value_changes_the_etag(direct_drive: Drive) -> None:
    file = await direct_drive.upload_file("a")
    etags = {file.etag}
    for values in ({"starred": True}, {"properties": {"k": "v"}}, {"removed_properties": ("k",)}, {"modified_at": OLD}):
        changed = await update(direct_drive, file.id, **values)
        assert changed.etag not in etags
        etags.add(changed.etag)
        assert (await update(direct_drive, file.id, **values)) == changed  # the same again changes nothing
    assert (changed.starred, changed.properties, changed.modified_at) == (True, {}, OLD)
    assert await direct_drive.files.get_file(direct_drive.access, file.id) == changed
    with pytest.raises(PreconditionFailed):
        await direct_drive.files.update_entry(direct_drive.access, file.id, c.EntryUpdate(starred=False), file.etag)


async def test_properties_are_merged_and_stay_with_the_entry(drive: Drive) -> None:
    file = await drive.upload_file("a")
    changed = await update(drive, file.id, properties={"a": "1", "\N{GREEK SMALL LETTER ALPHA}": "\N{PILE OF POO}"})
    changed = await update(drive, file.id, properties={"a": "2", "b": ""}, removed_properties=("b", "none"))
    assert changed.properties == {"a": "2", "b": "", "\N{GREEK SMALL LETTER ALPHA}": "\N{PILE OF POO}"}
    listed = (await drive.files.list_files(drive.access, c.Listing(ROOT))).items[0]
    replaced = await drive.upload_file("a", b"new", on_conflict=REPLACE)
    await drive.files.trash_entry(drive.access, file.id)
    restored = await drive.files.restore_entry(drive.access, file.id)
    assert listed.properties == replaced.properties == restored.properties == changed.properties
    assert (await update(drive, file.id, removed_properties=tuple(changed.properties))).properties == {}


@pytest.mark.parametrize(
    "properties",
    [
        {str(n): "" for n in range(51)},
        {"k": "x" * 4096},
        {"k": "\N{PILE OF POO}" * 1024},
        {"": "x"},
        {"k": "a\0b"},
        {"a\0b": ""},
    ],
)
async def test_properties_beyond_the_limits_are_refused(direct_drive: Drive, properties: dict[str, str]) -> None:
    file = await direct_drive.upload_file("a")
    with pytest.raises(InvalidRequest) as raised:
        await update(direct_drive, file.id, properties=properties)
    assert [error.field for error in raised.value.errors] == ["properties"]
    largest = {str(n).zfill(2): "" for n in range(49)} | {"k": "x" * (4095 - 98)}
    assert (await update(direct_drive, file.id, properties=largest)).properties == largest
    with pytest.raises(InvalidRequest):
        await update(direct_drive, file.id, properties={"one": "more"})


async def test_starred_entries_are_listed_in_every_order(direct_drive: Drive) -> None:
    drive = direct_drive
    folder = await drive.files.create_folder(drive.access, ROOT, "dir")
    for parent in (ROOT, folder.id):
        for name in ("c", "a", "d", "b"):
            file = await drive.upload_file(name, name.encode() * (1 + ord(name) % 3), parent)
            if name in "abc":
                await update(drive, file.id, starred=True)
    await update(drive, folder.id, starred=True)
    trashed = await drive.upload_file("e")
    await update(drive, trashed.id, starred=True)
    await drive.files.trash_entry(drive.access, trashed.id)

    async def names(listing: c.Listing) -> list[str]:
        found: list[c.File] = []
        while True:
            page = await drive.files.list_files(drive.access, listing)
            found += page.items
            if page.next_cursor is None:
                break
            listing = msgspec.structs.replace(listing, cursor=page.next_cursor)
        values = [{"name": f.name, "size": f.size, "created": f.created_at, "modified": f.modified_at} for f in found]
        ordered = [value[listing.sort.value] for value in values]
        assert ordered == sorted(ordered, reverse=listing.descending)
        return sorted(file.name for file in found)

    for sort in c.Sort:
        for descending in (False, True):
            listing = c.Listing(None, sort, descending, 2, starred=True)
            assert await names(listing) == [*"aabbcc", "dir"]
            assert await names(msgspec.structs.replace(listing, starred=False)) == [*"dd"]
            assert await names(msgspec.structs.replace(listing, parent=folder.id)) == [*"abc"]
            assert await names(msgspec.structs.replace(listing, parent=ROOT, starred=False)) == ["d"]
    assert (await drive.files.list_files(drive.access, c.Listing(ROOT, name="a", starred=False))).items == ()
    assert (await drive.files.list_files(Access.personal(new_owner()), c.Listing(starred=True))).items == ()
    cursor = (await drive.files.list_files(drive.access, c.Listing(limit=1, starred=True))).next_cursor
    for starred in (None, False):
        with pytest.raises(InvalidRequest):
            await drive.files.list_files(drive.access, c.Listing(limit=1, cursor=cursor, starred=starred))


async def test_a_rename_to_a_taken_name_takes_a_free_one_on_request(direct_drive: Drive) -> None:
    drive = direct_drive
    first, second = await drive.upload_file("a.txt"), await drive.upload_file("b.txt")
    folder = await drive.files.create_folder(drive.access, ROOT, "dir", "k")
    for _ in range(2):  # a repeat changes nothing
        assert (await update(drive, second.id, name="a.txt", on_conflict=RENAME)).name == "a (1).txt"
        assert (await update(drive, folder.id, name="a.txt", on_conflict=RENAME)).name == "a (2).txt"
    assert (await drive.files.get_file(drive.access, first.id)) == first


async def test_a_replacing_rename_makes_a_new_version_of_the_other_file(direct_drive: Drive) -> None:
    drive = direct_drive
    old, new = await drive.upload_file("a.txt", b"old one"), await drive.upload_file("b.txt", b"new")
    await update(drive, old.id, properties={"k": "v"})
    await update(drive, new.id, modified_at=OLD)
    result = await update(drive, new.id, name="a.txt", on_conflict=REPLACE, starred=True)
    assert (result.id, result.name, result.size, result.version) == (old.id, "a.txt", 3, new.version)
    assert (result.modified_at, result.properties, result.starred) == (OLD, {"k": "v"}, True)
    assert result.etag not in (old.etag, new.etag)
    content = await drive.files.get_content(drive.access, old.id)
    assert drive.bucket.objects[content.key][1] == b"new"
    with pytest.raises(NotFound):
        await drive.files.get_file(drive.access, new.id)
    assert await drive.list_names(ROOT) == ["a.txt"]
    usage = await drive.files.get_usage(drive.access)
    assert (usage.used_bytes, usage.file_count) == (10, 1)
    assert await drive.files.check_invariants() == ()
    await drive.advance_time(timedelta(days=31), "versions")
    assert await drive.run_purges() == 1
    assert (await drive.files.get_usage(drive.access)).used_bytes == 3


async def test_a_folder_is_never_replaced_and_replaces_nothing(drive: Drive) -> None:
    file = await drive.upload_file("file")
    folder = await drive.files.create_folder(drive.access, ROOT, "folder", "k")
    await drive.begin("pending")
    for id, name in ((file.id, "folder"), (folder.id, "file"), (file.id, "pending"), (folder.id, "pending")):
        for how in (REPLACE, FAIL):
            with pytest.raises(NameTaken):
                await update(drive, id, name=name, on_conflict=how)
    assert await drive.list_names(ROOT) == ["file", "folder"]


async def test_a_restore_takes_a_folder_and_a_rule_for_names(drive: Drive) -> None:
    folder = await drive.files.create_folder(drive.access, ROOT, "dir", "k")
    first = await drive.upload_file("a", b"first")
    await drive.files.trash_entry(drive.access, first.id)
    assert (await drive.files.restore_entry(drive.access, first.id, folder.id, FAIL)).parent == folder.id
    await drive.files.trash_entry(drive.access, first.id)
    living = await drive.upload_file("a", b"living", folder.id)
    with pytest.raises(NameTaken):
        await drive.files.restore_entry(drive.access, first.id, None, FAIL)
    for parent in (living.id, FileId(UNKNOWN_ID)):
        with pytest.raises(NotFound):
            await drive.files.restore_entry(drive.access, first.id, parent)
    assert (await drive.files.list_trash(drive.access)).items[0].id == first.id
    replaced = await drive.files.restore_entry(drive.access, first.id, None, REPLACE)
    assert (replaced.id, replaced.size, replaced.trashed_at) == (living.id, 5, None)
    assert (await drive.files.list_trash(drive.access)).items == ()
    assert (await drive.files.get_usage(drive.access)).file_count == 1


async def test_a_file_whose_grace_period_has_ended_replaces_nothing(direct_drive: Drive) -> None:
    drive = direct_drive
    gone = await drive.upload_file("a", b"gone")
    await drive.files.trash_entry(drive.access, gone.id)
    living = await drive.upload_file("a", b"living")
    await drive.files.delete_trashed(drive.access, gone.id)
    with pytest.raises(NotFound):
        await drive.files.restore_entry(drive.access, gone.id, None, REPLACE)
    assert (await drive.files.get_file(drive.access, living.id)) == living
