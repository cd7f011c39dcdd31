"""Copies of objects to other keys, over the real store and over one in memory."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import httpx
import pytest
from uuid_utils.compat import uuid7

from drivebay import proto
from drivebay.contract.storage import (
    CopyResult,
    CopyStatus,
    Disposition,
    ObjectCopy,
    Presence,
    PutSpec,
    Storage,
)
from drivebay.errors import InvalidRequest
from drivebay.storage import service
from drivebay.storage.bucket import PartCopy
from drivebay.storage.sealed_metadata import METADATA_HEADER, open_metadata
from drivebay.storage.service import Service, Settings
from drivebay.testing.deliveries import deliver
from drivebay.testing.memory import MemoryBucket

Send = Callable[..., Awaitable[httpx.Response]]
MIB = 2**20
ROOT_SECRET = bytes(range(32))
"""The one of the fixture `settings`."""
DONE, RUNNING, CHANGED, UNKNOWN = CopyStatus.DONE, CopyStatus.RUNNING, CopyStatus.SOURCE_CHANGED, CopyStatus.UNKNOWN


def utc_now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture(params=["direct", "encoded", "stream", "twice"])
async def storage(request: pytest.FixtureRequest, settings: Settings) -> AsyncIterator[Storage]:
    """Objects of more than 6 MiB are copied in parts of 5 MiB, the smallest part of S3."""
    small = replace(settings, max_single_copy=6 * MIB, copy_part_size=5 * MIB)
    async with (
        service.open(small, now=utc_now) as running,
        deliver(request.param, Storage, proto.STORAGE, running) as delivered,
    ):
        yield delivered


async def write(storage: Storage, send: Send, body: bytes, key: str) -> str:
    """Upload an object, and return its ETag."""
    put = PutSpec(key, len(body), "text/plain", None, {"owner": key[:36], "name": "a.txt"})
    assert (await send(await storage.presign_put(put, utc_now(), 900), body)).status_code == 200
    (found,) = await storage.stat_objects((key,))
    return found.etag


def copy_of(key: str, etag: str, size: int, owner: UUID | None = None) -> ObjectCopy:
    target = f"{owner or uuid4()}/{uuid7()}"
    return ObjectCopy(key, etag, PutSpec(target, size, "image/png", None, {"owner": target[:36], "name": "b.png"}))


@pytest.mark.parametrize("size", [0, 5, 6 * MIB, 6 * MIB + 1, 15 * MIB])
async def test_the_store_copies_an_object_of_any_size(storage: Storage, send: Send, size: int) -> None:
    body = hashlib.sha256(b"seed").digest() * (size // 32 + 1)
    key = f"{uuid4()}/{uuid7()}"
    etag = await write(storage, send, body[:size], key)
    copy = copy_of(key, etag, size)
    (result,) = await storage.copy_objects((copy,))
    (found,) = await storage.stat_objects((copy.put.key,))
    assert result == CopyResult(copy.put.key, DONE, found.etag)
    assert (found.presence, found.size, found.content_type) == (Presence.FOUND, size, "image/png")
    assert found.sha256 in (None, hashlib.sha256(body[:size]).digest())
    download = await storage.presign_get(copy.put.key, "b.png", "image/png", Disposition.ATTACHMENT, 60)
    answer = await send(download)
    assert answer.content == body[:size]
    # The metadata is that of the copy: it opens with the key of the copy alone.
    sealed = answer.headers[METADATA_HEADER]
    assert open_metadata(copy.put.key, sealed, [ROOT_SECRET]) == {"owner": copy.put.key[:36], "name": "b.png"}
    assert await storage.copy_objects((copy,)) == (result,)
    assert (await storage.list_multiparts(None, 10)).items == ()


@pytest.mark.parametrize("size", [5, 7 * MIB])
async def test_an_object_that_is_gone_or_another_is_not_copied(storage: Storage, send: Send, size: int) -> None:
    key = f"{uuid4()}/{uuid7()}"
    etag = await write(storage, send, b"x" * size, key)
    other, gone = copy_of(key, "0" * 32, size), copy_of(f"{uuid4()}/{uuid7()}", etag, size)
    smaller = copy_of(key, etag, size - 1)
    results = await storage.copy_objects((other, gone))
    assert [result.status for result in results] == [CHANGED, CHANGED]
    found = await storage.stat_objects((other.put.key, gone.put.key))
    assert [each.presence for each in found] == [Presence.ABSENT] * 2
    if size == 5:  # of a large object, exactly the stated bytes are copied
        assert (await storage.copy_objects((smaller,)))[0].status is CHANGED
    assert (await storage.list_multiparts(None, 10)).items == ()


async def test_a_copy_has_valid_arguments(storage: Storage) -> None:
    copy = copy_of("a/b", "e" * 32, 1)
    cases = (
        (copy, copy),
        (ObjectCopy("a/b", "e", PutSpec("a/b", 1, "text/plain")),),
        (ObjectCopy("a/b", 'quo"ted', PutSpec("a/c", 1, "text/plain")),),
        (ObjectCopy("", "e", PutSpec("a/c", 1, "text/plain")),),
        (ObjectCopy("a/b", "e", PutSpec("a/c~1", 1, "text/plain")),),
        (ObjectCopy("a/b", "e", PutSpec("a/c", -1, "text/plain")),),
        (ObjectCopy("a/b", "e", PutSpec("a/c", 1, "no media type")),),
        tuple(copy_of("a/b", "e", 1) for _ in range(101)),
    )
    for copies in cases:
        with pytest.raises(InvalidRequest):
            await storage.copy_objects(copies)
    assert await storage.copy_objects(()) == ()


# -- a store that is slow or fails ---------------------------------------------------------------


class SlowBucket(MemoryBucket):
    """A bucket whose copies wait until `copies_allowed` is set, and whose copies of parts fail if `breaks_parts`."""

    def __init__(self) -> None:
        super().__init__(utc_now)
        self.copies_allowed = asyncio.Event()
        self.copies_allowed.set()  # the start of the service copies objects too
        self.breaks_parts = False

    async def copy_object(
        self, source: str, target: str, etag: str | None = None, headers: Mapping[str, str] | None = None
    ) -> bool:
        await self.copies_allowed.wait()
        return await super().copy_object(source, target, etag, headers)

    async def copy_part(self, key: str, multipart_id: str, copy: PartCopy) -> object:  # type: ignore[override]
        self.broken = self.breaks_parts and copy.number == 2
        try:
            return await super().copy_part(key, multipart_id, copy)
        finally:
            self.broken = False


async def open_slow(bucket: SlowBucket) -> Service:
    settings = Settings(
        "memory:", "", "", call_timeout=timedelta(milliseconds=50), max_single_copy=10, copy_part_size=4
    )
    storage = Service(bucket, settings, utc_now, uuid7)
    await storage.start()
    bucket.copied.clear()
    bucket.copies_allowed.clear()
    return storage


async def test_a_slow_copy_continues_in_the_background_and_is_made_once() -> None:
    bucket = SlowBucket()
    storage = await open_slow(bucket)
    bucket.put("a/b", b"hello", "text/plain")
    copy = copy_of("a/b", bucket.objects["a/b"][0].etag, 5)
    results = await asyncio.gather(storage.copy_objects((copy,)), storage.copy_objects((copy,)))
    assert [result.status for (result,) in results] == [RUNNING, RUNNING]
    bucket.copies_allowed.set()
    while (status := (await storage.copy_objects((copy,)))[0].status) is RUNNING:
        pass
    assert status is DONE
    assert (await storage.copy_objects((copy,)))[0].status is DONE
    assert bucket.copied == [copy.put.key]
    await storage.close()


async def test_a_store_that_fails_leaves_no_parts_and_the_copy_is_made_later() -> None:
    bucket = SlowBucket()
    storage = await open_slow(bucket)
    bucket.put("a/b", b"x" * 11, "text/plain")
    copy = copy_of("a/b", bucket.objects["a/b"][0].etag, 11)
    bucket.breaks_parts = True
    assert (await storage.copy_objects((copy,)))[0].status is UNKNOWN
    assert bucket.unfinished_multiparts == {}
    bucket.breaks_parts = False
    assert (await storage.copy_objects((copy,)))[0].status is DONE
    assert bucket.objects[copy.put.key][1] == b"x" * 11
    bucket.broken = True
    assert (await storage.copy_objects((copy,)))[0].status is UNKNOWN
    await storage.close()


async def test_a_service_that_stops_ends_its_copies() -> None:
    bucket = SlowBucket()
    storage = await open_slow(bucket)
    bucket.put("a/b", b"hello", "text/plain")
    copy = copy_of("a/b", bucket.objects["a/b"][0].etag, 5)
    assert (await storage.copy_objects((copy,)))[0].status is RUNNING
    await storage.close()
    assert not [task for task in asyncio.all_tasks() if task.get_name().startswith("copy ")]
