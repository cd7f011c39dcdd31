"""Uploads in parts: what may be sent, what is there, how it becomes a file, and that nothing stays of what does not."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest
from uuid_utils.compat import uuid7

from drivebay.contract import files as c
from drivebay.contract.ids import ROOT, LeaseId, UploadId, UserId
from drivebay.contract.storage import Multipart, PartPut, Presence
from drivebay.errors import Conflict, InvalidRequest, NotFound, NotUploaded, Unavailable
from drivebay.files.parts import part_size

from .conftest import SETTINGS, Drive, open_drive

MIB = 2**20
LARGE = replace(SETTINGS, quota=2**43, max_file_size=5 * 2**40)
FIRST, REST = b"a" * (8 * MIB), b"and the rest"
BODY = FIRST + REST


def sha256(body: bytes) -> bytes:
    return hashlib.sha256(body).digest()


@pytest.fixture(params=["direct", "encoded", "grpc", "twice"])
async def large(request: pytest.FixtureRequest, database_url: str) -> AsyncIterator[Drive]:
    async with open_drive(database_url, request.param, LARGE) as drive:
        yield drive


@pytest.fixture
async def plain(database_url: str) -> AsyncIterator[Drive]:
    async with open_drive(database_url, "direct", LARGE) as drive:
        yield drive


async def begin(drive: Drive, size: int = len(BODY), name: str = "a.bin", whole: bytes | None = None) -> c.Upload:
    intent = c.Intent(name, size, "text/plain", ROOT, c.OnConflict.RENAME, whole, multipart=True)
    return await drive.files.begin(drive.owner, intent)


async def send(drive: Drive, upload: c.Upload, number: int, body: bytes, *, checked: bool = True) -> int:
    """Ask for a part's URL and use it."""
    digest = sha256(body) if checked else None
    opened = await drive.files.open_parts(drive.owner, upload.id, (c.PartIntent(number, digest),))
    return await put(drive, opened, number, body, digest)


async def put(drive: Drive, opened: c.Upload, number: int, body: bytes, digest: bytes | None) -> int:
    assert opened.parts is not None
    assert opened.parts.multipart is not None
    multipart = Multipart(opened.parts.multipart, opened.parts.checked)
    part = PartPut(number, opened.parts.bytes_of(number, opened.size), digest)
    (signed,) = await drive.storage.presign_parts(opened.key, multipart, (part,), 60)
    return await drive.bucket.send(signed.method, signed.url, signed.headers, body)


async def sent(drive: Drive, *, checked: bool = True) -> c.Upload:
    upload = await begin(drive)
    for number, body in ((1, FIRST), (2, REST)):
        assert await send(drive, upload, number, body, checked=checked) == 200
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
async def test_parts_are_whole_mebibytes_and_never_too_many(plain: Drive, size: int, part: int, count: int) -> None:
    assert part_size(size) == part
    assert (await begin(plain, size)).parts == c.Parts(part, count)


async def test_what_is_over_the_threshold_comes_in_parts_unasked(plain: Drive) -> None:
    def intent(size: int) -> c.Intent:
        return c.Intent("a", size, "text/plain", ROOT)

    assert (await plain.files.begin(plain.owner, intent(64 * MIB))).parts is None
    assert (await plain.files.begin(plain.owner, intent(64 * MIB + 1))).parts == c.Parts(8 * MIB, 9)


async def test_parts_that_are_there_become_one_file_with_what_was_checked(large: Drive) -> None:
    upload = await sent(large)
    held = await large.files.parts(large.owner, upload.id)
    assert [(part.number, part.size, part.sha256) for part in held] == [
        (1, len(FIRST), sha256(FIRST)),
        (2, len(REST), sha256(REST)),
    ]
    done = await large.files.complete(large.owner, upload.id)
    assert done.file is not None
    file = await large.files.file(large.owner, done.file)
    assert (file.size, file.sha256) == (len(BODY), None)
    content = await large.files.content(large.owner, done.file)
    assert (content.part_size, content.parts_sha256) == (8 * MIB, sha256(sha256(FIRST) + sha256(REST)))
    assert (file.part_size, file.parts_sha256) == (content.part_size, content.parts_sha256)
    assert large.bucket.objects[content.key][1] == BODY
    assert large.bucket.unfinished_parts == {}
    assert await large.database.fetchval("SELECT count(*) FROM files.parts") == 0
    assert (await large.files.usage(large.owner)).used_bytes == len(BODY)


async def test_parts_without_a_checksum_make_a_file_of_which_none_is_claimed(large: Drive) -> None:
    upload = await begin(large, whole=sha256(BODY))
    for number, body in ((1, FIRST), (2, REST)):
        assert await send(large, upload, number, body, checked=False) == 200
    done = await large.files.complete(large.owner, upload.id)
    assert done.file is not None
    content = await large.files.content(large.owner, done.file)
    assert (content.sha256, content.part_size, content.parts_sha256) == (None, None, None)


async def test_a_missing_part_is_named_and_may_still_be_sent(large: Drive) -> None:
    upload = await begin(large)
    with pytest.raises(NotUploaded, match="no part"):
        await large.files.complete(large.owner, upload.id)
    await send(large, upload, 2, REST)
    with pytest.raises(NotUploaded, match=r"missing.*: 1$"):
        await large.files.complete(large.owner, upload.id)
    opened = await large.files.open_parts(large.owner, upload.id, (c.PartIntent(1, sha256(FIRST)),))
    with pytest.raises(NotUploaded, match=r"missing.*: 1$"):
        await large.files.complete(large.owner, upload.id)
    assert await put(large, opened, 1, FIRST, sha256(FIRST)) == 200
    assert (await large.files.complete(large.owner, upload.id)).status is c.UploadStatus.COMPLETE


async def test_a_part_with_a_wrong_byte_is_refused_and_sent_again(large: Drive) -> None:
    upload = await begin(large)
    await send(large, upload, 1, FIRST)
    opened = await large.files.open_parts(large.owner, upload.id, (c.PartIntent(2, sha256(REST)),))
    assert await put(large, opened, 2, REST[:-1] + b"!", sha256(REST)) == 400
    assert await put(large, opened, 2, REST, sha256(REST)) == 200
    done = await large.files.complete(large.owner, upload.id)
    assert done.status is c.UploadStatus.COMPLETE


async def test_a_part_keeps_the_checksum_it_was_first_signed_for(large: Drive) -> None:
    upload = await sent(large)
    with pytest.raises(Conflict, match="part 2"):
        await large.files.open_parts(large.owner, upload.id, (c.PartIntent(2, sha256(b"else")),))
    await large.files.open_parts(large.owner, upload.id, (c.PartIntent(2, sha256(REST)),))


async def test_all_parts_come_with_a_checksum_or_none(large: Drive) -> None:
    upload = await begin(large)
    await send(large, upload, 1, FIRST)
    with pytest.raises(InvalidRequest, match="sha256"):
        await large.files.open_parts(large.owner, upload.id, (c.PartIntent(2),))
    both = (c.PartIntent(1, sha256(FIRST)), c.PartIntent(2))
    with pytest.raises(InvalidRequest, match="sha256"):
        await large.files.open_parts(large.owner, (await begin(large, name="b")).id, both)


@pytest.mark.parametrize(
    "numbers", [(), (0,), (3,), (-1,), (1, 1), tuple(range(1, 102))], ids=["none", "0", "3", "-1", "twice", "101"]
)
async def test_numbers_of_parts_that_are_not_there_are_refused(large: Drive, numbers: tuple[int, ...]) -> None:
    upload = await begin(large)
    with pytest.raises(InvalidRequest):
        await large.files.open_parts(large.owner, upload.id, tuple(c.PartIntent(number) for number in numbers))
    assert large.bucket.unfinished_parts == {}


async def test_what_comes_in_one_piece_or_has_ended_has_no_parts(large: Drive) -> None:
    whole = await large.files.begin(large.owner, c.Intent("whole", 5, "text/plain", ROOT))
    ended = await begin(large)
    await large.files.abort(large.owner, ended.id)
    for upload in (whole, ended):
        with pytest.raises(Conflict):
            await large.files.open_parts(large.owner, upload.id, (c.PartIntent(1),))
        with pytest.raises(Conflict):
            await large.files.parts(large.owner, upload.id)


async def test_anothers_parts_do_not_exist(large: Drive) -> None:
    upload = await sent(large)
    stranger = large.of(UserId(uuid7()))
    for id in (upload.id, UploadId(uuid4())):
        with pytest.raises(NotFound):
            await stranger.files.open_parts(stranger.owner, id, (c.PartIntent(1),))
        with pytest.raises(NotFound):
            await stranger.files.parts(stranger.owner, id)
        with pytest.raises(NotFound):
            await stranger.files.timeline(stranger.owner, id)


async def test_a_deadline_is_put_off_whenever_parts_are_asked_for(plain: Drive) -> None:
    upload = await sent(plain)
    await plain.pass_time(timedelta(hours=13), "uploads")
    before = (await plain.files.upload(plain.owner, upload.id)).expires_at
    after = (await plain.files.open_parts(plain.owner, upload.id, (c.PartIntent(1, sha256(FIRST)),))).expires_at
    assert after - before > timedelta(hours=12)


async def test_an_abandoned_upload_leaves_neither_parts_nor_reservation(plain: Drive) -> None:
    upload = await sent(plain)
    await plain.pass_time(timedelta(days=2))
    refs = await plain.files.claim_checks(10, True)
    assert await plain.files.commit(refs, c.Cause.SWEEP) == (c.Outcome.EXPIRED,)
    assert (await plain.files.usage(plain.owner)).reserved_bytes == 0
    (purge,) = await plain.files.claim_purges(LeaseId(uuid7()), 10)
    assert purge.multipart in plain.bucket.unfinished_parts
    assert (await plain.files.complete(plain.owner, upload.id)).status is c.UploadStatus.EXPIRED


async def test_what_is_given_up_is_purged_with_its_parts(plain: Drive) -> None:
    upload = await sent(plain)
    await plain.files.abort(plain.owner, upload.id)
    (purge,) = await plain.files.claim_purges(LeaseId(uuid7()), 10)
    assert (purge.ref.id, purge.multipart) == (upload.id, *plain.bucket.unfinished_parts)


async def test_two_who_begin_at_once_write_the_same_parts(plain: Drive) -> None:
    upload = await begin(plain)
    begin_parts, both = plain.bucket.begin_parts, asyncio.Barrier(2)

    async def together(key: str, headers: Mapping[str, str]) -> str:
        await both.wait()
        return await begin_parts(key, headers)

    plain.bucket.begin_parts = together  # type: ignore[method-assign]
    one, two = await asyncio.gather(
        *(plain.files.open_parts(plain.owner, upload.id, (c.PartIntent(n, sha256(b"")),)) for n in (1, 2))
    )
    assert one.parts is not None
    assert one.parts == two.parts
    assert list(plain.bucket.unfinished_parts) == [one.parts.multipart]


async def test_completing_at_once_makes_one_file(plain: Drive) -> None:
    upload = await sent(plain)
    done = await asyncio.gather(*(plain.files.complete(plain.owner, upload.id) for _ in range(5)))
    assert len({each.file for each in done}) == 1
    assert (await plain.files.usage(plain.owner)).file_count == 1


async def test_a_lost_answer_of_the_store_is_made_up_for_by_a_look(plain: Drive) -> None:
    upload = await sent(plain)
    complete = plain.bucket.complete_parts

    async def and_lose_the_answer(*arguments: object) -> bool:
        await complete(*arguments)  # type: ignore[arg-type]
        raise Unavailable("the answer was lost")

    plain.bucket.complete_parts = and_lose_the_answer  # type: ignore[method-assign, assignment]
    with pytest.raises(Unavailable):
        await plain.files.complete(plain.owner, upload.id)
    await plain.pass_time(timedelta(seconds=2), "uploads")
    refs = await plain.files.claim_checks(10, False)
    assert await plain.files.commit(refs, c.Cause.SWEEP) == (c.Outcome.COMPLETED,)


async def test_nobody_is_told_that_parts_are_gone_of_which_there_is_an_object(plain: Drive) -> None:
    """Between the store's putting together and the commit it lists no parts."""
    upload = await sent(plain)
    complete = plain.bucket.complete_parts

    async def and_lose_the_answer(*arguments: object) -> bool:
        await complete(*arguments)  # type: ignore[arg-type]
        raise Unavailable("the answer was lost")

    plain.bucket.complete_parts = and_lose_the_answer  # type: ignore[method-assign, assignment]
    with pytest.raises(Unavailable):
        await plain.files.complete(plain.owner, upload.id)
    plain.bucket.broken = True
    with pytest.raises(Unavailable):
        await plain.files.parts(plain.owner, upload.id)
    plain.bucket.broken = False
    with pytest.raises(Conflict):
        await plain.files.parts(plain.owner, upload.id)
    assert (await plain.files.upload(plain.owner, upload.id)).status is c.UploadStatus.COMPLETE


async def test_parts_that_were_too_few_are_told_as_before(plain: Drive) -> None:
    upload = await begin(plain)
    assert await send(plain, upload, 1, FIRST) == 200
    with pytest.raises(NotUploaded):
        await plain.files.complete(plain.owner, upload.id)
    assert [part.number for part in await plain.files.parts(plain.owner, upload.id)] == [1]


async def test_an_upload_in_parts_is_not_looked_for_before_it_is_put_together(plain: Drive) -> None:
    await sent(plain)
    await plain.files.recheck_pending()
    assert len(await plain.files.claim_checks(10, False)) == 1
    await plain.pass_time(timedelta(hours=1), "uploads")
    assert await plain.files.claim_checks(10, False) == ()


async def test_nothing_is_written_over_by_parts_that_come_late(plain: Drive) -> None:
    upload = await sent(plain)
    plain.bucket.put(upload.key, BODY)
    assert (await plain.files.complete(plain.owner, upload.id)).status is c.UploadStatus.COMPLETE
    (looked,) = await plain.storage.look_up((upload.key,))
    assert looked.presence is Presence.FOUND
    assert plain.bucket.unfinished_parts == {}


async def test_the_store_s_name_for_a_write_is_told_while_it_is_pending(plain: Drive) -> None:
    pending, ended = await sent(plain), await sent(plain)
    await plain.files.abort(plain.owner, ended.id)
    refs = tuple(c.UploadRef(plain.owner, id) for id in (pending.id, ended.id, UploadId(uuid7())))
    names = await plain.files.multiparts(refs)
    opened = await plain.files.upload(plain.owner, pending.id)
    assert opened.parts is not None
    assert names == (opened.parts.multipart, "", "")


async def test_a_timeline_tells_every_change_and_its_cause(large: Drive) -> None:
    upload = await sent(large)
    done = await large.files.complete(large.owner, upload.id)
    assert done.file is not None
    await large.files.trash(large.owner, done.file)
    await large.files.restore(large.owner, done.file)
    told = await large.files.timeline(large.owner, upload.id)
    assert [(moment.what, moment.cause) for moment in told] == [
        ("pending", "client"),
        ("assembling", "client"),
        ("complete", "client"),
        ("trashed", "client"),
        ("restored", "client"),
    ]
    assert [moment.at for moment in told] == sorted(moment.at for moment in told)


async def test_a_timeline_says_who_found_an_upload_and_why_it_failed(plain: Drive) -> None:
    found, failed, late = [await plain.begin(name) for name in ("found", "failed", "late")]
    plain.bucket.put(found.key, b"hello")
    plain.bucket.put(failed.key, b"longer than meant")
    await plain.files.commit(tuple(c.UploadRef(plain.owner, one.id) for one in (found, failed)), c.Cause.EVENT)
    await plain.pass_time(timedelta(hours=1), "uploads")
    await plain.files.commit((c.UploadRef(plain.owner, late.id),), c.Cause.SWEEP)
    plain.bucket.put(late.key, b"hello")
    await plain.files.commit((c.UploadRef(plain.owner, late.id),), c.Cause.SWEEP)
    tell = [await plain.files.timeline(plain.owner, one.id) for one in (found, failed, late)]
    assert [(moment.what, moment.cause) for moment in tell[0]] == [("pending", "client"), ("complete", "event")]
    assert (tell[1][1].what, tell[1][1].cause, tell[1][1].detail) == ("failed", "event", "size_mismatch")
    assert [moment.what for moment in tell[2]] == ["pending", "expired", "complete"]
