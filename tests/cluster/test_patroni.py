"""Patroni changes the primary under load: no acknowledged upload is lost, and the pools find the new primary.

Each test prints how long it took. Run them with `-s` to see it.
"""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import uuid4

import pytest

from drivebay.embedded import Store
from drivebay.testing import world
from drivebay.testing.client import Client, eventually
from drivebay.testing.world import World
from tests.e2e.conftest import FAST, assert_sound, http_client, server_settings

from . import patroni_cluster
from .patroni_cluster import Node, PatroniCluster
from .uploader import Uploader

pytestmark = pytest.mark.skipif(patroni_cluster.ETCD is None, reason="etcd is not installed")

USERS = 3
LONG = 120.0
"""Seconds. A test that reaches this limit has found something that hangs."""


@dataclass(frozen=True)
class Deployment:
    """Six processes of Drivebay on the database of a Patroni cluster, and their users."""

    cluster: PatroniCluster
    world: World
    uploaders: list[Uploader]

    @asynccontextmanager
    async def load(self) -> AsyncIterator[None]:
        """Upload and list during the block, then check that the standby has come back and that nothing is lost."""
        async with asyncio.TaskGroup() as tasks:
            for uploader in self.uploaders:
                tasks.create_task(uploader.work())
            await self.all_succeed()
            yield
            await eventually(self.cluster.is_replicating, LONG)
            await self.all_succeed()
            for uploader in self.uploaders:
                uploader.stops = True
        await self.world.ready()
        for uploader in self.uploaders:
            uploader.check(await uploader.client.names())
        await eventually(self.demoted_server_has_no_clients, LONG)
        await assert_sound(self.world)

    async def all_succeed(self) -> None:
        """Wait until each user has uploaded another file."""
        before = [len(uploader.acknowledged) for uploader in self.uploaders]

        async def all_went_on() -> bool:
            return all(len(each.acknowledged) > count for each, count in zip(self.uploaders, before, strict=True))

        await eventually(all_went_on, LONG)

    async def service_is_back(self, primary: Node, began: float) -> None:
        """Wait until this server is the primary, then until each user has uploaded another file. Print how long it took
        since the time `began`."""

        async def takes_writes() -> bool:
            return await self.cluster.takes_writes(primary)

        await eventually(takes_writes, LONG)
        promoted = time.monotonic()
        await self.all_succeed()
        print(f"new primary after {promoted - began:.1f} s, uploads {time.monotonic() - promoted:.1f} s later")

    async def demoted_server_has_no_clients(self) -> bool:
        """Return whether Drivebay has connections to the primary only."""
        leader = await self.cluster.leader()
        return await self.cluster.clients(leader) > 0 and await self.cluster.clients(self.cluster.other(leader)) == 0


@pytest.fixture(scope="module")
async def deployment(
    tmp_path_factory: pytest.TempPathFactory, nats_url: str, store: Store
) -> AsyncIterator[Deployment]:
    bucket = f"patroni-{uuid4().hex}"
    async with patroni_cluster.run() as cluster:
        settings = FAST | server_settings(cluster.url, nats_url, store, bucket)
        async with world.run(tmp_path_factory.mktemp("world"), settings, "six") as running, http_client() as http:
            uploaders = [Uploader(await Client(http, running.api).sign_up()) for _ in range(USERS)]
            yield Deployment(cluster, running, uploaders)


async def test_a_killed_primary_loses_no_acknowledged_upload(deployment: Deployment) -> None:
    cluster = deployment.cluster
    async with deployment.load():
        old, began = await cluster.leader(), time.monotonic()
        await old.kill()
        await deployment.service_is_back(cluster.other(old), began)
        await old.patroni.start()  # it becomes the standby


async def test_a_switchover_loses_no_acknowledged_upload(deployment: Deployment) -> None:
    async with deployment.load():
        began = time.monotonic()
        new = await deployment.cluster.switch_over()
        await deployment.service_is_back(new, began)


async def test_a_primary_that_hangs_loses_no_acknowledged_upload(deployment: Deployment) -> None:
    """Connections to the old primary stay open and get no response. Then its machine is reset, as by a watchdog."""
    cluster = deployment.cluster
    async with deployment.load():
        old, began = await cluster.leader(), time.monotonic()
        old.send(signal.SIGSTOP)
        await deployment.service_is_back(cluster.other(old), began)
        await old.kill()
        await old.patroni.start()
