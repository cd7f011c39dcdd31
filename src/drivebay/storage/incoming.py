"""Bytes that a URL can still reach, and how they get out of its reach.

In a store that takes a second PUT, whoever has an upload's URL could change a file that is there already.
There the URL writes under `.incoming/`, and what it wrote is accepted by a copy inside the store, on condition
that it is what was looked at. The copy's key is named after the bytes (their ETag), and nobody ever had a URL for
it. So a copy may be made twice, by two processes or by one that was thought dead: it writes the same again.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

import structlog

from ..contract.storage import COPY, INCOMING, Arrival, Deletion, Object, Presence, upload_key
from ..errors import Unavailable
from .bucket import Bucket

log = structlog.get_logger(__name__)
T = TypeVar("T")
R = TypeVar("R")

LookUp = Callable[[tuple[str, ...]], Awaitable[tuple[Object, ...]]]
Delete = Callable[[tuple[str, ...]], Awaitable[tuple[Deletion, ...]]]

_COPIES = 8
"""Under way at once; a store copies no faster for more."""
_MOST_COPIES = 1000
"""That one upload can have: each is of other bytes."""


class Incoming:
    """`look_up` and `delete` take keys as they are. `patience` is how many seconds a call waits for a copy, which
    goes on after it."""

    def __init__(self, bucket: Bucket, look_up: LookUp, delete: Delete, *, concurrency: int, patience: float) -> None:
        self._bucket = bucket
        self._look_up = look_up
        self._delete = delete
        self._concurrency = concurrency
        self._patience = patience
        self._copies: dict[str, asyncio.Task[bool]] = {}
        self._gate = asyncio.Semaphore(_COPIES)

    async def close(self) -> None:
        """End the copies under way. The store may finish them; a later try finds them."""
        copies = tuple(self._copies.values())
        for task in copies:
            task.cancel()
        await asyncio.gather(*copies, return_exceptions=True)

    async def arrived(self, keys: tuple[str, ...], *, first: str, second: str) -> tuple[Object, ...]:
        """The bytes of uploads, looked for after the prefix `first`, and what is absent there after `second`."""
        found = list(await self._look_up(tuple(first + key for key in keys)))
        absent = [at for at, object in enumerate(found) if object.presence is Presence.ABSENT]
        again = await self._look_up(tuple(second + keys[at] for at in absent))
        for at, object in zip(absent, again, strict=True):
            found[at] = object
        return tuple(found)

    async def accept(self, arrived: tuple[Arrival, ...]) -> tuple[Object, ...]:
        return await self._each(arrived, self._accept)

    async def _accept(self, arrived: Arrival) -> Object:
        if not arrived.key.startswith(INCOMING):
            return Object(arrived.key, Presence.FOUND, size=arrived.size, etag=arrived.etag)
        target = f"{upload_key(arrived.key)}{COPY}{_name(arrived.etag)}"
        try:
            there = await self._bucket.head(target)
            if there.presence is Presence.ABSENT and await self._copied(arrived, target):
                there = await self._bucket.head(target)
        except Unavailable as error:
            log.warning("accept_failed", key=target, reason=error.detail)
            return Object(target, Presence.UNKNOWN)
        if there.presence is not Presence.FOUND:
            return Object(target, Presence.UNKNOWN)
        if there.size != arrived.size:
            log.error("copy_differs", key=target, size=there.size, wanted=arrived.size)
            return Object(target, Presence.UNKNOWN)
        return there

    async def _copied(self, arrived: Arrival, target: str) -> bool:
        """Whether the copy is there now. Who comes while it is being made waits for the same one."""
        task = self._copies.get(target)
        if task is None:
            task = self._copies[target] = asyncio.create_task(self._copy(arrived, target), name=f"copy {target}")
            task.add_done_callback(lambda _: self._copies.pop(target, None))
        done, _ = await asyncio.wait((task,), timeout=self._patience)
        return bool(done) and not task.cancelled() and task.result()

    async def _copy(self, arrived: Arrival, target: str) -> bool:
        async with self._gate:
            try:
                return await self._bucket.copy(arrived.key, target, arrived.etag)
            except Unavailable as error:
                log.warning("copy_failed", key=target, reason=error.detail)
                return False

    async def discard(self, accepted: tuple[str, ...]) -> None:
        """Delete all of these objects' uploads but the objects. Raises Unavailable."""
        kept = frozenset(accepted)
        beside = tuple(key for keys in await self._each(accepted, self._beside) for key in keys if key not in kept)
        failed = [fate for fate in await self._delete_many(beside) if fate.error is not None]
        if failed:
            raise Unavailable(f"{len(failed)} objects stayed: {failed[0].error}")

    async def delete(self, keys: tuple[str, ...]) -> tuple[Deletion, ...]:
        """Delete objects and all that their uploads left. Raises Unavailable."""
        beside = await self._each(keys, self._beside)
        fates = await self._delete_many(tuple({key: None for more in (keys, *beside) for key in more}))
        errors = {fate.key: fate.error for fate in fates if fate.error is not None}
        return tuple(
            Deletion(key, next((errors[one] for one in (key, *more) if one in errors), None))
            for key, more in zip(keys, beside, strict=True)
        )

    async def _beside(self, key: str) -> tuple[str, ...]:
        upload = upload_key(key)
        copies = await self._bucket.page(upload + COPY, "", _MOST_COPIES)
        return (INCOMING + upload, *(copy.key for copy in copies.objects))

    async def _delete_many(self, keys: tuple[str, ...]) -> list[Deletion]:
        fates: list[Deletion] = []
        for at in range(0, len(keys), 1000):
            fates += await self._delete(keys[at : at + 1000])
        return fates

    async def _each(self, items: Iterable[T], work: Callable[[T], Awaitable[R]]) -> tuple[R, ...]:
        """What `work` gives for each, in order. Raises what one of them raised."""
        gate = asyncio.Semaphore(self._concurrency)

        async def one(item: T) -> R:
            async with gate:
                return await work(item)

        try:
            async with asyncio.TaskGroup() as tasks:
                running = [tasks.create_task(one(item)) for item in items]
        except* Unavailable as group:
            raise _first(group) from None
        return tuple(task.result() for task in running)


def _first(group: BaseExceptionGroup[Unavailable]) -> Unavailable:
    found = group.exceptions[0]
    return found if isinstance(found, Unavailable) else _first(found)


def _name(etag: str) -> str:
    return hashlib.sha256(etag.encode()).hexdigest()[:32]
