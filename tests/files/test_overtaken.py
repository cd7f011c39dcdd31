"""Between a commit's look-up and its transaction anything may happen. What has ended stays as it ended."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from uuid_utils.compat import uuid7

from drivebay.contract import files as c
from drivebay.contract.ids import ROOT
from drivebay.contract.storage import Capabilities, Object, Storage
from drivebay.files.service import Service
from drivebay.files.store import Store

from .conftest import SETTINGS, Drive


class Late:
    """A storage whose answer to a look-up comes after something else has happened."""

    def __init__(self, storage: Storage, meanwhile: Callable[[], Awaitable[Any]]) -> None:
        self._storage = storage
        self._meanwhile = meanwhile

    async def arrived(self, keys: tuple[str, ...]) -> tuple[Object, ...]:
        found = await self._storage.arrived(keys)
        await self._meanwhile()
        return found

    async def capabilities(self) -> Capabilities:
        return await self._storage.capabilities()


async def overtaken(drive: Drive, upload: c.Upload, *by: Callable[[], Awaitable[Any]]) -> c.Outcome:
    """What a commit of the upload says that these have overtaken."""

    async def meanwhile() -> None:
        for call in by:
            await call()

    late: Any = Late(drive.storage, meanwhile)
    service = Service(drive.database, late, SETTINGS, new_id=uuid7)
    (outcome,) = await service.commit((c.UploadRef(upload.owner, upload.id),))
    return outcome


async def state(drive: Drive, upload: c.Upload) -> c.UploadStatus:
    return (await drive.files.upload(drive.owner, upload.id)).status


async def test_a_second_commit_makes_no_second_file(plain: Drive) -> None:
    upload = await plain.begin("a.txt")
    plain.bucket.put(upload.key, b"hello")

    async def commit_and_rename() -> None:
        done = await plain.files.complete(plain.owner, upload.id)
        assert done.file is not None
        await plain.files.change(plain.owner, done.file, c.Change("b.txt"))

    assert await overtaken(plain, upload, commit_and_rename) is c.Outcome.ALREADY
    assert await plain.names() == ["b.txt"]


async def test_a_second_commit_brings_no_old_version_back(plain: Drive) -> None:
    await plain.store("a.txt", b"one")
    upload = await plain.begin("a.txt", b"two", on_conflict=c.OnConflict.REPLACE)
    plain.bucket.put(upload.key, b"two")

    async def commit_and_replace() -> None:
        await plain.files.complete(plain.owner, upload.id)
        await plain.store("a.txt", b"three", on_conflict=c.OnConflict.REPLACE)

    assert await overtaken(plain, upload, commit_and_replace) is c.Outcome.ALREADY
    (file,) = (await plain.files.list_files(plain.owner, c.Listing())).items
    assert file.size == len(b"three")


async def test_what_was_given_up_meanwhile_becomes_no_file(plain: Drive) -> None:
    upload = await plain.begin()
    plain.bucket.put(upload.key, b"hello")
    assert await overtaken(plain, upload, lambda: plain.files.abort(plain.owner, upload.id)) is c.Outcome.ALREADY
    assert await plain.names() == []
    assert await state(plain, upload) is c.UploadStatus.ABORTED


async def test_what_was_given_up_meanwhile_is_not_rejected(plain: Drive) -> None:
    upload = await plain.begin(body=b"hello")
    plain.bucket.put(upload.key, b"hello!")
    assert await overtaken(plain, upload, lambda: plain.files.abort(plain.owner, upload.id)) is c.Outcome.ALREADY
    assert await state(plain, upload) is c.UploadStatus.ABORTED


@pytest.mark.parametrize("arrives", [True, False])
async def test_what_ended_meanwhile_does_not_expire(plain: Drive, arrives: bool) -> None:
    upload = await plain.begin()
    await plain.pass_time(timedelta(minutes=16), "uploads")

    async def end() -> None:
        if arrives:
            plain.bucket.put(upload.key, b"hello")
            await plain.files.complete(plain.owner, upload.id)
        else:
            await plain.files.abort(plain.owner, upload.id)

    await overtaken(plain, upload, end)
    assert await state(plain, upload) is (c.UploadStatus.COMPLETE if arrives else c.UploadStatus.ABORTED)


async def test_an_expired_upload_that_is_given_up_gives_its_bytes_back_once(plain: Drive) -> None:
    await plain.begin("another", b"stays")
    upload = await plain.begin(body=b"hello")
    await plain.pass_time(timedelta(minutes=16), "uploads")
    await plain.files.commit((c.UploadRef(upload.owner, upload.id),))
    await plain.files.abort(plain.owner, upload.id)
    assert (await plain.files.usage(plain.owner)).reserved_bytes == 5


@pytest.mark.parametrize("on_conflict", [c.OnConflict.RENAME, c.OnConflict.REPLACE])
async def test_what_is_no_longer_watched_for_becomes_no_file(plain: Drive, on_conflict: c.OnConflict) -> None:
    file = await plain.store("a.txt", b"one")
    upload = await plain.begin("a.txt", b"two", on_conflict=on_conflict)
    ref = c.UploadRef(upload.owner, upload.id)
    await plain.pass_time(timedelta(minutes=16), "uploads")
    assert await plain.files.commit((ref,)) == (c.Outcome.EXPIRED,)
    plain.bucket.put(upload.key, b"two")

    async def end_of_the_watch() -> None:
        """Somebody who looked before the bytes were there is as late as we are."""
        late = plain.bucket.objects.pop(upload.key)
        await plain.pass_time(SETTINGS.watch, "uploads")
        await plain.files.commit((ref,))
        plain.bucket.objects[upload.key] = late

    assert await overtaken(plain, upload, end_of_the_watch) is c.Outcome.ALREADY
    assert await plain.purge() == 1
    assert (await plain.files.list_files(plain.owner, c.Listing())).items == (file,)


async def test_a_deadline_that_is_just_being_put_off_does_not_expire(plain: Drive) -> None:
    intent = c.Intent("a", 5, "text/plain", ROOT, multipart=True)
    upload = await plain.files.begin(plain.owner, intent)
    await plain.pass_time(SETTINGS.parts_ttl + timedelta(minutes=1), "uploads")
    async with plain.database.transaction() as tx:
        await tx.execute(Store().sql["prolong"], plain.owner, upload.id, SETTINGS.parts_ttl)
        sweep = asyncio.create_task(plain.files.commit((c.UploadRef(upload.owner, upload.id),)))
        await asyncio.wait([sweep], timeout=0.5)  # It has read the old deadline, and waits for the row.
    await sweep
    assert await state(plain, upload) is c.UploadStatus.PENDING
