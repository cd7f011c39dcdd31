"""The primary is killed under load and its standby promoted: no acknowledged upload is lost or there twice."""

from __future__ import annotations

import asyncio
from pathlib import Path
from uuid import uuid4

from drivebay.embedded import Store
from drivebay.testing import world
from drivebay.testing.client import Client, eventually
from tests.e2e.conftest import FAST, assert_sound, http_client, server_settings

from . import postgres_pair
from .uploader import Uploader

USERS = 3
LONG = 120.0
"""Seconds. A test that reaches this limit has found something that hangs."""


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
                uploader.check(await uploader.client.names())
            await assert_sound(running)
