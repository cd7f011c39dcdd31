"""Instant uploads: bytes that the drive has, with a checksum that the store has verified, are not sent again."""

import asyncio
import hashlib
from datetime import timedelta

import msgspec
import pytest
from uuid_utils.compat import uuid7

from drivebay.contract import files as c
from drivebay.contract.ids import ROOT, LeaseId, UploadId
from drivebay.errors import IdempotencyKeyReused, NameTaken, NotFound, QuotaExceeded

from .conftest import SETTINGS, Drive, new_owner, open_drive

REPLACE, FAIL, RENAME = c.OnConflict.REPLACE, c.OnConflict.FAIL, c.OnConflict.RENAME


async def begin(
    drive: Drive, name: str, body: bytes = b"hello", on_conflict: c.OnConflict = RENAME, key: str | None = None
) -> c.Upload:
    return await drive.begin(name, body, on_conflict=on_conflict, key=key, sha256=hashlib.sha256(body).digest())


async def file_of(drive: Drive, upload: c.Upload) -> c.File:
    assert upload.status is c.UploadStatus.COMPLETE
    assert upload.file is not None
    return await drive.files.get_file(drive.access, upload.file)


async def test_bytes_that_the_drive_has_are_not_sent_again(drive: Drive) -> None:
    begun = await drive.begin("a.txt", key="first")
    drive.bucket.put(begun.key, b"hello")
    first = await file_of(drive, await drive.files.complete_upload(drive.access, begun.id))
    intent = c.UploadIntent(
        "b.txt", 5, "text/x-b", ROOT, sha256=first.sha256, modified_at=first.modified_at - timedelta(1)
    )
    upload = await drive.files.begin_upload(drive.access, intent, "k")
    file = await file_of(drive, upload)
    assert (file.name, file.size, file.content_type, file.sha256) == ("b.txt", 5, "text/x-b", first.sha256)
    assert file.modified_at == intent.modified_at
    assert file.version == upload.id
    contents = [await drive.files.get_content(drive.access, each.id) for each in (first, file)]
    assert contents[0].key == contents[1].key
    assert len(drive.bucket.objects) == 1
    usage = await drive.files.get_usage(drive.access)
    assert (usage.used_bytes, usage.reserved_bytes, usage.file_count) == (10, 0, 2)
    assert await drive.files.get_upload(drive.access, upload.id) == upload
    assert await drive.files.complete_upload(drive.access, upload.id) == upload
    # The same key gives the first answer again, and another request with it is refused.
    assert await drive.files.begin_upload(drive.access, intent, "k") == upload
    with pytest.raises(IdempotencyKeyReused):
        await begin(drive, "other", key="k")


async def test_an_instant_upload_publishes_a_hint(direct_drive: Drive) -> None:
    drive = direct_drive
    await drive.upload_file("a.txt")
    drive.hints.clear()
    await begin(drive, "pending", b"other")
    assert drive.hints == []
    await begin(drive, "b.txt")
    assert drive.hints == [drive.owner]
    intent = c.UploadIntent("c.txt", 5, "text/plain", ROOT, sha256=hashlib.sha256(b"hello").digest())
    await drive.files.begin_uploads(drive.access, (intent,))
    assert drive.hints == [drive.owner] * 2
    changes = await drive.database.fetch("SELECT what FROM files.changes ORDER BY number")
    assert [row["what"] for row in changes] == ["created"] * 3


async def test_an_instant_upload_goes_by_the_rules_for_names(direct_drive: Drive) -> None:
    drive = direct_drive
    first, other = await drive.upload_file("a.txt"), await drive.upload_file("b.txt", b"other")
    assert (await file_of(drive, await begin(drive, "a.txt"))).name == "a (1).txt"
    with pytest.raises(NameTaken):
        await begin(drive, "a.txt", on_conflict=FAIL)
    replaced = await file_of(drive, await begin(drive, "b.txt", on_conflict=REPLACE))
    assert (replaced.id, replaced.size) == (other.id, 5)
    versions = (await drive.files.list_versions(drive.access, other.id)).items
    assert [each.size for each in versions] == [5, 5]
    folder = await drive.files.create_folder(drive.access, ROOT, "folder")
    intent = c.UploadIntent("a.txt", 5, "text/plain", folder.id, sha256=first.sha256)
    assert (await file_of(drive, await drive.files.begin_upload(drive.access, intent))).parent == folder.id
    await drive.files.trash_entry(drive.access, folder.id)
    with pytest.raises(NotFound):
        await drive.files.begin_upload(drive.access, intent)


async def test_a_batch_has_instant_and_other_uploads(drive: Drive) -> None:
    first = await drive.upload_file("a.txt")
    intents = [
        c.UploadIntent("b.txt", 5, "text/plain", ROOT, sha256=first.sha256),
        c.UploadIntent("c.txt", 5, "text/plain", ROOT, sha256=hashlib.sha256(b"other").digest()),
        c.UploadIntent("d.txt", 6, "text/plain", ROOT, sha256=first.sha256),
        c.UploadIntent("e.txt", 5, "text/plain", ROOT),
    ]
    results = await drive.files.begin_uploads(drive.access, tuple(intents), "k")
    assert [each.upload and each.upload.status.value for each in results] == ["complete"] + ["pending"] * 3
    assert await drive.files.begin_uploads(drive.access, tuple(intents), "k") == results
    assert await drive.list_names() == ["a.txt", "b.txt"]


async def test_an_item_whose_bytes_are_there_keeps_its_name_in_a_batch(drive: Drive) -> None:
    first = await drive.upload_file("a.txt")
    wanted = (
        c.UploadIntent("b.txt", 5, "text/plain", ROOT, FAIL, sha256=first.sha256),
        c.UploadIntent("b.txt", 5, "text/plain", ROOT, FAIL),
    )
    there, other = await drive.files.begin_uploads(drive.access, wanted, "key")
    assert there.upload is not None
    assert there.upload.status is c.UploadStatus.COMPLETE
    assert other.error is not None
    assert other.error.code == "name_taken"


async def test_concurrent_calls_are_instant_too(direct_drive: Drive) -> None:
    drive = direct_drive
    await drive.upload_file("a.txt")
    uploads = await asyncio.gather(*(begin(drive, "a.txt") for _ in range(8)))
    assert {upload.status for upload in uploads} == {c.UploadStatus.COMPLETE}
    assert len(await drive.list_names()) == 9


async def test_bytes_of_another_drive_are_sent(direct_drive: Drive) -> None:
    await direct_drive.upload_file("a.txt")
    other = direct_drive.for_owner(new_owner())
    for how in (RENAME, FAIL):
        assert (await begin(other, f"{how.value}.txt", on_conflict=how)).status is c.UploadStatus.PENDING


async def test_a_limited_access_learns_nothing_about_the_bytes_of_the_drive(direct_drive: Drive) -> None:
    drive = direct_drive
    first = await drive.upload_file("a.txt")
    folder = await drive.files.create_folder(drive.access, ROOT, "folder")
    limited = msgspec.structs.replace(drive.access, grants=(c.Grant(folder.id, c.Role.EDITOR),))
    intent = c.UploadIntent("a.txt", 5, "text/plain", folder.id, sha256=first.sha256)
    assert (await drive.files.begin_upload(limited, intent)).status is c.UploadStatus.PENDING


async def test_bytes_without_a_verified_checksum_are_sent(direct_drive: Drive) -> None:
    drive = direct_drive
    await drive.upload_file("a.txt")
    await drive.database.execute("UPDATE files.versions SET sha256 = NULL")
    await drive.database.execute("UPDATE files.objects SET sha256 = NULL")
    assert (await begin(drive, "b.txt")).status is c.UploadStatus.PENDING


async def test_bytes_that_are_being_deleted_are_sent(direct_drive: Drive) -> None:
    drive = direct_drive
    file = await drive.upload_file("a.txt")
    await drive.files.trash_entry(drive.access, file.id)
    await drive.files.delete_trashed(drive.access, file.id)
    (claimed,) = await drive.files.claim_purges(LeaseId(uuid7()), 10)
    # The database is made to look as if a version still was stored: only the references decide.
    await drive.database.execute("ALTER TABLE files.versions DISABLE TRIGGER USER")
    await drive.database.execute("UPDATE files.versions SET state = 'stored'")
    for how in (RENAME, FAIL):
        upload = await begin(drive, f"{how.value}.txt", on_conflict=how)
        assert upload.status is c.UploadStatus.PENDING
        await drive.files.abort_upload(drive.access, upload.id)
    await drive.database.execute("UPDATE files.versions SET state = 'purging'")
    await drive.database.execute("ALTER TABLE files.versions ENABLE TRIGGER USER")
    assert claimed.key in drive.bucket.objects


async def test_a_missing_object_is_sent_again(direct_drive: Drive) -> None:
    drive = direct_drive
    await drive.upload_file("a.txt")
    (key,) = drive.bucket.objects
    kept = drive.bucket.objects.pop(key)
    assert len(await drive.files.check_invariants()) == 1
    assert (await begin(drive, "b.txt")).status is c.UploadStatus.PENDING
    drive.bucket.objects[key] = kept


async def test_an_instant_upload_needs_quota_and_reserves_nothing(direct_drive: Drive) -> None:
    drive = direct_drive
    body = b"x" * 4_000
    await drive.upload_file("a.txt", body)
    await begin(drive, "b.txt", body)
    with pytest.raises(QuotaExceeded):
        await begin(drive, "c.txt", body)
    usage = await drive.files.get_usage(drive.access)
    assert (usage.used_bytes, usage.reserved_bytes) == (8_000, 0)


async def test_an_instant_upload_ends_with_its_file_and_the_object_with_the_last_one(direct_drive: Drive) -> None:
    drive = direct_drive
    first = await drive.upload_file("a.txt")
    upload = await begin(drive, "b.txt")
    assert first.version is not None
    for file in (await file_of(drive, upload), first):
        assert (await drive.files.get_upload(drive.access, UploadId(first.version))).status is c.UploadStatus.COMPLETE
        await drive.files.trash_entry(drive.access, file.id)
        await drive.files.delete_trashed(drive.access, file.id)
        assert await drive.run_purges() == (file == first)
        assert await drive.files.check_invariants() == ()
    assert (drive.bucket.objects, (await drive.files.get_usage(drive.access)).used_bytes) == ({}, 0)
    with pytest.raises(NotFound):
        await drive.files.get_upload(drive.access, upload.id)


async def test_a_purge_of_the_last_reference_excludes_an_instant_upload(direct_drive: Drive) -> None:
    """Whichever comes first, a complete upload has its object."""
    drive = direct_drive
    for n in range(12):
        body = b"body %d" % n
        file = await drive.upload_file(f"{n}", body)
        await drive.files.trash_entry(drive.access, file.id)
        await drive.files.delete_trashed(drive.access, file.id)
        upload, _, _ = await asyncio.gather(begin(drive, f"again {n}", body), drive.run_purges(), drive.run_purges())
        await drive.run_purges()
        if upload.status is c.UploadStatus.COMPLETE:
            assert upload.file is not None
            content = await drive.files.get_content(drive.access, upload.file)
            assert drive.bucket.objects[content.key][1] == body
        else:
            await drive.files.abort_upload(drive.access, upload.id)


@pytest.mark.parametrize("deferred", [False, True])
async def test_a_multipart_intent_with_known_bytes_is_complete_at_once(database_url: str, deferred: bool) -> None:
    async with open_drive(database_url, "direct", SETTINGS) as drive:
        first = await drive.upload_file("a.txt")
        sha256 = None if deferred else first.sha256
        size = 0 if deferred else 5
        intent = c.UploadIntent(
            "b.txt", size, "text/plain", ROOT, sha256=sha256, multipart=True, deferred_length=deferred
        )
        upload = await drive.files.begin_upload(drive.access, intent)
        assert (upload.status is c.UploadStatus.COMPLETE, upload.parts is None) == (not deferred, not deferred)
