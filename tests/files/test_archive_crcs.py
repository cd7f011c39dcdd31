"""CRC-32 values of archives that are kept with objects, and used by later archives."""

from __future__ import annotations

import hashlib
import zlib

from drivebay.contract import files as c
from drivebay.contract.files import EntryCrc
from drivebay.contract.ids import ROOT

from .conftest import Drive, new_owner
from .test_archives import open_all

VALUE = zlib.crc32(b"hello")


async def crcs(drive: Drive) -> list[tuple[str, int, int]]:
    """Return what a new archive of everything knows about the CRC-32 of its entries."""
    archive = await drive.files.create_archive(drive.access, (ROOT,))
    return [(entry.path, entry.crc_size, entry.crc32) for entry in await open_all(drive, archive.token)]


async def test_a_complete_crc_is_used_by_later_archives(drive: Drive) -> None:
    await drive.upload_file("a.txt", b"hello")
    await drive.upload_file("b.txt", b"world")
    token = (await drive.files.create_archive(drive.access, (ROOT,))).token
    await drive.files.save_archive_crcs(token, (EntryCrc(0, 5, VALUE), EntryCrc(1, 3, 7)))
    assert await crcs(drive) == [("a.txt", 5, VALUE), ("b.txt", 0, 0)]
    # A value that is known is not replaced.
    await drive.files.save_archive_crcs(token, (EntryCrc(0, 5, 9),))
    assert await crcs(drive) == [("a.txt", 5, VALUE), ("b.txt", 0, 0)]


async def test_files_with_one_object_share_its_crc(direct_drive: Drive) -> None:
    drive = direct_drive
    begun = await drive.begin("a.txt", sha256=hashlib.sha256(b"hello").digest())
    drive.bucket.put(begun.key, b"hello")
    file = (await drive.files.complete_upload(drive.access, begun.id)).file
    assert file is not None
    await drive.files.copy_entry(drive.access, file, c.CopyTarget(ROOT, "copy.txt"))
    token = (await drive.files.create_archive(drive.access, (ROOT,))).token
    # The value of the copy, which has the second position.
    await drive.files.save_archive_crcs(token, (EntryCrc(1, 5, VALUE),))
    old = (await drive.files.get_file(drive.access, file)).version
    assert old is not None
    await drive.upload_file("a.txt", b"HELLO", on_conflict=c.OnConflict.REPLACE)
    assert await crcs(drive) == [("a.txt", 0, 0), ("copy.txt", 5, VALUE)]
    await drive.files.restore_version(drive.access, file, old)
    instant = await drive.begin("instant.txt", sha256=hashlib.sha256(b"hello").digest())
    assert instant.status is c.UploadStatus.COMPLETE
    names = ("a.txt", "copy.txt", "instant.txt")
    assert await crcs(drive) == [(name, 5, VALUE) for name in names]


async def test_a_new_version_has_no_crc_of_the_old_one(direct_drive: Drive) -> None:
    drive = direct_drive
    await drive.upload_file("a.txt", b"hello")
    token = (await drive.files.create_archive(drive.access, (ROOT,))).token
    await drive.upload_file("a.txt", b"HELLO", on_conflict=c.OnConflict.REPLACE)
    # Read from the list of the archive, so it belongs to the old version.
    await drive.files.save_archive_crcs(token, (EntryCrc(0, 5, VALUE),))
    assert await crcs(drive) == [("a.txt", 0, 0)]


async def test_a_crc_does_not_wait_for_the_lock_of_the_drive(direct_drive: Drive) -> None:
    drive = direct_drive
    await drive.upload_file("a.txt", b"hello")
    token = (await drive.files.create_archive(drive.access, (ROOT,))).token
    async with drive.database.transaction() as tx:
        await tx.execute("SELECT FROM files.usage WHERE owner_id = $1 FOR UPDATE", drive.owner)
        await drive.files.save_archive_crcs(token, (EntryCrc(0, 5, VALUE),))
    assert await crcs(drive) == [("a.txt", 0, 0)]
    assert [entry.crc32 for entry in await open_all(drive, token)] == [VALUE]
    await drive.files.save_archive_crcs(token, (EntryCrc(0, 5, VALUE),))
    assert await crcs(drive) == [("a.txt", 5, VALUE)]


async def test_a_crc_is_kept_in_its_own_drive(direct_drive: Drive) -> None:
    """A twin has a version, an object and an archive with the same ids, and other bytes."""
    drive, twin = direct_drive, direct_drive.for_owner(new_owner())
    await drive.upload_file("a.txt", b"hello")
    await twin.upload_file("a.txt", b"HELLO")
    version = "SELECT version_id FROM files.entries WHERE owner_id = $1"
    own, theirs = [await drive.database.fetchval(version, each.owner) for each in (drive, twin)]

    async def rename(old: object, new: object) -> None:
        for statement in (
            # A trigger counts the version as a new reference of the object with its new id.
            "UPDATE files.objects SET id = $1, refs = refs - 1 WHERE owner_id = $2 AND id = $3",
            "UPDATE files.versions SET id = $1 WHERE owner_id = $2 AND id = $3",
            "UPDATE files.entries SET version_id = $1 WHERE owner_id = $2 AND version_id = $3",
        ):
            await drive.database.execute(statement, new, twin.owner, old)

    await rename(theirs, own)
    token = (await drive.files.create_archive(drive.access, (ROOT,))).token
    await twin.files.create_archive(twin.access, (ROOT,))
    id = await drive.database.fetchval("SELECT id FROM files.archives WHERE owner_id = $1", drive.owner)
    await drive.database.execute("UPDATE files.archives SET id = $1 WHERE owner_id = $2", id, twin.owner)
    complete = "UPDATE files.archive_entries SET archive_id = $1, crc_size = 5, crc32 = 1 WHERE owner_id = $2"
    await drive.database.execute(complete, id, twin.owner)
    await drive.files.save_archive_crcs(token, (EntryCrc(0, 3, 7),))
    assert await crcs(drive) == [("a.txt", 0, 0)]
    await drive.files.save_archive_crcs(token, (EntryCrc(0, 5, VALUE),))
    assert await crcs(drive) == [("a.txt", 5, VALUE)]
    assert await crcs(twin) == [("a.txt", 0, 0)]
    await drive.database.execute("UPDATE files.objects SET crc32 = NULL WHERE owner_id = $1", drive.owner)
    token = (await twin.files.create_archive(twin.access, (ROOT,))).token
    await twin.files.save_archive_crcs(token, (EntryCrc(0, 5, zlib.crc32(b"HELLO")),))
    assert await crcs(drive) == [("a.txt", 0, 0)]
    await rename(own, theirs)
