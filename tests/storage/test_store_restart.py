"""The store stops and returns while the service runs. No object is reported absent, and the service recovers."""

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

from drivebay.contract.storage import Presence, PutSpec
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
        startup_retry_delay=timedelta(milliseconds=200),
    )
    async with service.open(settings, now=utc_now) as storage:
        yield storage


async def wait_until_healthy(storage: Service) -> None:
    """Wait until the store is in use. A new store may be slow with its first objects."""

    async def healthy() -> bool:
        return all(health.ok for health in await storage.health())

    await eventually(healthy, within=60)


async def wait_until_unhealthy(storage: Service) -> None:
    """Wait until health reports that the store is down. It is cached for a second."""

    async def unhealthy() -> bool:
        return not (await storage.health())[0].ok

    await eventually(unhealthy, within=5)


async def write(storage: Service, browser: httpx.AsyncClient, keys: tuple[str, ...]) -> None:
    for key in keys:
        signed = await storage.presign_put(PutSpec(key, 1, "text/plain"), utc_now(), 900)
        assert (await browser.put(signed.url, headers=signed.headers, content=b"x")).status_code == 200


async def presences(storage: Service, keys: tuple[str, ...]) -> set[Presence]:
    return {found.presence for found in await storage.stat_objects(keys)}


@pytest.mark.slow
async def test_objects_of_a_killed_store_are_unknown_until_it_runs_again(
    own_store: OpenOwnStore, browser: httpx.AsyncClient
) -> None:
    store = await own_store()
    owner = uuid4()
    keys = (f"{uuid4()}/{uuid7()}", *(f"{owner}/{uuid7()}" for _ in range(30)))
    async with service_on(store) as storage:
        await wait_until_healthy(storage)
        await write(storage, browser, keys)
        await store.server_process.kill()
        assert await presences(storage, (*keys, "never/existed")) == {Presence.UNKNOWN}
        for call in (storage.delete_objects(keys), storage.list_objects(None, 5), storage.quarantine_object(keys[0])):
            with pytest.raises(Unavailable):
                await call
        await wait_until_unhealthy(storage)
        # Signing sends nothing to the store, so it still works.
        assert (await storage.presign_put(PutSpec("a/b", 1, "text/plain"), utc_now(), 60)).url

        await store.server_process.start()
        seen: set[Presence] = set()

        async def all_found() -> bool:
            nonlocal seen
            current = await presences(storage, keys)
            seen |= current
            return current == {Presence.FOUND}

        await eventually(all_found, within=60)
        assert Presence.ABSENT not in seen
        assert await presences(storage, ("never/existed",)) == {Presence.ABSENT}
        await wait_until_healthy(storage)


@pytest.mark.slow
async def test_objects_of_a_hanging_store_are_unknown_in_time(
    own_store: OpenOwnStore, browser: httpx.AsyncClient
) -> None:
    store = await own_store()
    keys = tuple(f"{uuid4()}/{uuid7()}" for _ in range(3))
    async with service_on(store) as storage:
        await wait_until_healthy(storage)
        await write(storage, browser, keys)
        store.server_process.pause()
        try:
            # A signal needs some time to stop every thread.
            await wait_until_unhealthy(storage)
            async with asyncio.timeout(4):
                assert await presences(storage, keys) == {Presence.UNKNOWN}
        finally:
            store.server_process.resume()

        async def all_found() -> bool:
            return await presences(storage, keys) == {Presence.FOUND}

        await eventually(all_found, within=60)
