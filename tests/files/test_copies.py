"""In a store that takes a second PUT a file is a copy that no URL was ever good for."""

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
from drivebay.contract.storage import INCOMING, Arrival, Capabilities, Object, Presence, Put, Storage, upload_key
from drivebay.errors import NotUploaded, Unavailable
from drivebay.files.service import Service

from .conftest import SETTINGS, Drive, open_drive, utc_now

ONE, OTHER = b"hello", b"HELLO"
URL_LIFE = SETTINGS.url_life + SETTINGS.upload_ttl + timedelta(seconds=1)


@pytest.fixture(params=["direct", "grpc", "twice"])
async def lax(request: pytest.FixtureRequest, database_url: str) -> AsyncIterator[Drive]:
    async with open_drive(database_url, request.param, lax=True) as drive:
        yield drive


@pytest.fixture
async def plain_lax(database_url: str) -> AsyncIterator[Drive]:
    async with open_drive(database_url, "direct", lax=True) as drive:
        yield drive


async def put(drive: Drive, upload: c.Upload, body: bytes) -> int:
    """As the upload's client does it, by its URL, as often as it likes."""
    wanted = Put(upload.key, upload.size, upload.content_type, upload.sha256, upload.metadata)
    signed = await drive.storage.presign_put(wanted, utc_now(), 900)
    return await drive.bucket.send("PUT", signed.url, signed.headers, body)


async def bytes_of(drive: Drive, file: c.File) -> bytes:
    return drive.bucket.objects[(await drive.files.content(drive.owner, file.id)).key][1]


async def completed(drive: Drive, upload: c.Upload) -> c.File:
    done = await drive.files.complete(drive.owner, upload.id)
    assert done.file is not None
    return await drive.files.file(drive.owner, done.file)


async def purged(drive: Drive) -> int:
    lease = LeaseId(uuid7())
    claimed = await drive.files.claim_purges(lease, 1000)
    if claimed:
        fates = await drive.storage.delete(tuple(purge.key for purge in claimed))
        assert [fate.error for fate in fates] == [None] * len(claimed)
    return await drive.files.finish_purges(lease, tuple(purge.ref for purge in claimed))


async def test_a_file_is_where_its_url_cannot_reach(lax: Drive) -> None:
    upload = await lax.begin("a.txt", ONE)
    assert await put(lax, upload, ONE) == 200
    file = await completed(lax, upload)
    key = (await lax.files.content(lax.owner, file.id)).key
    assert key != upload.key
    assert not key.startswith(INCOMING)
    assert upload_key(key) == upload.key
    for _ in range(2):
        assert await put(lax, upload, OTHER) == 200
        assert await bytes_of(lax, file) == ONE
        await lax.files.commit((c.UploadRef(lax.owner, upload.id),))
    assert await bytes_of(lax, file) == ONE


async def test_what_is_last_written_before_the_commit_is_the_file(lax: Drive) -> None:
    upload = await lax.begin("a.txt", ONE)
    for body in (ONE, OTHER):
        await put(lax, upload, body)
    assert await bytes_of(lax, await completed(lax, upload)) == OTHER


async def test_a_file_has_its_checksum_and_can_be_replaced_trashed_and_restored(lax: Drive) -> None:
    first = await lax.begin("a.txt", ONE, sha256=hashlib.sha256(ONE).digest())
    await put(lax, first, ONE)
    file = await completed(lax, first)
    assert file.sha256 == hashlib.sha256(ONE).digest()
    second = await lax.begin("a.txt", OTHER, on_conflict=c.OnConflict.REPLACE)
    await put(lax, second, OTHER)
    again = await completed(lax, second)
    assert again.id == file.id
    assert await bytes_of(lax, again) == OTHER
    await lax.files.trash(lax.owner, file.id)
    assert await bytes_of(lax, await lax.files.restore(lax.owner, file.id)) == OTHER


async def test_wrong_bytes_are_rejected_and_nothing_is_left_of_them(lax: Drive) -> None:
    upload = await lax.begin("a.txt", ONE)
    lax.bucket.put(INCOMING + upload.key, b"too long")
    (outcome,) = await lax.files.commit((c.UploadRef(lax.owner, upload.id),))
    assert outcome in (c.Outcome.REJECTED, c.Outcome.ALREADY)
    assert await purged(lax) == 1
    assert lax.bucket.objects == {}


async def test_without_bytes_it_is_absent_as_ever(lax: Drive) -> None:
    upload = await lax.begin("a.txt", ONE)
    with pytest.raises(NotUploaded):
        await lax.files.complete(lax.owner, upload.id)


async def test_bytes_from_before_the_store_was_lax_are_taken_where_they_are(lax: Drive) -> None:
    upload = await lax.begin("a.txt", ONE)
    lax.bucket.put(upload.key, ONE)
    file = await completed(lax, upload)
    assert (await lax.files.content(lax.owner, file.id)).key == upload.key


async def test_when_the_urls_have_ended_only_the_file_is_left(lax: Drive) -> None:
    upload = await lax.begin("a.txt", ONE)
    await put(lax, upload, ONE)
    file = await completed(lax, upload)
    await put(lax, upload, OTHER)
    lax.bucket.put(f"{upload.key}~lost", OTHER)  # of a commit that was killed
    await lax.pass_time(URL_LIFE, "uploads")
    await lax.files.commit((c.UploadRef(lax.owner, upload.id),))
    assert list(lax.bucket.objects) == [(await lax.files.content(lax.owner, file.id)).key]
    await lax.pass_time(timedelta(days=1), "uploads")
    assert c.UploadRef(lax.owner, upload.id) not in await lax.files.claim_checks(10, True)


async def test_while_a_url_lives_nobody_looks_for_what_it_left(plain_lax: Drive) -> None:
    upload = await plain_lax.begin("a.txt", ONE)
    await put(plain_lax, upload, ONE)
    await completed(plain_lax, upload)
    await plain_lax.pass_time(SETTINGS.upload_ttl + timedelta(seconds=1), "uploads")
    assert await plain_lax.files.claim_checks(10, True) == ()
    await plain_lax.files.commit((c.UploadRef(plain_lax.owner, upload.id),))
    assert INCOMING + upload.key in plain_lax.bucket.objects


async def test_a_discard_that_fails_is_made_up_for(plain_lax: Drive) -> None:
    upload = await plain_lax.begin("a.txt", ONE)
    await put(plain_lax, upload, ONE)
    await completed(plain_lax, upload)
    await plain_lax.pass_time(URL_LIFE, "uploads")
    ref = (c.UploadRef(plain_lax.owner, upload.id),)
    assert await plain_lax.files.claim_checks(10, True) == ref
    plain_lax.bucket.broken = True
    assert await plain_lax.files.commit(ref) == (c.Outcome.ALREADY,)
    plain_lax.bucket.broken = False
    assert INCOMING + upload.key in plain_lax.bucket.objects
    await plain_lax.pass_time(timedelta(hours=7), "uploads")
    assert await plain_lax.files.claim_checks(10, True) == ref
    await plain_lax.files.commit(ref)
    assert len(plain_lax.bucket.objects) == 1


async def test_a_purge_leaves_nothing_at_all(lax: Drive) -> None:
    upload = await lax.begin("a.txt", ONE)
    await put(lax, upload, ONE)
    file = await completed(lax, upload)
    await lax.files.trash(lax.owner, file.id)
    await lax.pass_time(SETTINGS.trash_grace, "entries")
    assert await purged(lax) == 1
    assert lax.bucket.objects == {}
    await put(lax, upload, OTHER)
    await lax.pass_time(SETTINGS.tombstone, "purges")
    assert await purged(lax) == 1
    assert lax.bucket.objects == {}


class Between:
    """A storage where something happens between two steps of a commit: after the look, or after the copy."""

    def __init__(self, storage: Storage, *, looked: Any = None, accepted: Any = None) -> None:
        self._storage = storage
        self._looked = looked
        self._accepted = accepted

    async def arrived(self, keys: tuple[str, ...]) -> tuple[Object, ...]:
        found = await self._storage.arrived(keys)
        if self._looked is not None:
            await self._looked()
        return found

    async def accept(self, arrived: tuple[Arrival, ...]) -> tuple[Object, ...]:
        found = await self._storage.accept(arrived)
        if self._accepted is not None:
            await self._accepted()
        return found

    async def capabilities(self) -> Capabilities:
        return await self._storage.capabilities()


async def commit_between(drive: Drive, upload: c.Upload, **steps: Any) -> c.Outcome:
    storage: Any = Between(drive.storage, **steps)
    service = Service(drive.database, storage, SETTINGS, new_id=uuid7)
    (outcome,) = await service.commit((c.UploadRef(upload.owner, upload.id),))
    return outcome


async def test_bytes_that_change_between_look_and_copy_are_not_taken_unseen(plain_lax: Drive) -> None:
    upload = await plain_lax.begin("a.txt", ONE)
    await put(plain_lax, upload, ONE)

    async def change() -> None:
        await put(plain_lax, upload, OTHER)

    assert await commit_between(plain_lax, upload, looked=change) is c.Outcome.UNKNOWN
    assert await plain_lax.names() == []
    assert await bytes_of(plain_lax, await completed(plain_lax, upload)) == OTHER


async def test_of_two_commits_that_saw_different_bytes_one_makes_the_file(plain_lax: Drive) -> None:
    upload = await plain_lax.begin("a.txt", ONE)
    await put(plain_lax, upload, ONE)

    async def the_other() -> None:
        await put(plain_lax, upload, OTHER)
        assert await commit_between(plain_lax, upload) is c.Outcome.COMPLETED

    assert await commit_between(plain_lax, upload, accepted=the_other) is c.Outcome.ALREADY
    (file,) = (await plain_lax.files.list_files(plain_lax.owner, c.Listing())).items
    assert await bytes_of(plain_lax, file) == OTHER
    await plain_lax.pass_time(URL_LIFE, "uploads")
    await plain_lax.files.commit((c.UploadRef(plain_lax.owner, upload.id),))
    assert len(plain_lax.bucket.objects) == 1


async def test_a_commit_that_is_killed_after_its_copy_is_taken_up(plain_lax: Drive) -> None:
    upload = await plain_lax.begin("a.txt", ONE)
    await put(plain_lax, upload, ONE)

    async def killed() -> None:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await commit_between(plain_lax, upload, accepted=killed)
    assert await bytes_of(plain_lax, await completed(plain_lax, upload)) == ONE
    assert len(plain_lax.bucket.objects) == 2


async def test_a_store_that_fails_at_the_copy_leaves_the_upload_open(plain_lax: Drive) -> None:
    upload = await plain_lax.begin("a.txt", ONE)
    await put(plain_lax, upload, ONE)

    async def fail() -> None:
        plain_lax.bucket.broken = True

    assert await commit_between(plain_lax, upload, looked=fail) is c.Outcome.UNKNOWN
    with pytest.raises(Unavailable):
        await plain_lax.files.complete(plain_lax.owner, upload.id)
    plain_lax.bucket.broken = False
    assert (await completed(plain_lax, upload)).name == "a.txt"


async def test_an_upload_that_ends_while_it_is_copied_makes_no_file(plain_lax: Drive) -> None:
    upload = await plain_lax.begin("a.txt", ONE)
    await put(plain_lax, upload, ONE)

    async def abort() -> None:
        await plain_lax.files.abort(plain_lax.owner, upload.id)

    assert await commit_between(plain_lax, upload, accepted=abort) is c.Outcome.ALREADY
    assert await plain_lax.names() == []
    assert await purged(plain_lax) == 1
    assert plain_lax.bucket.objects == {}


async def test_a_missing_copy_is_reported_by_the_check(plain_lax: Drive) -> None:
    upload = await plain_lax.begin("a.txt", ONE)
    await put(plain_lax, upload, ONE)
    file = await completed(plain_lax, upload)
    key = (await plain_lax.files.content(plain_lax.owner, file.id)).key
    lost = plain_lax.bucket.objects.pop(key)
    assert [found.invariant for found in await plain_lax.files.check()] == ["a_stored_version_has_its_object"]
    plain_lax.bucket.objects[key] = lost
    assert (await plain_lax.storage.look_up((key,)))[0] == msgspec.structs.replace(lost[0], presence=Presence.FOUND)
