"""Multipart uploads: their parts, their assembly and their cleanup."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest
from uuid_utils.compat import uuid7

from drivebay.contract import files as c
from drivebay.contract.ids import ROOT, DriveId, LeaseId, UploadId
from drivebay.contract.storage import Multipart, PartSpec, Presence
from drivebay.errors import Conflict, InvalidRequest, NotFound, NotUploaded, Unavailable
from drivebay.files.commits.service import MAX_RESENDS, MIN_RESEND_ALLOWANCE
from drivebay.files.multipart.part_sizes import choose_part_size

from .conftest import SETTINGS, Drive, open_drive

MIB = 2**20
LARGE = replace(SETTINGS, quota=2**43, max_file_size=5 * 2**40)
FIRST, REST = b"a" * (8 * MIB), b"and the rest"
BODY = FIRST + REST


def sha256(body: bytes) -> bytes:
    return hashlib.sha256(body).digest()


@pytest.fixture(params=["direct", "encoded", "grpc", "twice"])
async def drive(request: pytest.FixtureRequest, database_url: str) -> AsyncIterator[Drive]:
    async with open_drive(database_url, request.param, LARGE) as drive:
        yield drive


@pytest.fixture
async def direct_drive(database_url: str) -> AsyncIterator[Drive]:
    async with open_drive(database_url, "direct", LARGE) as drive:
        yield drive


async def begin_multipart(
    drive: Drive, size: int = len(BODY), name: str = "a.bin", whole: bytes | None = None
) -> c.Upload:
    intent = c.UploadIntent(name, size, "text/plain", ROOT, c.OnConflict.RENAME, whole, multipart=True)
    return await drive.files.begin_upload(drive.access, intent)


async def send_part(drive: Drive, upload: c.Upload, number: int, body: bytes, *, checked: bool = True) -> int:
    """Request the URL of a part and send the part. Return the status."""
    digest = sha256(body) if checked else None
    opened = await drive.files.open_parts(drive.access, upload.id, (c.PartIntent(number, digest),))
    return await put_part(drive, opened, number, body, digest)


async def put_part(drive: Drive, opened: c.Upload, number: int, body: bytes, digest: bytes | None) -> int:
    assert opened.parts is not None
    assert opened.parts.multipart_id is not None
    multipart = Multipart(opened.parts.multipart_id, opened.parts.checksummed)
    part = PartSpec(number, opened.parts.size_of(number, opened.size), digest)
    (signed,) = await drive.storage.presign_parts(opened.key, multipart, (part,), 60)
    return await drive.bucket.send(signed.method, signed.url, signed.headers, body)


async def send_all_parts(drive: Drive, *, checked: bool = True) -> c.Upload:
    upload = await begin_multipart(drive)
    for number, body in ((1, FIRST), (2, REST)):
        assert await send_part(drive, upload, number, body, checked=checked) == 200
    return upload


@pytest.mark.parametrize(
    ("size", "part", "count"),
    [
        (0, 8 * MIB, 1),
        (1, 8 * MIB, 1),
        (8 * MIB, 8 * MIB, 1),
        (8 * MIB + 1, 8 * MIB, 2),
        (80_000 * MIB, 8 * MIB, 10_000),
        (80_000 * MIB + 1, 9 * MIB, 8_889),
        (5 * 2**40, 525 * MIB, 9_987),
    ],
)
async def test_the_part_size_is_whole_mib_for_at_most_10000_parts(
    direct_drive: Drive, size: int, part: int, count: int
) -> None:
    assert choose_part_size(size) == part
    assert (await begin_multipart(direct_drive, size)).parts == c.PartLayout(part, count)


async def test_an_upload_over_the_threshold_is_multipart(direct_drive: Drive) -> None:
    def intent(size: int) -> c.UploadIntent:
        return c.UploadIntent("a", size, "text/plain", ROOT)

    assert (await direct_drive.files.begin_upload(direct_drive.access, intent(64 * MIB))).parts is None
    assert (await direct_drive.files.begin_upload(direct_drive.access, intent(64 * MIB + 1))).parts == c.PartLayout(
        8 * MIB, 9
    )


async def test_parts_become_one_file_with_the_checksum_of_their_checksums(drive: Drive) -> None:
    upload = await send_all_parts(drive)
    held = await drive.files.list_parts(drive.access, upload.id)
    assert [(part.number, part.size, part.sha256) for part in held] == [
        (1, len(FIRST), sha256(FIRST)),
        (2, len(REST), sha256(REST)),
    ]
    done = await drive.files.complete_upload(drive.access, upload.id)
    assert done.file is not None
    file = await drive.files.get_file(drive.access, done.file)
    assert (file.size, file.sha256) == (len(BODY), None)
    content = await drive.files.get_content(drive.access, done.file)
    assert (content.part_size, content.parts_sha256) == (8 * MIB, sha256(sha256(FIRST) + sha256(REST)))
    assert (file.part_size, file.parts_sha256) == (content.part_size, content.parts_sha256)
    assert drive.bucket.objects[content.key][1] == BODY
    assert drive.bucket.unfinished_multiparts == {}
    assert await drive.database.fetchval("SELECT count(*) FROM files.parts") == 0
    assert (await drive.files.get_usage(drive.access)).used_bytes == len(BODY)


async def test_parts_without_checksums_become_a_file_without_a_checksum(drive: Drive) -> None:
    upload = await begin_multipart(drive, whole=sha256(BODY))
    for number, body in ((1, FIRST), (2, REST)):
        assert await send_part(drive, upload, number, body, checked=False) == 200
    done = await drive.files.complete_upload(drive.access, upload.id)
    assert done.file is not None
    content = await drive.files.get_content(drive.access, done.file)
    assert (content.sha256, content.part_size, content.parts_sha256) == (None, None, None)


async def test_completing_names_a_missing_part_which_can_still_be_sent(drive: Drive) -> None:
    upload = await begin_multipart(drive)
    with pytest.raises(NotUploaded, match="no part"):
        await drive.files.complete_upload(drive.access, upload.id)
    await send_part(drive, upload, 2, REST)
    with pytest.raises(NotUploaded, match=r"missing.*: 1$"):
        await drive.files.complete_upload(drive.access, upload.id)
    opened = await drive.files.open_parts(drive.access, upload.id, (c.PartIntent(1, sha256(FIRST)),))
    with pytest.raises(NotUploaded, match=r"missing.*: 1$"):
        await drive.files.complete_upload(drive.access, upload.id)
    assert await put_part(drive, opened, 1, FIRST, sha256(FIRST)) == 200
    assert (await drive.files.complete_upload(drive.access, upload.id)).status is c.UploadStatus.COMPLETE


async def test_a_part_with_a_wrong_byte_is_refused_and_can_be_sent_again(drive: Drive) -> None:
    upload = await begin_multipart(drive)
    await send_part(drive, upload, 1, FIRST)
    opened = await drive.files.open_parts(drive.access, upload.id, (c.PartIntent(2, sha256(REST)),))
    assert await put_part(drive, opened, 2, REST[:-1] + b"!", sha256(REST)) == 400
    assert await put_part(drive, opened, 2, REST, sha256(REST)) == 200
    done = await drive.files.complete_upload(drive.access, upload.id)
    assert done.status is c.UploadStatus.COMPLETE


async def test_a_part_keeps_its_first_checksum(drive: Drive) -> None:
    upload = await send_all_parts(drive)
    with pytest.raises(Conflict, match="part 2"):
        await drive.files.open_parts(drive.access, upload.id, (c.PartIntent(2, sha256(b"else")),))
    await drive.files.open_parts(drive.access, upload.id, (c.PartIntent(2, sha256(REST)),))


async def test_all_parts_have_a_checksum_or_none(drive: Drive) -> None:
    upload = await begin_multipart(drive)
    await send_part(drive, upload, 1, FIRST)
    with pytest.raises(InvalidRequest, match="sha256"):
        await drive.files.open_parts(drive.access, upload.id, (c.PartIntent(2),))
    both = (c.PartIntent(1, sha256(FIRST)), c.PartIntent(2))
    with pytest.raises(InvalidRequest, match="sha256"):
        await drive.files.open_parts(drive.access, (await begin_multipart(drive, name="b")).id, both)


@pytest.mark.parametrize(
    "numbers", [(), (0,), (3,), (-1,), (1, 1), tuple(range(1, 102))], ids=["none", "0", "3", "-1", "twice", "101"]
)
async def test_invalid_part_numbers_are_refused(drive: Drive, numbers: tuple[int, ...]) -> None:
    upload = await begin_multipart(drive)
    with pytest.raises(InvalidRequest):
        await drive.files.open_parts(drive.access, upload.id, tuple(c.PartIntent(number) for number in numbers))
    assert drive.bucket.unfinished_multiparts == {}


async def test_a_single_put_or_ended_upload_has_no_parts(drive: Drive) -> None:
    whole = await drive.files.begin_upload(drive.access, c.UploadIntent("whole", 5, "text/plain", ROOT))
    ended = await begin_multipart(drive)
    await drive.files.abort_upload(drive.access, ended.id)
    for upload in (whole, ended):
        with pytest.raises(Conflict):
            await drive.files.open_parts(drive.access, upload.id, (c.PartIntent(1),))
        with pytest.raises(Conflict):
            await drive.files.list_parts(drive.access, upload.id)


async def test_parts_of_another_owner_are_not_found(drive: Drive) -> None:
    upload = await send_all_parts(drive)
    other = drive.for_owner(DriveId(uuid7()))
    for id in (upload.id, UploadId(uuid4())):
        with pytest.raises(NotFound):
            await other.files.open_parts(other.access, id, (c.PartIntent(1),))
        with pytest.raises(NotFound):
            await other.files.list_parts(other.access, id)
        with pytest.raises(NotFound):
            await other.files.list_upload_events(other.access, id)


async def test_a_request_for_parts_extends_the_deadline(direct_drive: Drive) -> None:
    upload = await send_all_parts(direct_drive)
    await direct_drive.advance_time(timedelta(hours=13), "uploads")
    before = (await direct_drive.files.get_upload(direct_drive.access, upload.id)).expires_at
    after = (
        await direct_drive.files.open_parts(direct_drive.access, upload.id, (c.PartIntent(1, sha256(FIRST)),))
    ).expires_at
    assert after - before > timedelta(hours=12)


async def test_an_abandoned_multipart_upload_expires_and_is_purged(direct_drive: Drive) -> None:
    upload = await send_all_parts(direct_drive)
    await direct_drive.advance_time(timedelta(days=2))
    refs = await direct_drive.files.claim_pending_uploads(10, True)
    assert await direct_drive.files.commit_uploads(refs, c.Trigger.SWEEP) == (c.CommitOutcome.EXPIRED,)
    assert (await direct_drive.files.get_usage(direct_drive.access)).reserved_bytes == 0
    (purge,) = await direct_drive.files.claim_purges(LeaseId(uuid7()), 10)
    assert purge.multipart_id in direct_drive.bucket.unfinished_multiparts
    assert (await direct_drive.files.complete_upload(direct_drive.access, upload.id)).status is c.UploadStatus.EXPIRED


async def test_an_aborted_multipart_upload_is_purged_with_its_parts(direct_drive: Drive) -> None:
    upload = await send_all_parts(direct_drive)
    await direct_drive.files.abort_upload(direct_drive.access, upload.id)
    (purge,) = await direct_drive.files.claim_purges(LeaseId(uuid7()), 10)
    assert (purge.ref.id, purge.multipart_id) == (upload.id, *direct_drive.bucket.unfinished_multiparts)


async def test_concurrent_first_requests_share_one_multipart_id(direct_drive: Drive) -> None:
    upload = await begin_multipart(direct_drive)
    create_multipart, both = direct_drive.bucket.create_multipart, asyncio.Barrier(2)

    async def wait_for_both(key: str, headers: Mapping[str, str]) -> str:
        await both.wait()
        return await create_multipart(key, headers)

    direct_drive.bucket.create_multipart = wait_for_both  # type: ignore[method-assign]
    one, two = await asyncio.gather(
        *(
            direct_drive.files.open_parts(direct_drive.access, upload.id, (c.PartIntent(n, sha256(b"")),))
            for n in (1, 2)
        )
    )
    assert one.parts is not None
    assert one.parts == two.parts
    assert list(direct_drive.bucket.unfinished_multiparts) == [one.parts.multipart_id]


async def test_concurrent_completions_create_one_file(direct_drive: Drive) -> None:
    upload = await send_all_parts(direct_drive)
    done = await asyncio.gather(*(direct_drive.files.complete_upload(direct_drive.access, upload.id) for _ in range(5)))
    assert len({each.file for each in done}) == 1
    assert (await direct_drive.files.get_usage(direct_drive.access)).file_count == 1


async def test_the_sweep_completes_an_assembly_whose_response_was_lost(direct_drive: Drive) -> None:
    upload = await send_all_parts(direct_drive)
    complete = direct_drive.bucket.complete_multipart

    async def complete_and_lose_response(*arguments: object) -> bool:
        await complete(*arguments)  # type: ignore[arg-type]
        raise Unavailable("the response was lost")

    direct_drive.bucket.complete_multipart = complete_and_lose_response  # type: ignore[method-assign, assignment]
    with pytest.raises(Unavailable):
        await direct_drive.files.complete_upload(direct_drive.access, upload.id)
    await direct_drive.advance_time(timedelta(seconds=2), "uploads")
    refs = await direct_drive.files.claim_pending_uploads(10, False)
    assert await direct_drive.files.commit_uploads(refs, c.Trigger.SWEEP) == (c.CommitOutcome.COMPLETED,)


async def test_list_parts_after_an_assembly_never_returns_an_empty_list(direct_drive: Drive) -> None:
    """Between the assembly and the commit the store lists no parts."""
    upload = await send_all_parts(direct_drive)
    complete = direct_drive.bucket.complete_multipart

    async def complete_and_lose_response(*arguments: object) -> bool:
        await complete(*arguments)  # type: ignore[arg-type]
        raise Unavailable("the response was lost")

    direct_drive.bucket.complete_multipart = complete_and_lose_response  # type: ignore[method-assign, assignment]
    with pytest.raises(Unavailable):
        await direct_drive.files.complete_upload(direct_drive.access, upload.id)
    direct_drive.bucket.broken = True
    with pytest.raises(Unavailable):
        await direct_drive.files.list_parts(direct_drive.access, upload.id)
    direct_drive.bucket.broken = False
    with pytest.raises(Conflict):
        await direct_drive.files.list_parts(direct_drive.access, upload.id)
    assert (await direct_drive.files.get_upload(direct_drive.access, upload.id)).status is c.UploadStatus.COMPLETE


async def test_list_parts_works_after_a_failed_completion(direct_drive: Drive) -> None:
    upload = await begin_multipart(direct_drive)
    assert await send_part(direct_drive, upload, 1, FIRST) == 200
    with pytest.raises(NotUploaded):
        await direct_drive.files.complete_upload(direct_drive.access, upload.id)
    assert [part.number for part in await direct_drive.files.list_parts(direct_drive.access, upload.id)] == [1]


async def test_a_multipart_upload_is_not_checked_before_its_assembly(direct_drive: Drive) -> None:
    """But its parts are measured every minute while a URL can write them."""
    await send_all_parts(direct_drive)
    for minutes in (1, 1, 2 * SETTINGS.upload_ttl // timedelta(minutes=1)):
        assert await direct_drive.files.claim_pending_uploads(10, False) == ()
        await direct_drive.advance_time(timedelta(minutes=minutes), "uploads")
        assert len(await direct_drive.files.claim_pending_uploads(10, False)) == 1
    await direct_drive.advance_time(timedelta(hours=1), "uploads")
    assert await direct_drive.files.claim_pending_uploads(10, False) == ()


async def test_a_limited_sweep_measures_parts_every_minute_too(direct_drive: Drive) -> None:
    await send_all_parts(direct_drive)
    for _ in range(3):
        await direct_drive.advance_time(timedelta(minutes=1), "uploads")
        assert len(await direct_drive.files.claim_pending_uploads(10, False, newest_first=True)) == 1


@pytest.mark.parametrize("limited", [False, True])
async def test_the_deadline_of_parts_is_not_missed_between_two_measurements(limited: bool, direct_drive: Drive) -> None:
    await send_all_parts(direct_drive)
    await direct_drive.database.execute(
        "UPDATE files.uploads SET next_check_at = now(), urls_until = now() + interval '1 hour',"
        " expires_at = now() + interval '20 seconds'"
    )
    for seconds in (0, 21):
        await direct_drive.advance_time(timedelta(seconds=seconds), "uploads")
        assert len(await direct_drive.files.claim_pending_uploads(10, False, newest_first=limited)) == 1


async def test_stored_files_do_not_wait_for_the_measurement_of_parts(direct_drive: Drive) -> None:
    in_parts = await begin_multipart(direct_drive)
    for _ in range((len(BODY) + MIN_RESEND_ALLOWANCE) // len(FIRST) + 1):
        assert await send_part(direct_drive, in_parts, 1, FIRST) == 200
    stored = await direct_drive.begin("stored.txt")
    direct_drive.bucket.put(stored.key, b"hello")
    refs = tuple(c.UploadRef(direct_drive.owner, upload.id) for upload in (in_parts, stored))
    outcomes = await direct_drive.files.commit_uploads(refs)
    assert outcomes == (c.CommitOutcome.REJECTED, c.CommitOutcome.COMPLETED)


async def test_an_upload_whose_parts_are_sent_again_and_again_fails(direct_drive: Drive) -> None:
    upload = await begin_multipart(direct_drive)
    for _ in range((len(BODY) + MIN_RESEND_ALLOWANCE) // len(FIRST)):
        assert await send_part(direct_drive, upload, 1, FIRST) == 200
    uploads = (c.UploadRef(direct_drive.owner, upload.id),)
    assert await direct_drive.files.commit_uploads(uploads) == (c.CommitOutcome.ABSENT,)
    assert await send_part(direct_drive, upload, 1, FIRST) == 200
    assert await direct_drive.files.commit_uploads(uploads) == (c.CommitOutcome.REJECTED,)
    shown = await direct_drive.files.get_upload(direct_drive.access, upload.id)
    assert (shown.status, shown.reason) == (c.UploadStatus.FAILED, "parts_repeated")
    assert (await direct_drive.files.get_usage(direct_drive.access)).reserved_bytes == 0
    (purge,) = await direct_drive.files.claim_purges(LeaseId(uuid7()), 10)
    assert purge.multipart_id is not None


async def test_a_small_upload_whose_part_is_sent_more_than_eight_times_again_fails(direct_drive: Drive) -> None:
    """Otherwise many small uploads would each keep 64 MiB outside the quota."""
    upload = await begin_multipart(direct_drive, len(REST))
    uploads = (c.UploadRef(direct_drive.owner, upload.id),)
    for _ in range(1 + MAX_RESENDS):
        assert await send_part(direct_drive, upload, 1, REST) == 200
    assert await direct_drive.files.commit_uploads(uploads) == (c.CommitOutcome.ABSENT,)
    assert await send_part(direct_drive, upload, 1, REST) == 200
    assert await direct_drive.files.commit_uploads(uploads) == (c.CommitOutcome.REJECTED,)
    assert (await direct_drive.files.get_upload(direct_drive.access, upload.id)).reason == "parts_repeated"


async def test_a_request_for_parts_after_a_pause_starts_the_measurements_again(direct_drive: Drive) -> None:
    upload = await begin_multipart(direct_drive)
    await direct_drive.files.open_parts(direct_drive.access, upload.id, (c.PartIntent(1),))
    # Every URL has expired, and less than half of the time until the deadline has passed.
    await direct_drive.advance_time(2 * SETTINGS.upload_ttl + timedelta(minutes=1), "uploads")
    assert len(await direct_drive.files.claim_pending_uploads(10, False)) == 1
    assert await direct_drive.files.claim_pending_uploads(10, False) == ()
    await direct_drive.files.open_parts(direct_drive.access, upload.id, (c.PartIntent(1),))
    await direct_drive.advance_time(timedelta(minutes=1), "uploads")
    assert len(await direct_drive.files.claim_pending_uploads(10, False)) == 1


async def test_an_assembly_overwrites_no_stored_object(direct_drive: Drive) -> None:
    upload = await send_all_parts(direct_drive)
    direct_drive.bucket.put(upload.key, BODY)
    assert (await direct_drive.files.complete_upload(direct_drive.access, upload.id)).status is c.UploadStatus.COMPLETE
    (looked,) = await direct_drive.storage.stat_objects((upload.key,))
    assert looked.presence is Presence.FOUND
    assert direct_drive.bucket.unfinished_multiparts == {}


async def test_list_multipart_ids_returns_ids_of_pending_uploads_only(direct_drive: Drive) -> None:
    pending, ended = await send_all_parts(direct_drive), await send_all_parts(direct_drive)
    await direct_drive.files.abort_upload(direct_drive.access, ended.id)
    refs = tuple(c.UploadRef(direct_drive.owner, id) for id in (pending.id, ended.id, UploadId(uuid7())))
    names = await direct_drive.files.list_multipart_ids(refs)
    opened = await direct_drive.files.get_upload(direct_drive.access, pending.id)
    assert opened.parts is not None
    assert names == (opened.parts.multipart_id, "", "")


async def test_upload_events_list_every_change_and_its_trigger(drive: Drive) -> None:
    upload = await send_all_parts(drive)
    done = await drive.files.complete_upload(drive.access, upload.id)
    assert done.file is not None
    await drive.files.trash_entry(drive.access, done.file)
    await drive.files.restore_entry(drive.access, done.file)
    events = await drive.files.list_upload_events(drive.access, upload.id)
    assert [(event.state, event.trigger) for event in events] == [
        ("pending", "client"),
        ("assembling", "client"),
        ("complete", "client"),
        ("trashed", "client"),
        ("restored", "client"),
    ]
    assert [event.at for event in events] == sorted(event.at for event in events)


async def test_upload_events_name_the_trigger_and_the_reason_of_a_failure(direct_drive: Drive) -> None:
    found, failed, late = [await direct_drive.begin(name) for name in ("found", "failed", "late")]
    direct_drive.bucket.put(found.key, b"hello")
    direct_drive.bucket.put(failed.key, b"longer than meant")
    await direct_drive.files.commit_uploads(
        tuple(c.UploadRef(direct_drive.owner, one.id) for one in (found, failed)), c.Trigger.EVENT
    )
    await direct_drive.advance_time(timedelta(hours=1), "uploads")
    await direct_drive.files.commit_uploads((c.UploadRef(direct_drive.owner, late.id),), c.Trigger.SWEEP)
    direct_drive.bucket.put(late.key, b"hello")
    await direct_drive.files.commit_uploads((c.UploadRef(direct_drive.owner, late.id),), c.Trigger.SWEEP)
    timelines = [
        await direct_drive.files.list_upload_events(direct_drive.access, one.id) for one in (found, failed, late)
    ]
    assert [(event.state, event.trigger) for event in timelines[0]] == [("pending", "client"), ("complete", "event")]
    assert (timelines[1][1].state, timelines[1][1].trigger, timelines[1][1].detail) == (
        "failed",
        "event",
        "size_mismatch",
    )
    assert [event.state for event in timelines[2]] == ["pending", "expired", "complete"]
