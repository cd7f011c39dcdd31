"""In a store that accepts a second PUT, a file is a copy at a key that no URL can write."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from uuid_utils.compat import uuid7

from drivebay.contract import files as c
from drivebay.contract.ids import LeaseId
from drivebay.contract.storage import (
    STAGING_PREFIX,
    Capabilities,
    ObjectInfo,
    Presence,
    PutSpec,
    StagedObject,
    Storage,
    upload_key,
)
from drivebay.errors import NotUploaded, Unavailable
from drivebay.files.service import Service

from .conftest import SETTINGS, Drive, open_drive, utc_now

ONE, OTHER = b"hello", b"HELLO"
URL_LIFE = SETTINGS.url_expiry_delay + SETTINGS.upload_ttl + timedelta(seconds=1)


@pytest.fixture(params=["direct", "grpc", "twice"])
async def drive(request: pytest.FixtureRequest, database_url: str) -> AsyncIterator[Drive]:
    async with open_drive(database_url, request.param, allows_overwrite=True) as drive:
        yield drive


@pytest.fixture
async def direct_drive(database_url: str) -> AsyncIterator[Drive]:
    async with open_drive(database_url, "direct", allows_overwrite=True) as drive:
        yield drive


async def put_by_url(drive: Drive, upload: c.Upload, body: bytes) -> int:
    """Send bytes to the upload's URL, as its client can do several times. Return the status."""
    wanted = PutSpec(upload.key, upload.size, upload.content_type, upload.sha256, upload.metadata)
    signed = await drive.storage.presign_put(wanted, utc_now(), 900)
    return await drive.bucket.send("PUT", signed.url, signed.headers, body)


async def read_bytes(drive: Drive, file: c.File) -> bytes:
    return drive.bucket.objects[(await drive.files.get_content(drive.access, file.id)).key][1]


async def complete_upload(drive: Drive, upload: c.Upload) -> c.File:
    done = await drive.files.complete_upload(drive.access, upload.id)
    assert done.file is not None
    return await drive.files.get_file(drive.access, done.file)


async def delete_and_finish_purges(drive: Drive) -> int:
    lease = LeaseId(uuid7())
    claimed = await drive.files.claim_purges(lease, 1000)
    if claimed:
        deletions = await drive.storage.delete_objects(tuple(purge.key for purge in claimed))
        assert [deletion.error for deletion in deletions] == [None] * len(claimed)
    return await drive.files.finish_purges(lease, tuple(purge.ref for purge in claimed))


async def test_no_url_can_overwrite_a_file(drive: Drive) -> None:
    upload = await drive.begin("a.txt", ONE)
    assert await put_by_url(drive, upload, ONE) == 200
    file = await complete_upload(drive, upload)
    key = (await drive.files.get_content(drive.access, file.id)).key
    assert key != upload.key
    assert not key.startswith(STAGING_PREFIX)
    assert upload_key(key) == upload.key
    for _ in range(2):
        assert await put_by_url(drive, upload, OTHER) == 200
        assert await read_bytes(drive, file) == ONE
        await drive.files.commit_uploads((c.UploadRef(drive.owner, upload.id),))
    assert await read_bytes(drive, file) == ONE


async def test_the_last_bytes_before_the_commit_become_the_file(drive: Drive) -> None:
    upload = await drive.begin("a.txt", ONE)
    for body in (ONE, OTHER):
        await put_by_url(drive, upload, body)
    assert await read_bytes(drive, await complete_upload(drive, upload)) == OTHER


async def test_a_copied_file_keeps_its_checksum_and_can_be_replaced_trashed_and_restored(drive: Drive) -> None:
    first = await drive.begin("a.txt", ONE, sha256=hashlib.sha256(ONE).digest())
    await put_by_url(drive, first, ONE)
    file = await complete_upload(drive, first)
    assert file.sha256 == hashlib.sha256(ONE).digest()
    second = await drive.begin("a.txt", OTHER, on_conflict=c.OnConflict.REPLACE)
    await put_by_url(drive, second, OTHER)
    again = await complete_upload(drive, second)
    assert again.id == file.id
    assert await read_bytes(drive, again) == OTHER
    await drive.files.trash_entry(drive.access, file.id)
    assert await read_bytes(drive, await drive.files.restore_entry(drive.access, file.id)) == OTHER


async def test_staged_bytes_of_a_wrong_size_are_rejected_and_deleted(drive: Drive) -> None:
    upload = await drive.begin("a.txt", ONE)
    drive.bucket.put(STAGING_PREFIX + upload.key, b"too long")
    (outcome,) = await drive.files.commit_uploads((c.UploadRef(drive.owner, upload.id),))
    assert outcome in (c.CommitOutcome.REJECTED, c.CommitOutcome.ALREADY_ENDED)
    assert await delete_and_finish_purges(drive) == 1
    assert drive.bucket.objects == {}


async def test_an_upload_without_bytes_is_not_uploaded(drive: Drive) -> None:
    upload = await drive.begin("a.txt", ONE)
    with pytest.raises(NotUploaded):
        await drive.files.complete_upload(drive.access, upload.id)


async def test_an_object_outside_staging_is_committed_without_a_copy(drive: Drive) -> None:
    upload = await drive.begin("a.txt", ONE)
    drive.bucket.put(upload.key, ONE)
    file = await complete_upload(drive, upload)
    assert (await drive.files.get_content(drive.access, file.id)).key == upload.key


async def test_only_the_file_is_left_after_the_urls_have_expired(drive: Drive) -> None:
    upload = await drive.begin("a.txt", ONE)
    await put_by_url(drive, upload, ONE)
    file = await complete_upload(drive, upload)
    await put_by_url(drive, upload, OTHER)
    drive.bucket.put(f"{upload.key}~lost", OTHER)  # a copy of a killed commit
    await drive.advance_time(URL_LIFE, "uploads")
    await drive.files.commit_uploads((c.UploadRef(drive.owner, upload.id),))
    assert list(drive.bucket.objects) == [(await drive.files.get_content(drive.access, file.id)).key]
    await drive.advance_time(timedelta(days=1), "uploads")
    assert c.UploadRef(drive.owner, upload.id) not in await drive.files.claim_pending_uploads(10, True)


async def test_staging_is_not_cleaned_while_a_url_is_valid(direct_drive: Drive) -> None:
    upload = await direct_drive.begin("a.txt", ONE)
    await put_by_url(direct_drive, upload, ONE)
    await complete_upload(direct_drive, upload)
    await direct_drive.advance_time(SETTINGS.upload_ttl + timedelta(seconds=1), "uploads")
    assert await direct_drive.files.claim_pending_uploads(10, True) == ()
    await direct_drive.files.commit_uploads((c.UploadRef(direct_drive.owner, upload.id),))
    assert STAGING_PREFIX + upload.key in direct_drive.bucket.objects


async def test_a_failed_cleanup_of_staging_is_repeated(direct_drive: Drive) -> None:
    upload = await direct_drive.begin("a.txt", ONE)
    await put_by_url(direct_drive, upload, ONE)
    await complete_upload(direct_drive, upload)
    await direct_drive.advance_time(URL_LIFE, "uploads")
    ref = (c.UploadRef(direct_drive.owner, upload.id),)
    assert await direct_drive.files.claim_pending_uploads(10, True) == ref
    direct_drive.bucket.broken = True
    assert await direct_drive.files.commit_uploads(ref) == (c.CommitOutcome.ALREADY_ENDED,)
    direct_drive.bucket.broken = False
    assert STAGING_PREFIX + upload.key in direct_drive.bucket.objects
    await direct_drive.advance_time(timedelta(hours=7), "uploads")
    assert await direct_drive.files.claim_pending_uploads(10, True) == ref
    await direct_drive.files.commit_uploads(ref)
    assert len(direct_drive.bucket.objects) == 1


async def test_a_purge_deletes_the_copy_and_the_staged_object(drive: Drive) -> None:
    upload = await drive.begin("a.txt", ONE)
    await put_by_url(drive, upload, ONE)
    file = await complete_upload(drive, upload)
    await drive.files.trash_entry(drive.access, file.id)
    await drive.advance_time(SETTINGS.trash_grace, "entries")
    assert await delete_and_finish_purges(drive) == 1
    assert drive.bucket.objects == {}
    await put_by_url(drive, upload, OTHER)
    await drive.advance_time(SETTINGS.tombstone, "purges")
    assert await delete_and_finish_purges(drive) == 1
    assert drive.bucket.objects == {}


class InterceptedStorage:
    """A storage that runs a call after the look-up, or after the copy, of a commit."""

    def __init__(self, storage: Storage, *, looked_up: Any = None, promoted: Any = None) -> None:
        self._storage = storage
        self._looked_up = looked_up
        self._promoted = promoted

    async def stat_staged(self, keys: tuple[str, ...]) -> tuple[ObjectInfo, ...]:
        found = await self._storage.stat_staged(keys)
        if self._looked_up is not None:
            await self._looked_up()
        return found

    async def promote(self, staged: tuple[StagedObject, ...]) -> tuple[ObjectInfo, ...]:
        found = await self._storage.promote(staged)
        if self._promoted is not None:
            await self._promoted()
        return found

    async def get_capabilities(self) -> Capabilities:
        return await self._storage.get_capabilities()


async def commit_with_steps(drive: Drive, upload: c.Upload, **steps: Any) -> c.CommitOutcome:
    storage: Any = InterceptedStorage(drive.storage, **steps)
    service = Service(drive.database, storage, SETTINGS, new_id=uuid7)
    (outcome,) = await service.commit_uploads((c.UploadRef(upload.owner, upload.id),))
    return outcome


async def test_bytes_that_change_between_look_up_and_copy_are_not_committed(direct_drive: Drive) -> None:
    upload = await direct_drive.begin("a.txt", ONE)
    await put_by_url(direct_drive, upload, ONE)

    async def change() -> None:
        await put_by_url(direct_drive, upload, OTHER)

    assert await commit_with_steps(direct_drive, upload, looked_up=change) is c.CommitOutcome.UNKNOWN
    assert await direct_drive.list_names() == []
    assert await read_bytes(direct_drive, await complete_upload(direct_drive, upload)) == OTHER


async def test_one_of_two_commits_with_different_bytes_creates_the_file(direct_drive: Drive) -> None:
    upload = await direct_drive.begin("a.txt", ONE)
    await put_by_url(direct_drive, upload, ONE)

    async def the_other() -> None:
        await put_by_url(direct_drive, upload, OTHER)
        assert await commit_with_steps(direct_drive, upload) is c.CommitOutcome.COMPLETED

    assert await commit_with_steps(direct_drive, upload, promoted=the_other) is c.CommitOutcome.ALREADY_ENDED
    (file,) = (await direct_drive.files.list_files(direct_drive.access, c.Listing())).items
    assert await read_bytes(direct_drive, file) == OTHER
    await direct_drive.advance_time(URL_LIFE, "uploads")
    await direct_drive.files.commit_uploads((c.UploadRef(direct_drive.owner, upload.id),))
    assert len(direct_drive.bucket.objects) == 1


async def test_a_commit_that_was_killed_after_its_copy_can_be_repeated(direct_drive: Drive) -> None:
    upload = await direct_drive.begin("a.txt", ONE)
    await put_by_url(direct_drive, upload, ONE)

    async def killed() -> None:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await commit_with_steps(direct_drive, upload, promoted=killed)
    assert await read_bytes(direct_drive, await complete_upload(direct_drive, upload)) == ONE
    assert len(direct_drive.bucket.objects) == 2


async def test_a_failed_copy_leaves_the_upload_pending(direct_drive: Drive) -> None:
    upload = await direct_drive.begin("a.txt", ONE)
    await put_by_url(direct_drive, upload, ONE)

    async def fail() -> None:
        direct_drive.bucket.broken = True

    assert await commit_with_steps(direct_drive, upload, looked_up=fail) is c.CommitOutcome.UNKNOWN
    with pytest.raises(Unavailable):
        await direct_drive.files.complete_upload(direct_drive.access, upload.id)
    direct_drive.bucket.broken = False
    assert (await complete_upload(direct_drive, upload)).name == "a.txt"


async def test_an_upload_that_is_aborted_during_its_copy_creates_no_file(direct_drive: Drive) -> None:
    upload = await direct_drive.begin("a.txt", ONE)
    await put_by_url(direct_drive, upload, ONE)

    async def abort() -> None:
        await direct_drive.files.abort_upload(direct_drive.access, upload.id)

    assert await commit_with_steps(direct_drive, upload, promoted=abort) is c.CommitOutcome.ALREADY_ENDED
    assert await direct_drive.list_names() == []
    assert await delete_and_finish_purges(direct_drive) == 1
    assert direct_drive.bucket.objects == {}


async def test_the_invariant_check_reports_a_missing_copy(direct_drive: Drive) -> None:
    upload = await direct_drive.begin("a.txt", ONE)
    await put_by_url(direct_drive, upload, ONE)
    file = await complete_upload(direct_drive, upload)
    key = (await direct_drive.files.get_content(direct_drive.access, file.id)).key
    lost = direct_drive.bucket.objects.pop(key)
    assert [found.invariant for found in await direct_drive.files.check_invariants()] == [
        "a_stored_version_has_its_object"
    ]
    direct_drive.bucket.objects[key] = lost
    assert (await direct_drive.storage.stat_objects((key,)))[0] == msgspec.structs.replace(
        lost[0], presence=Presence.FOUND
    )
