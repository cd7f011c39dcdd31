"""Each process of a Drivebay of many processes is restarted under load, and no request fails."""

from __future__ import annotations

import asyncio
from pathlib import Path
from uuid import uuid4

import httpx

from drivebay.embedded import Postgres, Store
from drivebay.testing import servers
from drivebay.testing.client import Client, eventually
from tests.e2e.conftest import FAST, server_settings

from . import drivebay_cluster
from .drivebay_cluster import Part

USERS = 3
ROUNDS = (
    *([f"{service}-{number}"] for service in ("storage", "files", "auth") for number in range(2)),
    *([f"{service}-{number}" for service in ("ingest", "janitor", "worker")] for number in range(2)),
    *([f"gateway-{number}"] for number in range(3)),
)
"""The processes that restart together: one of a service that answers calls, or one of each that only calls others."""
LONG = 240.0
"""Seconds for a restart. A test that reaches this limit has found something that hangs."""


class BusyUser:
    """Uploads, renames, downloads and lists files until told to stop. A request that does not succeed is an error."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.files: dict[str, bytes] = {}
        self.stops = False

    async def work(self) -> None:
        """Work until `stops` is set."""
        while not self.stops:
            name, body = f"{len(self.files):04}.txt", uuid4().hex.encode()
            file = await self.client.store(name, body)
            await self.client.ok("PATCH", f"/v1/files/{file['id']}", {"name": f"new {name}"})
            self.files[f"new {name}"] = body
            assert await self.client.download(file["id"]) == body
            await self.client.names()


async def restart(part: Part) -> None:
    """Stop a process with SIGTERM and start it again."""
    assert await part.stop() == 0, f"{part.name} did not end with 0"
    await part.start()


async def test_a_restart_of_each_process_in_turn_fails_no_request(
    tmp_path: Path, postgres: Postgres, database_template: str, nats_url: str, store: Store
) -> None:
    name = f"rolling_{uuid4().hex}"
    # A connection for each request, as many load balancers make them: a gateway that stops closes idle ones.
    limits = httpx.Limits(max_keepalive_connections=0)
    async with (
        servers.database(postgres, database_template, name) as url,
        drivebay_cluster.run(tmp_path, FAST | server_settings(url, nats_url, store, name.replace("_", "-"))) as cluster,
        httpx.AsyncClient(timeout=60, limits=limits) as http,
    ):
        users = [BusyUser(await Client(http, cluster.api).sign_up()) for _ in range(USERS)]
        async with asyncio.TaskGroup() as tasks:
            for user in users:
                tasks.create_task(user.work())
            for names in ROUNDS:
                await asyncio.gather(*(restart(cluster.parts[name]) for name in names))
                await eventually(cluster.balancer.all_are_ready, LONG)
                # Before the next one stops, its callers must have found the new process.
                await eventually(cluster.everyone_is_connected, LONG)
                stored = [len(user.files) for user in users]

                async def all_store_more(stored: list[int] = stored) -> bool:
                    return all(len(user.files) > count for user, count in zip(users, stored, strict=True))

                await eventually(all_store_more, LONG)
            for user in users:
                user.stops = True
        for user in users:
            assert await user.client.names() == sorted(user.files)
            for item in (await user.client.ok("GET", "/v1/files"))["items"]:
                assert await user.client.download(item["id"]) == user.files[item["name"]]
        status, out = await cluster.check()
        assert status == 0, out
