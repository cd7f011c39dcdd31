"""On a real store that ignores `If-None-Match`, uploads are staged, and a promoted copy cannot change."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import httpx
import pytest
from structlog.testing import capture_logs
from tests import permissive_store
from uuid_utils.compat import uuid7

from drivebay.contract.storage import (
    STAGING_PREFIX,
    Disposition,
    ObjectInfo,
    Presence,
    PutSpec,
    StagedObject,
    upload_key,
)
from drivebay.embedded.seaweedfs import Store
from drivebay.errors import InvalidRequest
from drivebay.storage import service
from drivebay.storage.service import Service, Settings
from drivebay.testing.memory import MemoryBucket

Send = Callable[..., Awaitable[httpx.Response]]
ONE, OTHER = b"bytes of one kind", b"bytes of another!"[: len(b"bytes of one kind")]


def utc_now() -> datetime:
    return datetime.now(UTC)


@asynccontextmanager
async def open_service(settings: Settings, store: Store, *ignored: str) -> AsyncIterator[Service]:
    async with (
        permissive_store.run(store, *ignored) as proxy,
        service.open(replace(settings, endpoint=proxy.endpoint), now=utc_now) as storage,
    ):
        yield storage


@pytest.fixture
async def permissive(settings: Settings, store: Store) -> AsyncIterator[Service]:
    async with open_service(settings, store, "if-none-match") as storage:
        yield storage


async def put(storage: Service, send: Send, key: str, body: bytes) -> int:
    signed = await storage.presign_put(PutSpec(key, len(body), "text/plain", None, {"name": "n"}), utc_now(), 900)
    return (await send(signed, body)).status_code


async def download(storage: Service, send: Send, key: str) -> bytes:
    return (await send(await storage.presign_get(key, "n", "text/plain", Disposition.ATTACHMENT, 60))).content


def new_key() -> str:
    return f"{uuid4()}/{uuid7()}"


def as_staged(found: Sequence[ObjectInfo]) -> tuple[StagedObject, ...]:
    return tuple(StagedObject(each.key, each.etag, each.size) for each in found)


async def promote_keys(storage: Service, *keys: str) -> tuple[ObjectInfo, ...]:
    return await storage.promote(as_staged(await storage.stat_staged(keys)))


async def all_keys(storage: Service) -> list[str]:
    return [object.key for object in (await storage._bucket.list_objects("", "", 1000)).objects]


async def test_the_probe_detects_a_store_that_accepts_a_second_put(
    permissive: Service, settings: Settings, store: Store
) -> None:
    capabilities = await permissive.get_capabilities()
    assert (capabilities.write_once, capabilities.complete_once) == (False, False)
    assert capabilities.signed_length
    assert capabilities.signed_type
    assert capabilities.signed_checksum
    assert capabilities.conditional_copy
    async with open_service(settings, store) as strict:
        assert (await strict.get_capabilities()).write_once


async def test_a_promoted_object_cannot_be_changed_with_the_upload_url(permissive: Service, send: Send) -> None:
    key = new_key()
    assert await put(permissive, send, key, ONE) == 200
    (found,) = await permissive.stat_staged((key,))
    assert (found.presence, found.size, found.key) == (Presence.FOUND, len(ONE), STAGING_PREFIX + key)
    (promoted,) = await permissive.promote(as_staged((found,)))
    assert (promoted.presence, promoted.size) == (Presence.FOUND, len(ONE))
    assert promoted.key not in (key, STAGING_PREFIX + key)
    assert upload_key(promoted.key) == key
    assert await put(permissive, send, key, OTHER) == 200
    assert await download(permissive, send, promoted.key) == ONE
    (found,) = await permissive.stat_objects((promoted.key,))
    assert (found.presence, found.content_type) == (Presence.FOUND, "text/plain")


async def test_an_object_that_changed_after_its_look_up_is_not_promoted(permissive: Service, send: Send) -> None:
    key = new_key()
    await put(permissive, send, key, ONE)
    looked_up = await permissive.stat_staged((key,))
    await put(permissive, send, key, OTHER)
    (promoted,) = await permissive.promote(as_staged(looked_up))
    assert promoted.presence is Presence.UNKNOWN
    (again,) = await promote_keys(permissive, key)
    assert await download(permissive, send, again.key) == OTHER


async def test_repeated_and_concurrent_promotions_give_the_same_object(permissive: Service, send: Send) -> None:
    key = new_key()
    await put(permissive, send, key, ONE)
    looked_up = await permissive.stat_staged((key,))
    results = await asyncio.gather(*[permissive.promote(as_staged(looked_up)) for _ in range(10)])
    assert {result[0].key for result in results} == {results[0][0].key}
    assert {result[0].presence for result in results} == {Presence.FOUND}
    assert len(await all_keys(permissive)) == 2


async def test_objects_are_promoted_in_order_and_one_failure_does_not_stop_others(
    permissive: Service, send: Send
) -> None:
    keys = [new_key() for _ in range(5)]
    for key in keys:
        await put(permissive, send, key, key.encode())
    looked_up = list(await permissive.stat_staged(tuple(keys)))
    looked_up[2] = ObjectInfo(STAGING_PREFIX + new_key(), Presence.FOUND, size=1, etag="of-nothing")
    promoted = await permissive.promote(as_staged(looked_up))
    assert [found.presence is Presence.FOUND for found in promoted] == [True, True, False, True, True]
    assert [await download(permissive, send, promoted[at].key) for at in (0, 4)] == [keys[0].encode(), keys[4].encode()]


async def test_many_absent_uploads_are_reported_absent(permissive: Service) -> None:
    keys = tuple(new_key() for _ in range(200))
    assert {found.presence for found in await permissive.stat_staged(keys)} == {Presence.ABSENT}


async def test_cleaning_staging_keeps_the_promoted_object(permissive: Service, send: Send) -> None:
    key, other = new_key(), new_key()
    for one in (key, other):
        await put(permissive, send, one, ONE)
    promoted = [found.key for found in await promote_keys(permissive, key, other)]
    await put(permissive, send, key, OTHER)
    await promote_keys(permissive, key)
    await permissive.clean_staging((promoted[0],))
    await permissive.clean_staging((promoted[0],))
    assert sorted(await all_keys(permissive)) == sorted([STAGING_PREFIX + other, *promoted])


async def test_deleting_an_object_deletes_everything_of_its_upload(permissive: Service, send: Send) -> None:
    key, other = new_key(), new_key()
    for one in (key, other):
        await put(permissive, send, one, ONE)
    promoted = [found.key for found in await promote_keys(permissive, key, other)]
    deletions = await permissive.delete_objects((promoted[0], new_key()))
    assert [deletion.error for deletion in deletions] == [None, None]
    assert sorted(await all_keys(permissive)) == sorted([STAGING_PREFIX + other, promoted[1]])
    await permissive.delete_objects((other,))
    assert await all_keys(permissive) == []


async def test_a_page_lists_promoted_copies_and_no_staged_objects(permissive: Service, send: Send) -> None:
    keys = sorted(new_key() for _ in range(3))
    for key in keys:
        await put(permissive, send, key, ONE)
    promoted = await promote_keys(permissive, *keys)
    page = await permissive.list_objects(None, 1000)
    assert [found.key for found in page.objects] == [found.key for found in promoted]


async def test_quarantine_moves_only_the_copy(permissive: Service, send: Send) -> None:
    key = new_key()
    await put(permissive, send, key, ONE)
    (promoted,) = await promote_keys(permissive, key)
    assert await permissive.quarantine_object(promoted.key)
    assert sorted(await all_keys(permissive)) == sorted([STAGING_PREFIX + key, f".quarantine/{promoted.key}"])


async def test_a_staged_upload_is_found_after_the_store_starts_to_refuse_a_second_put(
    settings: Settings, store: Store, send: Send
) -> None:
    key = new_key()
    async with open_service(settings, store, "if-none-match") as permissive:
        await put(permissive, send, key, ONE)
    async with open_service(settings, store) as strict:
        (found,) = await strict.stat_staged((key,))
        assert found.key == STAGING_PREFIX + key
        (promoted,) = await strict.promote(as_staged((found,)))
        assert await download(strict, send, promoted.key) == ONE
        await strict.clean_staging((promoted.key,))
        assert await all_keys(strict) == [promoted.key]


async def test_in_a_strict_store_a_promotion_moves_nothing(settings: Settings, store: Store, send: Send) -> None:
    key = new_key()
    async with open_service(settings, store) as strict:
        await put(strict, send, key, ONE)
        looked_up = await strict.stat_staged((key,))
        assert looked_up == await strict.stat_objects((key,))
        (same,) = await strict.promote(as_staged(looked_up))
        assert (same.key, same.presence, same.etag) == (key, Presence.FOUND, looked_up[0].etag)
        await strict.clean_staging((key,))
        assert await all_keys(strict) == [key]


async def test_a_store_that_ignores_the_copy_condition_too_is_used_and_an_error_is_logged(
    settings: Settings, store: Store, send: Send
) -> None:
    key = new_key()
    with capture_logs() as logs:
        async with open_service(settings, store, "if-none-match", "x-amz-copy-source-if-match") as unconditional:
            capabilities = await unconditional.get_capabilities()
            assert (capabilities.write_once, capabilities.conditional_copy) == (False, False)
            await put(unconditional, send, key, ONE)
            assert (await unconditional.stat_staged((key,)))[0].key == key
    (event,) = [log for log in logs if log["event"] == "store_does_not_enforce"]
    assert event["log_level"] == "error"


@pytest.mark.parametrize("key", ["a~b", "~", "a/b~0"])
async def test_no_url_is_signed_for_the_key_of_a_copy(permissive: Service, key: str) -> None:
    with pytest.raises(InvalidRequest):
        await permissive.presign_put(PutSpec(key, 1, "text/plain"), utc_now(), 60)


@pytest.mark.parametrize("etag", ["", 'a"b', "a\r\nb: c", "x" * 257, "\u00e9"])
async def test_an_invalid_etag_is_refused(permissive: Service, etag: str) -> None:
    with pytest.raises(InvalidRequest):
        await permissive.promote((StagedObject(STAGING_PREFIX + "a/b", etag, 1),))


# -- slow copies ---------------------------------------------------------------------------------


class SlowBucket(MemoryBucket):
    """A bucket whose copies wait until `copies_allowed` is set."""

    def __init__(self) -> None:
        super().__init__(utc_now, allows_overwrite=True)
        self.copies_allowed = asyncio.Event()
        self.copies_allowed.set()
        self.copy_count = 0

    async def copy_object(
        self, source: str, target: str, etag: str | None = None, headers: Mapping[str, str] | None = None
    ) -> bool:
        self.copy_count += 1
        await self.copies_allowed.wait()
        return await super().copy_object(source, target, etag, headers)


@asynccontextmanager
async def slow_service() -> AsyncIterator[tuple[SlowBucket, Service, ObjectInfo]]:
    bucket = SlowBucket()
    storage = Service(
        bucket, Settings("memory:", "", "", call_timeout=timedelta(milliseconds=50)), utc_now, new_id=uuid7
    )
    await storage.start()
    bucket.put(STAGING_PREFIX + "a/b", ONE)
    bucket.copy_count = 0
    bucket.copies_allowed.clear()
    (found,) = await storage.stat_staged(("a/b",))
    try:
        yield bucket, storage, found
    finally:
        await storage.close()


async def test_a_slow_copy_continues_and_the_next_promotion_finds_it() -> None:
    async with slow_service() as (bucket, storage, found):
        for _ in range(3):
            assert (await storage.promote(as_staged((found,))))[0].presence is Presence.UNKNOWN
        assert bucket.copy_count == 1
        bucket.copies_allowed.set()
        async with asyncio.timeout(5):
            while (await storage.promote(as_staged((found,))))[0].presence is not Presence.FOUND:
                await asyncio.sleep(0.01)
        assert bucket.copy_count == 1


async def test_running_copies_end_with_the_service() -> None:
    async with slow_service() as (bucket, storage, found):
        await storage.promote(as_staged((found,)))
    bucket.copies_allowed.set()
    await asyncio.sleep(0)
    assert set(bucket.objects) == {STAGING_PREFIX + "a/b"}


async def test_a_failed_copy_is_repeated_and_a_cancelled_caller_stops_no_copy() -> None:
    async with slow_service() as (bucket, storage, found):
        bucket.broken = True
        bucket.copies_allowed.set()
        assert (await storage.promote(as_staged((found,))))[0].presence is Presence.UNKNOWN
        bucket.broken = False
        bucket.copies_allowed.clear()
        waiting = asyncio.create_task(storage.promote(as_staged((found,))))
        while not bucket.copy_count:
            await asyncio.sleep(0.001)
        waiting.cancel()
        await asyncio.wait((waiting,))
        bucket.copies_allowed.set()
        assert (await storage.promote(as_staged((found,))))[0].presence is Presence.FOUND
        assert bucket.copy_count == 1
