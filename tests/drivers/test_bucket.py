"""What `storage.bucket` asks of a driver, over a real store.

It runs on the embedded store, or on the one that DRIVEBAY_TEST_S3_ENDPOINT, _ACCESS_KEY and _SECRET_KEY name.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Protocol
from uuid import uuid4

import pytest

from drivebay.contract.storage import Deletion, Presence, StoredPart
from drivebay.errors import Unavailable
from drivebay.storage import s3
from drivebay.storage.bucket import Bucket, Misconfigured
from drivebay.testing.memory import MemoryBucket

BODY = b"bytes in a bucket"


class Store(Protocol):
    s3_endpoint: str
    access_key: str
    secret_key: str


def utc_now() -> datetime:
    return datetime.now(UTC)


def connect(store: Store, bucket: str, **other: str) -> object:
    told = {"region": getattr(store, "region", "us-east-1"), "access_key": store.access_key} | other
    return s3.connect(
        endpoint=store.s3_endpoint,
        public_endpoint=store.s3_endpoint,
        secret_key=store.secret_key,
        bucket=bucket,
        timeout=timedelta(seconds=10),
        copy_timeout=timedelta(seconds=20),
        connections=16,
        now=utc_now,
        **told,
    )


@pytest.fixture(params=["store", "memory"])
async def empty(request: pytest.FixtureRequest, store: Store, bucket: str) -> AsyncIterator[Bucket]:
    """A driver for a bucket that does not exist yet; the fake has to pass as well."""
    if request.param == "memory":
        yield MemoryBucket(utc_now)
        return
    async with connect(store, bucket) as driver:
        yield driver


@pytest.fixture
async def driver(empty: Bucket) -> Bucket:
    await empty.create()
    return empty


async def put(driver: Bucket, key: str, body: bytes = BODY, headers: dict[str, str] | None = None) -> int:
    sent = {"Content-Type": "text/plain"} | (headers or {})
    url = driver.presign("PUT", key, query={}, headers=sent, at=utc_now(), seconds=60)
    return await driver.send("PUT", url, sent, body)


async def test_a_bucket_exists_once_it_is_made_and_making_it_again_is_fine(empty: Bucket) -> None:
    assert not (await empty.connect()).exists
    assert not (await empty.sight()).exists
    await empty.create()
    await empty.create()
    assert (await empty.connect()).exists
    assert (await empty.sight()).exists


async def test_the_store_tells_its_time(driver: Bucket) -> None:
    for sight in (await driver.sight(), await driver.connect()):
        assert sight.store_time is not None
        assert abs(utc_now() - sight.store_time) < timedelta(seconds=60)


async def test_a_key_the_store_does_not_know_is_a_matter_of_settings(store: Store, bucket: str) -> None:
    async with connect(store, bucket, access_key="NOSUCHKEY") as stranger:
        with pytest.raises(Misconfigured):
            await stranger.connect()


async def test_an_object_is_known_by_all_it_was_written_with(driver: Bucket) -> None:
    digest = hashlib.sha256(BODY)
    checksum = {"x-amz-checksum-sha256": base64.b64encode(digest.digest()).decode()}
    assert await put(driver, "a/b", headers=checksum) == 200
    found = await driver.head("a/b")
    assert (found.presence, found.size, found.content_type) == (Presence.FOUND, len(BODY), "text/plain")
    assert found.sha256 == digest.digest()
    assert '"' not in found.etag
    assert found.modified_at is not None
    assert found.modified_at.tzinfo is not None


async def test_a_checksum_that_nobody_gave_is_unknown_or_right(driver: Bucket) -> None:
    await put(driver, "a/b")
    assert (await driver.head("a/b")).sha256 in (None, hashlib.sha256(BODY).digest())


async def test_what_is_not_there_is_absent(driver: Bucket) -> None:
    assert (await driver.head("no/thing")).presence is Presence.ABSENT


@pytest.mark.parametrize(
    "key", ["plain/key", "space and +plus", "ümläut/😀", "a&b<c>'d\"", "100%41/=?#;", "tilde~star*(1)!", "x" * 200]
)
async def test_any_key_is_written_found_listed_copied_and_deleted(driver: Bucket, key: str) -> None:
    assert await put(driver, key) == 200
    assert (await driver.head(key)).presence is Presence.FOUND
    page = await driver.page("", "", 10)
    assert [(object.key, object.size) for object in page.objects] == [(key, len(BODY))]
    assert await driver.copy(key, f"copy/{key}")
    assert (await driver.head(f"copy/{key}")).size == len(BODY)
    assert await driver.delete((key,)) == (Deletion(key),)
    assert (await driver.head(key)).presence is Presence.ABSENT


async def test_pages_begin_after_a_key_and_stay_under_a_prefix(driver: Bucket) -> None:
    keys = [f"{owner}/{number:03}" for owner in ("a", "b", "c") for number in range(12)]
    for key in keys:
        await put(driver, key)
    first = await driver.page("b/", "", 5)
    assert [object.key for object in first.objects] == keys[12:17]
    assert first.after == "b/004"
    rest = await driver.page("b/", "b/004", 100)
    assert ([object.key for object in rest.objects], rest.after) == (keys[17:24], None)
    between = await driver.page("b/", "b/00", 3)
    assert [object.key for object in between.objects] == keys[12:15]
    missing = await driver.page("b/", "b/0045", 1)
    assert [object.key for object in missing.objects] == ["b/005"]
    whole = await driver.page("", "a/011", 1000)
    assert [object.key for object in whole.objects] == keys[12:]
    assert (await driver.page("nobody/", "", 5)).objects == ()


async def test_a_page_knows_size_etag_and_time(driver: Bucket) -> None:
    await put(driver, "a/b")
    (listed,) = (await driver.page("", "", 1)).objects
    found = await driver.head("a/b")
    assert (listed.size, listed.etag) == (found.size, found.etag)
    assert listed.modified_at is not None
    assert found.modified_at is not None
    assert abs(listed.modified_at - found.modified_at) <= timedelta(seconds=1)
    assert (listed.content_type, listed.sha256) == (None, None)


async def test_a_copy_keeps_type_and_metadata_and_what_is_missing_is_not_copied(driver: Bucket) -> None:
    await put(driver, "from", headers={"Content-Type": "image/png", "x-amz-meta-owner": "me"})
    assert await driver.copy("from", "to/there") is True
    assert (await driver.head("to/there")).content_type == "image/png"
    assert await driver.copy("nothing", "to/nowhere") is False
    assert (await driver.head("to/nowhere")).presence is Presence.ABSENT


async def test_many_are_deleted_at_once_and_missing_ones_count(driver: Bucket) -> None:
    keys = tuple(f"{uuid4()}/{number}" for number in range(40))
    for key in keys[::2]:
        await put(driver, key)
    assert await driver.delete(keys) == tuple(map(Deletion, keys))
    assert (await driver.page("", "", 10)).objects == ()


async def test_origins_can_be_set_more_than_once_or_not_at_all(driver: Bucket) -> None:
    able = await driver.allow_origins(("*",))
    assert await driver.allow_origins(("https://a.example", "https://b.example")) is able


async def test_events_for_somebody_it_does_not_know_are_refused_with_a_reason(driver: Bucket) -> None:
    assert await driver.send_events("arn:minio:sqs::nobody:nats")


# -- in parts -----------------------------------------------------------------------------------------

SMALLEST = 5 * 2**20
"""Bytes of a part that is not the last one, on Amazon."""


async def send_part(
    driver: Bucket, key: str, multipart: str, number: int, body: bytes, *, sha256: bytes | None = None
) -> int:
    """PUT a part; `sha256` is of what was meant."""
    sent = {} if sha256 is None else {"x-amz-checksum-sha256": base64.b64encode(sha256).decode()}
    query = {"partNumber": str(number), "uploadId": multipart}
    signed = {**sent, "Content-Length": str(len(body))}
    return await driver.send(
        "PUT", driver.presign("PUT", key, query=query, headers=signed, at=utc_now(), seconds=60), sent, body
    )


CHECKED = {"x-amz-checksum-algorithm": "SHA256", "x-amz-checksum-type": "COMPOSITE"}


@pytest.mark.parametrize("checked", [False, True])
async def test_parts_become_an_object_in_the_order_of_their_numbers(driver: Bucket, checked: bool) -> None:
    bodies = [b"a" * SMALLEST, b"z"]
    digests = [hashlib.sha256(body).digest() for body in bodies]
    multipart = await driver.begin_parts("a/parts", {"Content-Type": "text/plain"} | (CHECKED if checked else {}))
    for number in (2, 1):
        sha256 = digests[number - 1] if checked else None
        assert await send_part(driver, "a/parts", multipart, number, bodies[number - 1], sha256=sha256) == 200
    there = await driver.parts("a/parts", multipart)
    assert there is not None
    assert [(part.number, part.size) for part in there] == [(1, SMALLEST), (2, 1)]
    assert (await driver.head("a/parts")).presence is Presence.ABSENT
    assert await driver.complete_parts("a/parts", multipart, there, digests if checked else ())
    made = await driver.head("a/parts")
    assert (made.size, made.content_type, made.sha256) == (SMALLEST + 1, "text/plain", None)
    assert await driver.parts("a/parts", multipart) is None
    assert (await driver.unfinished("", 10)).items == ()


async def test_a_part_with_one_wrong_byte_is_refused_and_may_be_sent_again(driver: Bucket) -> None:
    multipart = await driver.begin_parts("a/parts", CHECKED)
    meant = hashlib.sha256(BODY).digest()
    assert await send_part(driver, "a/parts", multipart, 1, BODY[:-1] + b"!", sha256=meant) == 400
    assert await driver.parts("a/parts", multipart) == ()
    assert await send_part(driver, "a/parts", multipart, 1, BODY, sha256=meant) == 200


async def test_of_a_part_that_was_sent_again_the_last_counts_or_none(driver: Bucket) -> None:
    multipart = await driver.begin_parts("a/parts", {})
    await send_part(driver, "a/parts", multipart, 1, b"first")
    await send_part(driver, "a/parts", multipart, 1, b"last!")
    there = await driver.parts("a/parts", multipart)
    last = StoredPart(1, 5, hashlib.md5(b"last!", usedforsecurity=False).hexdigest())
    assert there in ((last,), ())
    if there == ():  # the store's clock counts in seconds, and the two came in one of them
        await asyncio.sleep(1.1)
        await send_part(driver, "a/parts", multipart, 1, b"last!")
        there = await driver.parts("a/parts", multipart)
    assert there == (last,)


async def test_what_is_there_is_not_written_over_by_parts(driver: Bucket) -> None:
    multipart = await driver.begin_parts("a/parts", {})
    await send_part(driver, "a/parts", multipart, 1, BODY)
    assert await put(driver, "a/parts", b"first") == 200
    there = await driver.parts("a/parts", multipart)
    assert there is not None
    assert not await driver.complete_parts("a/parts", multipart, there, ())
    assert (await driver.head("a/parts")).size == 5
    await driver.abort_parts("a/parts", multipart)


async def test_parts_that_are_given_up_are_gone_and_it_may_be_said_twice(driver: Bucket) -> None:
    multipart = await driver.begin_parts("a/parts", {})
    await send_part(driver, "a/parts", multipart, 1, BODY)
    await driver.abort_parts("a/parts", multipart)
    await driver.abort_parts("a/parts", multipart)
    assert await driver.parts("a/parts", multipart) is None
    assert await send_part(driver, "a/parts", multipart, 1, BODY) == 404
    assert not await driver.complete_parts("a/parts", multipart, (StoredPart(1, len(BODY), "0" * 32),), ())


async def test_what_is_unfinished_is_listed_page_by_page(driver: Bucket) -> None:
    begun = {await driver.begin_parts(f"a/{number}", {}) for number in range(3)}
    begun.add(await driver.begin_parts("a/1", {}))
    seen, after = [], ""
    for _ in range(5):
        page = await driver.unfinished(after, 2)
        seen += page.items
        if page.after is None:
            break
        after = page.after
    assert {each.multipart for each in seen} == begun
    assert sorted(each.key for each in seen) == ["a/0", "a/1", "a/1", "a/2"]
    assert all(abs((utc_now() - each.begun_at).total_seconds()) < 60 for each in seen)
    for each in seen:
        await driver.abort_parts(each.key, each.multipart)


async def test_an_empty_part_is_a_part(driver: Bucket) -> None:
    multipart = await driver.begin_parts("a/parts", {})
    assert await send_part(driver, "a/parts", multipart, 1, b"") == 200
    there = await driver.parts("a/parts", multipart)
    assert there is not None
    assert [(part.number, part.size) for part in there] == [(1, 0)]
    assert await driver.complete_parts("a/parts", multipart, there, ())
    assert (await driver.head("a/parts")).size == 0


async def test_bytes_are_written_over_what_is_there_and_read_again(driver: Bucket) -> None:
    assert await driver.read("a") is None
    large = b"x" * 3_000_000
    for body in (b"first", large):
        await driver.write("a", body, hashlib.sha256(body).digest())
        assert await driver.read("a") == body


async def test_a_part_is_written_until_the_write_in_parts_has_ended(driver: Bucket) -> None:
    digest = hashlib.sha256(BODY).digest()
    multipart = await driver.begin_parts("a", {"x-amz-checksum-algorithm": "SHA256", "Content-Type": "text/plain"})
    assert await driver.write_part("a", multipart, 1, BODY, digest, True)
    with pytest.raises(Unavailable):
        await driver.write_part("a", multipart, 1, b"torn on its way", digest, True)
    (part,) = await driver.parts("a", multipart) or ()
    assert (part.number, part.size) == (1, len(BODY))
    assert await driver.complete_parts("a", multipart, (part,), (digest,))
    assert await driver.read("a") == BODY
    assert not await driver.write_part("a", multipart, 1, BODY, digest, True)
