"""Whole Worlds: one process and six, with events and without, on real servers."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from drivebay.testing import world
from drivebay.testing.client import Client
from drivebay.testing.world import World

WORLDS = {
    "one process": ("one", {}),
    "six processes": ("six", {}),
    "one process, no events": ("one", {"DRIVEBAY_EVENTS": "off"}),
}

NewUser = Callable[[], Awaitable[Client]]


@asynccontextmanager
async def http_client() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(timeout=30) as http:
        yield http


@pytest.fixture(params=WORLDS)
async def a_world(
    request: pytest.FixtureRequest, tmp_path: Path, server_environment: dict[str, str]
) -> AsyncIterator[World]:
    """A running World, in each shape; every invariant holds when its test is over."""
    topology, more = WORLDS[request.param]
    async with world.run(tmp_path, FAST | server_environment | more, topology) as running:
        yield running
        await assert_sound(running)


FAST = {
    "DRIVEBAY_BCRYPT_COST": "4",
    "DRIVEBAY_SWEEP_INTERVAL": "1s",
    "DRIVEBAY_JANITOR_INTERVAL": "1s",
    "DRIVEBAY_SIGNUP_LIMIT": "off",
    "DRIVEBAY_LOGIN_LIMIT": "off",
}


@pytest.fixture
async def new_user(a_world: World) -> AsyncIterator[NewUser]:
    async with http_client() as http:

        async def make() -> Client:
            return await Client(http, a_world.api).sign_up()

        yield make


@pytest.fixture
async def user(new_user: NewUser) -> Client:
    return await new_user()


async def assert_sound(running: World) -> None:
    """`drivebay check` finds nothing broken."""
    status, out, err = await running.command("check")
    assert status == 0, out + err


async def gone(pid: int, within: float = 5) -> bool:
    for _ in range(int(within * 10)):
        if not Path(f"/proc/{pid}").exists():
            return True
        await asyncio.sleep(0.1)
    return False
