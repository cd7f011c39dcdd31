"""Uploads of deferred length: their reservations, their limits and the note of their client."""

from collections.abc import AsyncIterator
from dataclasses import replace
from uuid import uuid4

import pytest

from drivebay.contract import files as c
from drivebay.contract.ids import ROOT, LeaseId, UploadId
from drivebay.contract.storage import Multipart, PartSpec
from drivebay.errors import Conflict, InvalidRequest, NotFound, NotUploaded, QuotaExceeded, TooLarge

from .conftest import SETTINGS, Drive, open_drive
from .test_multipart import MIB, sha256

BODY = b"as it comes"


@pytest.fixture(params=["direct", "encoded", "grpc", "twice"])
async def drive(request: pytest.FixtureRequest, database_url: str) -> AsyncIterator[Drive]:
    async with open_drive(
        database_url, request.param, replace(SETTINGS, quota=100 * MIB, max_file_size=5 * 2**40)
    ) as drive:
        yield drive


@pytest.fixture
async def direct_drive(database_url: str) -> AsyncIterator[Drive]:
    own = replace(SETTINGS, quota=2**43, max_file_size=5 * 2**40)
    async with open_drive(database_url, "direct", own) as drive:
        yield drive


async def begin_deferred(drive: Drive, note: str | None = None) -> c.Upload:
    intent = c.UploadIntent("live.ts", 0, "video/mp2t", ROOT, multipart=True, deferred_length=True, client_note=note)
    return await drive.files.begin_upload(drive.access, intent)


async def reserved_bytes(drive: Drive) -> int:
    return (await drive.files.get_usage(drive.access)).reserved_bytes


async def test_bytes_are_reserved_step_by_step_until_the_length_is_set(drive: Drive) -> None:
    upload = await begin_deferred(drive)
    assert (upload.deferred_length, upload.size) == (True, 0)
    for size in (8 * MIB, 3, 20 * MIB):
        await drive.files.resize_upload(drive.access, upload.id, size, False)
    assert await reserved_bytes(drive) == 20 * MIB
    with pytest.raises(NotUploaded):
        await drive.files.complete_upload(drive.access, upload.id)
    for _ in range(2):
        resized = await drive.files.resize_upload(drive.access, upload.id, len(BODY), True)
        assert (resized.deferred_length, resized.size) == (False, len(BODY))
    assert await reserved_bytes(drive) == len(BODY)
    for size, final in ((len(BODY) + 1, True), (len(BODY) + 1, False)):
        with pytest.raises(Conflict):
            await drive.files.resize_upload(drive.access, upload.id, size, final)


async def test_an_upload_without_a_length_cannot_complete(drive: Drive) -> None:
    upload = await begin_deferred(drive, note="filename bGl2ZS50cw==")
    await drive.files.resize_upload(drive.access, upload.id, len(BODY), False)
    opened = await drive.files.open_parts(drive.access, upload.id, (c.PartIntent(1, sha256(BODY)),))
    assert opened.parts is not None
    assert opened.parts.multipart_id is not None
    multipart = Multipart(opened.parts.multipart_id, opened.parts.checksummed)
    await drive.storage.write_part(opened.key, multipart, PartSpec(1, len(BODY), sha256(BODY)), BODY)
    with pytest.raises(NotUploaded):
        await drive.files.complete_upload(drive.access, upload.id)
    await drive.files.resize_upload(drive.access, upload.id, len(BODY), True)
    done = await drive.files.complete_upload(drive.access, upload.id)
    assert (done.status, done.size, done.client_note) == (c.UploadStatus.COMPLETE, len(BODY), "filename bGl2ZS50cw==")
    usage = await drive.files.get_usage(drive.access)
    assert (usage.used_bytes, usage.reserved_bytes) == (len(BODY), 0)
    assert await drive.files.check_invariants() == ()


async def test_a_resize_does_not_exceed_the_quota(drive: Drive) -> None:
    upload = await begin_deferred(drive)
    await drive.begin("other.bin", b"x" * 60, key="other")
    await drive.files.resize_upload(drive.access, upload.id, 100 * MIB - 60, False)
    for final in (False, True):
        with pytest.raises(QuotaExceeded):
            await drive.files.resize_upload(drive.access, upload.id, 100 * MIB - 59, final)
    assert await reserved_bytes(drive) == 100 * MIB
    await drive.files.abort_upload(drive.access, upload.id)
    assert await reserved_bytes(drive) == 60
    with pytest.raises(Conflict):
        await drive.files.resize_upload(drive.access, upload.id, 100 * MIB, False)


async def test_a_deferred_length_is_limited_to_10000_parts(direct_drive: Drive) -> None:
    upload = await begin_deferred(direct_drive)
    assert upload.parts is not None
    await direct_drive.files.resize_upload(direct_drive.access, upload.id, 10_000 * upload.parts.size, False)
    with pytest.raises(TooLarge):
        await direct_drive.files.resize_upload(direct_drive.access, upload.id, 10_000 * upload.parts.size + 1, True)


async def test_only_a_pending_upload_of_deferred_length_can_be_resized(drive: Drive) -> None:
    upload = await begin_deferred(drive)
    with pytest.raises(NotFound):
        await drive.files.resize_upload(drive.access, UploadId(uuid4()), 1, False)
    with pytest.raises(InvalidRequest):
        await drive.files.resize_upload(drive.access, upload.id, -1, True)
    known = await drive.begin("known.bin", b"known")
    with pytest.raises(Conflict):
        await drive.files.resize_upload(drive.access, known.id, 5, True)
    await drive.files.abort_upload(drive.access, upload.id)
    with pytest.raises(Conflict):
        await drive.files.resize_upload(drive.access, upload.id, 0, True)


@pytest.mark.parametrize(
    "wrong",
    [
        {"size": 1},
        {"multipart": False},
        {"sha256": bytes(32)},
        {"client_note": "a\nb"},
        {"client_note": "é"},
        {"client_note": "x" * 4097},
    ],
)
async def test_an_invalid_deferred_intent_is_refused(drive: Drive, wrong: dict[str, object]) -> None:
    right: dict[str, object] = {"size": 0, "multipart": True, "deferred_length": True}
    with pytest.raises(InvalidRequest):
        await drive.files.begin_upload(
            drive.access, c.UploadIntent("a", content_type="a/b", parent=ROOT, **(right | wrong))
        )  # type: ignore[arg-type]


async def test_a_purge_of_a_multipart_upload_reports_possible_partial_parts(direct_drive: Drive) -> None:
    upload, whole = await begin_deferred(direct_drive), await direct_drive.begin("whole.bin")
    for each in (upload, whole):
        await direct_drive.files.abort_upload(direct_drive.access, each.id)
    purges = await direct_drive.files.claim_purges(LeaseId(uuid4()), 10)
    assert {purge.ref.id: purge.has_partial_parts for purge in purges} == {upload.id: True, whole.id: False}
