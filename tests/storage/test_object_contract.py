"""The promises of `contract.storage` about objects, over the real store: called directly, encoded, over gRPC, and with
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
from drivebay.contract.storage import Disposition, Presence, PutSpec, Storage
from drivebay.errors import InvalidRequest, NotFound
from drivebay.storage import service
from drivebay.storage.service import Settings
from drivebay.testing.deliveries import deliver

Send = Callable[..., Awaitable[httpx.Response]]


DELIVERIES = ["direct", "encoded", pytest.param("grpc", marks=pytest.mark.slow), "stream", "twice"]


@pytest.fixture(params=DELIVERIES)
async def own_storage(request: pytest.FixtureRequest, settings: Settings) -> AsyncIterator[Storage]:
    """The service on a bucket of its own, which is empty."""
    async with (
        service.open(settings, now=lambda: datetime.now(UTC)) as running,
        deliver(request.param, Storage, proto.STORAGE, running) as delivered,
    ):
        yield delivered


@pytest.fixture(params=DELIVERIES)
async def storage(request: pytest.FixtureRequest, shared_service: service.Service) -> AsyncIterator[Storage]:
    """The service on a bucket in which other tests have objects of other owners."""
    async with deliver(request.param, Storage, proto.STORAGE, shared_service) as delivered:
        yield delivered


@pytest.fixture
async def once(settings: Settings) -> AsyncIterator[Storage]:
    """For calls whose second result differs from the first."""
    async with service.open(settings, now=lambda: datetime.now(UTC)) as running:
        yield running


def keys_of(owner: UUID, count: int) -> tuple[str, ...]:
    return tuple(f"{owner}/{uuid7()}" for _ in range(count))


async def write(storage: Storage, send: Send, keys: tuple[str, ...], body: bytes = b"x") -> None:
    """Upload `body` to every key, a few at a time."""
    now, semaphore = datetime.now(UTC), asyncio.Semaphore(16)

    async def put(key: str) -> None:
        async with semaphore:
            signed = await storage.presign_put(PutSpec(key, len(body), "text/plain"), now, 900)
            assert (await send(signed, body)).status_code == 200

    await asyncio.gather(*map(put, keys))


async def presences(storage: Storage, keys: tuple[str, ...]) -> list[Presence]:
    return [found.presence for found in await storage.stat_objects(keys)]


async def test_a_thousand_keys_of_one_owner_are_looked_up_in_order(storage: Storage, send: Send) -> None:
    keys = keys_of(uuid4(), 1000)
    existing = keys[::9]
    await write(storage, send, existing)
    results = await storage.stat_objects(keys[::-1])
    assert tuple(result.key for result in results) == keys[::-1]
    assert {result.key for result in results if result.presence is Presence.FOUND} == set(existing)
    assert {result.presence for result in results} == {Presence.FOUND, Presence.ABSENT}
    assert {result.size for result in results if result.presence is Presence.FOUND} == {1}


@pytest.mark.slow
async def test_a_few_keys_among_many_neighbours_are_found(storage: Storage, send: Send) -> None:
    keys = keys_of(uuid4(), 600)
    await write(storage, send, keys)
    wanted = keys[::20]
    assert await presences(storage, wanted) == [Presence.FOUND] * len(wanted)


async def test_keys_of_many_owners_are_looked_up_together(storage: Storage, send: Send) -> None:
    single = tuple(key for _ in range(30) for key in keys_of(uuid4(), 1))
    grouped = keys_of(uuid4(), 30)
    await write(storage, send, single[::2] + grouped[::2])
    results = await presences(storage, single + grouped)
    assert results == [Presence.FOUND, Presence.ABSENT] * 30


async def test_a_repeated_key_gets_a_result_each_time(storage: Storage) -> None:
    (key,) = keys_of(uuid4(), 1)
    assert [result.key for result in await storage.stat_objects((key, key))] == [key, key]


async def test_no_keys_give_no_results(storage: Storage) -> None:
    assert await storage.stat_objects(()) == ()
    assert await storage.delete_objects(()) == ()


@pytest.mark.slow
async def test_a_thousand_objects_are_deleted_in_one_call_and_absent_ones_count_as_deleted(
    storage: Storage, send: Send
) -> None:
    keys = keys_of(uuid4(), 1000)
    await write(storage, send, keys[::2])
    for _ in range(2):
        deletions = await storage.delete_objects(keys)
        assert tuple(deletion.key for deletion in deletions) == keys
        assert {deletion.error for deletion in deletions} == {None}
    assert set(await presences(storage, keys)) == {Presence.ABSENT}


async def test_a_deletion_keeps_other_objects(storage: Storage, send: Send) -> None:
    keys = keys_of(uuid4(), 4)
    await write(storage, send, keys)
    await storage.delete_objects(keys[:2])
    assert await presences(storage, keys) == [Presence.ABSENT] * 2 + [Presence.FOUND] * 2


async def test_more_than_a_thousand_keys_are_refused(storage: Storage) -> None:
    with pytest.raises(InvalidRequest):
        await storage.stat_objects(keys_of(uuid4(), 1001))
    with pytest.raises(InvalidRequest):
        await storage.delete_objects(keys_of(uuid4(), 1001))


@pytest.mark.parametrize("limit", [0, -1, 1001])
async def test_a_page_has_1_to_1000_objects(storage: Storage, limit: int) -> None:
    with pytest.raises(InvalidRequest):
        await storage.list_objects(None, limit)


@pytest.mark.parametrize("limit", [1, 7, 1000])
async def test_pages_list_every_object_once_in_order(own_storage: Storage, send: Send, limit: int) -> None:
    keys = tuple(sorted(keys_of(uuid4(), 10) + keys_of(uuid4(), 11)))
    await write(own_storage, send, keys)
    seen: list[str] = []
    after: str | None = None
    while True:
        page = await own_storage.list_objects(after, limit)
        assert len(page.objects) <= limit
        seen += [object.key for object in page.objects]
        after = page.after
        if after is None:
            break
    assert tuple(seen) == keys


async def test_an_empty_bucket_has_an_empty_page(own_storage: Storage) -> None:
    page = await own_storage.list_objects(None, 10)
    assert (page.objects, page.after) == ((), None)


async def test_a_quarantined_object_is_not_listed_and_keeps_its_bytes(own_storage: Storage, send: Send) -> None:
    keys = keys_of(uuid4(), 25)
    await write(own_storage, send, keys, b"evidence")
    for key in keys[:20]:
        await own_storage.quarantine_object(key)
    assert await presences(own_storage, keys) == [Presence.ABSENT] * 20 + [Presence.FOUND] * 5
    for limit in (1, 5, 100):
        page = await own_storage.list_objects(None, limit)
        assert [object.key for object in page.objects] == list(keys[20:])[:limit]
    signed = await own_storage.presign_get(f".quarantine/{keys[0]}", "x", "text/plain", Disposition.ATTACHMENT, 60)
    assert (await send(signed)).content == b"evidence"


async def test_quarantine_returns_whether_the_object_existed(once: Storage, send: Send) -> None:
    (key,) = keys_of(uuid4(), 1)
    assert await once.quarantine_object(key) is False
    await write(once, send, (key,))
    assert [await once.quarantine_object(key), await once.quarantine_object(key)] == [True, False]


async def test_a_working_store_is_healthy(storage: Storage) -> None:
    assert [(health.name, health.ok) for health in await storage.health()] == [("store", True), ("store clock", True)]


async def test_ranges_of_an_object_are_read(storage: Storage, send: Send) -> None:
    key = f"{uuid4()}/{uuid4()}"
    await write(storage, send, (key,), b"0123456789")
    assert await storage.read_object(key, 0, 10) == b"0123456789"
    assert await storage.read_object(key, 9, 1) == b"9"
    for offset, length in ((5, 6), (10, 1), (2**40, 1)):
        with pytest.raises(NotFound):
            await storage.read_object(key, offset, length)
    with pytest.raises(NotFound):
        await storage.read_object(f"{uuid4()}/{uuid4()}", 0, 1)
    for offset, length in ((-1, 1), (0, 0), (0, 15 * 2**20 + 1), (2**63, 1)):
        with pytest.raises(InvalidRequest):
            await storage.read_object(key, offset, length)
