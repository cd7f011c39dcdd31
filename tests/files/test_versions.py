"""Versions: replaced content stays, can be read, restored and deleted, and goes by number and age."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from uuid_utils.compat import uuid7

import drivebay.files
from drivebay.contract import files as c
from drivebay.contract.ids import ROOT, FileId, VersionId
from drivebay.errors import Conflict, InvalidCursor, NotFound, QuotaExceeded
from drivebay.files.versions.store import VersionStore

from .conftest import SETTINGS, UNKNOWN_ID, Drive, new_owner, open_drive

REPLACE = c.OnConflict.REPLACE
FEW = replace(SETTINGS, versions_keep=2)
MIGRATION = Path(drivebay.files.__file__).parent / "migrations" / "0016_objects.sql"
UNDO_MIGRATION = """
DROP TABLE files.thumbnails;
DROP FUNCTION files.count_references CASCADE;
DROP FUNCTION files.keep_referenced_object CASCADE;
DROP TABLE files.objects;
ALTER TABLE files.purges DROP COLUMN knows_objects;
ALTER TABLE files.uploads DROP COLUMN is_instant;
ALTER TABLE files.versions DROP COLUMN object_id, DROP COLUMN replaced_at, DROP COLUMN created_by;
"""


async def store_versions(drive: Drive, *bodies: bytes, name: str = "a.txt") -> c.File:
    """Store one version of a file after another, and return the file."""
    for body in bodies:
        file = await drive.upload_file(name, body, on_conflict=REPLACE)
    return file


async def versions_of(drive: Drive, file: c.File) -> tuple[c.Version, ...]:
    return (await drive.files.list_versions(drive.access, file.id, 1000)).items


async def read(drive: Drive, content: c.Content) -> bytes:
    return drive.bucket.objects[content.key][1]


async def used_bytes(drive: Drive) -> int:
    return (await drive.files.get_usage(drive.access)).used_bytes


async def queue_as_the_previous_release(drive: Drive, version: VersionId, due_in: timedelta = timedelta(0)) -> None:
    """Delete a version as the previous release does: by its own id, whatever shares its object."""
    await drive.database.execute(
        "UPDATE files.versions SET state = 'purging', replaced_at = NULL WHERE id = $1", version
    )
    queue = "INSERT INTO files.purges (owner_id, upload_id, due_at) VALUES ($1, $2, now() + $3::interval)"
    await drive.database.execute(queue, drive.owner, version, due_in)


async def test_replaced_content_stays_as_a_version_that_can_be_read(drive: Drive) -> None:
    file = await store_versions(drive, b"one", b"three", b"sixty")
    versions = await versions_of(drive, file)
    assert [(each.size, each.is_current) for each in versions] == [(5, True), (5, False), (3, False)]
    assert versions[0].id == file.version
    assert {each.created_by for each in versions} == {drive.access.actor}
    assert all(each.sha256 and each.content_type == "text/plain" for each in versions)
    contents = [await drive.files.get_version_content(drive.access, file.id, each.id) for each in versions]
    assert [await read(drive, content) for content in contents] == [b"sixty", b"three", b"one"]
    assert await used_bytes(drive) == 13


async def test_versions_are_listed_in_pages(drive: Drive) -> None:
    file = await store_versions(drive, *(bytes(n) for n in range(1, 6)))
    sizes: list[int] = []
    cursor = None
    while True:
        page = await drive.files.list_versions(drive.access, file.id, 2, cursor)
        sizes += [each.size for each in page.items]
        if page.next_cursor is None:
            break
        cursor = page.next_cursor
    assert sizes == [5, 4, 3, 2, 1]
    other = await drive.upload_file("other")
    with pytest.raises(InvalidCursor):
        await drive.files.list_versions(drive.access, other.id, 2, cursor)


async def test_a_restored_version_is_a_new_one_that_shares_the_object(drive: Drive) -> None:
    file = await store_versions(drive, b"one", b"three")
    old = (await versions_of(drive, file))[1]
    restored = await drive.files.restore_version(drive.access, file.id, old.id)
    assert (restored.id, restored.size) == (file.id, 3)
    assert restored.version not in (file.version, old.id)
    assert restored.etag != file.etag
    versions = await versions_of(drive, file)
    assert [(each.size, each.is_current) for each in versions] == [(3, True), (5, False), (3, False)]
    assert await read(drive, await drive.files.get_content(drive.access, file.id)) == b"one"
    assert (len(drive.bucket.objects), await used_bytes(drive)) == (2, 11)
    changes = await drive.database.fetch("SELECT what FROM files.changes ORDER BY number DESC LIMIT 1")
    assert [row["what"] for row in changes] == ["content"]
    # The content is there already, so a repeat changes nothing.
    assert await drive.files.restore_version(drive.access, file.id, old.id) == restored


async def test_a_version_is_not_restored_into_a_full_quota(direct_drive: Drive) -> None:
    drive = direct_drive
    file = await store_versions(drive, b"x" * 4_000, b"y" * 4_000)
    old = (await versions_of(drive, file))[1]
    with pytest.raises(QuotaExceeded):
        await drive.files.restore_version(drive.access, file.id, old.id)
    assert (await drive.files.get_file(drive.access, file.id)) == file


async def test_a_deleted_version_is_gone_and_its_object_is_purged(drive: Drive) -> None:
    file = await store_versions(drive, b"one", b"three")
    current, old = await versions_of(drive, file)
    await drive.files.delete_version(drive.access, file.id, old.id)
    assert await versions_of(drive, file) == (current,)
    with pytest.raises(NotFound):
        await drive.files.get_version_content(drive.access, file.id, old.id)
    with pytest.raises(NotFound):
        await drive.files.delete_version(drive.access, file.id, old.id)
    assert await drive.run_purges() == 1
    assert (len(drive.bucket.objects), await used_bytes(drive)) == (1, 5)
    with pytest.raises(Conflict):
        await drive.files.delete_version(drive.access, file.id, current.id)


async def test_the_current_version_is_never_released(direct_drive: Drive) -> None:
    file = await store_versions(direct_drive, b"one")
    assert file.version is not None
    async with direct_drive.database.transaction() as tx:
        assert not await VersionStore().delete_version(tx, direct_drive.owner, file.id, file.version)


async def test_an_object_is_purged_when_its_last_version_is_deleted(direct_drive: Drive) -> None:
    drive = direct_drive
    file = await store_versions(drive, b"one", b"three")
    first = (await versions_of(drive, file))[1]
    restored = await drive.files.restore_version(drive.access, file.id, first.id)
    await drive.files.delete_version(drive.access, file.id, first.id)
    # The bytes of a version that shares its object are free at once.
    assert await used_bytes(drive) == 8
    assert await drive.run_purges() == 0
    assert await read(drive, await drive.files.get_content(drive.access, file.id)) == b"one"
    await store_versions(drive, b"sixty")
    assert restored.version is not None
    await drive.files.delete_version(drive.access, file.id, restored.version)
    assert await drive.run_purges() == 1
    assert await used_bytes(drive) == 10
    assert await drive.files.check_invariants() == ()
    await drive.advance_time(SETTINGS.tombstone, "purges")
    assert await drive.run_purges() == 1
    assert await drive.database.fetchval("SELECT count(*) FROM files.objects") == 2
    assert await drive.database.fetchval("SELECT count(*) FROM files.uploads") == 2


async def test_the_versions_of_a_deleted_file_are_purged_with_it(direct_drive: Drive) -> None:
    drive = direct_drive
    file = await store_versions(drive, b"one", b"three")
    await drive.files.restore_version(drive.access, file.id, (await versions_of(drive, file))[1].id)
    await drive.files.trash_entry(drive.access, file.id)
    with pytest.raises(NotFound):
        await drive.files.list_versions(drive.access, file.id)
    await drive.files.delete_trashed(drive.access, file.id)
    assert await drive.run_purges() == 2
    assert (drive.bucket.objects, await used_bytes(drive)) == ({}, 0)
    assert await drive.files.check_invariants() == ()
    await drive.advance_time(SETTINGS.tombstone, "purges")
    assert await drive.run_purges() == 2
    for table in ("objects", "versions", "uploads", "purges"):
        assert await drive.database.fetchval(f"SELECT count(*) FROM files.{table}") == 0


async def test_only_the_newest_old_versions_are_kept(database_url: str) -> None:
    async with open_drive(database_url, "direct", FEW) as drive:
        file = await store_versions(drive, *(bytes(n) for n in range(1, 6)))
        assert [each.size for each in await versions_of(drive, file)] == [5, 4, 3]
        oldest = (await versions_of(drive, file))[2]
        await drive.files.restore_version(drive.access, file.id, oldest.id)
        assert [each.size for each in await versions_of(drive, file)] == [3, 5, 4]
        # The object of the version that was restored has another reference now.
        assert await drive.run_purges() == 2
        assert await used_bytes(drive) == 12
        # A move that replaces the file keeps its versions too, and no more than the limit.
        moved = await drive.upload_file("b.txt", b"moved!")
        update = c.EntryUpdate("a.txt", on_conflict=REPLACE)
        assert (await drive.files.update_entry(drive.access, moved.id, update)).id == file.id
        assert sorted(each.size for each in await versions_of(drive, file)) == [3, 5, 6]
        trashed = await drive.upload_file("a.txt", b"trashed")
        await drive.files.trash_entry(drive.access, trashed.id)
        await drive.files.update_entry(drive.access, file.id, c.EntryUpdate(trashed.name))
        await drive.files.restore_entry(drive.access, trashed.id, None, REPLACE)
        assert sorted(each.size for each in await versions_of(drive, file)) == [3, 6, 7]


async def test_old_versions_go_by_their_age(direct_drive: Drive) -> None:
    drive = direct_drive
    file = await store_versions(drive, b"one", b"three")
    assert await drive.run_purges() == 0
    await drive.database.execute("UPDATE files.versions SET replaced_at = replaced_at - $1::interval", timedelta(31))
    await store_versions(drive, b"sixty")
    assert await drive.run_purges() == 1
    assert [each.size for each in await versions_of(drive, file)] == [5, 5]
    assert await used_bytes(drive) == 10


@pytest.mark.parametrize("wrong", ["folder", "version", "file", "owner"])
async def test_a_version_of_another_file_is_not_found(drive: Drive, wrong: str) -> None:
    folder = await drive.files.create_folder(drive.access, ROOT, "folder", "k")
    file, other = await store_versions(drive, b"one", b"two"), await drive.upload_file("other")
    id, version = file.id, (await versions_of(drive, file))[1].id
    caller = drive
    if wrong == "folder":
        id = folder.id
    elif wrong == "version":
        version = VersionId(UNKNOWN_ID)
    elif wrong == "file":
        id = other.id
    else:
        caller = drive.for_owner(new_owner())
    for call in (caller.files.get_version_content, caller.files.restore_version, caller.files.delete_version):
        with pytest.raises(NotFound):
            await call(caller.access, id, version)
    if wrong in ("folder", "owner"):
        with pytest.raises(NotFound):
            await caller.files.list_versions(caller.access, id)
    with pytest.raises(NotFound):
        await drive.files.list_versions(drive.access, FileId(UNKNOWN_ID))


async def test_a_restore_and_a_deletion_of_one_version_exclude_each_other(direct_drive: Drive) -> None:
    """Whichever call comes first, the current version has its object."""
    drive = direct_drive
    for n in range(8):
        file = await store_versions(drive, b"old %d" % n, b"new %d" % n, name=f"{n}")
        old = (await versions_of(drive, file))[1]
        calls = (
            drive.files.restore_version(drive.access, file.id, old.id),
            drive.files.delete_version(drive.access, file.id, old.id),
            drive.run_purges(),
        )
        results = await asyncio.gather(*calls, return_exceptions=True)
        assert not isinstance(results[1], Exception)
        await drive.run_purges()
        content = await drive.files.get_content(drive.access, file.id)
        assert await read(drive, content) == (b"new %d" if isinstance(results[0], NotFound) else b"old %d") % n


async def test_the_previous_release_counts_references_and_deletes_no_shared_object(direct_drive: Drive) -> None:
    """It inserts versions without an object, and queues the object of each version that it deletes."""
    drive = direct_drive
    file = await store_versions(drive, b"one", b"three")
    shared = (await versions_of(drive, file))[1]
    await drive.files.restore_version(drive.access, file.id, shared.id)
    await queue_as_the_previous_release(drive, shared.id)
    assert await drive.run_purges() == 0
    assert await read(drive, await drive.files.get_content(drive.access, file.id)) == b"one"
    # The version is gone, its bytes are free, and nothing is left in the queue.
    assert await used_bytes(drive) == 8
    assert await drive.files.check_invariants() == ()
    await drive.files.trash_entry(drive.access, file.id)
    await drive.files.delete_trashed(drive.access, file.id)
    assert await drive.run_purges() == 2
    assert (drive.bucket.objects, await used_bytes(drive)) == ({}, 0)


async def test_no_release_leases_an_object_that_has_a_reference(direct_drive: Drive) -> None:
    drive = direct_drive
    file = await store_versions(drive, b"one")
    queue = "INSERT INTO files.purges (owner_id, upload_id, due_at) VALUES ($1, $2, now())"
    await drive.database.execute(queue, drive.owner, file.version)
    for lease in ("lease_id = $1", "lease_id = $1, knows_objects = true"):
        await drive.database.execute(f"UPDATE files.purges SET {lease}", uuid7())
        assert await drive.database.fetchval("SELECT count(*) FROM files.purges WHERE lease_id IS NOT NULL") == 0
    await drive.database.execute("DELETE FROM files.purges")


async def test_the_previous_release_leases_no_object_that_versions_share(direct_drive: Drive) -> None:
    """It would delete the object, and leave the versions that share it behind."""
    drive = direct_drive
    file = await store_versions(drive, b"one", b"three")
    first = (await versions_of(drive, file))[1]
    restored = await drive.files.restore_version(drive.access, file.id, first.id)
    await drive.files.delete_version(drive.access, file.id, first.id)
    await store_versions(drive, b"sixty")
    assert restored.version is not None
    # The last version that needs the object of the first one. It was queued by its own id.
    await queue_as_the_previous_release(drive, restored.version)
    await drive.database.execute("UPDATE files.purges SET lease_id = $1", uuid7())
    assert await drive.database.fetchval("SELECT count(*) FROM files.purges WHERE lease_id IS NOT NULL") == 0
    assert await drive.run_purges() == 1
    assert (len(drive.bucket.objects), await used_bytes(drive)) == (2, 10)
    assert await drive.files.check_invariants() == ()
    await drive.advance_time(SETTINGS.tombstone, "purges")
    assert await drive.run_purges() == 1
    assert await drive.database.fetchval("SELECT count(*) FROM files.objects") == 2
    assert await drive.database.fetchval("SELECT count(*) FROM files.uploads") == 2


async def test_a_purge_of_the_previous_release_ends_with_the_version_it_names(direct_drive: Drive) -> None:
    drive = direct_drive
    file = await store_versions(drive, b"one", b"three")
    first = (await versions_of(drive, file))[1]
    copied = await drive.files.restore_version(drive.access, file.id, first.id)
    (copy,) = await drive.files.copy_entries(drive.access, (copied.id,), c.CopyTarget(ROOT))
    assert copy.error is None
    await queue_as_the_previous_release(drive, first.id, due_in=timedelta(days=1))
    await drive.files.trash_entry(drive.access, file.id)
    await drive.files.delete_trashed(drive.access, file.id)
    await drive.run_purges()
    assert await drive.database.fetchval("SELECT count(*) FROM files.purges WHERE upload_id = $1", first.id) == 0
    await drive.advance_time(timedelta(days=1), "purges")
    assert [body for _, body in drive.bucket.objects.values()] == [b"one"]
    assert await drive.files.check_invariants() == ()


async def test_the_migration_makes_objects_of_the_versions_of_the_previous_release(direct_drive: Drive) -> None:
    drive = direct_drive
    file = await store_versions(drive, b"one", b"three")
    await queue_as_the_previous_release(drive, (await versions_of(drive, file))[1].id, due_in=timedelta(1))
    trashed = await drive.upload_file("b.txt", b"sixty!")
    await drive.files.trash_entry(drive.access, trashed.id)
    await drive.files.delete_trashed(drive.access, trashed.id)
    assert await drive.run_purges() == 1
    before = await drive.database.fetch("SELECT * FROM files.objects ORDER BY id")
    assert [row["refs"] for row in before] == [0, 1, 0]
    await drive.database.execute(UNDO_MIGRATION)
    for migration in (MIGRATION, MIGRATION.with_name("0020_thumbnails.sql")):
        await drive.database.execute(migration.read_text("utf-8"))
    assert await drive.database.fetch("SELECT * FROM files.objects ORDER BY id") == before
    assert await drive.files.check_invariants() == ()
    await drive.advance_time(timedelta(1), "purges")
    # The old version, and once more the object of the other file, whose URL has expired.
    assert await drive.run_purges() == 2
    assert (len(drive.bucket.objects), await used_bytes(drive)) == (1, 5)
