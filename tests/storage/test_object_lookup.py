"""A look-up sends few requests, and its result does not depend on which requests it sends."""

from __future__ import annotations

import random
from datetime import UTC, datetime

import pytest

from drivebay.contract.storage import ObjectInfo, ObjectPage, Presence
from drivebay.storage.bucket import BucketStatus
from drivebay.storage.object_lookup import LookupLimits, look_up
from drivebay.testing.memory import MemoryBucket

Keys = tuple[str, ...]


class CountingBucket:
    """A bucket that counts its requests."""

    def __init__(self, keys: Keys) -> None:
        self._bucket = MemoryBucket(lambda: datetime.now(UTC))
        self.pages = self.heads = 0
        for key in keys:
            self._bucket.put(key, b"x")

    async def head_bucket(self) -> BucketStatus:
        return BucketStatus(exists=True, store_time=None)

    async def head_object(self, key: str) -> ObjectInfo:
        self.heads += 1
        return await self._bucket.head_object(key)

    async def list_objects(self, prefix: str, after: str, limit: int) -> ObjectPage:
        self.pages += 1
        assert limit <= 1000
        return await self._bucket.list_objects(prefix, after, limit)


def keys_of(owner: str, count: int, step: int = 1) -> Keys:
    return tuple(f"{owner}/{number * step:012x}" for number in range(count))


async def look_up_keys(bucket: CountingBucket, keys: Keys, *, listing: bool = True) -> dict[str, Presence]:
    await bucket._bucket.create_bucket()
    results = await look_up(bucket, keys, LookupLimits(4, 5), allow_listing=listing)
    assert tuple(result.key for result in results) == keys
    return {result.key: result.presence for result in results}


async def test_a_thousand_neighbours_need_at_most_two_pages() -> None:
    keys = keys_of("a", 1000)
    bucket = CountingBucket(keys)
    assert set((await look_up_keys(bucket, keys)).values()) == {Presence.FOUND}
    assert (bucket.pages <= 2, bucket.heads) == (True, 0)


async def test_a_thousand_absent_keys_need_one_page() -> None:
    bucket = CountingBucket(())
    assert set((await look_up_keys(bucket, keys_of("a", 1000))).values()) == {Presence.ABSENT}
    assert (bucket.pages, bucket.heads) == (1, 0)


async def test_a_few_keys_are_looked_up_one_by_one() -> None:
    keys = keys_of("a", 5) + keys_of("b", 5)
    bucket = CountingBucket(keys)
    await look_up_keys(bucket, keys)
    assert (bucket.pages, bucket.heads) == (0, 10)


async def test_keys_far_apart_are_not_looked_up_by_listing() -> None:
    stored = keys_of("a", 20_000)
    bucket = CountingBucket(stored)
    wanted = stored[::400]
    assert set((await look_up_keys(bucket, wanted)).values()) == {Presence.FOUND}
    assert bucket.pages == 1
    assert bucket.heads <= len(wanted)


async def test_two_distant_groups_are_listed_without_the_objects_between_them() -> None:
    stored = keys_of("a", 30_000)
    bucket = CountingBucket(stored)
    await look_up_keys(bucket, stored[:400] + stored[-400:])
    assert bucket.pages <= 3
    assert bucket.heads <= 32


async def test_listings_are_not_used_if_they_are_not_allowed() -> None:
    keys = keys_of("a", 50)
    bucket = CountingBucket(keys)
    await look_up_keys(bucket, keys, listing=False)
    assert (bucket.pages, bucket.heads) == (0, 50)


@pytest.mark.parametrize("seed", range(20))
async def test_heads_and_listings_give_the_same_result(seed: int) -> None:
    rng = random.Random(seed)
    universe = keys_of("a", 800, 7) + keys_of("b", 40, 3) + keys_of("deep/er", 30) + ("plain", "a", "a/")
    existing = tuple(rng.sample(universe, rng.randrange(len(universe))))
    wanted = tuple(rng.sample(universe, rng.randrange(1, len(universe))))
    by_page = await look_up_keys(CountingBucket(existing), wanted)
    assert by_page == await look_up_keys(CountingBucket(existing), wanted, listing=False)
    assert {key for key, presence in by_page.items() if presence is Presence.FOUND} == set(wanted) & set(existing)
