"""What a look-up costs in questions to the store, and that what it answers does not depend on it."""

from __future__ import annotations

import random
from datetime import UTC, datetime

import pytest

from drivebay.contract.storage import Object, ObjectPage, Presence
from drivebay.storage.bucket import Sight
from drivebay.storage.lookup import look_up
from drivebay.testing.memory import MemoryBucket

Keys = tuple[str, ...]


class Counted:
    """A bucket that counts what it is asked."""

    def __init__(self, keys: Keys) -> None:
        self._bucket = MemoryBucket(lambda: datetime.now(UTC))
        self.pages = self.heads = 0
        for key in keys:
            self._bucket.put(key, b"x")

    async def sight(self) -> Sight:
        return Sight(exists=True, store_time=None)

    async def head(self, key: str) -> Object:
        self.heads += 1
        return await self._bucket.head(key)

    async def page(self, prefix: str, after: str, limit: int) -> ObjectPage:
        self.pages += 1
        assert limit <= 1000
        return await self._bucket.page(prefix, after, limit)


def keys_of(owner: str, count: int, step: int = 1) -> Keys:
    return tuple(f"{owner}/{number * step:012x}" for number in range(count))


async def ask(bucket: Counted, keys: Keys, *, listing: bool = True) -> dict[str, Presence]:
    await bucket._bucket.create()
    answers = await look_up(bucket, keys, listing=listing, concurrency=4, seconds=5)
    assert tuple(answer.key for answer in answers) == keys
    return {answer.key: answer.presence for answer in answers}


async def test_a_thousand_neighbours_cost_two_pages_at_most() -> None:
    keys = keys_of("a", 1000)
    bucket = Counted(keys)
    assert set((await ask(bucket, keys)).values()) == {Presence.FOUND}
    assert (bucket.pages <= 2, bucket.heads) == (True, 0)


async def test_a_thousand_absent_keys_cost_one_page() -> None:
    bucket = Counted(())
    assert set((await ask(bucket, keys_of("a", 1000))).values()) == {Presence.ABSENT}
    assert (bucket.pages, bucket.heads) == (1, 0)


async def test_few_keys_are_asked_for_one_by_one() -> None:
    keys = keys_of("a", 5) + keys_of("b", 5)
    bucket = Counted(keys)
    await ask(bucket, keys)
    assert (bucket.pages, bucket.heads) == (0, 10)


async def test_keys_far_apart_are_not_paged_for() -> None:
    everything = keys_of("a", 20_000)
    bucket = Counted(everything)
    wanted = everything[::400]
    assert set((await ask(bucket, wanted)).values()) == {Presence.FOUND}
    assert bucket.pages == 1
    assert bucket.heads <= len(wanted)


async def test_two_far_clusters_are_paged_for_without_what_lies_between() -> None:
    everything = keys_of("a", 30_000)
    bucket = Counted(everything)
    await ask(bucket, everything[:400] + everything[-400:])
    assert bucket.pages <= 3
    assert bucket.heads <= 32


async def test_listings_are_not_used_where_they_do_not_tell_enough() -> None:
    keys = keys_of("a", 50)
    bucket = Counted(keys)
    await ask(bucket, keys, listing=False)
    assert (bucket.pages, bucket.heads) == (0, 50)


@pytest.mark.parametrize("seed", range(20))
async def test_both_ways_give_the_same_answer(seed: int) -> None:
    chance = random.Random(seed)
    universe = keys_of("a", 800, 7) + keys_of("b", 40, 3) + keys_of("deep/er", 30) + ("plain", "a", "a/")
    there = tuple(chance.sample(universe, chance.randrange(len(universe))))
    wanted = tuple(chance.sample(universe, chance.randrange(1, len(universe))))
    by_page = await ask(Counted(there), wanted)
    assert by_page == await ask(Counted(there), wanted, listing=False)
    assert {key for key, presence in by_page.items() if presence is Presence.FOUND} == set(wanted) & set(there)
