"""Look up whether objects exist: with one HEAD for each, or with one page of a list for many keys.

Keys are `{owner}/{uuid7}`, so objects that one owner uploaded at about the same time are near each other in the order
of the store. One page of a list shows up to 1,000 objects, but without checksum and content type. An object that could
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
"""One page of a list costs the store and us about as much as this number of HEAD requests."""


class LookupLimits(NamedTuple):
    """`concurrency` is the maximum number of concurrent requests. `seconds` is the time limit for all keys together."""

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
        store = self._startup.probe_result
        if store is None or not store.has_staged_objects:
            return await self._stat(keys)
        # Look first in the location of new uploads, then look for the absent objects in the other location.
        first, second = (STAGING_PREFIX, "") if store.uses_staging else ("", STAGING_PREFIX)
        infos = list(await self._stat(tuple(first + key for key in keys)))
        absent = [index for index, object in enumerate(infos) if object.presence is Presence.ABSENT]
        others = await self._stat(tuple(second + keys[index] for index in absent))
        for index, object in zip(absent, others, strict=True):
            infos[index] = object
        return tuple(infos)

    async def _stat(self, keys: tuple[str, ...]) -> tuple[ObjectInfo, ...]:
        if self._startup.probe_result is None:
            return tuple(ObjectInfo(key, Presence.UNKNOWN) for key in keys)  # guard: lookup-before-start
        capabilities = self._startup.probe_result.capabilities
        # A list shows no type and no checksum. So a list is enough only if the store has checked both.
        allow_listing = capabilities.signed_checksum and capabilities.signed_type  # guard: lookup-by-listing
        infos = await look_up(self._bucket, keys, self._limits, allow_listing=allow_listing)
        if capabilities.reports_type:
            return infos
        # If the store changes content types, the stored type does not show which type the client sent.
        return tuple(msgspec.structs.replace(object, content_type=None) for object in infos)


async def look_up(
    bucket: Bucket, keys: tuple[str, ...], limits: LookupLimits, *, allow_listing: bool
) -> tuple[ObjectInfo, ...]:
    """Return the state of each key in the store, in order. Never raises Unavailable.

    `allow_listing` allows results without checksum and content type.
    """
    infos = {key: ObjectInfo(key, Presence.UNKNOWN) for key in keys}
    try:
        async with asyncio.timeout(limits.seconds):
            keys_for_head = await _stat_by_listing(bucket, infos, limits.concurrency) if allow_listing else list(infos)
            await _stat_one_by_one(bucket, keys_for_head, infos, limits.concurrency)
            await _check_bucket_exists(bucket, infos)
    except (TimeoutError, Unavailable) as error:
        for key, object in infos.items():
            if object.presence is Presence.ABSENT:  # guard: absent-unconfirmed
                infos[key] = ObjectInfo(key, Presence.UNKNOWN)
        unknown = sum(object.presence is Presence.UNKNOWN for object in infos.values())
        log.warning("look_up_incomplete", keys=len(infos), unknown=unknown, reason=str(error) or "timeout")
    return tuple(infos[key] for key in keys)


async def _stat_by_listing(bucket: Bucket, infos: dict[str, ObjectInfo], concurrency: int) -> list[str]:
    """Look up groups of many keys with lists, and update `infos`. Return the keys that need a HEAD request."""
    groups: defaultdict[str, list[str]] = defaultdict(list)
    for key in infos:
        owner, slash, _ = key.rpartition("/")
        groups[owner + slash].append(key)
    remaining = [key for group in groups.values() if len(group) < MIN_KEYS_FOR_LISTING for key in group]

    async def stat_group(group: tuple[str, list[str]]) -> None:
        # Send no HEAD requests for the keys of a failed page, because the store may be overloaded.
        with suppress(Unavailable):
            remaining.extend(await _stat_group_by_listing(bucket, *group, infos))

    large = [(prefix, sorted(group)) for prefix, group in groups.items() if len(group) >= MIN_KEYS_FOR_LISTING]
    await bounded_map(large, stat_group, concurrency)
    return remaining


async def _stat_group_by_listing(
    bucket: Bucket, prefix: str, keys: list[str], infos: dict[str, ObjectInfo]
) -> list[str]:
    """Read pages, each from the first key that the previous pages did not cover.

    Stop when a page covers fewer than MIN_KEYS_FOR_LISTING keys, and return the keys that are not covered.
    """
    while len(keys) >= MIN_KEYS_FOR_LISTING:
        # `after` is exclusive, so the listing starts after a shorter key, which sorts before the first key.
        page: ObjectPage = await bucket.list_objects(prefix, keys[0][:-1], min(1000, len(keys) + MIN_KEYS_FOR_LISTING))
        objects = {object.key: object for object in page.objects}
        covered = len(keys) if page.after is None else bisect_right(keys, page.after)
        for key in keys[:covered]:
            infos[key] = objects.get(key) or ObjectInfo(key, Presence.ABSENT)
        keys = keys[covered:]
        if covered < MIN_KEYS_FOR_LISTING:
            break
    return keys


async def _stat_one_by_one(bucket: Bucket, keys: list[str], infos: dict[str, ObjectInfo], concurrency: int) -> None:
    async def stat(key: str) -> None:
        with suppress(Unavailable):
            infos[key] = await bucket.head_object(key)

    await bounded_map(keys, stat, concurrency)


async def _check_bucket_exists(bucket: Bucket, infos: dict[str, ObjectInfo]) -> None:
    # If the bucket does not exist, the store responds to HEAD with 404 too. Objects are not absent in this case.
    if all(object.presence is not Presence.ABSENT for object in infos.values()):
        return
    if not (await bucket.head_bucket()).exists:  # guard: absent-bucket
        raise Unavailable("the bucket does not exist")
