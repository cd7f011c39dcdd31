"""Servers and services are stopped for real. Calls fail cleanly meanwhile, nothing is lost, and it heals
without a restart."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from drivebay.testing import world
from drivebay.testing.client import Client, eventually
from drivebay.testing.world import World

from .conftest import FAST, OwnServers, assert_sound, http_client

pytestmark = pytest.mark.slow


@asynccontextmanager
async def a_user(running: World) -> AsyncIterator[Client]:
    async with http_client() as http:
        yield await Client(http, running.api).sign_up()


async def fails_cleanly(user: Client, path: str = "/v1/files") -> bool:
    """The call answers 503 with Retry-After, and never anything worse."""
    response = await user.call("GET", path)
    assert response.status_code in (200, 503), response.text
    if response.status_code == 503:
        assert response.json()["code"] == "unavailable"
        assert int(response.headers["Retry-After"]) >= 1
    return response.status_code == 503


@pytest.mark.parametrize("topology", ["one", "six"])
async def test_postgres_killed_is_a_503_and_heals(topology: str, tmp_path: Path, own_servers: OwnServers) -> None:
    async with world.run(tmp_path, FAST | own_servers.environment, topology) as running, a_user(running) as user:
        kept = await user.store("kept.txt", b"kept")
        upload = await user.begin("during.txt", b"during")
        await own_servers.postgres.kill()

        async def down() -> bool:
            return await fails_cleanly(user)

        await eventually(down, within=15)
        assert (await user.http.get(f"{running.api}/healthz")).status_code == 200
        ready = await user.http.get(f"{running.api}/readyz")
        assert ready.status_code == 503
        assert "postgres" in ready.text
        assert (await user.put(upload, b"during")).status_code == 200
        await own_servers.postgres.start()

        async def healed() -> bool:
            return not await fails_cleanly(user) and await user.names() == ["during.txt", "kept.txt"]

        await eventually(healed, within=40)
        assert await user.download(kept["id"]) == b"kept"
        await assert_sound(running)


@pytest.mark.parametrize("topology", ["one", "six"])
async def test_nats_killed_loses_nothing(topology: str, tmp_path: Path, own_servers: OwnServers) -> None:
    async with world.run(tmp_path, FAST | own_servers.environment, topology) as running, a_user(running) as user:
        await own_servers.nats.kill()
        upload = await user.begin("during.txt", b"during")
        assert (await user.put(upload, b"during")).status_code == 200

        async def visible() -> bool:
            return await user.names() == ["during.txt"]

        await eventually(visible, within=20)
        await own_servers.nats.start()
        after = await user.begin("zafter.txt", b"after")
        await user.put(after, b"after")

        async def both() -> bool:
            return await user.names() == ["during.txt", "zafter.txt"]

        await eventually(both, within=20)
        await running.ready()
        await assert_sound(running)


@pytest.mark.parametrize("topology", ["one", "six"])
async def test_the_store_killed_declares_nothing_missing(
    topology: str, tmp_path: Path, own_servers: OwnServers
) -> None:
    async with world.run(tmp_path, FAST | own_servers.environment, topology) as running, a_user(running) as user:
        kept = await user.store("kept.txt", b"kept")
        landed = await user.begin("landed.txt", b"landed")
        await user.put(landed, b"landed")
        await own_servers.store.kill()
        pending = await user.begin("pending.txt", b"pending")
        answer = await user.call("POST", f"/v1/uploads/{pending['id']}/complete")
        assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")

        async def unready() -> bool:
            return (await user.http.get(f"{running.api}/readyz")).status_code == 503

        await eventually(unready, within=15)
        await own_servers.store.start()
        await running.ready()

        async def there() -> bool:
            return await user.names() == ["kept.txt", "landed.txt"]

        await eventually(there, within=25)

        async def readable() -> bool:
            signed = await user.ok("GET", f"/v1/files/{kept['id']}/download")
            response = await user.http.get(signed["url"])
            return response.status_code == 200 and response.content == b"kept"

        await eventually(readable, within=20)
        assert (await user.put(pending, b"pending")).status_code == 200
        await eventually(lambda: _named(user, "pending.txt"), within=20)
        await assert_sound(running)


async def _named(user: Client, name: str) -> bool:
    return name in await user.names()


async def test_ingest_down_while_the_bytes_arrive_catches_up(
    tmp_path: Path, server_environment: dict[str, str]
) -> None:
    async with world.run(tmp_path, FAST | server_environment, "six") as running, a_user(running) as user:
        await running.stop("ingest", signal.SIGKILL)
        for n in range(5):
            upload = await user.begin(f"{n}.txt", b"x")
            await user.put(upload, b"x")
        assert await user.names() == []
        await running.start("ingest")

        async def all_there() -> bool:
            return len(await user.names()) == 5

        await eventually(all_there, within=20)
        await assert_sound(running)


@pytest.mark.parametrize("part", ["auth", "files", "storage"])
async def test_a_service_killed_is_a_503_that_names_it_and_comes_back(
    part: str, tmp_path: Path, server_environment: dict[str, str]
) -> None:
    path = {"auth": "/v1/me", "files": "/v1/files", "storage": None}[part]
    async with world.run(tmp_path, FAST | server_environment, "six") as running, a_user(running) as user:
        file = await user.store("a.txt", b"a")
        path = path or f"/v1/files/{file['id']}/download"
        await running.stop(part, signal.SIGKILL)

        async def down() -> bool:
            return await fails_cleanly(user, path)

        await eventually(down, within=10)
        response = await user.http.get(f"{running.api}/readyz")
        assert (response.status_code, part in response.text) == (503, True)
        await running.start(part)

        async def up() -> bool:
            return not await fails_cleanly(user, path)

        await eventually(up, within=20)


async def test_a_missing_service_names_its_setting(tmp_path: Path) -> None:
    running = World(tmp_path, dict(FAST), "one")
    await running.start("gateway")
    try:
        async with http_client() as http:

            async def answers() -> bool:
                try:
                    return (await http.get(f"{running.api}/healthz")).status_code == 200
                except httpx.TransportError:
                    return False

            await eventually(answers, within=20)
            response = await http.post(
                f"{running.api}/v1/signup", json={"email": "a@example.com", "password": "long enough"}
            )
            assert response.status_code == 503
            assert "DRIVEBAY_AUTH_ADDRESS" in response.json()["detail"]
    finally:
        await running.stop("gateway")


async def test_killed_everywhere_and_started_again_nothing_is_lost(
    tmp_path: Path, server_environment: dict[str, str]
) -> None:
    async with world.run(tmp_path, FAST | server_environment, "six") as running, a_user(running) as user:
        uploads = [await user.begin(f"{n}.txt", b"x" * n) for n in range(10)]
        await asyncio.gather(*(user.put(upload, b"x" * n) for n, upload in enumerate(uploads)))
        for part in running.parts:
            await running.stop(part, signal.SIGKILL)
        for part in running.parts:
            await running.start(part)
        await running.ready()

        async def all_there() -> bool:
            return len(await user.names()) == 10

        await eventually(all_there, within=25)
        await assert_sound(running)


async def test_what_is_trashed_is_purged_and_its_bytes_are_free(
    tmp_path: Path, server_environment: dict[str, str]
) -> None:
    environment = FAST | server_environment | {"DRIVEBAY_TRASH_GRACE": "1s"}
    async with world.run(tmp_path, environment, "six") as running, a_user(running) as user:
        file = await user.store("a.txt", b"12345")
        url = (await user.ok("GET", f"/v1/files/{file['id']}/download"))["url"]
        await user.ok("DELETE", f"/v1/files/{file['id']}")

        async def freed() -> bool:
            return (await user.ok("GET", "/v1/me"))["usage"]["used_bytes"] == 0

        await eventually(freed, within=20)
        assert (await user.http.get(url)).status_code == 404
        assert (await user.call("POST", f"/v1/files/{file['id']}/restore")).status_code == 404
        await assert_sound(running)


async def test_an_upload_without_bytes_expires(tmp_path: Path, server_environment: dict[str, str]) -> None:
    environment = FAST | server_environment | {"DRIVEBAY_UPLOAD_TTL": "2s"}
    async with world.run(tmp_path, environment) as running, a_user(running) as user:
        upload = await user.begin("never.txt", b"never")

        async def expired() -> bool:
            return (await user.ok("GET", f"/v1/uploads/{upload['id']}"))["status"] == "expired"

        await eventually(expired, within=20)
        assert (await user.ok("GET", "/v1/me"))["usage"]["reserved_bytes"] == 0
        assert (await user.put(upload, b"never")).status_code in (400, 403)
