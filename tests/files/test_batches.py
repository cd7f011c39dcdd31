"""Batches: each item has the result that it would have alone, and does not affect the others."""

import asyncio
import hashlib
from datetime import timedelta
from uuid import UUID

import msgspec
import pytest
from uuid_utils.compat import uuid7

from drivebay.contract import files as c
from drivebay.contract.files import Access
from drivebay.contract.ids import ROOT, FileId, UploadId
from drivebay.errors import IdempotencyKeyReused, InvalidRequest
from drivebay.files.idempotency.replays import fingerprint
from drivebay.files.uploads.intents import fingerprint_fields

from .conftest import SETTINGS, Drive, gather_results, new_owner


def intent(
    name: str, size: int = 5, parent: FileId = ROOT, on_conflict: str = "fail", **more: object
) -> c.UploadIntent:
    return c.UploadIntent(name, size, "text/plain", parent, c.OnConflict(on_conflict), **more)  # type: ignore[arg-type]


def names_or_codes(results: tuple[c.BatchResult, ...]) -> list[str | None]:
    """Return the name of each upload, or the code of its error."""
    return [one.upload.name if one.upload else one.error and one.error.code for one in results]


async def test_each_upload_of_a_batch_begins_as_it_would_alone(drive: Drive) -> None:
    folder = await drive.files.create_folder(drive.access, ROOT, "f", "k")
    digest = hashlib.sha256(b"hello").digest()
    results = await drive.files.begin_uploads(
        drive.access,
        (
            intent("a.txt", sha256=digest),
            intent("b.txt", 7, folder.id, "rename"),
            intent("c.txt", 0, on_conflict="replace"),
            intent("d.bin", 9, multipart=True),
        ),
        "batch",
    )
    one, two, three, four = [result.upload for result in results]
    assert one is not None
    assert two is not None
    assert three is not None
    assert four is not None
    assert (one.name, one.size, one.sha256, one.key) == ("a.txt", 5, digest, f"{drive.owner}/{one.id}")
    assert one.metadata == {"owner": str(drive.owner), "upload": str(one.id), "name": "a.txt"}
    assert (two.name, two.size, three.name) == ("b.txt", 7, "c.txt")
    assert (four.parts is not None, one.parts) == (True, None)
    assert one.expires_at - one.created_at == SETTINGS.upload_ttl
    assert four.expires_at - four.created_at == SETTINGS.parts_ttl
    for upload in (one, two, three, four):
        assert await drive.files.get_upload(drive.access, upload.id) == upload
    assert (await drive.files.get_usage(drive.access)).reserved_bytes == 21


async def test_a_failed_item_does_not_affect_the_others(direct_drive: Drive) -> None:
    await direct_drive.upload_file("there.txt")
    other = await direct_drive.for_owner(new_owner()).files.create_folder(Access.personal(new_owner()), ROOT, "others")
    trashed = await direct_drive.files.create_folder(direct_drive.access, ROOT, "gone")
    await direct_drive.files.trash_entry(direct_drive.access, trashed.id)
    results = await direct_drive.files.begin_uploads(
        direct_drive.access,
        (
            intent("good.txt"),
            intent("there.txt"),
            intent("a/b"),
            intent("big.txt", SETTINGS.max_file_size + 1),
            intent("lost.txt", parent=FileId(uuid7())),
            intent("others.txt", parent=other.id),
            intent("gone.txt", parent=trashed.id),
            intent("negative.txt", -1),
            intent("also good.txt"),
        ),
    )
    assert names_or_codes(results) == [
        "good.txt", "name_taken", "invalid_request", "too_large", "not_found", "not_found", "not_found",
        "invalid_request", "also good.txt",
    ]  # fmt: skip
    assert [one.error.field for one in results if one.error][1] == "name"
    assert (await direct_drive.files.get_usage(direct_drive.access)).reserved_bytes == 10


async def test_an_earlier_item_takes_its_name_before_a_later_one(direct_drive: Drive) -> None:
    wanted = (intent("a.txt"), intent("a.txt"), intent("a.txt", on_conflict="rename"), intent("a.txt"))
    results = await direct_drive.files.begin_uploads(direct_drive.access, wanted)
    assert names_or_codes(results) == ["a.txt", "name_taken", "a (1).txt", "name_taken"]
    assert (await direct_drive.files.get_usage(direct_drive.access)).reserved_bytes == 10


async def test_names_in_a_batch_are_compared_in_nfc(direct_drive: Drive) -> None:
    results = await direct_drive.files.begin_uploads(direct_drive.access, (intent("caf\u00e9"), intent("cafe\u0301")))
    assert names_or_codes(results) == ["caf\u00e9", "name_taken"]


async def test_items_begin_in_order_until_the_quota_is_used(direct_drive: Drive) -> None:
    sizes = (4_000, 4_000, 4_000, 2_000, 1)
    wanted = tuple(intent(f"{number}.bin", size) for number, size in enumerate(sizes))
    results = await direct_drive.files.begin_uploads(direct_drive.access, wanted)
    assert names_or_codes(results) == ["0.bin", "1.bin", "quota_exceeded", "3.bin", "quota_exceeded"]
    assert (await direct_drive.files.get_usage(direct_drive.access)).reserved_bytes == SETTINGS.quota


async def test_a_batch_does_not_exceed_the_limit_of_pending_uploads(direct_drive: Drive) -> None:
    wanted = tuple(intent(f"{number}.txt") for number in range(SETTINGS.max_pending_uploads + 2))
    results = await direct_drive.files.begin_uploads(direct_drive.access, wanted)
    assert [code for code in names_or_codes(results) if code == "rate_limited"] == ["rate_limited"] * 2


async def test_the_same_key_returns_the_first_results_of_a_batch(direct_drive: Drive) -> None:
    await direct_drive.upload_file("there.txt")
    wanted = (intent("a.txt"), intent("there.txt"), intent("b.txt"))
    first = await direct_drive.files.begin_uploads(direct_drive.access, wanted, "key")
    one = first[0].upload
    assert one is not None
    direct_drive.bucket.put(one.key, b"hello")
    await direct_drive.files.complete_upload(direct_drive.access, one.id)
    assert await direct_drive.files.begin_uploads(direct_drive.access, wanted, "key") == first
    assert (await direct_drive.files.get_usage(direct_drive.access)).reserved_bytes == 5
    with pytest.raises(IdempotencyKeyReused):
        await direct_drive.files.begin_uploads(direct_drive.access, wanted[:2], "key")
    with pytest.raises(IdempotencyKeyReused):
        await direct_drive.files.begin_upload(direct_drive.access, wanted[0], "key")


async def test_items_that_the_caller_refused_belong_to_the_request(drive: Drive) -> None:
    wanted, refused = (intent("a.txt"),), (c.RefusedItem(1, b"bad"),)
    first = await drive.files.begin_uploads(drive.access, wanted, "key", refused)
    assert names_or_codes(first) == ["a.txt"]
    assert await drive.files.begin_uploads(drive.access, wanted, "key", refused) == first
    assert await drive.files.begin_uploads(drive.access, (), "all refused", (c.RefusedItem(0, b"bad"),)) == ()
    others: tuple[tuple[str, tuple[c.RefusedItem, ...]], ...] = (
        ("key", ()),
        ("key", (c.RefusedItem(1, b"another"),)),
        ("key", (c.RefusedItem(0, b"bad"),)),
        ("key", (c.RefusedItem(1, b"bad"), c.RefusedItem(2, b"bad"))),
        ("all refused", ()),
    )
    for key, other in others:
        with pytest.raises(IdempotencyKeyReused):
            await drive.files.begin_uploads(drive.access, wanted, key, other)
    for positions in ((2,), (-1,), (0, 0)):
        with pytest.raises(InvalidRequest):
            await drive.files.begin_uploads(
                drive.access, wanted, "bad", tuple(c.RefusedItem(position, b"") for position in positions)
            )


async def test_items_that_a_limit_refused_are_begun_again(direct_drive: Drive) -> None:
    drive = direct_drive
    await drive.upload_file("taken")
    wanted = (intent("a", 4_000), intent("b", 4_000), intent("c", 4_000), intent("taken"), intent("a/b"))
    first = await drive.files.begin_uploads(drive.access, wanted, "key")
    assert names_or_codes(first) == ["a", "b", "quota_exceeded", "name_taken", "invalid_request"]
    assert await drive.files.begin_uploads(drive.access, wanted, "key") == first
    assert first[0].upload is not None
    await drive.files.abort_upload(drive.access, first[0].upload.id)
    second = await drive.files.begin_uploads(drive.access, wanted, "key")
    assert names_or_codes(second) == ["a", "b", "c", "name_taken", "invalid_request"]
    assert (second[:2], second[3:]) == (first[:2], first[3:])
    assert await drive.files.begin_uploads(drive.access, wanted, "key") == second
    assert (await drive.files.get_usage(drive.access)).reserved_bytes == 8_000


def test_a_new_field_of_an_intent_does_not_change_the_fingerprint() -> None:
    old = intent("a", parent=FileId(UUID(int=7)), sha256=b"x" * 32, client_note="note")
    first_fields = msgspec.to_builtins(old, builtin_types=(bytes,))
    del first_fields["modified_at"]  # the first release did not have it
    released = fingerprint("upload", first_fields)
    newer = msgspec.defstruct("Newer", [("color", int | None, None)], bases=(c.UploadIntent,), frozen=True)
    same = newer(**msgspec.structs.asdict(old))
    assert fingerprint("upload", fingerprint_fields(old)) == released
    assert fingerprint("upload", fingerprint_fields(same)) == released
    other = msgspec.structs.replace(same, color=1)
    assert fingerprint("upload", fingerprint_fields(other)) != released


async def test_two_unicode_forms_of_a_name_are_the_same_request(direct_drive: Drive) -> None:
    first = await direct_drive.files.begin_uploads(direct_drive.access, (intent("caf\u00e9"),), "key")
    assert await direct_drive.files.begin_uploads(direct_drive.access, (intent("cafe\u0301"),), "key") == first


async def test_a_key_of_a_batch_expires_after_a_day(direct_drive: Drive) -> None:
    first = await direct_drive.files.begin_uploads(direct_drive.access, (intent("a.txt", on_conflict="rename"),), "key")
    await direct_drive.advance_time(timedelta(hours=25), "idempotency")
    second = await direct_drive.files.begin_uploads(
        direct_drive.access, (intent("a.txt", on_conflict="rename"),), "key"
    )
    assert (names_or_codes(first), names_or_codes(second)) == (["a.txt"], ["a (1).txt"])


async def test_a_round_deletes_thousands_of_expired_keys(direct_drive: Drive) -> None:
    """Otherwise a client that sends many keys fills the table faster than the janitor empties it."""
    await direct_drive.database.execute(
        "INSERT INTO files.idempotency (owner_id, key, fingerprint, made, created_at)"
        " SELECT $1, n::text, '', $1, now() - interval '25 hours' FROM generate_series(1, 2500) n",
        direct_drive.owner,
    )
    await direct_drive.files.begin_uploads(direct_drive.access, (intent("a.txt"),), "valid")
    await direct_drive.files.claim_pending_uploads(10, overdue=True)
    assert await direct_drive.database.fetchval("SELECT array_agg(key) FROM files.idempotency") == ["valid"]


async def test_an_expired_key_that_a_request_uses_again_is_not_deleted(direct_drive: Drive) -> None:
    await direct_drive.files.begin_uploads(direct_drive.access, (intent("a.txt"),), "key")
    await direct_drive.advance_time(timedelta(hours=25), "idempotency")
    async with direct_drive.database.transaction() as tx:
        await tx.execute("UPDATE files.idempotency SET created_at = now()")
        await asyncio.wait_for(direct_drive.files.claim_pending_uploads(10, overdue=True), 10)
    assert await direct_drive.database.fetchval("SELECT count(*) FROM files.idempotency") == 1


async def test_concurrent_batches_of_the_same_names_begin_each_name_once(direct_drive: Drive) -> None:
    wanted = tuple(intent(f"{number}.txt") for number in range(5))
    batches = await gather_results(*(direct_drive.files.begin_uploads(direct_drive.access, wanted) for _ in range(4)))
    begun = [one.upload.name for batch in batches for one in batch if one.upload]
    assert sorted(begun) == [f"{number}.txt" for number in range(5)]
    assert (await direct_drive.files.get_usage(direct_drive.access)).reserved_bytes == 25


@pytest.mark.parametrize("count", [0, 101])
async def test_a_batch_has_1_to_100_items(drive: Drive, count: int) -> None:
    with pytest.raises(InvalidRequest):
        await drive.files.begin_uploads(drive.access, tuple(intent(f"{number}") for number in range(count)), "key")
    with pytest.raises(InvalidRequest):
        await drive.files.complete_uploads(drive.access, tuple(UploadId(uuid7()) for _ in range(count)))
    with pytest.raises(InvalidRequest):
        await drive.files.get_contents(drive.access, tuple(FileId(uuid7()) for _ in range(count)))


async def test_each_upload_of_a_batch_completes_with_its_own_result(drive: Drive) -> None:
    begun = await drive.files.begin_uploads(drive.access, tuple(intent(f"{number}.txt") for number in range(4)), "key")
    uploads = [one.upload for one in begun if one.upload]
    drive.bucket.put(uploads[0].key, b"hello")
    drive.bucket.put(uploads[1].key, b"not five bytes")
    others = await drive.for_owner(new_owner()).begin("others.txt", key="their key")
    in_parts = await drive.files.begin_upload(drive.access, intent("parts.bin", multipart=True), "another key")
    ids = (*(one.id for one in uploads[:3]), others.id, in_parts.id, uploads[0].id)
    done = await drive.files.complete_uploads(drive.access, ids)
    assert [one.upload.status.value if one.upload else one.error and one.error.code for one in done] == [
        "complete", "failed", "not_uploaded", "not_found", "not_uploaded", "complete",
    ]  # fmt: skip
    assert await drive.list_names() == ["0.txt"]
    assert await drive.files.complete_uploads(drive.access, ids) == done


async def test_a_batch_can_be_completed_after_the_store_was_down(direct_drive: Drive) -> None:
    upload = await direct_drive.begin()
    direct_drive.bucket.broken = True
    (done,) = await direct_drive.files.complete_uploads(direct_drive.access, (upload.id,))
    assert done.error is not None
    assert done.error.code == "unavailable"
    direct_drive.bucket.broken = False
    direct_drive.bucket.put(upload.key, b"hello")
    (done,) = await direct_drive.files.complete_uploads(direct_drive.access, (upload.id,))
    assert done.upload is not None
    assert done.upload.status is c.UploadStatus.COMPLETE


async def test_each_file_of_a_batch_gets_its_own_folder_and_name(direct_drive: Drive) -> None:
    """One folder is trashed and one name is taken before the commit."""
    kept, gone = [await direct_drive.files.create_folder(direct_drive.access, ROOT, name) for name in ("kept", "gone")]
    wanted = (intent("a", parent=kept.id), intent("b", parent=gone.id), intent("c"), intent("d", parent=kept.id))
    begun = [one.upload for one in await direct_drive.files.begin_uploads(direct_drive.access, wanted) if one.upload]
    moved = await direct_drive.upload_file("elsewhere")
    await direct_drive.database.execute(
        "UPDATE files.entries SET parent_id = $1, name = 'd' WHERE owner_id = $2 AND id = $3",
        kept.id, direct_drive.owner, moved.id,
    )  # fmt: skip
    await direct_drive.files.trash_entry(direct_drive.access, gone.id)
    for upload in begun:
        direct_drive.bucket.put(upload.key, b"hello")
    outcomes = await direct_drive.files.commit_uploads(tuple(c.UploadRef(direct_drive.owner, one.id) for one in begun))
    assert set(outcomes) == {c.CommitOutcome.COMPLETED}
    assert await direct_drive.list_names(kept.id) == ["a", "d", "d (1)"]
    assert await direct_drive.list_names(ROOT) == ["c", "kept"]
    await direct_drive.files.restore_entry(direct_drive.access, gone.id)
    assert await direct_drive.list_names(gone.id) == ["b"]


async def test_get_contents_returns_a_content_for_each_live_file(drive: Drive) -> None:
    one, two = await drive.upload_file("a.txt", b"hello"), await drive.upload_file("b.txt", b"world!")
    folder = await drive.files.create_folder(drive.access, ROOT, "f", "k")
    others = await drive.for_owner(new_owner()).upload_file("others.txt")
    await drive.files.trash_entry(drive.access, two.id)
    found = await drive.files.get_contents(drive.access, (two.id, one.id, folder.id, others.id, one.id))
    content = await drive.files.get_content(drive.access, one.id)
    assert [each.content for each in found] == [None, content, None, None, content]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ((intent("a", multipart=True), intent("a")), ["a", "name_taken"]),
        (
            (intent("0", 4_000, on_conflict="replace"), intent("1", 4_000), intent("2", 4_000)),
            ["0", "1", "quota_exceeded"],
        ),
        (
            (intent("r", on_conflict="replace"), *(intent(f"{number}") for number in range(20))),
            ["r", *(f"{number}" for number in range(19)), "rate_limited"],
        ),
    ],
    ids=["name", "quota", "open"],
)
async def test_an_item_never_fails_because_of_a_later_one(
    direct_drive: Drive, wanted: tuple[c.UploadIntent, ...], expected: list[str]
) -> None:
    assert names_or_codes(await direct_drive.files.begin_uploads(direct_drive.access, wanted)) == expected


async def test_a_repeated_key_returns_the_first_result_after_progress(direct_drive: Drive) -> None:
    wanted = intent("p", 0, multipart=True, deferred_length=True)
    one = await direct_drive.files.begin_upload(direct_drive.access, wanted, "one")
    (several,) = await direct_drive.files.begin_uploads(
        direct_drive.access, (intent("q", 0, multipart=True, deferred_length=True),), "several"
    )
    assert several.upload is not None
    for upload in (one, several.upload):
        await direct_drive.database.execute(
            "UPDATE files.uploads SET expires_at = expires_at - interval '13 hours' WHERE id = $1", upload.id
        )
        await direct_drive.files.resize_upload(direct_drive.access, upload.id, 7, final=True)
        await direct_drive.files.open_parts(direct_drive.access, upload.id, (c.PartIntent(1),))
        now = await direct_drive.files.get_upload(direct_drive.access, upload.id)
        assert (now.size, now.deferred_length) == (7, False)
    assert await direct_drive.files.begin_upload(direct_drive.access, wanted, "one") == one
    again = await direct_drive.files.begin_uploads(
        direct_drive.access, (intent("q", 0, multipart=True, deferred_length=True),), "several"
    )
    assert again == (several,)
