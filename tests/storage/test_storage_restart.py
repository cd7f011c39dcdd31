"""The store goes away and comes back while the service runs: nothing is declared missing, and it heals alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Protocol
from uuid import uuid4

import httpx
import pytest
from uuid_utils.compat import uuid7

from drivebay.contract.storage import Presence, Put
from drivebay.errors import Unavailable
from drivebay.storage import service
from drivebay.storage.service import Service, Settings
from drivebay.testing.client import eventually


class Process(Protocol):
    async def start(self) -> None: ...
    async def kill(self) -> None: ...
    def pause(self) -> None: ...
    def resume(self) -> None: ...


class OwnStore(Protocol):
    s3_endpoint: str
    access_key: str
    secret_key: str
    process: Process


OpenOwnStore = Callable[[], Awaitable[OwnStore]]


def utc_now() -> datetime:
    return datetime.now(UTC)


@asynccontextmanager
async def service_on(store: OwnStore) -> AsyncIterator[Service]:
    settings = Settings(
        store.s3_endpoint,
        store.access_key,
        store.secret_key,
        bucket="restarts",
        call_timeout=timedelta(seconds=2),
        retry_pause=timedelta(milliseconds=200),
    )
    async with service.open(settings, now=utc_now) as storage:
        yield storage


async def started(storage: Service) -> None:
    """Wait until the store is in use; a fresh one may be slow with its first objects."""

    async def healthy() -> bool:
        return all(health.ok for health in await storage.health())

    await eventually(healthy, within=60)


async def noticed(storage: Service) -> None:
    """Wait until health says that the store is down; its answer is kept for a second."""

    async def unhealthy() -> bool:
        return not (await storage.health())[0].ok

    await eventually(unhealthy, within=5)


async def write(storage: Service, browser: httpx.AsyncClient, keys: tuple[str, ...]) -> None:
    for key in keys:
        signed = await storage.presign_put(Put(key, 1, "text/plain"), utc_now(), 900)
        assert (await browser.put(signed.url, headers=signed.headers, content=b"x")).status_code == 200


async def presences(storage: Service, keys: tuple[str, ...]) -> set[Presence]:
    return {found.presence for found in await storage.look_up(keys)}


@pytest.mark.slow
async def test_a_killed_store_is_unknown_and_heals_without_a_restart(
    own_store: OpenOwnStore, browser: httpx.AsyncClient
) -> None:
    store = await own_store()
    owner = uuid4()
    keys = (f"{uuid4()}/{uuid7()}", *(f"{owner}/{uuid7()}" for _ in range(30)))
    async with service_on(store) as storage:
        await started(storage)
        await write(storage, browser, keys)
        await store.process.kill()
        assert await presences(storage, (*keys, "never/was")) == {Presence.UNKNOWN}
        for call in (storage.delete(keys), storage.page(None, 5), storage.quarantine(keys[0])):
            with pytest.raises(Unavailable):
                await call
        await noticed(storage)
        # Signing asks nothing of the store, so it goes on.
        assert (await storage.presign_put(Put("a/b", 1, "text/plain"), utc_now(), 60)).url

        await store.process.start()
        seen: set[Presence] = set()

        async def all_found() -> bool:
            nonlocal seen
            now_seen = await presences(storage, keys)
            seen |= now_seen
            return now_seen == {Presence.FOUND}

        await eventually(all_found, within=60)
        assert Presence.ABSENT not in seen
        assert await presences(storage, ("never/was",)) == {Presence.ABSENT}
        await started(storage)


@pytest.mark.slow
async def test_a_store_that_hangs_is_unknown_in_time(own_store: OpenOwnStore, browser: httpx.AsyncClient) -> None:
    store = await own_store()
    keys = tuple(f"{uuid4()}/{uuid7()}" for _ in range(3))
    async with service_on(store) as storage:
        await started(storage)
        await write(storage, browser, keys)
        store.process.pause()
        try:
            # A signal takes a moment to stop every thread.
            await noticed(storage)
            async with asyncio.timeout(4):
                assert await presences(storage, keys) == {Presence.UNKNOWN}
        finally:
            store.process.resume()

        async def all_found() -> bool:
            return await presences(storage, keys) == {Presence.FOUND}

        await eventually(all_found, within=60)
