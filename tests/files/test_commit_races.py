"""Changes between a commit's look-up and its transaction: an upload that has ended stays as it ended."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from uuid_utils.compat import uuid7

from drivebay.contract import files as c
from drivebay.contract.ids import ROOT
from drivebay.contract.storage import Capabilities, ObjectInfo, Storage
from drivebay.files.multipart.store import MultipartStore
from drivebay.files.service import Service

from .conftest import SETTINGS, Drive


class SlowStorage:
    """A storage whose look-up returns only after another call has run."""

    def __init__(self, storage: Storage, meanwhile: Callable[[], Awaitable[Any]]) -> None:
        self._storage = storage
        self._meanwhile = meanwhile

    async def stat_staged(self, keys: tuple[str, ...]) -> tuple[ObjectInfo, ...]:
        found = await self._storage.stat_staged(keys)
        await self._meanwhile()
        return found

    async def get_capabilities(self) -> Capabilities:
        return await self._storage.get_capabilities()


async def commit_during(drive: Drive, upload: c.Upload, *calls: Callable[[], Awaitable[Any]]) -> c.CommitOutcome:
    """Commit the upload, run the calls after its look-up, and return the outcome."""

    async def meanwhile() -> None:
        for call in calls:
            await call()

    slow: Any = SlowStorage(drive.storage, meanwhile)
    service = Service(drive.database, slow, SETTINGS, new_id=uuid7)
    (outcome,) = await service.commit_uploads((c.UploadRef(upload.owner, upload.id),))
    return outcome


async def get_status(drive: Drive, upload: c.Upload) -> c.UploadStatus:
    return (await drive.files.get_upload(drive.access, upload.id)).status


async def test_a_late_commit_creates_no_second_file(direct_drive: Drive) -> None:
    upload = await direct_drive.begin("a.txt")
    direct_drive.bucket.put(upload.key, b"hello")

    async def commit_and_rename() -> None:
        done = await direct_drive.files.complete_upload(direct_drive.access, upload.id)
        assert done.file is not None
        await direct_drive.files.update_entry(direct_drive.access, done.file, c.EntryUpdate("b.txt"))

    assert await commit_during(direct_drive, upload, commit_and_rename) is c.CommitOutcome.ALREADY_ENDED
    assert await direct_drive.list_names() == ["b.txt"]


async def test_a_late_commit_does_not_restore_an_old_version(direct_drive: Drive) -> None:
    await direct_drive.upload_file("a.txt", b"one")
    upload = await direct_drive.begin("a.txt", b"two", on_conflict=c.OnConflict.REPLACE)
    direct_drive.bucket.put(upload.key, b"two")

    async def commit_and_replace() -> None:
        await direct_drive.files.complete_upload(direct_drive.access, upload.id)
        await direct_drive.upload_file("a.txt", b"three", on_conflict=c.OnConflict.REPLACE)

    assert await commit_during(direct_drive, upload, commit_and_replace) is c.CommitOutcome.ALREADY_ENDED
    (file,) = (await direct_drive.files.list_files(direct_drive.access, c.Listing())).items
    assert file.size == len(b"three")


async def test_an_upload_aborted_during_its_commit_creates_no_file(direct_drive: Drive) -> None:
    upload = await direct_drive.begin()
    direct_drive.bucket.put(upload.key, b"hello")
    assert (
        await commit_during(
            direct_drive, upload, lambda: direct_drive.files.abort_upload(direct_drive.access, upload.id)
        )
        is c.CommitOutcome.ALREADY_ENDED
    )
    assert await direct_drive.list_names() == []
    assert await get_status(direct_drive, upload) is c.UploadStatus.ABORTED


async def test_an_upload_aborted_during_its_commit_is_not_rejected(direct_drive: Drive) -> None:
    upload = await direct_drive.begin(body=b"hello")
    direct_drive.bucket.put(upload.key, b"hello!")
    assert (
        await commit_during(
            direct_drive, upload, lambda: direct_drive.files.abort_upload(direct_drive.access, upload.id)
        )
        is c.CommitOutcome.ALREADY_ENDED
    )
    assert await get_status(direct_drive, upload) is c.UploadStatus.ABORTED


@pytest.mark.parametrize("arrives", [True, False])
async def test_an_upload_that_ended_during_its_commit_does_not_expire(direct_drive: Drive, arrives: bool) -> None:
    upload = await direct_drive.begin()
    await direct_drive.advance_time(timedelta(minutes=16), "uploads")

    async def end() -> None:
        if arrives:
            direct_drive.bucket.put(upload.key, b"hello")
            await direct_drive.files.complete_upload(direct_drive.access, upload.id)
        else:
            await direct_drive.files.abort_upload(direct_drive.access, upload.id)

    await commit_during(direct_drive, upload, end)
    assert await get_status(direct_drive, upload) is (c.UploadStatus.COMPLETE if arrives else c.UploadStatus.ABORTED)


async def test_aborting_an_expired_upload_releases_its_bytes_once(direct_drive: Drive) -> None:
    await direct_drive.begin("another", b"stays")
    upload = await direct_drive.begin(body=b"hello")
    await direct_drive.advance_time(timedelta(minutes=16), "uploads")
    await direct_drive.files.commit_uploads((c.UploadRef(upload.owner, upload.id),))
    await direct_drive.files.abort_upload(direct_drive.access, upload.id)
    assert (await direct_drive.files.get_usage(direct_drive.access)).reserved_bytes == 5


@pytest.mark.parametrize("on_conflict", [c.OnConflict.RENAME, c.OnConflict.REPLACE])
async def test_an_upload_whose_watch_ended_creates_no_file(direct_drive: Drive, on_conflict: c.OnConflict) -> None:
    file = await direct_drive.upload_file("a.txt", b"one")
    upload = await direct_drive.begin("a.txt", b"two", on_conflict=on_conflict)
    ref = c.UploadRef(upload.owner, upload.id)
    await direct_drive.advance_time(timedelta(minutes=16), "uploads")
    assert await direct_drive.files.commit_uploads((ref,)) == (c.CommitOutcome.EXPIRED,)
    direct_drive.bucket.put(upload.key, b"two")

    async def end_of_the_watch() -> None:
        """Expire the upload for good, with a look-up that does not find the late bytes."""
        late = direct_drive.bucket.objects.pop(upload.key)
        await direct_drive.advance_time(SETTINGS.watch, "uploads")
        await direct_drive.files.commit_uploads((ref,))
        direct_drive.bucket.objects[upload.key] = late

    assert await commit_during(direct_drive, upload, end_of_the_watch) is c.CommitOutcome.ALREADY_ENDED
    assert await direct_drive.run_purges() == 1
    assert (await direct_drive.files.list_files(direct_drive.access, c.Listing())).items == (file,)


async def test_an_upload_does_not_expire_while_its_deadline_is_extended(direct_drive: Drive) -> None:
    intent = c.UploadIntent("a", 5, "text/plain", ROOT, multipart=True)
    upload = await direct_drive.files.begin_upload(direct_drive.access, intent)
    await direct_drive.advance_time(SETTINGS.parts_ttl + timedelta(minutes=1), "uploads")
    async with direct_drive.database.transaction() as tx:
        await tx.execute(
            MultipartStore().statements["extend_deadline"],
            direct_drive.owner,
            upload.id,
            SETTINGS.parts_ttl,
            SETTINGS.upload_ttl,
        )
        sweep = asyncio.create_task(direct_drive.files.commit_uploads((c.UploadRef(upload.owner, upload.id),)))
        await asyncio.wait([sweep], timeout=0.5)  # It has read the old deadline and waits for the row.
    await sweep
    assert await get_status(direct_drive, upload) is c.UploadStatus.PENDING
