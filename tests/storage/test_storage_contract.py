"""What `contract.storage` promises about objects, over the real store: near, encoded, over gRPC, and with
every call delivered twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from uuid import UUID, uuid4

import httpx
import pytest
from uuid_utils.compat import uuid7

from drivebay import proto
from drivebay.contract.storage import Disposition, Presence, Put, Storage
from drivebay.errors import InvalidRequest
from drivebay.storage import service
from drivebay.storage.service import Settings
from drivebay.testing.deliveries import deliver

Send = Callable[..., Awaitable[httpx.Response]]


@pytest.fixture(params=["direct", "encoded", "grpc", "twice"])
async def storage(request: pytest.FixtureRequest, settings: Settings) -> AsyncIterator[Storage]:
    async with (
        service.open(settings, now=lambda: datetime.now(UTC)) as running,
        deliver(request.param, Storage, proto.STORAGE, running) as delivered,
    ):
        yield delivered


@pytest.fixture
async def once(settings: Settings) -> AsyncIterator[Storage]:
    """Where the answer of a repeated call differs from that of the first."""
    async with service.open(settings, now=lambda: datetime.now(UTC)) as running:
        yield running


def keys_of(owner: UUID, count: int) -> tuple[str, ...]:
    return tuple(f"{owner}/{uuid7()}" for _ in range(count))


async def write(storage: Storage, send: Send, keys: tuple[str, ...], body: bytes = b"x") -> None:
    """Put `body` at every key, some at a time."""
    now, gate = datetime.now(UTC), asyncio.Semaphore(16)

    async def put(key: str) -> None:
        async with gate:
            signed = await storage.presign_put(Put(key, len(body), "text/plain"), now, 900)
            assert (await send(signed, body)).status_code == 200

    await asyncio.gather(*map(put, keys))


async def presences(storage: Storage, keys: tuple[str, ...]) -> list[Presence]:
    return [found.presence for found in await storage.look_up(keys)]


async def test_a_thousand_keys_of_one_owner_are_looked_up_in_order(storage: Storage, send: Send) -> None:
    keys = keys_of(uuid4(), 1000)
    there = keys[::3]
    await write(storage, send, there)
    answers = await storage.look_up(keys[::-1])
    assert tuple(answer.key for answer in answers) == keys[::-1]
    assert {answer.key for answer in answers if answer.presence is Presence.FOUND} == set(there)
    assert {answer.presence for answer in answers} == {Presence.FOUND, Presence.ABSENT}
    assert {answer.size for answer in answers if answer.presence is Presence.FOUND} == {1}


async def test_few_keys_among_many_neighbours_are_found(storage: Storage, send: Send) -> None:
    keys = keys_of(uuid4(), 600)
    await write(storage, send, keys)
    wanted = keys[::20]
    assert await presences(storage, wanted) == [Presence.FOUND] * len(wanted)


async def test_keys_of_many_owners_are_looked_up_together(storage: Storage, send: Send) -> None:
    lonely = tuple(key for _ in range(30) for key in keys_of(uuid4(), 1))
    busy = keys_of(uuid4(), 30)
    await write(storage, send, lonely[::2] + busy[::2])
    answers = await presences(storage, lonely + busy)
    assert answers == [Presence.FOUND, Presence.ABSENT] * 30


async def test_a_key_asked_for_twice_is_answered_twice(storage: Storage) -> None:
    (key,) = keys_of(uuid4(), 1)
    assert [answer.key for answer in await storage.look_up((key, key))] == [key, key]


async def test_nothing_asked_nothing_answered(storage: Storage) -> None:
    assert await storage.look_up(()) == ()
    assert await storage.delete(()) == ()


async def test_a_thousand_objects_are_deleted_in_one_call_and_missing_ones_count_as_gone(
    storage: Storage, send: Send
) -> None:
    keys = keys_of(uuid4(), 1000)
    await write(storage, send, keys[::2])
    for _ in range(2):
        fates = await storage.delete(keys)
        assert tuple(fate.key for fate in fates) == keys
        assert {fate.error for fate in fates} == {None}
    assert set(await presences(storage, keys)) == {Presence.ABSENT}


async def test_a_deletion_leaves_neighbours_alone(storage: Storage, send: Send) -> None:
    keys = keys_of(uuid4(), 4)
    await write(storage, send, keys)
    await storage.delete(keys[:2])
    assert await presences(storage, keys) == [Presence.ABSENT] * 2 + [Presence.FOUND] * 2


async def test_more_than_a_thousand_keys_are_refused(storage: Storage) -> None:
    with pytest.raises(InvalidRequest):
        await storage.look_up(keys_of(uuid4(), 1001))
    with pytest.raises(InvalidRequest):
        await storage.delete(keys_of(uuid4(), 1001))


@pytest.mark.parametrize("limit", [0, -1, 1001])
async def test_a_page_has_1_to_1000_objects(storage: Storage, limit: int) -> None:
    with pytest.raises(InvalidRequest):
        await storage.page(None, limit)


@pytest.mark.parametrize("limit", [1, 7, 1000])
async def test_pages_show_every_object_once_in_order(storage: Storage, send: Send, limit: int) -> None:
    keys = tuple(sorted(keys_of(uuid4(), 10) + keys_of(uuid4(), 11)))
    await write(storage, send, keys)
    seen: list[str] = []
    after: str | None = None
    while True:
        page = await storage.page(after, limit)
        assert len(page.objects) <= limit
        seen += [object.key for object in page.objects]
        after = page.after
        if after is None:
            break
    assert tuple(seen) == keys


async def test_an_empty_bucket_has_an_empty_page(storage: Storage) -> None:
    page = await storage.page(None, 10)
    assert (page.objects, page.after) == ((), None)


async def test_a_quarantined_object_is_out_of_sight_with_its_bytes_kept(storage: Storage, send: Send) -> None:
    keys = keys_of(uuid4(), 25)
    await write(storage, send, keys, b"evidence")
    for key in keys[:20]:
        await storage.quarantine(key)
    assert await presences(storage, keys) == [Presence.ABSENT] * 20 + [Presence.FOUND] * 5
    for limit in (1, 5, 100):
        page = await storage.page(None, limit)
        assert [object.key for object in page.objects] == list(keys[20:])[:limit]
    signed = await storage.presign_get(f".quarantine/{keys[0]}", "x", "text/plain", Disposition.ATTACHMENT, 60)
    assert (await send(signed)).content == b"evidence"


async def test_quarantine_says_whether_there_was_something(once: Storage, send: Send) -> None:
    (key,) = keys_of(uuid4(), 1)
    assert await once.quarantine(key) is False
    await write(once, send, (key,))
    assert [await once.quarantine(key), await once.quarantine(key)] == [True, False]


async def test_a_store_that_works_is_healthy(storage: Storage) -> None:
    assert [(health.name, health.ok) for health in await storage.health()] == [("store", True), ("store clock", True)]
