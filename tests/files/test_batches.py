"""Several at once: each is what it would be by itself, and none keeps another back."""

import hashlib
from datetime import timedelta

import pytest
from uuid_utils.compat import uuid7

from drivebay.contract import files as c
from drivebay.contract.ids import ROOT, FileId, UploadId
from drivebay.errors import IdempotencyKeyReused, InvalidRequest

from .conftest import SETTINGS, Drive, stranger, together


def intent(name: str, size: int = 5, parent: FileId = ROOT, on_conflict: str = "fail", **more: object) -> c.Intent:
    return c.Intent(name, size, "text/plain", parent, c.OnConflict(on_conflict), **more)  # type: ignore[arg-type]


def names(attempts: tuple[c.Attempt, ...]) -> list[str | None]:
    """Of each the upload's name, or the refusal's code."""
    return [one.upload.name if one.upload else one.refusal and one.refusal.code for one in attempts]


async def test_several_begin_each_as_it_would_alone(drive: Drive) -> None:
    folder = await drive.files.create_folder(drive.owner, ROOT, "f", "k")
    digest = hashlib.sha256(b"hello").digest()
    attempts = await drive.files.begin_many(
        drive.owner,
        (
            intent("a.txt", sha256=digest),
            intent("b.txt", 7, folder.id, "rename"),
            intent("c.txt", 0, on_conflict="replace"),
            intent("d.bin", 9, multipart=True),
        ),
        "batch",
    )
    one, two, three, four = [attempt.upload for attempt in attempts]
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
        assert await drive.files.upload(drive.owner, upload.id) == upload
    assert (await drive.files.usage(drive.owner)).reserved_bytes == 21


async def test_what_is_refused_keeps_nothing_else_back(plain: Drive) -> None:
    await plain.store("there.txt")
    other = await plain.of(stranger()).files.create_folder(stranger(), ROOT, "theirs")
    trashed = await plain.files.create_folder(plain.owner, ROOT, "gone")
    await plain.files.trash(plain.owner, trashed.id)
    attempts = await plain.files.begin_many(
        plain.owner,
        (
            intent("good.txt"),
            intent("there.txt"),
            intent("a/b"),
            intent("big.txt", SETTINGS.max_file_size + 1),
            intent("lost.txt", parent=FileId(uuid7())),
            intent("theirs.txt", parent=other.id),
            intent("gone.txt", parent=trashed.id),
            intent("negative.txt", -1),
            intent("also good.txt"),
        ),
    )
    assert names(attempts) == [
        "good.txt", "name_taken", "invalid_request", "too_large", "not_found", "not_found", "not_found",
        "invalid_request", "also good.txt",
    ]  # fmt: skip
    assert [one.refusal.field for one in attempts if one.refusal][1] == "name"
    assert (await plain.files.usage(plain.owner)).reserved_bytes == 10


async def test_an_earlier_one_counts_for_a_later_one(plain: Drive) -> None:
    wanted = (intent("a.txt"), intent("a.txt"), intent("a.txt", on_conflict="rename"), intent("a.txt"))
    attempts = await plain.files.begin_many(plain.owner, wanted)
    assert names(attempts) == ["a.txt", "name_taken", "a (1).txt", "name_taken"]
    assert (await plain.files.usage(plain.owner)).reserved_bytes == 10


async def test_names_are_compared_as_they_are_kept(plain: Drive) -> None:
    attempts = await plain.files.begin_many(plain.owner, (intent("caf\u00e9"), intent("cafe\u0301")))
    assert names(attempts) == ["caf\u00e9", "name_taken"]


async def test_what_fits_into_the_quota_is_begun_and_the_rest_refused(plain: Drive) -> None:
    sizes = (4_000, 4_000, 4_000, 2_000, 1)
    wanted = tuple(intent(f"{place}.bin", size) for place, size in enumerate(sizes))
    attempts = await plain.files.begin_many(plain.owner, wanted)
    assert names(attempts) == ["0.bin", "1.bin", "quota_exceeded", "3.bin", "quota_exceeded"]
    assert (await plain.files.usage(plain.owner)).reserved_bytes == SETTINGS.quota


async def test_no_more_uploads_are_open_than_may_be(plain: Drive) -> None:
    wanted = tuple(intent(f"{place}.txt") for place in range(SETTINGS.max_open_uploads + 2))
    attempts = await plain.files.begin_many(plain.owner, wanted)
    assert [code for code in names(attempts) if code == "rate_limited"] == ["rate_limited"] * 2


async def test_the_same_key_gives_the_first_answers_again(plain: Drive) -> None:
    await plain.store("there.txt")
    wanted = (intent("a.txt"), intent("there.txt"), intent("b.txt"))
    first = await plain.files.begin_many(plain.owner, wanted, "key")
    one = first[0].upload
    assert one is not None
    plain.bucket.put(one.key, b"hello")
    await plain.files.complete(plain.owner, one.id)
    assert await plain.files.begin_many(plain.owner, wanted, "key") == first
    assert (await plain.files.usage(plain.owner)).reserved_bytes == 5
    with pytest.raises(IdempotencyKeyReused):
        await plain.files.begin_many(plain.owner, wanted[:2], "key")
    with pytest.raises(IdempotencyKeyReused):
        await plain.files.begin(plain.owner, wanted[0], "key")


async def test_a_key_is_forgotten_after_a_day(plain: Drive) -> None:
    first = await plain.files.begin_many(plain.owner, (intent("a.txt", on_conflict="rename"),), "key")
    await plain.pass_time(timedelta(hours=25), "idempotency")
    second = await plain.files.begin_many(plain.owner, (intent("a.txt", on_conflict="rename"),), "key")
    assert (names(first), names(second)) == (["a.txt"], ["a (1).txt"])


async def test_batches_of_the_same_names_at_once_begin_each_name_once(plain: Drive) -> None:
    wanted = tuple(intent(f"{place}.txt") for place in range(5))
    batches = await together(*(plain.files.begin_many(plain.owner, wanted) for _ in range(4)))
    begun = [one.upload.name for batch in batches for one in batch if one.upload]
    assert sorted(begun) == [f"{place}.txt" for place in range(5)]
    assert (await plain.files.usage(plain.owner)).reserved_bytes == 25


@pytest.mark.parametrize("count", [0, 101])
async def test_a_batch_is_one_to_a_hundred(drive: Drive, count: int) -> None:
    with pytest.raises(InvalidRequest):
        await drive.files.begin_many(drive.owner, tuple(intent(f"{place}") for place in range(count)), "key")
    with pytest.raises(InvalidRequest):
        await drive.files.complete_many(drive.owner, tuple(UploadId(uuid7()) for _ in range(count)))
    with pytest.raises(InvalidRequest):
        await drive.files.contents(drive.owner, tuple(FileId(uuid7()) for _ in range(count)))


async def test_several_are_completed_each_by_itself(drive: Drive) -> None:
    begun = await drive.files.begin_many(drive.owner, tuple(intent(f"{place}.txt") for place in range(4)), "key")
    uploads = [one.upload for one in begun if one.upload]
    drive.bucket.put(uploads[0].key, b"hello")
    drive.bucket.put(uploads[1].key, b"not five bytes")
    theirs = await drive.of(stranger()).begin("theirs.txt", key="their key")
    in_parts = await drive.files.begin(drive.owner, intent("parts.bin", multipart=True), "another key")
    ids = (*(one.id for one in uploads[:3]), theirs.id, in_parts.id, uploads[0].id)
    done = await drive.files.complete_many(drive.owner, ids)
    assert [one.upload.status.value if one.upload else one.refusal and one.refusal.code for one in done] == [
        "complete", "failed", "not_uploaded", "not_found", "not_uploaded", "complete",
    ]  # fmt: skip
    assert await drive.names() == ["0.txt"]
    assert await drive.files.complete_many(drive.owner, ids) == done


async def test_completing_while_the_store_is_down_may_be_tried_again(plain: Drive) -> None:
    upload = await plain.begin()
    plain.bucket.broken = True
    (done,) = await plain.files.complete_many(plain.owner, (upload.id,))
    assert done.refusal is not None
    assert done.refusal.code == "unavailable"
    plain.bucket.broken = False
    plain.bucket.put(upload.key, b"hello")
    (done,) = await plain.files.complete_many(plain.owner, (upload.id,))
    assert done.upload is not None
    assert done.upload.status is c.UploadStatus.COMPLETE


async def test_a_batch_into_folders_lands_where_each_was_meant_to(plain: Drive) -> None:
    """Also when a folder goes meanwhile, and when a name has been taken."""
    kept, gone = [await plain.files.create_folder(plain.owner, ROOT, name) for name in ("kept", "gone")]
    wanted = (intent("a", parent=kept.id), intent("b", parent=gone.id), intent("c"), intent("d", parent=kept.id))
    begun = [one.upload for one in await plain.files.begin_many(plain.owner, wanted) if one.upload]
    moved = await plain.store("elsewhere")
    await plain.database.execute(
        "UPDATE files.entries SET parent_id = $1, name = 'd' WHERE owner_id = $2 AND id = $3",
        kept.id, plain.owner, moved.id,
    )  # fmt: skip
    await plain.files.trash(plain.owner, gone.id)
    for upload in begun:
        plain.bucket.put(upload.key, b"hello")
    outcomes = await plain.files.commit(tuple(c.UploadRef(plain.owner, one.id) for one in begun))
    assert set(outcomes) == {c.Outcome.COMPLETED}
    assert await plain.names(kept.id) == ["a", "d", "d (1)"]
    assert await plain.names(ROOT) == ["b", "c", "kept"]


async def test_contents_are_those_of_each_file_that_is_there(drive: Drive) -> None:
    one, two = await drive.store("a.txt", b"hello"), await drive.store("b.txt", b"world!")
    folder = await drive.files.create_folder(drive.owner, ROOT, "f", "k")
    theirs = await drive.of(stranger()).store("theirs.txt")
    await drive.files.trash(drive.owner, two.id)
    found = await drive.files.contents(drive.owner, (two.id, one.id, folder.id, theirs.id, one.id))
    content = await drive.files.content(drive.owner, one.id)
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
            (intent("r", on_conflict="replace"), *(intent(f"{place}") for place in range(20))),
            ["r", *(f"{place}" for place in range(19)), "rate_limited"],
        ),
    ],
    ids=["name", "quota", "open"],
)
async def test_nobody_is_refused_for_a_later_one(
    plain: Drive, wanted: tuple[c.Intent, ...], expected: list[str]
) -> None:
    assert names(await plain.files.begin_many(plain.owner, wanted)) == expected


async def test_the_first_answer_is_given_again_also_of_what_came_on_since(plain: Drive) -> None:
    wanted = intent("p", 0, multipart=True, deferred=True)
    one = await plain.files.begin(plain.owner, wanted, "one")
    (several,) = await plain.files.begin_many(plain.owner, (intent("q", 0, multipart=True, deferred=True),), "several")
    assert several.upload is not None
    for upload in (one, several.upload):
        await plain.database.execute(
            "UPDATE files.uploads SET expires_at = expires_at - interval '13 hours' WHERE id = $1", upload.id
        )
        await plain.files.resize(plain.owner, upload.id, 7, final=True)
        await plain.files.open_parts(plain.owner, upload.id, (c.PartIntent(1),))
        now = await plain.files.upload(plain.owner, upload.id)
        assert (now.size, now.deferred) == (7, False)
    assert await plain.files.begin(plain.owner, wanted, "one") == one
    again = await plain.files.begin_many(plain.owner, (intent("q", 0, multipart=True, deferred=True),), "several")
    assert again == (several,)
