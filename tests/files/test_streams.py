"""Uploads of a length that is told late: what is reserved, when they are refused, and what their client noted."""

from collections.abc import AsyncIterator
from dataclasses import replace
from uuid import uuid4

import pytest

from drivebay.contract import files as c
from drivebay.contract.ids import ROOT, LeaseId, UploadId
from drivebay.contract.storage import Multipart, PartPut
from drivebay.errors import Conflict, InvalidRequest, NotFound, NotUploaded, QuotaExceeded, TooLarge

from .conftest import SETTINGS, Drive, open_drive
from .test_parts import MIB, sha256

BODY = b"as it comes"


@pytest.fixture(params=["direct", "encoded", "grpc", "twice"])
async def drive(request: pytest.FixtureRequest, database_url: str) -> AsyncIterator[Drive]:
    async with open_drive(
        database_url, request.param, replace(SETTINGS, quota=100 * MIB, max_file_size=5 * 2**40)
    ) as drive:
        yield drive


@pytest.fixture
async def plain(database_url: str) -> AsyncIterator[Drive]:
    own = replace(SETTINGS, quota=2**43, max_file_size=5 * 2**40)
    async with open_drive(database_url, "direct", own) as drive:
        yield drive


async def begin(drive: Drive, note: str | None = None) -> c.Upload:
    intent = c.Intent("live.ts", 0, "video/mp2t", ROOT, multipart=True, deferred=True, note=note)
    return await drive.files.begin(drive.owner, intent)


async def reserved(drive: Drive) -> int:
    return (await drive.files.usage(drive.owner)).reserved_bytes


async def test_bytes_are_reserved_as_they_come_and_the_length_is_told_last(drive: Drive) -> None:
    upload = await begin(drive)
    assert (upload.deferred, upload.size) == (True, 0)
    for size in (8 * MIB, 3, 20 * MIB):
        await drive.files.resize(drive.owner, upload.id, size, False)
    assert await reserved(drive) == 20 * MIB
    with pytest.raises(NotUploaded):
        await drive.files.complete(drive.owner, upload.id)
    for _ in range(2):
        told = await drive.files.resize(drive.owner, upload.id, len(BODY), True)
        assert (told.deferred, told.size) == (False, len(BODY))
    assert await reserved(drive) == len(BODY)
    for size, final in ((len(BODY) + 1, True), (len(BODY) + 1, False)):
        with pytest.raises(Conflict):
            await drive.files.resize(drive.owner, upload.id, size, final)


async def test_what_has_come_is_no_file_before_its_length_is_told(drive: Drive) -> None:
    upload = await begin(drive, note="filename bGl2ZS50cw==")
    await drive.files.resize(drive.owner, upload.id, len(BODY), False)
    opened = await drive.files.open_parts(drive.owner, upload.id, (c.PartIntent(1, sha256(BODY)),))
    assert opened.parts is not None
    assert opened.parts.multipart is not None
    multipart = Multipart(opened.parts.multipart, opened.parts.checked)
    await drive.storage.write_part(opened.key, multipart, PartPut(1, len(BODY), sha256(BODY)), BODY)
    with pytest.raises(NotUploaded):
        await drive.files.complete(drive.owner, upload.id)
    await drive.files.resize(drive.owner, upload.id, len(BODY), True)
    done = await drive.files.complete(drive.owner, upload.id)
    assert (done.status, done.size, done.note) == (c.UploadStatus.COMPLETE, len(BODY), "filename bGl2ZS50cw==")
    usage = await drive.files.usage(drive.owner)
    assert (usage.used_bytes, usage.reserved_bytes) == (len(BODY), 0)
    assert await drive.files.check() == ()


async def test_no_more_is_reserved_than_the_quota_leaves(drive: Drive) -> None:
    upload = await begin(drive)
    await drive.begin("other.bin", b"x" * 60, key="other")
    await drive.files.resize(drive.owner, upload.id, 100 * MIB - 60, False)
    for final in (False, True):
        with pytest.raises(QuotaExceeded):
            await drive.files.resize(drive.owner, upload.id, 100 * MIB - 59, final)
    assert await reserved(drive) == 100 * MIB
    await drive.files.abort(drive.owner, upload.id)
    assert await reserved(drive) == 60
    with pytest.raises(Conflict):
        await drive.files.resize(drive.owner, upload.id, 100 * MIB, False)


async def test_it_has_as_many_parts_as_a_store_takes(plain: Drive) -> None:
    upload = await begin(plain)
    assert upload.parts is not None
    await plain.files.resize(plain.owner, upload.id, 10_000 * upload.parts.size, False)
    with pytest.raises(TooLarge):
        await plain.files.resize(plain.owner, upload.id, 10_000 * upload.parts.size + 1, True)


async def test_nobody_elses_and_no_upload_of_a_known_length_is_resized(drive: Drive) -> None:
    upload = await begin(drive)
    with pytest.raises(NotFound):
        await drive.files.resize(drive.owner, UploadId(uuid4()), 1, False)
    with pytest.raises(InvalidRequest):
        await drive.files.resize(drive.owner, upload.id, -1, True)
    known = await drive.begin("known.bin", b"known")
    with pytest.raises(Conflict):
        await drive.files.resize(drive.owner, known.id, 5, True)
    await drive.files.abort(drive.owner, upload.id)
    with pytest.raises(Conflict):
        await drive.files.resize(drive.owner, upload.id, 0, True)


@pytest.mark.parametrize(
    "wrong",
    [
        {"size": 1},
        {"multipart": False},
        {"sha256": bytes(32)},
        {"note": "a\nb"},
        {"note": "é"},
        {"note": "x" * 4097},
    ],
)
async def test_an_intent_that_cannot_be_is_refused(drive: Drive, wrong: dict[str, object]) -> None:
    right: dict[str, object] = {"size": 0, "multipart": True, "deferred": True}
    with pytest.raises(InvalidRequest):
        await drive.files.begin(drive.owner, c.Intent("a", content_type="a/b", parent=ROOT, **(right | wrong)))  # type: ignore[arg-type]


async def test_the_purge_of_what_came_in_parts_says_that_tails_may_be_there(plain: Drive) -> None:
    upload, whole = await begin(plain), await plain.begin("whole.bin")
    for each in (upload, whole):
        await plain.files.abort(plain.owner, each.id)
    purges = await plain.files.claim_purges(LeaseId(uuid4()), 10)
    assert {purge.ref.id: purge.tails for purge in purges} == {upload.id: True, whole.id: False}
