"""Uploads: recorded and reserved first, then committed exactly once."""

import asyncio
import hashlib
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from uuid_utils.compat import uuid7

from drivebay.contract import files as c
from drivebay.contract.files import Access
from drivebay.contract.ids import ROOT, FileId, UploadId
from drivebay.contract.storage import Capabilities, ObjectInfo, Storage
from drivebay.errors import (
    Conflict,
    IdempotencyKeyReused,
    InvalidCursor,
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

from .conftest import SETTINGS, UNKNOWN_ID, Drive, gather_results, new_owner


def ref(upload: c.Upload) -> c.UploadRef:
    return c.UploadRef(upload.owner, upload.id)


async def test_a_new_upload_is_pending_and_reserves_its_bytes(direct_drive: Drive) -> None:
    upload = await direct_drive.begin(body=b"hello")
    assert upload.status is c.UploadStatus.PENDING
    assert upload.key == f"{direct_drive.owner}/{upload.id}"
    usage = await direct_drive.files.get_usage(direct_drive.access)
    assert (usage.used_bytes, usage.reserved_bytes, usage.file_count) == (0, 5, 0)


async def test_a_committed_upload_becomes_one_file_and_is_charged_once(drive: Drive) -> None:
    upload = await drive.begin(body=b"hello", key="one")
    drive.bucket.put(upload.key, b"hello")
    first = await drive.files.commit_uploads((ref(upload), ref(upload)))
    assert set(first) <= {c.CommitOutcome.COMPLETED, c.CommitOutcome.ALREADY_ENDED}
    assert await drive.files.commit_uploads((ref(upload),)) == (c.CommitOutcome.ALREADY_ENDED,)
    usage = await drive.files.get_usage(drive.access)
    assert (usage.used_bytes, usage.reserved_bytes, usage.file_count) == (5, 0, 1)
    assert await drive.list_names() == ["a.txt"]


async def test_concurrent_commits_create_one_file(direct_drive: Drive) -> None:
    upload = await direct_drive.begin()
    direct_drive.bucket.put(upload.key, b"hello")
    outcomes = await gather_results(*(direct_drive.files.commit_uploads((ref(upload),)) for _ in range(10)))
    assert sorted(outcomes, key=str).count((c.CommitOutcome.COMPLETED,)) == 1
    assert await direct_drive.list_names() == ["a.txt"]


async def test_completing_without_bytes_fails_and_can_be_repeated(drive: Drive) -> None:
    upload = await drive.begin(key="k")
    with pytest.raises(NotUploaded):
        await drive.files.complete_upload(drive.access, upload.id)
    drive.bucket.put(upload.key, b"hello")
    done = await drive.files.complete_upload(drive.access, upload.id)
    assert done.status is c.UploadStatus.COMPLETE
    assert await drive.files.complete_upload(drive.access, upload.id) == done


async def test_a_file_can_be_empty(drive: Drive) -> None:
    file = await drive.upload_file("empty", b"")
    assert file.size == 0


async def test_an_object_of_another_size_is_rejected_and_purged(drive: Drive) -> None:
    upload = await drive.begin(body=b"hello", key="k")
    drive.bucket.put(upload.key, b"hello!")
    done = await drive.files.complete_upload(drive.access, upload.id)
    assert (done.status, done.reason) == (c.UploadStatus.FAILED, "size_mismatch")
    assert (await drive.files.get_usage(drive.access)).reserved_bytes == 0
    await drive.run_purges()
    assert drive.bucket.objects == {}


async def test_an_object_of_another_type_is_rejected_and_purged(drive: Drive) -> None:
    upload = await drive.begin(body=b"hello", key="k")
    drive.bucket.put(upload.key, b"hello", "text/html")
    done = await drive.files.complete_upload(drive.access, upload.id)
    assert (done.status, done.reason) == (c.UploadStatus.FAILED, "type_mismatch")
    await drive.run_purges()
    assert drive.bucket.objects == {}


@pytest.mark.parametrize("reported", [None, "text/plain", "Text/Plain", "text/plain "])
async def test_a_type_that_is_not_reported_or_written_in_another_way_is_accepted(
    drive: Drive, reported: str | None
) -> None:
    upload = await drive.begin(body=b"hello", key="k")
    drive.bucket.put(upload.key, b"hello", reported)
    assert (await drive.files.complete_upload(drive.access, upload.id)).status is c.UploadStatus.COMPLETE


async def test_an_object_with_another_checksum_is_rejected(drive: Drive) -> None:
    upload = await drive.begin(body=b"hello", sha256=hashlib.sha256(b"hello").digest(), key="k")
    drive.bucket.put(upload.key, b"jello")
    done = await drive.files.complete_upload(drive.access, upload.id)
    assert (done.status, done.reason) == (c.UploadStatus.FAILED, "checksum_mismatch")


class StorageWithoutChecksums:
    """A storage that reports no checksums. `enforced`: it compares them on a PUT."""

    def __init__(self, storage: Storage, *, enforced: bool) -> None:
        self._storage = storage
        self._enforced = enforced

    async def stat_staged(self, keys: tuple[str, ...]) -> tuple[ObjectInfo, ...]:
        return tuple(msgspec.structs.replace(found, sha256=None) for found in await self._storage.stat_staged(keys))

    async def get_capabilities(self) -> Capabilities:
        return msgspec.structs.replace(await self._storage.get_capabilities(), signed_checksum=self._enforced)


@pytest.mark.parametrize("enforced", [True, False])
async def test_a_file_has_a_checksum_only_if_the_store_compared_it(direct_drive: Drive, enforced: bool) -> None:
    digest = hashlib.sha256(b"hello").digest()
    upload = await direct_drive.begin(body=b"hello", sha256=digest)
    direct_drive.bucket.put(upload.key, b"hello")
    without_checksums: Any = StorageWithoutChecksums(direct_drive.storage, enforced=enforced)
    done = await Service(direct_drive.database, without_checksums, SETTINGS, new_id=uuid7).complete_upload(
        direct_drive.access, upload.id
    )
    assert done.file is not None
    assert (await direct_drive.files.get_file(direct_drive.access, done.file)).sha256 == (digest if enforced else None)


async def test_a_store_that_is_down_gives_an_unknown_outcome(drive: Drive) -> None:
    upload = await drive.begin(key="k")
    drive.bucket.put(upload.key, b"hello")
    drive.bucket.broken = True
    assert await drive.files.commit_uploads((ref(upload),)) == (c.CommitOutcome.UNKNOWN,)
    with pytest.raises(Unavailable):
        await drive.files.complete_upload(drive.access, upload.id)
    drive.bucket.broken = False
    assert await drive.files.commit_uploads((ref(upload),)) in [
        (c.CommitOutcome.COMPLETED,),
        (c.CommitOutcome.ALREADY_ENDED,),
    ]


async def test_an_overdue_upload_expires_and_late_bytes_still_become_a_file(drive: Drive) -> None:
    upload = await drive.begin(key="k")
    await drive.advance_time(timedelta(minutes=16))
    assert await drive.files.commit_uploads((ref(upload),)) == (c.CommitOutcome.EXPIRED,)
    assert (await drive.files.get_upload(drive.access, upload.id)).status is c.UploadStatus.EXPIRED
    assert (await drive.files.get_usage(drive.access)).reserved_bytes == 0
    drive.bucket.put(upload.key, b"hello")
    assert set(await drive.files.commit_uploads((ref(upload),))) <= {
        c.CommitOutcome.COMPLETED,
        c.CommitOutcome.ALREADY_ENDED,
    }
    assert await drive.list_names() == ["a.txt"]
    assert (await drive.files.get_usage(drive.access)).used_bytes == 5


async def test_an_object_that_arrives_after_the_watch_is_purged(direct_drive: Drive) -> None:
    upload = await direct_drive.begin()
    await direct_drive.advance_time(timedelta(minutes=16))
    await direct_drive.files.commit_uploads((ref(upload),))
    await direct_drive.advance_time(SETTINGS.watch)
    await direct_drive.files.commit_uploads((ref(upload),))
    direct_drive.bucket.put(upload.key, b"hello")
    assert await direct_drive.run_purges() == 1
    assert direct_drive.bucket.objects == {}


async def test_bytes_after_the_watch_create_no_file(direct_drive: Drive) -> None:
    upload = await direct_drive.begin()
    await direct_drive.advance_time(timedelta(minutes=16))
    await direct_drive.files.commit_uploads((ref(upload),))
    await direct_drive.advance_time(SETTINGS.watch)
    await direct_drive.files.commit_uploads((ref(upload),))
    direct_drive.bucket.put(upload.key, b"hello")
    assert await direct_drive.files.commit_uploads((ref(upload),)) == (c.CommitOutcome.ALREADY_ENDED,)
    assert await direct_drive.list_names() == []
    assert await direct_drive.run_purges() == 1
    assert await direct_drive.files.check_invariants() == ()


async def test_a_check_before_the_deadline_expires_nothing(direct_drive: Drive) -> None:
    upload = await direct_drive.begin()
    assert await direct_drive.files.commit_uploads((ref(upload),)) == (c.CommitOutcome.ABSENT,)
    assert (await direct_drive.files.get_upload(direct_drive.access, upload.id)).status is c.UploadStatus.PENDING


async def test_an_aborted_upload_releases_its_bytes_and_stays_aborted(drive: Drive) -> None:
    upload = await drive.begin(key="k")
    drive.bucket.put(upload.key, b"hello")
    await drive.files.abort_upload(drive.access, upload.id)
    await drive.files.abort_upload(drive.access, upload.id)
    assert (await drive.files.get_upload(drive.access, upload.id)).status is c.UploadStatus.ABORTED
    assert await drive.files.commit_uploads((ref(upload),)) == (c.CommitOutcome.ALREADY_ENDED,)
    assert (await drive.files.get_usage(drive.access)).reserved_bytes == 0
    await drive.run_purges()
    assert drive.bucket.objects == {}


async def test_a_complete_upload_cannot_be_aborted(drive: Drive) -> None:
    upload = await drive.begin(key="k")
    drive.bucket.put(upload.key, b"hello")
    await drive.files.complete_upload(drive.access, upload.id)
    with pytest.raises(Conflict):
        await drive.files.abort_upload(drive.access, upload.id)


async def test_a_concurrent_abort_and_commit_have_one_winner(direct_drive: Drive) -> None:
    for _ in range(10):
        upload = await direct_drive.begin()
        direct_drive.bucket.put(upload.key, b"hello")
        await gather_results(
            direct_drive.files.abort_upload(direct_drive.access, upload.id),
            direct_drive.files.commit_uploads((ref(upload),)),
        )
        status = (await direct_drive.files.get_upload(direct_drive.access, upload.id)).status
        assert status in (c.UploadStatus.ABORTED, c.UploadStatus.COMPLETE)
        assert (
            len(await direct_drive.list_names()) == (await direct_drive.files.get_usage(direct_drive.access)).file_count
        )


async def test_a_taken_name_is_renamed_refused_or_replaced(direct_drive: Drive) -> None:
    first = await direct_drive.upload_file("a.txt", b"one")
    assert (await direct_drive.upload_file("a.txt", b"two")).name == "a (1).txt"
    with pytest.raises(NameTaken):
        await direct_drive.begin("a.txt", on_conflict=c.OnConflict.FAIL)
    third = await direct_drive.upload_file("a.txt", b"three", on_conflict=c.OnConflict.REPLACE)
    assert (third.id, third.size) == (first.id, 5)
    assert third.etag != first.etag
    assert await direct_drive.list_names() == ["a (1).txt", "a.txt"]


async def test_a_new_upload_has_the_name_of_its_file(direct_drive: Drive) -> None:
    await direct_drive.upload_file("a.txt")
    assert (await direct_drive.begin("a.txt")).name == "a (1).txt"


async def test_a_replaced_version_counts_until_it_is_purged(direct_drive: Drive) -> None:
    await direct_drive.upload_file("a.txt", b"one")
    await direct_drive.upload_file("a.txt", b"three", on_conflict=c.OnConflict.REPLACE)
    assert (await direct_drive.files.get_usage(direct_drive.access)).used_bytes == 8
    assert await direct_drive.run_purges() == 0
    await direct_drive.advance_time(SETTINGS.versions_age, "versions")
    assert await direct_drive.run_purges() == 1
    assert (await direct_drive.files.get_usage(direct_drive.access)).used_bytes == 5
    assert len(direct_drive.bucket.objects) == 1


async def test_a_pending_upload_holds_its_name(direct_drive: Drive) -> None:
    await direct_drive.begin("a.txt")
    assert (await direct_drive.begin("a.txt")).name == "a (1).txt"
    with pytest.raises(NameTaken):
        await direct_drive.begin("a.txt", on_conflict=c.OnConflict.FAIL)
    with pytest.raises(NameTaken):
        await direct_drive.files.create_folder(direct_drive.access, ROOT, "a.txt")


@pytest.mark.parametrize("oldest_first", [False, True])
async def test_pending_uploads_are_listed_in_pages(drive: Drive, oldest_first: bool) -> None:
    """An upload that ends leaves the list, and its name and its bytes are free at once."""
    folder = await drive.files.create_folder(drive.access, ROOT, "folder", "key")
    uploads = [await drive.begin(f"{n}.txt", b"x" * n, folder.id, key=f"{n}") for n in range(5)]
    in_parts = c.UploadIntent("parts", 7, "text/plain", ROOT, c.OnConflict.REPLACE, multipart=True)
    uploads.append(await drive.files.begin_upload(drive.access, in_parts, "parts"))
    assert [upload.parent for upload in uploads] == [folder.id] * 5 + [ROOT]
    drive.bucket.put(uploads[1].key, b"x")
    await drive.files.complete_upload(drive.access, uploads.pop(1).id)
    await drive.files.abort_upload(drive.access, uploads.pop(1).id)
    assert (await drive.files.get_usage(drive.access)).reserved_bytes == 0 + 3 + 4 + 7
    assert (await drive.begin("2.txt", b"", folder.id, c.OnConflict.FAIL, "again")).name == "2.txt"
    listed: list[c.Upload] = []
    cursor = None
    while True:
        page = await drive.files.list_pending_uploads(drive.access, 2, cursor, oldest_first)
        listed += page.items
        cursor = page.next_cursor
        if cursor is None:
            break
        for owner, other_order in ((drive.owner, not oldest_first), (new_owner(), oldest_first)):
            with pytest.raises(InvalidCursor):
                await drive.files.list_pending_uploads(Access.personal(owner), 2, cursor, other_order)
    again = next(upload for upload in listed if upload.name == "2.txt")
    expected = [*uploads, again]
    assert listed == (expected if oldest_first else expected[::-1])
    with pytest.raises(InvalidRequest):
        await drive.files.list_pending_uploads(drive.access, 1001)


async def test_concurrent_uploads_of_one_name_get_different_names(direct_drive: Drive) -> None:
    await direct_drive.begin("the first")  # Inserts the usage row, so the next ones need no lock.
    uploads = await gather_results(*(direct_drive.begin("a.txt") for _ in range(12)))
    assert len({upload.name for upload in uploads if isinstance(upload, c.Upload)}) == 12


async def test_the_quota_covers_used_and_reserved_bytes(direct_drive: Drive) -> None:
    await direct_drive.upload_file("a", b"x" * 4_000)
    await direct_drive.begin("b", b"x" * 4_000)
    with pytest.raises(QuotaExceeded):
        await direct_drive.begin("c", b"x" * 2_001)
    await direct_drive.begin("c", b"x" * 2_000)
    with pytest.raises(QuotaExceeded):
        await direct_drive.begin("d", b"x")


async def test_concurrent_uploads_never_exceed_the_quota(direct_drive: Drive) -> None:
    await direct_drive.begin("the first", b"x" * 1_000)  # Inserts the usage row, so the next ones need no lock.
    results = await gather_results(*(direct_drive.begin(str(i), b"x" * 1_000) for i in range(15)))
    assert sum(isinstance(result, c.Upload) for result in results) == 9
    assert sum(isinstance(result, QuotaExceeded) for result in results) == 6


async def test_the_number_of_pending_uploads_is_limited(direct_drive: Drive) -> None:
    for i in range(20):
        await direct_drive.begin(str(i), b"")
    with pytest.raises(RateLimited):
        await direct_drive.begin("one more", b"")


async def test_the_size_of_a_file_is_limited(direct_drive: Drive) -> None:
    await direct_drive.begin("a", b"x" * 5_000)
    with pytest.raises(TooLarge):
        await direct_drive.begin("b", b"x" * 5_001)


@pytest.mark.parametrize(
    "intent",
    [
        c.UploadIntent("", 1, "text/plain", ROOT),
        c.UploadIntent("a/b", 1, "text/plain", ROOT),
        c.UploadIntent("a", -1, "text/plain", ROOT),
        c.UploadIntent("a", 1, "nonsense", ROOT),
        c.UploadIntent("a", 1, "text/plain", ROOT, sha256=b"short"),
    ],
)
async def test_an_invalid_intent_is_refused_with_its_field(drive: Drive, intent: c.UploadIntent) -> None:
    with pytest.raises(InvalidRequest) as caught:
        await drive.files.begin_upload(drive.access, intent)
    assert len(caught.value.errors) == 1


async def test_a_parent_must_be_a_folder_of_the_same_owner(drive: Drive) -> None:
    file = await drive.upload_file()
    folder = await drive.files.create_folder(Access.personal(new_owner()), ROOT, "others", "k")
    for parent in (FileId(UNKNOWN_ID), file.id, folder.id):
        with pytest.raises(NotFound):
            await drive.begin(parent=parent)


async def test_the_same_key_and_body_return_the_first_upload(drive: Drive) -> None:
    first = await drive.begin("a.txt", key="k")
    drive.bucket.put(first.key, b"hello")
    await drive.files.complete_upload(drive.access, first.id)
    assert await drive.begin("a.txt", key="k") == first
    with pytest.raises(IdempotencyKeyReused):
        await drive.begin("b.txt", key="k")
    assert (await drive.for_owner(new_owner()).begin("b.txt", key="k")).name == "b.txt"


async def test_a_key_expires_after_a_day(direct_drive: Drive) -> None:
    await direct_drive.begin("a.txt", key="k")
    await direct_drive.advance_time(timedelta(hours=24))
    assert (await direct_drive.begin("b.txt", key="k")).name == "b.txt"
    await direct_drive.advance_time(timedelta(hours=24))
    await direct_drive.files.claim_pending_uploads(10, overdue=True)
    assert await direct_drive.database.fetchval("SELECT count(*) FROM files.idempotency") == 0


async def test_concurrent_requests_with_one_key_create_one_upload(direct_drive: Drive) -> None:
    results = await gather_results(*(direct_drive.begin("a.txt", key="k") for _ in range(8)))
    made = {result.id for result in results if isinstance(result, c.Upload)}
    assert len(made) == 1
    assert all(isinstance(result, c.Upload | Conflict) for result in results)
    assert (await direct_drive.files.get_usage(direct_drive.access)).reserved_bytes == 5


async def test_an_upload_of_another_owner_is_not_found(drive: Drive) -> None:
    upload = await drive.begin(key="k")
    for id in (upload.id, UploadId(UNKNOWN_ID)):
        for call in (drive.files.get_upload, drive.files.complete_upload, drive.files.abort_upload):
            with pytest.raises(NotFound) as caught:
                await call(Access.personal(new_owner()), id)
            assert str(id) in caught.value.detail


async def test_a_forged_event_commits_nothing(drive: Drive) -> None:
    upload = await drive.begin(key="k")
    forged = (c.UploadRef(new_owner(), upload.id), c.UploadRef(drive.owner, UploadId(UNKNOWN_ID)))
    assert await drive.files.commit_uploads(forged) == (c.CommitOutcome.NO_UPLOAD, c.CommitOutcome.NO_UPLOAD)
    assert await drive.files.commit_uploads((ref(upload),)) == (c.CommitOutcome.ABSENT,)


async def test_a_batch_of_many_owners_is_committed_completely(direct_drive: Drive) -> None:
    uploads = [await direct_drive.for_owner(new_owner()).begin(f"{n}.txt", b"x") for n in range(5)]
    uploads += [await direct_drive.begin(f"{n}.txt", b"x") for n in range(20)]
    for upload in uploads:
        direct_drive.bucket.put(upload.key, b"x")
    outcomes = await direct_drive.files.commit_uploads(tuple(ref(upload) for upload in uploads))
    assert outcomes == (c.CommitOutcome.COMPLETED,) * 25
    assert len(await direct_drive.list_names()) == 20


async def test_a_due_check_is_claimed_by_one_caller(direct_drive: Drive) -> None:
    upload = await direct_drive.begin()
    assert await direct_drive.files.claim_pending_uploads(10, overdue=False) == ()
    assert await direct_drive.files.recheck_pending_uploads() == 1
    assert await direct_drive.files.claim_pending_uploads(10, overdue=False) == (ref(upload),)
    assert await direct_drive.files.claim_pending_uploads(10, overdue=False) == ()
    await direct_drive.advance_time(timedelta(seconds=10))
    assert await direct_drive.files.claim_pending_uploads(10, overdue=True) == ()
    await direct_drive.advance_time(timedelta(minutes=15))
    assert await direct_drive.files.claim_pending_uploads(10, overdue=True) == (ref(upload),)


async def test_the_newest_checks_are_claimed_first_and_ever_more_rarely(direct_drive: Drive) -> None:
    uploads = []
    for n in range(3):
        uploads.append(ref(await direct_drive.begin(f"{n}.txt")))
        await direct_drive.advance_time(timedelta(seconds=5), "uploads")
    for expected in reversed(uploads):
        assert await direct_drive.files.claim_pending_uploads(1, overdue=False, newest_first=True) == (expected,)
    checks = 0
    for _ in range(60):
        await direct_drive.advance_time(timedelta(seconds=10), "uploads")
        checks += len(await direct_drive.files.claim_pending_uploads(1000, overdue=False, newest_first=True))
    assert 3 * 4 <= checks <= 3 * 10  # in ten minutes, instead of 3 * 60


async def test_a_pending_upload_is_checked_at_least_every_ten_seconds(direct_drive: Drive) -> None:
    await direct_drive.begin()
    for _ in range(20):
        await direct_drive.advance_time(timedelta(seconds=10))
        assert len(await direct_drive.files.claim_pending_uploads(10, overdue=False)) == 1


async def _expired(drive: Drive, *names: str) -> list[c.Upload]:
    uploads = [await drive.begin(name) for name in names]
    await drive.advance_time(SETTINGS.upload_ttl + timedelta(minutes=1), "uploads")
    outcomes = await drive.files.commit_uploads(tuple(c.UploadRef(drive.owner, upload.id) for upload in uploads))
    assert set(outcomes) == {c.CommitOutcome.EXPIRED}
    return uploads


async def test_late_bytes_do_not_take_the_name_of_a_pending_upload(direct_drive: Drive) -> None:
    (late,) = await _expired(direct_drive, "a.txt")
    promised = await direct_drive.begin("a.txt", on_conflict=c.OnConflict.FAIL)
    for upload in (late, promised):
        direct_drive.bucket.put(upload.key, b"hello")
        await direct_drive.files.complete_upload(direct_drive.access, upload.id)
    done = await direct_drive.files.get_upload(direct_drive.access, promised.id)
    assert done.file is not None
    assert (await direct_drive.files.get_file(direct_drive.access, done.file)).name == "a.txt"
    assert await direct_drive.list_names() == ["a (1).txt", "a.txt"]


async def test_a_taken_name_leaves_no_gap_in_the_change_numbers(direct_drive: Drive) -> None:
    """The second file of the batch needs another name. The invariant check after the test counts the changes."""
    late = await _expired(direct_drive, "a", "b", "c")
    await direct_drive.upload_file("b")
    for upload in late:
        direct_drive.bucket.put(upload.key, b"hello")
    await direct_drive.files.commit_uploads(tuple(c.UploadRef(direct_drive.owner, upload.id) for upload in late))
    assert await direct_drive.list_names() == ["a", "b", "b (1)", "c"]


async def test_recheck_does_not_wait_for_a_locked_upload(direct_drive: Drive) -> None:
    one, _ = await direct_drive.begin("a"), await direct_drive.begin("b")
    async with direct_drive.database.transaction() as tx:
        await tx.execute("SELECT FROM files.uploads WHERE id = $1 FOR UPDATE", one.id)
        async with asyncio.timeout(5):
            assert await direct_drive.files.recheck_pending_uploads() == 1


async def test_late_bytes_that_do_not_fit_in_the_quota_are_rejected_and_purged(direct_drive: Drive) -> None:
    """Each of three late uploads would fit alone. Another upload has taken the bytes of their reservations."""
    late = await _expired(direct_drive, "a", "b")
    late += [await direct_drive.begin("c", on_conflict=c.OnConflict.REPLACE)]
    await direct_drive.advance_time(SETTINGS.upload_ttl + timedelta(minutes=1), "uploads")
    assert await direct_drive.files.commit_uploads((ref(late[2]),)) == (c.CommitOutcome.EXPIRED,)
    await direct_drive.begin("new", b"12345678")
    await direct_drive.database.execute("UPDATE files.usage SET limit_bytes = used_bytes + reserved_bytes + 7")
    for upload in late:
        direct_drive.bucket.put(upload.key, b"hello")
    outcomes = await direct_drive.files.commit_uploads(tuple(ref(upload) for upload in late))
    assert outcomes.count(c.CommitOutcome.COMPLETED) == 1
    assert outcomes.count(c.CommitOutcome.REJECTED) == 2
    usage = await direct_drive.files.get_usage(direct_drive.access)
    assert usage.used_bytes + usage.reserved_bytes == 13
    rejected = late[outcomes.index(c.CommitOutcome.REJECTED)]
    shown = await direct_drive.files.get_upload(direct_drive.access, rejected.id)
    assert (shown.status, shown.reason) == (c.UploadStatus.FAILED, "quota_exceeded")
    await direct_drive.run_purges()
    assert len(direct_drive.bucket.objects) == 1
