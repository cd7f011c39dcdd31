"""Before a real store that ignores `If-None-Match`: what a URL can reach is no file, and the copy is safe."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import httpx
import pytest
from structlog.testing import capture_logs
from tests import lax_store
from uuid_utils.compat import uuid7

from drivebay.contract.storage import INCOMING, Arrival, Disposition, Object, Presence, Put, upload_key
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
async def opened(settings: Settings, store: Store, *ignored: str) -> AsyncIterator[Service]:
    async with (
        lax_store.run(store, *ignored) as lax,
        service.open(replace(settings, endpoint=lax.endpoint), now=utc_now) as storage,
    ):
        yield storage


@pytest.fixture
async def lax(settings: Settings, store: Store) -> AsyncIterator[Service]:
    async with opened(settings, store, "if-none-match") as storage:
        yield storage


async def put(storage: Service, send: Send, key: str, body: bytes) -> int:
    signed = await storage.presign_put(Put(key, len(body), "text/plain", None, {"name": "n"}), utc_now(), 900)
    return (await send(signed, body)).status_code


async def got(storage: Service, send: Send, key: str) -> bytes:
    return (await send(await storage.presign_get(key, "n", "text/plain", Disposition.ATTACHMENT, 60))).content


def a_key() -> str:
    return f"{uuid4()}/{uuid7()}"


def seen_as(found: Sequence[Object]) -> tuple[Arrival, ...]:
    return tuple(Arrival(each.key, each.etag, each.size) for each in found)


async def accepted_of(storage: Service, *keys: str) -> tuple[Object, ...]:
    return await storage.accept(seen_as(await storage.arrived(keys)))


async def all_keys(storage: Service) -> list[str]:
    return [object.key for object in (await storage._bucket.page("", "", 1000)).objects]


async def test_the_probe_tells_such_a_store_from_others(lax: Service, settings: Settings, store: Store) -> None:
    able = await lax.capabilities()
    assert (able.write_once, able.complete_once) == (False, False)
    assert able.signed_length
    assert able.signed_type
    assert able.checksum
    assert able.copy_condition
    async with opened(settings, store) as strict:
        assert (await strict.capabilities()).write_once


async def test_what_was_accepted_is_beyond_the_url(lax: Service, send: Send) -> None:
    key = a_key()
    assert await put(lax, send, key, ONE) == 200
    (arrived,) = await lax.arrived((key,))
    assert (arrived.presence, arrived.size, arrived.key) == (Presence.FOUND, len(ONE), INCOMING + key)
    (accepted,) = await lax.accept(seen_as((arrived,)))
    assert (accepted.presence, accepted.size) == (Presence.FOUND, len(ONE))
    assert accepted.key not in (key, INCOMING + key)
    assert upload_key(accepted.key) == key
    assert await put(lax, send, key, OTHER) == 200
    assert await got(lax, send, accepted.key) == ONE
    (found,) = await lax.look_up((accepted.key,))
    assert (found.presence, found.content_type) == (Presence.FOUND, "text/plain")


async def test_what_changed_since_it_was_seen_is_not_accepted(lax: Service, send: Send) -> None:
    key = a_key()
    await put(lax, send, key, ONE)
    seen = await lax.arrived((key,))
    await put(lax, send, key, OTHER)
    (accepted,) = await lax.accept(seen_as(seen))
    assert accepted.presence is Presence.UNKNOWN
    (again,) = await accepted_of(lax, key)
    assert await got(lax, send, again.key) == OTHER


async def test_accepting_again_and_all_at_once_gives_the_same_object(lax: Service, send: Send) -> None:
    key = a_key()
    await put(lax, send, key, ONE)
    seen = await lax.arrived((key,))
    answers = await asyncio.gather(*[lax.accept(seen_as(seen)) for _ in range(10)])
    assert {answer[0].key for answer in answers} == {answers[0][0].key}
    assert {answer[0].presence for answer in answers} == {Presence.FOUND}
    assert len(await all_keys(lax)) == 2


async def test_objects_are_accepted_in_order_and_one_does_not_hold_up_the_others(lax: Service, send: Send) -> None:
    keys = [a_key() for _ in range(5)]
    for key in keys:
        await put(lax, send, key, key.encode())
    seen = list(await lax.arrived(tuple(keys)))
    seen[2] = Object(INCOMING + a_key(), Presence.FOUND, size=1, etag="of-nothing")
    accepted = await lax.accept(seen_as(seen))
    assert [found.presence is Presence.FOUND for found in accepted] == [True, True, False, True, True]
    assert [await got(lax, send, accepted[at].key) for at in (0, 4)] == [keys[0].encode(), keys[4].encode()]


async def test_what_is_absent_is_absent_and_a_thousand_are_asked_at_once(lax: Service) -> None:
    keys = tuple(a_key() for _ in range(200))
    assert {found.presence for found in await lax.arrived(keys)} == {Presence.ABSENT}


async def test_discarding_leaves_the_object_alone(lax: Service, send: Send) -> None:
    key, other = a_key(), a_key()
    for one in (key, other):
        await put(lax, send, one, ONE)
    accepted = [found.key for found in await accepted_of(lax, key, other)]
    await put(lax, send, key, OTHER)
    await accepted_of(lax, key)
    await lax.discard((accepted[0],))
    await lax.discard((accepted[0],))
    assert sorted(await all_keys(lax)) == sorted([INCOMING + other, *accepted])


async def test_deleting_an_object_deletes_what_its_upload_left(lax: Service, send: Send) -> None:
    key, other = a_key(), a_key()
    for one in (key, other):
        await put(lax, send, one, ONE)
    accepted = [found.key for found in await accepted_of(lax, key, other)]
    fates = await lax.delete((accepted[0], a_key()))
    assert [fate.error for fate in fates] == [None, None]
    assert sorted(await all_keys(lax)) == sorted([INCOMING + other, accepted[1]])
    await lax.delete((other,))
    assert await all_keys(lax) == []


async def test_a_page_shows_copies_and_not_what_still_may_change(lax: Service, send: Send) -> None:
    keys = sorted(a_key() for _ in range(3))
    for key in keys:
        await put(lax, send, key, ONE)
    accepted = await accepted_of(lax, *keys)
    page = await lax.page(None, 1000)
    assert [found.key for found in page.objects] == [found.key for found in accepted]


async def test_a_quarantined_copy_takes_no_other_bytes_along(lax: Service, send: Send) -> None:
    key = a_key()
    await put(lax, send, key, ONE)
    (accepted,) = await accepted_of(lax, key)
    assert await lax.quarantine(accepted.key)
    assert sorted(await all_keys(lax)) == sorted([INCOMING + key, f".quarantine/{accepted.key}"])


async def test_what_was_uploaded_before_the_store_became_strict_is_found(
    settings: Settings, store: Store, send: Send
) -> None:
    key = a_key()
    async with opened(settings, store, "if-none-match") as lax:
        await put(lax, send, key, ONE)
    async with opened(settings, store) as strict:
        (arrived,) = await strict.arrived((key,))
        assert arrived.key == INCOMING + key
        (accepted,) = await strict.accept(seen_as((arrived,)))
        assert await got(strict, send, accepted.key) == ONE
        await strict.discard((accepted.key,))
        assert await all_keys(strict) == [accepted.key]


async def test_in_a_strict_store_an_upload_is_where_it_stays(settings: Settings, store: Store, send: Send) -> None:
    key = a_key()
    async with opened(settings, store) as strict:
        await put(strict, send, key, ONE)
        seen = await strict.arrived((key,))
        assert seen == await strict.look_up((key,))
        (same,) = await strict.accept(seen_as(seen))
        assert (same.key, same.presence, same.etag) == (key, Presence.FOUND, seen[0].etag)
        await strict.discard((key,))
        assert await all_keys(strict) == [key]


async def test_a_store_that_cannot_even_copy_with_a_condition_is_used_as_it_is_and_it_is_said(
    settings: Settings, store: Store, send: Send
) -> None:
    key = a_key()
    with capture_logs() as logs:
        async with opened(settings, store, "if-none-match", "x-amz-copy-source-if-match") as loose:
            able = await loose.capabilities()
            assert (able.write_once, able.copy_condition) == (False, False)
            await put(loose, send, key, ONE)
            assert (await loose.arrived((key,)))[0].key == key
    (said,) = [log for log in logs if log["event"] == "store_does_not_enforce"]
    assert said["log_level"] == "error"


@pytest.mark.parametrize("key", ["a~b", "~", "a/b~0"])
async def test_no_url_is_signed_for_a_copy(lax: Service, key: str) -> None:
    with pytest.raises(InvalidRequest):
        await lax.presign_put(Put(key, 1, "text/plain"), utc_now(), 60)


@pytest.mark.parametrize("etag", ["", 'a"b', "a\r\nb: c", "x" * 257, "\u00e9"])
async def test_what_is_no_etag_is_refused(lax: Service, etag: str) -> None:
    with pytest.raises(InvalidRequest):
        await lax.accept((Arrival(INCOMING + "a/b", etag, 1),))


# -- copies that take long -------------------------------------------------------------------------


class Slow(MemoryBucket):
    """Copies when it is let."""

    def __init__(self) -> None:
        super().__init__(utc_now, lax=True)
        self.let = asyncio.Event()
        self.let.set()
        self.copies = 0

    async def copy(self, source: str, target: str, etag: str | None = None) -> bool:
        self.copies += 1
        await self.let.wait()
        return await super().copy(source, target, etag)


@asynccontextmanager
async def slow() -> AsyncIterator[tuple[Slow, Service, Object]]:
    bucket = Slow()
    storage = Service(
        bucket, Settings("memory:", "", "", call_timeout=timedelta(milliseconds=50)), utc_now, new_id=uuid7
    )
    await storage.start()
    bucket.put(INCOMING + "a/b", ONE)
    bucket.copies = 0
    bucket.let.clear()
    (arrived,) = await storage.arrived(("a/b",))
    try:
        yield bucket, storage, arrived
    finally:
        await storage.close()


async def test_a_copy_that_takes_long_goes_on_and_is_found_by_the_next_try() -> None:
    async with slow() as (bucket, storage, arrived):
        for _ in range(3):
            assert (await storage.accept(seen_as((arrived,))))[0].presence is Presence.UNKNOWN
        assert bucket.copies == 1
        bucket.let.set()
        async with asyncio.timeout(5):
            while (await storage.accept(seen_as((arrived,))))[0].presence is not Presence.FOUND:
                await asyncio.sleep(0.01)
        assert bucket.copies == 1


async def test_copies_under_way_end_with_the_service() -> None:
    async with slow() as (bucket, storage, arrived):
        await storage.accept(seen_as((arrived,)))
    bucket.let.set()
    await asyncio.sleep(0)
    assert set(bucket.objects) == {INCOMING + "a/b"}


async def test_a_copy_that_fails_is_tried_again_and_cancelling_who_waits_stops_no_copy() -> None:
    async with slow() as (bucket, storage, arrived):
        bucket.broken = True
        bucket.let.set()
        assert (await storage.accept(seen_as((arrived,))))[0].presence is Presence.UNKNOWN
        bucket.broken = False
        bucket.let.clear()
        waiting = asyncio.create_task(storage.accept(seen_as((arrived,))))
        while not bucket.copies:
            await asyncio.sleep(0.001)
        waiting.cancel()
        await asyncio.wait((waiting,))
        bucket.let.set()
        assert (await storage.accept(seen_as((arrived,))))[0].presence is Presence.FOUND
        assert bucket.copies == 1
