"""A driver keeps the promises of `storage.bucket`, over a real store.

The store is the embedded one, or the one that DRIVEBAY_TEST_S3_ENDPOINT, _ACCESS_KEY and _SECRET_KEY name.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Protocol
from uuid import uuid4

import pytest

from drivebay.contract.storage import DeletionResult, Presence, StoredPart
from drivebay.errors import Unavailable
from drivebay.storage import s3
from drivebay.storage.bucket import Bucket, Misconfigured, PartCopy, PartUpload, PresignSpec
from drivebay.testing.memory import MemoryBucket

BODY = b"bytes in a bucket"


class Store(Protocol):
    s3_endpoint: str
    access_key: str
    secret_key: str


def utc_now() -> datetime:
    return datetime.now(UTC)


def connect(store: Store, bucket: str, **changes: str) -> AbstractAsyncContextManager[Bucket]:
    options = s3.S3Options(
        store.s3_endpoint,
        store.access_key,
        store.secret_key,
        bucket,
        region=getattr(store, "region", "us-east-1"),
        timeout=timedelta(seconds=10),
        copy_timeout=timedelta(seconds=20),
        connections=16,
    )
    return s3.connect(replace(options, **changes), now=utc_now)


@pytest.fixture(params=["store", "memory"])
async def empty(request: pytest.FixtureRequest, store: Store, bucket: str) -> AsyncIterator[Bucket]:
    """A driver for a bucket that does not exist yet. The fake must pass the same tests."""
    if request.param == "memory":
        yield MemoryBucket(utc_now)
        return
    async with connect(store, bucket) as driver:
        yield driver


@pytest.fixture
async def driver(empty: Bucket) -> Bucket:
    await empty.create_bucket()
    return empty


async def put(driver: Bucket, key: str, body: bytes = BODY, headers: dict[str, str] | None = None) -> int:
    sent = {"Content-Type": "text/plain"} | (headers or {})
    url = driver.presign(PresignSpec("PUT", key, utc_now(), 60, headers=sent))
    return await driver.send("PUT", url, sent, body)


async def test_a_created_bucket_exists_and_can_be_created_again(empty: Bucket) -> None:
    assert not (await empty.check_access()).exists
    assert not (await empty.head_bucket()).exists
    await empty.create_bucket()
    await empty.create_bucket()
    assert (await empty.check_access()).exists
    assert (await empty.head_bucket()).exists


async def test_the_store_sends_its_time(driver: Bucket) -> None:
    for status in (await driver.head_bucket(), await driver.check_access()):
        assert status.store_time is not None
        assert abs(utc_now() - status.store_time) < timedelta(seconds=60)


async def test_an_unknown_access_key_is_a_configuration_error(store: Store, bucket: str) -> None:
    async with connect(store, bucket, access_key="NOSUCHKEY") as unknown:
        with pytest.raises(Misconfigured):
            await unknown.check_access()


async def test_a_look_up_returns_all_fields_of_an_object(driver: Bucket) -> None:
    digest = hashlib.sha256(BODY)
    checksum = {"x-amz-checksum-sha256": base64.b64encode(digest.digest()).decode()}
    assert await put(driver, "a/b", headers=checksum) == 200
    found = await driver.head_object("a/b")
    assert (found.presence, found.size, found.content_type) == (Presence.FOUND, len(BODY), "text/plain")
    assert found.sha256 == digest.digest()
    assert '"' not in found.etag
    assert found.modified_at is not None
    assert found.modified_at.tzinfo is not None


async def test_without_a_stated_checksum_the_checksum_is_absent_or_right(driver: Bucket) -> None:
    await put(driver, "a/b")
    assert (await driver.head_object("a/b")).sha256 in (None, hashlib.sha256(BODY).digest())


async def test_an_object_that_does_not_exist_is_absent(driver: Bucket) -> None:
    assert (await driver.head_object("no/object")).presence is Presence.ABSENT


@pytest.mark.parametrize(
    "key", ["plain/key", "space and +plus", "ümläut/😀", "a&b<c>'d\"", "100%41/=?#;", "tilde~star*(1)!", "x" * 200]
)
async def test_any_key_can_be_written_looked_up_listed_copied_and_deleted(driver: Bucket, key: str) -> None:
    assert await put(driver, key) == 200
    assert (await driver.head_object(key)).presence is Presence.FOUND
    page = await driver.list_objects("", "", 10)
    assert [(object.key, object.size) for object in page.objects] == [(key, len(BODY))]
    assert await driver.copy_object(key, f"copy/{key}")
    assert (await driver.head_object(f"copy/{key}")).size == len(BODY)
    assert await driver.delete_objects((key,)) == (DeletionResult(key),)
    assert (await driver.head_object(key)).presence is Presence.ABSENT


async def test_a_page_begins_after_a_key_and_stays_under_a_prefix(driver: Bucket) -> None:
    keys = [f"{owner}/{number:03}" for owner in ("a", "b", "c") for number in range(12)]
    for key in keys:
        await put(driver, key)
    first = await driver.list_objects("b/", "", 5)
    assert [object.key for object in first.objects] == keys[12:17]
    assert first.after == "b/004"
    rest = await driver.list_objects("b/", "b/004", 100)
    assert ([object.key for object in rest.objects], rest.after) == (keys[17:24], None)
    between = await driver.list_objects("b/", "b/00", 3)
    assert [object.key for object in between.objects] == keys[12:15]
    missing = await driver.list_objects("b/", "b/0045", 1)
    assert [object.key for object in missing.objects] == ["b/005"]
    whole = await driver.list_objects("", "a/011", 1000)
    assert [object.key for object in whole.objects] == keys[12:]
    assert (await driver.list_objects("nobody/", "", 5)).objects == ()


async def test_a_page_has_size_etag_and_time(driver: Bucket) -> None:
    await put(driver, "a/b")
    (listed,) = (await driver.list_objects("", "", 1)).objects
    found = await driver.head_object("a/b")
    assert (listed.size, listed.etag) == (found.size, found.etag)
    assert listed.modified_at is not None
    assert found.modified_at is not None
    assert abs(listed.modified_at - found.modified_at) <= timedelta(seconds=1)
    assert (listed.content_type, listed.sha256) == (None, None)


async def test_a_copy_keeps_the_content_type_and_an_absent_source_is_reported(driver: Bucket) -> None:
    await put(driver, "from", headers={"Content-Type": "image/png", "x-amz-meta-owner": "me"})
    assert await driver.copy_object("from", "to/stored") is True
    assert (await driver.head_object("to/stored")).content_type == "image/png"
    assert await driver.copy_object("absent", "to/other") is False
    assert (await driver.head_object("to/other")).presence is Presence.ABSENT


async def test_a_copy_may_have_headers_of_its_own_and_a_condition(driver: Bucket) -> None:
    await put(driver, "from", headers={"Content-Type": "image/png", "x-amz-meta-owner": "me"})
    etag = (await driver.head_object("from")).etag
    assert await driver.copy_object("from", "to", etag, {"Content-Type": "text/css"})
    assert (await driver.head_object("to")).content_type == "text/css"
    assert await driver.copy_object("from", "other", "0" * 32, {"Content-Type": "text/css"}) is False
    assert (await driver.head_object("other")).presence is Presence.ABSENT


async def test_a_part_may_be_copied_from_an_object(driver: Bucket) -> None:
    await put(driver, "from")
    etag = (await driver.head_object("from")).etag
    id = await driver.create_multipart("to", {"Content-Type": "text/css"})
    part = await driver.copy_part("to", id, PartCopy(1, "from", etag, 6, 5))
    assert part is not None
    assert (part.number, part.size) == (1, 5)
    for source, condition in (("from", "0" * 32), ("absent", etag)):
        assert await driver.copy_part("to", id, PartCopy(2, source, condition, 0, 5)) is None
    assert await driver.complete_multipart("to", id, [part], ())
    assert await driver.get_object("to") == BODY[6:11]


async def test_many_objects_are_deleted_at_once_and_absent_ones_count_as_deleted(driver: Bucket) -> None:
    keys = tuple(f"{uuid4()}/{number}" for number in range(40))
    for key in keys[::2]:
        await put(driver, key)
    assert await driver.delete_objects(keys) == tuple(map(DeletionResult, keys))
    assert (await driver.list_objects("", "", 10)).objects == ()


async def test_cors_rules_can_be_set_again_with_the_same_result(driver: Bucket) -> None:
    supported = await driver.add_cors_rules(("*",))
    assert await driver.add_cors_rules(("https://a.example", "https://b.example")) is supported


async def test_a_notification_rule_for_an_unknown_target_is_refused_with_a_reason(driver: Bucket) -> None:
    assert await driver.add_notification_rule("arn:minio:sqs::nobody:nats")


# -- multipart uploads ---------------------------------------------------------------------------

MIN_PART_SIZE = 5 * 2**20
"""Bytes of every part but the last one, on Amazon."""


async def send_part(
    driver: Bucket, key: str, multipart_id: str, number: int, body: bytes, *, sha256: bytes | None = None
) -> int:
    """PUT a part. `sha256` is the digest of the intended body."""
    sent = {} if sha256 is None else {"x-amz-checksum-sha256": base64.b64encode(sha256).decode()}
    query = {"partNumber": str(number), "uploadId": multipart_id}
    signed = {**sent, "Content-Length": str(len(body))}
    return await driver.send("PUT", driver.presign(PresignSpec("PUT", key, utc_now(), 60, query, signed)), sent, body)


CHECKSUM_HEADERS = {"x-amz-checksum-algorithm": "SHA256", "x-amz-checksum-type": "COMPOSITE"}


@pytest.mark.parametrize("checked", [False, True])
async def test_parts_are_assembled_in_the_order_of_their_numbers(driver: Bucket, checked: bool) -> None:
    bodies = [b"a" * MIN_PART_SIZE, b"z"]
    digests = [hashlib.sha256(body).digest() for body in bodies]
    multipart_id = await driver.create_multipart(
        "a/parts", {"Content-Type": "text/plain"} | (CHECKSUM_HEADERS if checked else {})
    )
    for number in (2, 1):
        sha256 = digests[number - 1] if checked else None
        assert await send_part(driver, "a/parts", multipart_id, number, bodies[number - 1], sha256=sha256) == 200
    stored = await driver.list_parts("a/parts", multipart_id)
    assert stored is not None
    assert [(part.number, part.size) for part in stored] == [(1, MIN_PART_SIZE), (2, 1)]
    assert (await driver.head_object("a/parts")).presence is Presence.ABSENT
    assert await driver.complete_multipart("a/parts", multipart_id, stored, digests if checked else ())
    assembled = await driver.head_object("a/parts")
    assert (assembled.size, assembled.content_type, assembled.sha256) == (MIN_PART_SIZE + 1, "text/plain", None)
    assert await driver.list_parts("a/parts", multipart_id) is None
    assert (await driver.list_multiparts("", 10)).items == ()


async def test_a_part_with_one_wrong_byte_is_refused_and_can_be_sent_again(driver: Bucket) -> None:
    multipart_id = await driver.create_multipart("a/parts", CHECKSUM_HEADERS)
    intended = hashlib.sha256(BODY).digest()
    assert await send_part(driver, "a/parts", multipart_id, 1, BODY[:-1] + b"!", sha256=intended) == 400
    assert await driver.list_parts("a/parts", multipart_id) == ()
    assert await send_part(driver, "a/parts", multipart_id, 1, BODY, sha256=intended) == 200


async def test_the_last_version_of_a_repeated_part_counts_or_none(driver: Bucket) -> None:
    multipart_id = await driver.create_multipart("a/parts", {})
    await send_part(driver, "a/parts", multipart_id, 1, b"first")
    await send_part(driver, "a/parts", multipart_id, 1, b"last!")
    stored = await driver.list_parts("a/parts", multipart_id)
    last = StoredPart(1, 5, hashlib.md5(b"last!", usedforsecurity=False).hexdigest())
    assert stored in ((last,), ())
    if stored == ():  # both versions came in the same second of the store's clock
        await asyncio.sleep(1.1)
        await send_part(driver, "a/parts", multipart_id, 1, b"last!")
        stored = await driver.list_parts("a/parts", multipart_id)
    assert stored == (last,)


async def test_the_measured_bytes_cover_all_parts_and_end_with_the_upload(driver: Bucket) -> None:
    """A store that keeps every copy of a part counts each. Another counts the last one."""
    multipart_id = await driver.create_multipart("a/parts", {})
    assert await driver.measure_parts("a/parts", multipart_id) == 0
    for number, body in ((1, b"12345"), (2, b"678"), (1, b"abcde")):
        assert await send_part(driver, "a/parts", multipart_id, number, body) == 200
    assert await driver.measure_parts("a/parts", multipart_id) in (8, 13)
    await driver.abort_multipart("a/parts", multipart_id)
    assert await driver.measure_parts("a/parts", multipart_id) == 0


async def test_an_assembly_does_not_overwrite_an_existing_object(driver: Bucket) -> None:
    multipart_id = await driver.create_multipart("a/parts", {})
    await send_part(driver, "a/parts", multipart_id, 1, BODY)
    assert await put(driver, "a/parts", b"first") == 200
    stored = await driver.list_parts("a/parts", multipart_id)
    assert stored is not None
    assert not await driver.complete_multipart("a/parts", multipart_id, stored, ())
    assert (await driver.head_object("a/parts")).size == 5
    await driver.abort_multipart("a/parts", multipart_id)


async def test_an_abort_deletes_the_parts_and_can_be_repeated(driver: Bucket) -> None:
    multipart_id = await driver.create_multipart("a/parts", {})
    await send_part(driver, "a/parts", multipart_id, 1, BODY)
    await driver.abort_multipart("a/parts", multipart_id)
    await driver.abort_multipart("a/parts", multipart_id)
    assert await driver.list_parts("a/parts", multipart_id) is None
    assert await send_part(driver, "a/parts", multipart_id, 1, BODY) == 404
    assert not await driver.complete_multipart("a/parts", multipart_id, (StoredPart(1, len(BODY), "0" * 32),), ())


async def test_unfinished_multipart_uploads_are_listed_page_by_page(driver: Bucket) -> None:
    begun = {await driver.create_multipart(f"a/{number}", {}) for number in range(3)}
    begun.add(await driver.create_multipart("a/1", {}))
    listed_items, after = [], ""
    for _ in range(5):
        page = await driver.list_multiparts(after, 2)
        listed_items += page.items
        if page.after is None:
            break
        after = page.after
    assert {each.multipart_id for each in listed_items} == begun
    assert sorted(each.key for each in listed_items) == ["a/0", "a/1", "a/1", "a/2"]
    assert all(abs((utc_now() - each.begun_at).total_seconds()) < 60 for each in listed_items)
    for each in listed_items:
        await driver.abort_multipart(each.key, each.multipart_id)


async def test_an_empty_part_can_be_assembled(driver: Bucket) -> None:
    multipart_id = await driver.create_multipart("a/parts", {})
    assert await send_part(driver, "a/parts", multipart_id, 1, b"") == 200
    stored = await driver.list_parts("a/parts", multipart_id)
    assert stored is not None
    assert [(part.number, part.size) for part in stored] == [(1, 0)]
    assert await driver.complete_multipart("a/parts", multipart_id, stored, ())
    assert (await driver.head_object("a/parts")).size == 0


async def test_an_object_can_be_overwritten_and_read(driver: Bucket) -> None:
    assert await driver.get_object("a") is None
    large = b"x" * 3_000_000
    for body in (b"first", large):
        await driver.put_object("a", body, hashlib.sha256(body).digest())
        assert await driver.get_object("a") == body


async def test_a_part_can_be_written_until_the_multipart_upload_ends(driver: Bucket) -> None:
    digest = hashlib.sha256(BODY).digest()
    multipart_id = await driver.create_multipart(
        "a", {"x-amz-checksum-algorithm": "SHA256", "Content-Type": "text/plain"}
    )
    assert await driver.upload_part("a", PartUpload(multipart_id, 1, BODY, digest, True))
    with pytest.raises(Unavailable):
        await driver.upload_part("a", PartUpload(multipart_id, 1, b"damaged body", digest, True))
    (part,) = await driver.list_parts("a", multipart_id) or ()
    assert (part.number, part.size) == (1, len(BODY))
    assert await driver.complete_multipart("a", multipart_id, (part,), (digest,))
    assert await driver.get_object("a") == BODY
    assert not await driver.upload_part("a", PartUpload(multipart_id, 1, BODY, digest, True))
