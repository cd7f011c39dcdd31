"""Look up whether objects exist: one HEAD for each, or one page of a listing for many neighbours.

Keys are `{owner}/{uuid7}`, so objects that one owner uploaded at about the same time are neighbours in the store's
order, and one page answers for up to 1,000 of them. A listing has no checksum and no content type. An object that could
not be looked up is UNKNOWN.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections import defaultdict
from contextlib import suppress
from typing import Final, NamedTuple

import msgspec
import structlog

from ..contract.storage import STAGING_PREFIX, ObjectInfo, ObjectPage, Presence
from ..errors import Unavailable
from .argument_checks import check_keys
from .bounded_map import bounded_map
from .bucket import Bucket
from .store_startup import StoreStartup

log = structlog.get_logger(__name__)

MIN_KEYS_FOR_LISTING: Final = 16
"""One page of a listing costs the store and us about as much as this many HEADs."""


class LookupLimits(NamedTuple):
    """`concurrency` requests at a time, `seconds` for all of them."""

    concurrency: int
    seconds: float


class ObjectLookup:
    """Implements `stat_objects` and `stat_staged` of `contract.storage`."""

    def __init__(self, bucket: Bucket, startup: StoreStartup, limits: LookupLimits) -> None:
        self._bucket = bucket
        self._startup = startup
        self._limits = limits

    async def stat_objects(self, keys: tuple[str, ...]) -> tuple[ObjectInfo, ...]:
        check_keys(keys)
        return await self._stat(keys)

    async def stat_staged(self, keys: tuple[str, ...]) -> tuple[ObjectInfo, ...]:
        check_keys(keys)
        store = self._startup.profile
        if store is None or not store.has_staged_objects:
            return await self._stat(keys)
        # Look first where new uploads go, then look for the absent ones in the other place.
        first, second = (STAGING_PREFIX, "") if store.uses_staging else ("", STAGING_PREFIX)
        found = list(await self._stat(tuple(first + key for key in keys)))
        absent = [index for index, object in enumerate(found) if object.presence is Presence.ABSENT]
        others = await self._stat(tuple(second + keys[index] for index in absent))
        for index, object in zip(absent, others, strict=True):
            found[index] = object
        return tuple(found)

    async def _stat(self, keys: tuple[str, ...]) -> tuple[ObjectInfo, ...]:
        if self._startup.profile is None:
            return tuple(ObjectInfo(key, Presence.UNKNOWN) for key in keys)  # guard: lookup-before-start
        capabilities = self._startup.profile.capabilities
        # A listing is enough only if the store checked type and checksum itself: a listing does not show them.
        allow_listing = capabilities.signed_checksum and capabilities.signed_type  # guard: lookup-by-listing
        found = await look_up(self._bucket, keys, self._limits, allow_listing=allow_listing)
        if capabilities.reports_type:
            return found
        # A store that changes types tells nothing about what the client sent.
        return tuple(msgspec.structs.replace(object, content_type=None) for object in found)


async def look_up(
    bucket: Bucket, keys: tuple[str, ...], limits: LookupLimits, *, allow_listing: bool
) -> tuple[ObjectInfo, ...]:
    """Return the state of each key in the store, in order. Never raises Unavailable.

    `allow_listing` allows results without checksum and content type.
    """
    found = {key: ObjectInfo(key, Presence.UNKNOWN) for key in keys}
    try:
        async with asyncio.timeout(limits.seconds):
            single = await _stat_by_listing(bucket, found, limits.concurrency) if allow_listing else list(found)
            await _stat_one_by_one(bucket, single, found, limits.concurrency)
            await _check_bucket_exists(bucket, found)
    except (TimeoutError, Unavailable) as error:
        for key, object in found.items():
            if object.presence is Presence.ABSENT:  # guard: absent-unconfirmed
                found[key] = ObjectInfo(key, Presence.UNKNOWN)
        unknown = sum(object.presence is Presence.UNKNOWN for object in found.values())
        log.warning("look_up_incomplete", keys=len(found), unknown=unknown, reason=str(error) or "timeout")
    return tuple(found[key] for key in keys)


async def _stat_by_listing(bucket: Bucket, found: dict[str, ObjectInfo], concurrency: int) -> list[str]:
    """Fill `found` for keys with enough neighbours. Return the keys that need a HEAD."""
    groups: defaultdict[str, list[str]] = defaultdict(list)
    for key in found:
        owner, slash, _ = key.rpartition("/")
        groups[owner + slash].append(key)
    remaining = [key for group in groups.values() if len(group) < MIN_KEYS_FOR_LISTING for key in group]

    async def stat_group(group: tuple[str, list[str]]) -> None:
        # No HEADs for the keys of a failed page: the store is overloaded already.
        with suppress(Unavailable):
            remaining.extend(await _stat_group(bucket, *group, found))

    large = [(prefix, sorted(group)) for prefix, group in groups.items() if len(group) >= MIN_KEYS_FOR_LISTING]
    await bounded_map(large, stat_group, concurrency)
    return remaining


async def _stat_group(bucket: Bucket, prefix: str, keys: list[str], found: dict[str, ObjectInfo]) -> list[str]:
    """List pages that start at the first key not yet covered.

    Stop when a page covers fewer than MIN_KEYS_FOR_LISTING keys, and return the keys not covered.
    """
    while len(keys) >= MIN_KEYS_FOR_LISTING:
        # `after` is exclusive, so the listing starts after a shorter key, which sorts before the first key.
        page: ObjectPage = await bucket.list_objects(prefix, keys[0][:-1], min(1000, len(keys) + MIN_KEYS_FOR_LISTING))
        objects = {object.key: object for object in page.objects}
        covered = len(keys) if page.after is None else bisect_right(keys, page.after)
        for key in keys[:covered]:
            found[key] = objects.get(key) or ObjectInfo(key, Presence.ABSENT)
        keys = keys[covered:]
        if covered < MIN_KEYS_FOR_LISTING:
            break
    return keys


async def _stat_one_by_one(bucket: Bucket, keys: list[str], found: dict[str, ObjectInfo], concurrency: int) -> None:
    async def stat(key: str) -> None:
        with suppress(Unavailable):
            found[key] = await bucket.head_object(key)

    await bounded_map(keys, stat, concurrency)


async def _check_bucket_exists(bucket: Bucket, found: dict[str, ObjectInfo]) -> None:
    # A HEAD answers 404 also when the whole bucket is gone. This must not be mistaken for 'no such object'.
    if all(object.presence is not Presence.ABSENT for object in found.values()):
        return
    if not (await bucket.head_bucket()).exists:  # guard: absent-bucket
        raise Unavailable("the bucket does not exist")
