"""Whether objects are there: one question for each, or a page of the listing for many neighbours.

Keys are `{owner}/{uuid7}`, so what one owner uploaded at about the same time stands together in the store's
order, and one listing answers for up to 1,000 of them. A listing tells no checksum and no type.
What could not be asked stays UNKNOWN.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from typing import TypeVar

import structlog

from ..contract.storage import Object, ObjectPage, Presence
from ..errors import Unavailable
from .bucket import Bucket

log = structlog.get_logger(__name__)
T = TypeVar("T")

WORTH_LISTING = 16
"""A page of the listing costs the store and us about as much as this many single questions."""


async def look_up(
    bucket: Bucket, keys: tuple[str, ...], *, listing: bool, concurrency: int, seconds: float
) -> tuple[Object, ...]:
    """Answer for each key, in order, within `seconds`. `listing` allows answers without checksum and type."""
    found = {key: Object(key, Presence.UNKNOWN) for key in keys}
    try:
        async with asyncio.timeout(seconds):
            single = await _by_listing(bucket, found, concurrency) if listing else list(found)
            await _one_by_one(bucket, single, found, concurrency)
            await _doubt_absence(bucket, found)
    except (TimeoutError, Unavailable) as error:
        for key, object in found.items():
            if object.presence is Presence.ABSENT:
                found[key] = Object(key, Presence.UNKNOWN)
        log.warning("look_up_failed", keys=len(found), reason=str(error) or "out of time")
    return tuple(found[key] for key in keys)


async def _by_listing(bucket: Bucket, found: dict[str, Object], concurrency: int) -> list[str]:
    """Answer what listings answer cheaply; the keys that are left."""
    groups: defaultdict[str, list[str]] = defaultdict(list)
    for key in found:
        owner, slash, _ = key.rpartition("/")
        groups[owner + slash].append(key)
    left = [key for group in groups.values() if len(group) < WORTH_LISTING for key in group]

    async def group_answers(prefix: str, wanted: list[str]) -> None:
        # Keys of a page that failed are not asked one by one: the store has trouble enough.
        with suppress(Unavailable):
            left.extend(await _walk(bucket, prefix, wanted, found))

    jobs = ((prefix, sorted(group)) for prefix, group in groups.items() if len(group) >= WORTH_LISTING)
    await _each(jobs, lambda job: group_answers(*job), concurrency)
    return left


async def _walk(bucket: Bucket, prefix: str, wanted: list[str], found: dict[str, Object]) -> list[str]:
    """Page through one owner's objects, from wanted key to wanted key; those left when pages stop paying."""
    while len(wanted) >= WORTH_LISTING:
        # A key without its last letter sorts before it, and hardly anything stands between.
        page: ObjectPage = await bucket.page(prefix, wanted[0][:-1], min(1000, len(wanted) + WORTH_LISTING))
        objects = {object.key: object for object in page.objects}
        answered = len(wanted) if page.after is None else bisect_right(wanted, page.after)
        for key in wanted[:answered]:
            found[key] = objects.get(key) or Object(key, Presence.ABSENT)
        wanted = wanted[answered:]
        if answered < WORTH_LISTING:
            break
    return wanted


async def _one_by_one(bucket: Bucket, keys: list[str], found: dict[str, Object], concurrency: int) -> None:
    async def ask(key: str) -> None:
        with suppress(Unavailable):
            found[key] = await bucket.head(key)

    await _each(keys, ask, concurrency)


async def _doubt_absence(bucket: Bucket, found: dict[str, Object]) -> None:
    # A HEAD says 404 as well when the whole bucket is gone, and that must never read as 'no such object'.
    if all(object.presence is not Presence.ABSENT for object in found.values()):
        return
    if not (await bucket.sight()).exists:
        raise Unavailable("the bucket is gone")


async def _each(items: Iterable[T], work: Callable[[T], Awaitable[None]], concurrency: int) -> None:
    """Do `work` for every item, `concurrency` at a time."""
    gate = asyncio.Semaphore(concurrency)

    async def one(item: T) -> None:
        async with gate:
            await work(item)

    # A task for each, and not some that take one after another: whose call runs out of time just when it is cancelled
    # hears only of the first, and would go on with the next.
    async with asyncio.TaskGroup() as tasks:
        for item in items:
            tasks.create_task(one(item))
