"""A store that is not there yet, or whose clock is wrong: it is said, in one place, and what it is."""

from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from drivebay.embedded import Store
from drivebay.testing import proxy
from drivebay.testing.client import Client, eventually
from drivebay.testing.world import World
from tests import lax_store

from .conftest import FAST, http_client, server_settings

pytestmark = pytest.mark.slow


async def readiness(world: World) -> tuple[int, str]:
    try:
        async with http_client() as http:
            response = await http.get(f"{world.api}/readyz")
    except httpx.HTTPError:
        return 0, ""
    return response.status_code, response.text


async def stop(world: World) -> None:
    for part in tuple(world.processes):
        await world.stop(part)


async def test_a_store_that_is_not_there_at_the_start_is_waited_for_and_said(
    tmp_path: Path, database_url: str, nats_url: str, store: Store, bucket: str
) -> None:
    where = urlsplit(store.s3_endpoint)
    assert where.hostname is not None
    assert where.port is not None
    async with proxy.run((where.hostname, where.port)) as door:
        door.refuse = True
        environment = server_settings(database_url, nats_url, store, bucket)
        environment["DRIVEBAY_S3_ENDPOINT"] = f"http://{door.host_port}"
        world = World(tmp_path, FAST | environment, "one")
        await world.start("all")
        try:

            async def says_so_again_and_again() -> bool:
                return world.logs().count("store_not_ready") >= 3

            await eventually(says_so_again_and_again, within=40)
            status, text = await readiness(world)
            assert status == 503
            assert "the store cannot be reached" in text
            assert "the store cannot be reached" in world.logs()
            door.refuse = False
            await world.ready()
            async with http_client() as http:
                user = await Client(http, world.api).sign_up()
                assert (await user.store("a.txt", b"a"))["size"] == 1
        finally:
            await stop(world)


async def test_a_clock_five_minutes_off_is_not_ready_and_says_so(
    tmp_path: Path, database_url: str, nats_url: str, store: Store, bucket: str
) -> None:
    async with lax_store.run(store, skew=timedelta(minutes=-5)) as lax:
        world = World(tmp_path, FAST | server_settings(database_url, nats_url, lax.store, bucket), "one")
        await world.start("all")
        try:

            async def says_so() -> bool:
                status, text = await readiness(world)
                return status == 503 and "the store's clock is " in text

            await eventually(says_so, within=40)
            lax.skew = timedelta()
            await world.ready()
        finally:
            await stop(world)
