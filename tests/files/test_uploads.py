"""Uploads: recorded and reserved first, committed exactly once, by whoever comes."""

import asyncio
import hashlib
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from uuid_utils.compat import uuid7

from drivebay.contract import files as c
from drivebay.contract.ids import ROOT, FileId, UploadId
from drivebay.contract.storage import Capabilities, Object, Storage
from drivebay.errors import (
    Conflict,
    IdempotencyKeyReused,
    InvalidRequest,
    NameTaken,
    NotFound,
    NotUploaded,
    QuotaExceeded,
    RateLimited,
    TooLarge,
    Unavailable,
)
from drivebay.files.service import Service

from .conftest import SETTINGS, UNKNOWN, Drive, stranger, together


def ref(upload: c.Upload) -> c.UploadRef:
    return c.UploadRef(upload.owner, upload.id)


async def test_an_upload_is_pending_and_its_bytes_are_reserved(plain: Drive) -> None:
    upload = await plain.begin(body=b"hello")
    assert upload.status is c.UploadStatus.PENDING
    assert upload.key == f"{plain.owner}/{upload.id}"
    usage = await plain.files.usage(plain.owner)
    assert (usage.used_bytes, usage.reserved_bytes, usage.file_count) == (0, 5, 0)


async def test_a_committed_upload_is_a_file_and_charged_once(drive: Drive) -> None:
    upload = await drive.begin(body=b"hello", key="one")
    drive.bucket.put(upload.key, b"hello")
    first = await drive.files.commit((ref(upload), ref(upload)))
    assert set(first) <= {c.Outcome.COMPLETED, c.Outcome.ALREADY}
    assert await drive.files.commit((ref(upload),)) == (c.Outcome.ALREADY,)
    usage = await drive.files.usage(drive.owner)
    assert (usage.used_bytes, usage.reserved_bytes, usage.file_count) == (5, 0, 1)
    assert await drive.names() == ["a.txt"]


async def test_many_commits_at_once_make_one_file(plain: Drive) -> None:
    upload = await plain.begin()
    plain.bucket.put(upload.key, b"hello")
    outcomes = await together(*(plain.files.commit((ref(upload),)) for _ in range(10)))
    assert sorted(outcomes, key=str).count((c.Outcome.COMPLETED,)) == 1
    assert await plain.names() == ["a.txt"]


async def test_complete_without_bytes_says_so_and_can_be_repeated(drive: Drive) -> None:
    upload = await drive.begin(key="k")
    with pytest.raises(NotUploaded):
        await drive.files.complete(drive.owner, upload.id)
    drive.bucket.put(upload.key, b"hello")
    done = await drive.files.complete(drive.owner, upload.id)
    assert done.status is c.UploadStatus.COMPLETE
    assert await drive.files.complete(drive.owner, upload.id) == done


async def test_a_zero_byte_file_is_a_file(drive: Drive) -> None:
    file = await drive.store("empty", b"")
    assert file.size == 0


async def test_another_size_is_rejected_and_removed(drive: Drive) -> None:
    upload = await drive.begin(body=b"hello", key="k")
    drive.bucket.put(upload.key, b"hello!")
    done = await drive.files.complete(drive.owner, upload.id)
    assert (done.status, done.reason) == (c.UploadStatus.FAILED, "size_mismatch")
    assert (await drive.files.usage(drive.owner)).reserved_bytes == 0
    await drive.purge()
    assert drive.bucket.objects == {}


async def test_other_bytes_than_the_checksum_are_rejected(drive: Drive) -> None:
    upload = await drive.begin(body=b"hello", sha256=hashlib.sha256(b"hello").digest(), key="k")
    drive.bucket.put(upload.key, b"jello")
    done = await drive.files.complete(drive.owner, upload.id)
    assert (done.status, done.reason) == (c.UploadStatus.FAILED, "checksum_mismatch")


class Reticent:
    """A storage that tells no checksums, as a listing tells none; whether it compares them is `enforced`."""

    def __init__(self, storage: Storage, *, enforced: bool) -> None:
        self._storage = storage
        self._enforced = enforced

    async def arrived(self, keys: tuple[str, ...]) -> tuple[Object, ...]:
        return tuple(msgspec.structs.replace(found, sha256=None) for found in await self._storage.arrived(keys))

    async def capabilities(self) -> Capabilities:
        return msgspec.structs.replace(await self._storage.capabilities(), checksum=self._enforced)


@pytest.mark.parametrize("enforced", [True, False])
async def test_a_checksum_is_a_files_only_if_somebody_compared_it(plain: Drive, enforced: bool) -> None:
    digest = hashlib.sha256(b"hello").digest()
    upload = await plain.begin(body=b"hello", sha256=digest)
    plain.bucket.put(upload.key, b"hello")
    reticent: Any = Reticent(plain.storage, enforced=enforced)
    done = await Service(plain.database, reticent, SETTINGS, new_id=uuid7).complete(plain.owner, upload.id)
    assert done.file is not None
    assert (await plain.files.file(plain.owner, done.file)).sha256 == (digest if enforced else None)


async def test_a_store_that_is_down_is_no_verdict(drive: Drive) -> None:
    upload = await drive.begin(key="k")
    drive.bucket.put(upload.key, b"hello")
    drive.bucket.broken = True
    assert await drive.files.commit((ref(upload),)) == (c.Outcome.UNKNOWN,)
    with pytest.raises(Unavailable):
        await drive.files.complete(drive.owner, upload.id)
    drive.bucket.broken = False
    assert await drive.files.commit((ref(upload),)) in [(c.Outcome.COMPLETED,), (c.Outcome.ALREADY,)]


async def test_past_its_deadline_an_upload_expires_and_late_bytes_are_still_stored(drive: Drive) -> None:
    upload = await drive.begin(key="k")
    await drive.pass_time(timedelta(minutes=16))
    assert await drive.files.commit((ref(upload),)) == (c.Outcome.EXPIRED,)
    assert (await drive.files.upload(drive.owner, upload.id)).status is c.UploadStatus.EXPIRED
    assert (await drive.files.usage(drive.owner)).reserved_bytes == 0
    drive.bucket.put(upload.key, b"hello")
    assert set(await drive.files.commit((ref(upload),))) <= {c.Outcome.COMPLETED, c.Outcome.ALREADY}
    assert await drive.names() == ["a.txt"]
    assert (await drive.files.usage(drive.owner)).used_bytes == 5


async def test_after_the_watch_an_expired_upload_is_swept_out_of_the_store(plain: Drive) -> None:
    upload = await plain.begin()
    await plain.pass_time(timedelta(minutes=16))
    await plain.files.commit((ref(upload),))
    await plain.pass_time(SETTINGS.watch)
    await plain.files.commit((ref(upload),))
    plain.bucket.put(upload.key, b"hello")
    assert await plain.purge() == 1
    assert plain.bucket.objects == {}


async def test_bytes_that_come_after_the_watch_make_no_file_that_would_lose_them(plain: Drive) -> None:
    upload = await plain.begin()
    await plain.pass_time(timedelta(minutes=16))
    await plain.files.commit((ref(upload),))
    await plain.pass_time(SETTINGS.watch)
    await plain.files.commit((ref(upload),))
    plain.bucket.put(upload.key, b"hello")
    assert await plain.files.commit((ref(upload),)) == (c.Outcome.ALREADY,)
    assert await plain.names() == []
    assert await plain.purge() == 1
    assert await plain.files.check() == ()


async def test_a_look_before_the_deadline_expires_nothing(plain: Drive) -> None:
    upload = await plain.begin()
    assert await plain.files.commit((ref(upload),)) == (c.Outcome.ABSENT,)
    assert (await plain.files.upload(plain.owner, upload.id)).status is c.UploadStatus.PENDING


async def test_an_aborted_upload_gives_its_bytes_back_and_stays_so(drive: Drive) -> None:
    upload = await drive.begin(key="k")
    drive.bucket.put(upload.key, b"hello")
    await drive.files.abort(drive.owner, upload.id)
    await drive.files.abort(drive.owner, upload.id)
    assert (await drive.files.upload(drive.owner, upload.id)).status is c.UploadStatus.ABORTED
    assert await drive.files.commit((ref(upload),)) == (c.Outcome.ALREADY,)
    assert (await drive.files.usage(drive.owner)).reserved_bytes == 0
    await drive.purge()
    assert drive.bucket.objects == {}


async def test_a_complete_upload_cannot_be_given_up(drive: Drive) -> None:
    upload = await drive.begin(key="k")
    drive.bucket.put(upload.key, b"hello")
    await drive.files.complete(drive.owner, upload.id)
    with pytest.raises(Conflict):
        await drive.files.abort(drive.owner, upload.id)


async def test_abort_against_commit_has_one_winner(plain: Drive) -> None:
    for _ in range(10):
        upload = await plain.begin()
        plain.bucket.put(upload.key, b"hello")
        await together(plain.files.abort(plain.owner, upload.id), plain.files.commit((ref(upload),)))
        status = (await plain.files.upload(plain.owner, upload.id)).status
        assert status in (c.UploadStatus.ABORTED, c.UploadStatus.COMPLETE)
        assert len(await plain.names()) == (await plain.files.usage(plain.owner)).file_count


async def test_a_taken_name_is_renamed_refused_or_replaced(plain: Drive) -> None:
    first = await plain.store("a.txt", b"one")
    assert (await plain.store("a.txt", b"two")).name == "a (1).txt"
    with pytest.raises(NameTaken):
        await plain.begin("a.txt", on_conflict=c.OnConflict.FAIL)
    third = await plain.store("a.txt", b"three", on_conflict=c.OnConflict.REPLACE)
    assert (third.id, third.size) == (first.id, 5)
    assert third.etag != first.etag
    assert await plain.names() == ["a (1).txt", "a.txt"]


async def test_an_upload_is_told_at_once_which_name_it_will_have(plain: Drive) -> None:
    await plain.store("a.txt")
    assert (await plain.begin("a.txt")).name == "a (1).txt"


async def test_a_replaced_version_counts_until_it_is_purged(plain: Drive) -> None:
    await plain.store("a.txt", b"one")
    await plain.store("a.txt", b"three", on_conflict=c.OnConflict.REPLACE)
    assert (await plain.files.usage(plain.owner)).used_bytes == 8
    assert await plain.purge() == 0
    await plain.pass_time(SETTINGS.trash_grace)
    assert await plain.purge() == 1
    assert (await plain.files.usage(plain.owner)).used_bytes == 5
    assert len(plain.bucket.objects) == 1


async def test_a_pending_upload_holds_its_name(plain: Drive) -> None:
    await plain.begin("a.txt")
    assert (await plain.begin("a.txt")).name == "a (1).txt"
    with pytest.raises(NameTaken):
        await plain.begin("a.txt", on_conflict=c.OnConflict.FAIL)
    with pytest.raises(NameTaken):
        await plain.files.create_folder(plain.owner, ROOT, "a.txt")


async def test_many_begins_of_one_name_get_different_names(plain: Drive) -> None:
    await plain.begin("the first")  # From the second on an owner's uploads take the fast path.
    uploads = await together(*(plain.begin("a.txt") for _ in range(12)))
    assert len({upload.name for upload in uploads if isinstance(upload, c.Upload)}) == 12


async def test_an_upload_whose_folder_went_meanwhile_is_kept_at_the_top(plain: Drive) -> None:
    folder = await plain.files.create_folder(plain.owner, ROOT, "dir")
    upload = await plain.begin("a.txt", parent=folder.id)
    await plain.files.trash(plain.owner, folder.id)
    plain.bucket.put(upload.key, b"hello")
    done = await plain.files.complete(plain.owner, upload.id)
    assert done.file is not None
    assert (await plain.files.file(plain.owner, done.file)).parent == ROOT


async def test_the_quota_is_a_limit_for_reserved_and_used_together(plain: Drive) -> None:
    await plain.store("a", b"x" * 4_000)
    await plain.begin("b", b"x" * 4_000)
    with pytest.raises(QuotaExceeded):
        await plain.begin("c", b"x" * 2_001)
    await plain.begin("c", b"x" * 2_000)
    with pytest.raises(QuotaExceeded):
        await plain.begin("d", b"x")


async def test_many_begins_at_once_never_exceed_the_quota(plain: Drive) -> None:
    await plain.begin("the first", b"x" * 1_000)  # From the second on an owner's uploads take the fast path.
    results = await together(*(plain.begin(str(i), b"x" * 1_000) for i in range(15)))
    assert sum(isinstance(result, c.Upload) for result in results) == 9
    assert sum(isinstance(result, QuotaExceeded) for result in results) == 6


async def test_open_uploads_have_a_limit(plain: Drive) -> None:
    for i in range(20):
        await plain.begin(str(i), b"")
    with pytest.raises(RateLimited):
        await plain.begin("one more", b"")


async def test_a_file_has_a_largest_size(plain: Drive) -> None:
    await plain.begin("a", b"x" * 5_000)
    with pytest.raises(TooLarge):
        await plain.begin("b", b"x" * 5_001)


@pytest.mark.parametrize(
    "intent",
    [
        c.Intent("", 1, "text/plain", ROOT),
        c.Intent("a/b", 1, "text/plain", ROOT),
        c.Intent("a", -1, "text/plain", ROOT),
        c.Intent("a", 1, "nonsense", ROOT),
        c.Intent("a", 1, "text/plain", ROOT, sha256=b"short"),
    ],
)
async def test_a_bad_intent_is_refused_with_its_field(drive: Drive, intent: c.Intent) -> None:
    with pytest.raises(InvalidRequest) as caught:
        await drive.files.begin(drive.owner, intent)
    assert len(caught.value.errors) == 1


async def test_a_parent_must_be_a_folder_of_ones_own(drive: Drive) -> None:
    file = await drive.store()
    folder = await drive.files.create_folder(stranger(), ROOT, "theirs", "k")
    for parent in (FileId(UNKNOWN), file.id, folder.id):
        with pytest.raises(NotFound):
            await drive.begin(parent=parent)


async def test_the_same_key_and_body_give_the_first_answer_again(drive: Drive) -> None:
    first = await drive.begin("a.txt", key="k")
    drive.bucket.put(first.key, b"hello")
    await drive.files.complete(drive.owner, first.id)
    assert await drive.begin("a.txt", key="k") == first
    with pytest.raises(IdempotencyKeyReused):
        await drive.begin("b.txt", key="k")
    assert (await drive.of(stranger()).begin("b.txt", key="k")).name == "b.txt"


async def test_a_key_is_free_again_after_a_day(plain: Drive) -> None:
    await plain.begin("a.txt", key="k")
    await plain.pass_time(timedelta(hours=24))
    assert (await plain.begin("b.txt", key="k")).name == "b.txt"
    await plain.pass_time(timedelta(hours=24))
    await plain.files.claim_checks(10, overdue=True)
    assert await plain.database.fetchval("SELECT count(*) FROM files.idempotency") == 0


async def test_one_key_many_times_at_once_makes_one_upload(plain: Drive) -> None:
    results = await together(*(plain.begin("a.txt", key="k") for _ in range(8)))
    made = {result.id for result in results if isinstance(result, c.Upload)}
    assert len(made) == 1
    assert all(isinstance(result, c.Upload | Conflict) for result in results)
    assert (await plain.files.usage(plain.owner)).reserved_bytes == 5


async def test_a_stranger_cannot_tell_an_upload_from_none(drive: Drive) -> None:
    upload = await drive.begin(key="k")
    for id in (upload.id, UploadId(UNKNOWN)):
        for call in (drive.files.upload, drive.files.complete, drive.files.abort):
            with pytest.raises(NotFound) as caught:
                await call(stranger(), id)
            assert str(id) in caught.value.detail


async def test_a_forged_event_commits_nothing(drive: Drive) -> None:
    upload = await drive.begin(key="k")
    forged = (c.UploadRef(stranger(), upload.id), c.UploadRef(drive.owner, UploadId(UNKNOWN)))
    assert await drive.files.commit(forged) == (c.Outcome.NO_UPLOAD, c.Outcome.NO_UPLOAD)
    assert await drive.files.commit((ref(upload),)) == (c.Outcome.ABSENT,)


async def test_a_large_batch_of_many_owners_is_committed_whole(plain: Drive) -> None:
    uploads = [await plain.of(stranger()).begin(f"{n}.txt", b"x") for n in range(5)]
    uploads += [await plain.begin(f"{n}.txt", b"x") for n in range(20)]
    for upload in uploads:
        plain.bucket.put(upload.key, b"x")
    outcomes = await plain.files.commit(tuple(ref(upload) for upload in uploads))
    assert outcomes == (c.Outcome.COMPLETED,) * 25
    assert len(await plain.names()) == 20


async def test_pending_uploads_come_up_for_a_look_and_not_twice_at_once(plain: Drive) -> None:
    upload = await plain.begin()
    assert await plain.files.claim_checks(10, overdue=False) == ()
    assert await plain.files.recheck_pending() == 1
    assert await plain.files.claim_checks(10, overdue=False) == (ref(upload),)
    assert await plain.files.claim_checks(10, overdue=False) == ()
    await plain.pass_time(timedelta(seconds=10))
    assert await plain.files.claim_checks(10, overdue=True) == ()
    await plain.pass_time(timedelta(minutes=15))
    assert await plain.files.claim_checks(10, overdue=True) == (ref(upload),)


async def test_the_gaps_between_looks_stay_under_ten_seconds_while_a_url_lives(plain: Drive) -> None:
    await plain.begin()
    for _ in range(20):
        await plain.pass_time(timedelta(seconds=10))
        assert len(await plain.files.claim_checks(10, overdue=False)) == 1


async def _expired(drive: Drive, *names: str) -> list[c.Upload]:
    uploads = [await drive.begin(name) for name in names]
    await drive.pass_time(SETTINGS.upload_ttl + timedelta(minutes=1), "uploads")
    outcomes = await drive.files.commit(tuple(c.UploadRef(drive.owner, upload.id) for upload in uploads))
    assert set(outcomes) == {c.Outcome.EXPIRED}
    return uploads


async def test_late_bytes_take_no_name_that_a_pending_upload_holds(plain: Drive) -> None:
    (late,) = await _expired(plain, "a.txt")
    promised = await plain.begin("a.txt", on_conflict=c.OnConflict.FAIL)
    for upload in (late, promised):
        plain.bucket.put(upload.key, b"hello")
        await plain.files.complete(plain.owner, upload.id)
    done = await plain.files.upload(plain.owner, promised.id)
    assert done.file is not None
    assert (await plain.files.file(plain.owner, done.file)).name == "a.txt"
    assert await plain.names() == ["a (1).txt", "a.txt"]


async def test_a_name_that_is_taken_leaves_no_gap_among_the_changes(plain: Drive) -> None:
    """Of a batch the one in the middle comes by itself: `check`, after the test, counts the changes."""
    late = await _expired(plain, "a", "b", "c")
    await plain.store("b")
    for upload in late:
        plain.bucket.put(upload.key, b"hello")
    await plain.files.commit(tuple(c.UploadRef(plain.owner, upload.id) for upload in late))
    assert await plain.names() == ["a", "b", "b (1)", "c"]


async def test_making_uploads_due_waits_for_nobody(plain: Drive) -> None:
    one, _ = await plain.begin("a"), await plain.begin("b")
    async with plain.database.transaction() as tx:
        await tx.execute("SELECT FROM files.uploads WHERE id = $1 FOR UPDATE", one.id)
        async with asyncio.timeout(5):
            assert await plain.files.recheck_pending() == 1
