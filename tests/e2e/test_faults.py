"""Servers and services are killed. Calls fail with 503, nothing is lost, and the rest recovers without a restart."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from drivebay import postgres
from drivebay.testing import world
from drivebay.testing.client import Client, eventually
from drivebay.testing.world import World

from .conftest import FAST, OwnServers, assert_sound, http_client

pytestmark = pytest.mark.slow


@asynccontextmanager
async def signed_up_user(running: World) -> AsyncIterator[Client]:
    async with http_client() as http:
        yield await Client(http, running.api).sign_up()


async def is_unavailable(user: Client, path: str = "/v1/files") -> bool:
    """Return whether a call responds with 503 with Retry-After. Any other failure fails the test."""
    response = await user.call("GET", path)
    assert response.status_code in (200, 503), response.text
    if response.status_code == 503:
        assert response.json()["code"] == "unavailable"
        assert int(response.headers["Retry-After"]) >= 1
    return response.status_code == 503


async def is_named_by_readyz(user: Client, part: str) -> bool:
    """Return whether `/readyz` responds with 503 and names a part. Its state is up to a second old."""
    response = await user.http.get(f"{user.api}/readyz")
    return response.status_code == 503 and part in response.text


@pytest.mark.parametrize("topology", ["one", "six"])
async def test_a_killed_postgres_gives_503_and_recovers(topology: str, tmp_path: Path, own_servers: OwnServers) -> None:
    async with (
        world.run(tmp_path, FAST | own_servers.environment, topology) as running,
        signed_up_user(running) as user,
    ):
        kept = await user.store("kept.txt", b"kept")
        upload = await user.begin("during.txt", b"during")
        await own_servers.postgres.kill()

        async def down() -> bool:
            return await is_unavailable(user)

        await eventually(down, within=15)
        assert (await user.http.get(f"{running.api}/healthz")).status_code == 200
        await eventually(lambda: is_named_by_readyz(user, "postgres"), within=30)
        assert (await user.put(upload, b"during")).status_code == 200
        await own_servers.postgres.start()

        async def recovered() -> bool:
            return not await is_unavailable(user) and await user.names() == ["during.txt", "kept.txt"]

        await eventually(recovered, within=40)
        assert await user.download(kept["id"]) == b"kept"
        await assert_sound(running)


@pytest.mark.parametrize("topology", ["one", "six"])
async def test_a_killed_nats_loses_no_upload(topology: str, tmp_path: Path, own_servers: OwnServers) -> None:
    async with (
        world.run(tmp_path, FAST | own_servers.environment, topology) as running,
        signed_up_user(running) as user,
    ):
        await own_servers.nats.kill()
        upload = await user.begin("during.txt", b"during")
        assert (await user.put(upload, b"during")).status_code == 200

        async def visible() -> bool:
            return await user.names() == ["during.txt"]

        await eventually(visible, within=20)
        await own_servers.nats.start()
        after = await user.begin("zafter.txt", b"after")
        await user.put(after, b"after")

        async def both_listed() -> bool:
            return await user.names() == ["during.txt", "zafter.txt"]

        await eventually(both_listed, within=20)
        await running.ready()
        await assert_sound(running)


@pytest.mark.parametrize("topology", ["one", "six"])
async def test_a_killed_store_makes_no_file_missing(topology: str, tmp_path: Path, own_servers: OwnServers) -> None:
    async with (
        world.run(tmp_path, FAST | own_servers.environment, topology) as running,
        signed_up_user(running) as user,
    ):
        kept = await user.store("kept.txt", b"kept")
        written = await user.begin("written.txt", b"written")
        await user.put(written, b"written")
        await own_servers.store.kill()
        pending = await user.begin("pending.txt", b"pending")
        answer = await user.call("POST", f"/v1/uploads/{pending['id']}/complete")
        assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")

        async def unready() -> bool:
            return (await user.http.get(f"{running.api}/readyz")).status_code == 503

        await eventually(unready, within=15)
        await own_servers.store.start()
        await running.ready()

        async def both_listed() -> bool:
            return await user.names() == ["kept.txt", "written.txt"]

        await eventually(both_listed, within=25)

        async def readable() -> bool:
            signed = await user.ok("GET", f"/v1/files/{kept['id']}/download")
            response = await user.http.get(signed["url"])
            return response.status_code == 200 and response.content == b"kept"

        await eventually(readable, within=20)
        assert (await user.put(pending, b"pending")).status_code == 200
        await eventually(lambda: _is_listed(user, "pending.txt"), within=20)
        await assert_sound(running)


async def _is_listed(user: Client, name: str) -> bool:
    return name in await user.names()


async def test_uploads_during_a_stop_of_ingest_become_files_after_its_restart(
    tmp_path: Path, server_environment: dict[str, str]
) -> None:
    async with world.run(tmp_path, FAST | server_environment, "six") as running, signed_up_user(running) as user:
        await running.stop("ingest", signal.SIGKILL)
        for n in range(5):
            upload = await user.begin(f"{n}.txt", b"x")
            await user.put(upload, b"x")
        assert await user.names() == []
        await running.start("ingest")

        async def all_listed() -> bool:
            return len(await user.names()) == 5

        await eventually(all_listed, within=20)
        await assert_sound(running)


@pytest.mark.parametrize("part", ["auth", "files", "storage"])
async def test_a_killed_service_gives_503_is_named_by_readyz_and_recovers(
    part: str, tmp_path: Path, server_environment: dict[str, str]
) -> None:
    path = {"auth": "/v1/me", "files": "/v1/files", "storage": None}[part]
    async with world.run(tmp_path, FAST | server_environment, "six") as running, signed_up_user(running) as user:
        file = await user.store("a.txt", b"a")
        path = path or f"/v1/files/{file['id']}/download"
        await running.stop(part, signal.SIGKILL)

        async def down() -> bool:
            return await is_unavailable(user, path)

        await eventually(down, within=10)
        await eventually(lambda: is_named_by_readyz(user, part), within=30)
        await running.start(part)

        async def up() -> bool:
            return not await is_unavailable(user, path)

        await eventually(up, within=20)


async def test_the_error_of_a_missing_service_names_its_setting(tmp_path: Path) -> None:
    running = World(tmp_path, dict(FAST), "one")
    await running.start("gateway")
    try:
        async with http_client() as http:

            async def is_listening() -> bool:
                try:
                    return (await http.get(f"{running.api}/healthz")).status_code == 200
                except httpx.TransportError:
                    return False

            await eventually(is_listening, within=20)
            response = await http.post(
                f"{running.api}/v1/signup", json={"email": "a@example.com", "password": "long enough"}
            )
            assert response.status_code == 503
            assert "DRIVEBAY_AUTH_ADDRESS" in response.json()["detail"]
    finally:
        await running.stop("gateway")


async def test_nothing_is_lost_when_all_processes_are_killed_and_restarted(
    tmp_path: Path, server_environment: dict[str, str]
) -> None:
    async with world.run(tmp_path, FAST | server_environment, "six") as running, signed_up_user(running) as user:
        uploads = [await user.begin(f"{n}.txt", b"x" * n) for n in range(10)]
        await asyncio.gather(*(user.put(upload, b"x" * n) for n, upload in enumerate(uploads)))
        for part in running.process_names:
            await running.stop(part, signal.SIGKILL)
        for part in running.process_names:
            await running.start(part)
        await running.ready()

        async def all_listed() -> bool:
            return len(await user.names()) == 10

        await eventually(all_listed, within=25)
        await assert_sound(running)


async def test_a_trashed_file_is_purged_and_its_bytes_are_released(
    tmp_path: Path, server_environment: dict[str, str]
) -> None:
    environment = FAST | server_environment | {"DRIVEBAY_TRASH_GRACE": "1s"}
    async with world.run(tmp_path, environment, "six") as running, signed_up_user(running) as user:
        file = await user.store("a.txt", b"12345")
        url = (await user.ok("GET", f"/v1/files/{file['id']}/download"))["url"]
        await user.ok("DELETE", f"/v1/files/{file['id']}")

        async def bytes_released() -> bool:
            return (await user.ok("GET", "/v1/me"))["usage"]["used_bytes"] == 0

        await eventually(bytes_released, within=20)
        assert (await user.http.get(url)).status_code == 404
        assert (await user.call("POST", f"/v1/files/{file['id']}/restore")).status_code == 404
        await assert_sound(running)


async def test_an_upload_without_bytes_expires(tmp_path: Path, server_environment: dict[str, str]) -> None:
    environment = FAST | server_environment | {"DRIVEBAY_UPLOAD_TTL": "2s"}
    async with world.run(tmp_path, environment) as running, signed_up_user(running) as user:
        upload = await user.begin("never.txt", b"never")

        async def expired() -> bool:
            return (await user.ok("GET", f"/v1/uploads/{upload['id']}"))["status"] == "expired"

        await eventually(expired, within=20)
        assert (await user.ok("GET", "/v1/me"))["usage"]["reserved_bytes"] == 0
        assert (await user.put(upload, b"never")).status_code in (400, 403)


async def test_a_read_only_database_is_named_everywhere_and_stops_no_process(
    tmp_path: Path, own_servers: OwnServers
) -> None:
    url = own_servers.environment["DRIVEBAY_DATABASE_URL"]
    async with (
        world.run(tmp_path, FAST | own_servers.environment) as running,
        signed_up_user(running) as user,
        postgres.connect(url, size=1) as admin,
    ):
        kept = await user.store("kept.txt", b"kept")

        async def set_read_only(value: str) -> None:
            await admin.execute(f"ALTER SYSTEM SET default_transaction_read_only = {value}")
            await admin.execute("SELECT pg_reload_conf()")

        async def readiness() -> str:
            return (await user.http.get(f"{running.api}/readyz")).text

        async def named() -> bool:
            return "accepts no writes: it is read-only" in await readiness()

        await set_read_only("on")
        await eventually(named, within=30)
        refused = await user.call("POST", "/v1/folders", {"name": "a", "parent_id": "root"})
        assert (refused.status_code, refused.json()["code"]) == (503, "unavailable")
        assert await user.download(kept["id"]) == b"kept"

        # A process that restarts serves reads.
        await running.restart("all")

        async def serves_reads() -> bool:
            try:
                return await user.download(kept["id"]) == b"kept"
            except (httpx.TransportError, AssertionError):
                assert running.processes["all"].returncode is None, running.logs()[-4000:]
                return False

        await eventually(serves_reads, within=60)
        assert await named()
        _, out, _ = await running.command("doctor", "--json")
        findings = {finding["check"]: finding for finding in json.loads(out)["findings"]}
        assert "accepts no writes" in findings["files: postgres"]["detail"]
        assert "primary" in findings["files: postgres"]["fix"]
        assert "password" not in out

        await set_read_only("off")
        await running.ready()
        assert (await user.store("later.txt", b"later"))["name"] == "later.txt"
        await assert_sound(running)
