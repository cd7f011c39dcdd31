"""The primary is killed under load and its standby promoted: no acknowledged upload is lost or there twice."""

from __future__ import annotations

import asyncio
from pathlib import Path
from uuid import uuid4

import httpx

from drivebay.embedded import Store
from drivebay.testing import world
from drivebay.testing.client import Client, eventually
from tests.e2e.conftest import FAST, assert_sound, http_client, server_settings

from . import postgres_pair

USERS = 3
LONG = 120.0
"""Seconds. A test that reaches this limit has found something that hangs."""


class Uploader:
    """Uploads files until told to stop. A request succeeds, or is refused with 503. `uncertain` met a 503."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.acknowledged: set[str] = set()
        self.uncertain: set[str] = set()
        self.stops = False

    async def work(self) -> None:
        """Work until `stops` is set."""
        while not self.stops:
            name = f"{uuid4().hex}.txt"
            self.uncertain.add(name)
            if await self._upload(name):
                self.uncertain.remove(name)
                self.acknowledged.add(name)
            else:
                await asyncio.sleep(0.1)

    async def _upload(self, name: str) -> bool:
        body = name.encode()
        intent = {"name": name, "size": len(body), "content_type": "text/plain"}
        upload = await self._ask("/v1/uploads", intent)
        if upload is None:
            return False
        assert (await self.client.put(upload, body)).status_code == 200
        return await self._ask(f"/v1/uploads/{upload['id']}/complete", None) is not None

    async def _ask(self, path: str, body: object) -> dict[str, object] | None:
        """Return the response, None for a 503."""
        response: httpx.Response = await self.client.call("POST", path, body)
        assert response.is_success or response.status_code == 503, f"{path}: {response.status_code} {response.text}"
        return response.json() if response.is_success else None


async def test_a_failover_loses_no_acknowledged_upload(tmp_path: Path, nats_url: str, store: Store) -> None:
    bucket = f"failover-{uuid4().hex}"
    async with postgres_pair.run() as pair:
        settings = FAST | server_settings(pair.url, nats_url, store, bucket)
        async with world.run(tmp_path, settings) as running, http_client() as http:
            uploaders = [Uploader(await Client(http, running.api).sign_up()) for _ in range(USERS)]

            async def all_succeed() -> bool:
                before = [len(uploader.acknowledged) for uploader in uploaders]

                async def all_went_on() -> bool:
                    return all(len(each.acknowledged) > count for each, count in zip(uploaders, before, strict=True))

                await eventually(all_went_on, LONG)
                return True

            async def all_are_refused() -> bool:
                return all(uploader.uncertain for uploader in uploaders)

            async with asyncio.TaskGroup() as tasks:
                for uploader in uploaders:
                    tasks.create_task(uploader.work())
                await all_succeed()
                await pair.primary.kill()
                await eventually(all_are_refused, LONG)
                await pair.promote()
                await all_succeed()
                for uploader in uploaders:
                    uploader.stops = True
            await running.ready()
            for uploader in uploaders:
                names = await uploader.client.names()
                assert len(names) == len(set(names))
                assert uploader.acknowledged <= set(names) <= uploader.acknowledged | uploader.uncertain
            await assert_sound(running)
