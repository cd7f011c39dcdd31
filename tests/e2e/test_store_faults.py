"""Readiness and logs report a store that cannot be reached, and a store with a wrong clock."""

from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from drivebay.embedded import Store
from drivebay.testing import proxy
from drivebay.testing.client import Client, eventually
from drivebay.testing.world import World
from tests import permissive_store

from .conftest import FAST, http_client, server_settings

pytestmark = pytest.mark.slow


async def readiness(world: World) -> tuple[int, str]:
    try:
        async with http_client() as http:
            response = await http.get(f"{world.api}/readyz")
    except httpx.HTTPError:
        return 0, ""
    return response.status_code, response.text


async def stop_all(world: World) -> None:
    for process in tuple(world.processes):
        await world.stop(process)


async def test_a_store_that_is_unreachable_at_the_start_is_reported_and_used_later(
    tmp_path: Path, database_url: str, nats_url: str, store: Store, bucket: str
) -> None:
    address = urlsplit(store.s3_endpoint)
    assert address.hostname is not None
    assert address.port is not None
    async with proxy.run((address.hostname, address.port)) as store_proxy:
        store_proxy.refuse = True
        environment = server_settings(database_url, nats_url, store, bucket)
        environment["DRIVEBAY_S3_ENDPOINT"] = f"http://{store_proxy.host_port}"
        world = World(tmp_path, FAST | environment, "one")
        await world.start("all")
        try:

            async def logged_three_times() -> bool:
                return world.logs().count("store_not_ready") >= 3

            await eventually(logged_three_times, within=40)
            status, text = await readiness(world)
            assert status == 503
            assert "the store cannot be reached" in text
            assert "the store cannot be reached" in world.logs()
            store_proxy.refuse = False
            await world.ready()
            async with http_client() as http:
                user = await Client(http, world.api).sign_up()
                assert (await user.store("a.txt", b"a"))["size"] == 1
        finally:
            await stop_all(world)


async def test_a_clock_difference_of_five_minutes_is_reported_and_not_ready(
    tmp_path: Path, database_url: str, nats_url: str, store: Store, bucket: str
) -> None:
    async with permissive_store.run(store, clock_skew=timedelta(minutes=-5)) as skewed:
        world = World(tmp_path, FAST | server_settings(database_url, nats_url, skewed.store, bucket), "one")
        await world.start("all")
        try:

            async def reports_the_clock() -> bool:
                status, text = await readiness(world)
                return status == 503 and "the store's clock is " in text

            await eventually(reports_the_clock, within=40)
            skewed.clock_skew = timedelta()
            await world.ready()
        finally:
            await stop_all(world)
