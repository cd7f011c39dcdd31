"""Drivebay on a SeaweedFS cluster: any one server may fail, and no acknowledged upload is lost."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest

from drivebay import postgres as postgres_pool
from drivebay.embedded import Postgres
from drivebay.testing import proxy, servers, world
from drivebay.testing.client import Client, Json, eventually
from drivebay.testing.proxy import Proxy
from drivebay.testing.world import World
from tests.e2e.conftest import FAST, assert_sound, server_settings

from . import seaweedfs_cluster
from .seaweedfs_cluster import FILERS, GATEWAYS, VOLUMES, SeaweedfsCluster

LONG = 180.0
"""Seconds for what takes an election or more. A test that reaches this limit has found something that hangs."""
SWEEP_PROMISE = 20.0
"""Seconds in which the sweep finds an upload without an event (docs/reliability.md)."""
SIZES = (1, 30_000, 5 * 2**20)
"""Bytes of the uploaded files. The largest one has more than one chunk in SeaweedFS."""


class Traffic:
    """A user who uploads files and reads them again, until told to stop.

    A request that gets no response or a 5xx is made again, as clients do. `stored` has the content of every
    acknowledged upload by the id of its file, and `repeated` is how many requests were made again.
    """

    def __init__(self, client: Client) -> None:
        self.client = client
        self.stored: dict[str, bytes] = {}
        self.reads = 0
        self.repeated: list[str] = []
        self._stops = False

    async def run(self) -> None:
        """Work until `stop`."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._write())
            tasks.create_task(self._read())

    def stop(self) -> None:
        """Let `run` end after the present upload."""
        self._stops = True

    async def goes_on(self) -> None:
        """Return when three more uploads and three more reads have succeeded."""
        uploads, reads = len(self.stored), self.reads

        async def went_on() -> bool:
            return len(self.stored) >= uploads + 3 and self.reads >= reads + 3

        await eventually(went_on, LONG)

    async def read_all(self) -> None:
        """Download every file and compare its bytes."""
        await asyncio.gather(*map(self._compare, tuple(self.stored)))

    async def _write(self) -> None:
        while not self._stops:
            body = random.randbytes(SIZES[len(self.stored) % len(SIZES)])
            upload = await self._begin(body)
            await self._put(upload, body)
            done = await self._call("POST", f"/v1/uploads/{upload['id']}/complete")
            self.stored[done["file_id"]] = body

    async def _read(self) -> None:
        while not self._stops:
            if self.stored:
                await self._compare(random.choice(tuple(self.stored)))
                self.reads += 1
            await asyncio.sleep(0.05)

    async def _compare(self, file: str) -> None:
        async def get() -> httpx.Response:
            signed = await self._call("GET", f"/v1/files/{file}/download")
            return await self.client.http.get(signed["url"])

        response = await self._repeat("read", get)
        assert response.status_code == 200, response.text
        assert response.content == self.stored[file]

    async def _begin(self, body: bytes) -> Json:
        intent = {"name": f"{uuid4().hex}.bin", "size": len(body), "content_type": "text/plain"}
        return await self._call("POST", "/v1/uploads", intent)

    async def _put(self, upload: Json, body: bytes) -> None:
        response = await self._repeat("put", lambda: self.client.put(upload, body))
        # 412: an earlier request has stored the bytes, and its response was lost.
        assert response.status_code in (200, 412), response.text

    async def _call(self, method: str, path: str, body: object = None) -> Json:
        response = await self._repeat(path, lambda: self.client.call(method, path, body))
        assert response.is_success, response.text
        return dict(response.json())

    async def _repeat(self, what: str, request: Callable[[], Awaitable[httpx.Response]]) -> httpx.Response:
        """Return the first response that is no 5xx."""
        async with asyncio.timeout(LONG):
            while True:
                try:
                    response = await request()
                    if response.status_code < 500:
                        return response
                    self.repeated.append(f"{what}: {response.status_code}")
                except httpx.TransportError as error:
                    self.repeated.append(f"{what}: {error!r}")
                await asyncio.sleep(0.2)


@dataclass
class Site:
    """A Drivebay on a SeaweedFS cluster. It reaches the filers through `proxies`.

    `uploads` has the ids of the uploads that were sent without completing them, so that they need an event.
    """

    running: World
    store: SeaweedfsCluster
    proxies: dict[str, Proxy]
    http: httpx.AsyncClient
    user: Client
    database_url: str
    uploads: list[str] = field(default_factory=list)

    @asynccontextmanager
    async def traffic(self) -> AsyncIterator[Traffic]:
        """Run the traffic of a new user. At the end, each of its files is there once, with its bytes."""
        load = Traffic(await Client(self.http, self.running.api).sign_up())
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(load.run())
            await load.goes_on()
            yield load
            load.stop()
        files = (await load.client.ok("GET", "/v1/files", parameters={"limit": "1000"}))["items"]
        assert sorted(file["id"] for file in files) == sorted(load.stored)
        await load.read_all()

    async def upload(self) -> str:
        """Begin an upload and send its bytes, without completing it. Return the id of the upload."""
        body = uuid4().bytes
        upload = await self.user.begin(f"{len(self.uploads):04}.txt", body)

        async def is_accepted() -> bool:
            try:
                return (await self.user.put(upload, body)).status_code in (200, 412)
            except httpx.TransportError:
                return False

        await eventually(is_accepted, LONG)
        self.uploads.append(str(upload["id"]))
        return self.uploads[-1]

    async def trigger(self, upload: str) -> str:
        """Wait until the upload is a file. Return what made it one: `event` or `sweep`."""
        async with self._database() as database:
            cause: list[str] = []

            async def is_file() -> bool:
                row = await database.fetchrow("SELECT state, cause FROM files.uploads WHERE id = $1", UUID(upload))
                assert row is not None
                if row["state"] == "complete":
                    cause.append(row["cause"])
                return bool(cause)

            await eventually(is_file, SWEEP_PROMISE)
            return cause[0]

    async def wait_for_events(self) -> None:
        """Upload until an upload becomes a file by its event. Each upload before that must become a file too."""

        async def became_a_file_by_its_event() -> bool:
            return await self.trigger(await self.upload()) == "event"

        await eventually(became_a_file_by_its_event, LONG)

    async def all_filers_are_read(self) -> bool:
        """Return whether ingest reads the changes of every filer."""
        names = {address.host_port: name for name, address in self.proxies.items()}
        connected = set[str]()
        for line in self.running.logs().splitlines():
            if '"filer_connected"' in line:
                connected.add(names[json.loads(line)["address"]])
            elif '"ingest_unavailable"' in line:
                connected.discard(names.get(json.loads(line)["task"].removeprefix("filer "), ""))
        return connected == set(FILERS)

    def resumed(self, filer: str) -> list[bool]:
        """Return for each connection to a filer whether it had a checkpoint."""
        lines = [json.loads(line) for line in self.running.logs().splitlines() if '"filer_connected"' in line]
        return [line["resumed"] for line in lines if line["address"] == self.proxies[filer].host_port]

    async def assert_nothing_is_lost_or_repeated(self) -> None:
        """Assert that every upload is one file with one change."""
        assert await self.user.names() == [f"{number:04}.txt" for number in range(len(self.uploads))]
        async with self._database() as database:
            counts = await database.fetch(
                "SELECT count(*) FROM files.changes WHERE owner_id = ANY ("
                "SELECT owner_id FROM files.uploads WHERE id = ANY ($1)) GROUP BY file_id",
                [UUID(upload) for upload in self.uploads[:1]],
            )
        assert [row["count"] for row in counts] == [1] * len(self.uploads)

    @asynccontextmanager
    async def _database(self) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
        database = await asyncpg.connect(self.database_url)
        try:
            yield database
        finally:
            await database.close()


@pytest.fixture(scope="module")
async def cluster(tmp_path_factory: pytest.TempPathFactory, postgres: Postgres) -> AsyncIterator[SeaweedfsCluster]:
    name = f"filers_{uuid4().hex}"
    async with postgres_pool.connect(postgres.database_url("postgres"), size=1, timeout=60) as admin:
        await admin.execute(f'CREATE DATABASE "{name}"')
        try:
            folder = tmp_path_factory.mktemp("seaweedfs") / "cluster"
            async with seaweedfs_cluster.run(folder, postgres.database_url(name)) as running:
                yield running
        finally:
            await admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture(scope="module")
async def shared_site(
    tmp_path_factory: pytest.TempPathFactory,
    postgres: Postgres,
    database_template: str,
    nats_url: str,
    cluster: SeaweedfsCluster,
) -> AsyncIterator[Site]:
    name = f"seaweedfs_{uuid4().hex}"
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(servers.database(postgres, database_template, name))
        proxies = {
            filer: await stack.enter_async_context(proxy.run(("127.0.0.1", int(address.rpartition(":")[2]))))
            for filer, address in cluster.filers.items()
        }
        environment = FAST | server_settings(url, nats_url, cluster.store, name.replace("_", "-"))
        environment["DRIVEBAY_FILER_ADDRESS"] = ",".join(each.host_port for each in proxies.values())
        running = await stack.enter_async_context(world.run(tmp_path_factory.mktemp("site"), environment))
        http = await stack.enter_async_context(httpx.AsyncClient(timeout=10))
        user = await Client(http, running.api).sign_up()
        yield Site(running, cluster, proxies, http, user, url)
        await assert_sound(running)


@pytest.fixture
async def site(shared_site: Site) -> AsyncIterator[Site]:
    """The site of the module, with all servers running and events that flow. At the end nothing may be lost."""
    await shared_site.store.start()
    await eventually(shared_site.all_filers_are_read, LONG)
    await shared_site.wait_for_events()
    yield shared_site
    await shared_site.assert_nothing_is_lost_or_repeated()


async def test_uploads_and_reads_go_on_when_a_volume_server_is_killed_and_returns(site: Site) -> None:
    first, second, _ = VOLUMES
    async with site.traffic() as load:
        await site.store.kill(first)
        await load.goes_on()
        await load.read_all()
        await site.store.start()
        await load.goes_on()
        await site.store.kill(second)  # from here on, some files have only the copy of the server that was away
        await load.goes_on()
        await load.read_all()
        await site.store.start()


async def test_uploads_and_reads_go_on_when_the_leading_master_is_killed(site: Site) -> None:
    victim = await site.store.leader()
    assert victim is not None
    async with site.traffic() as load:
        await site.store.kill(victim)

        async def another_leads() -> bool:
            return await site.store.leader() not in (victim, None)

        await eventually(another_leads, LONG)
        await load.goes_on()
        await site.store.start()
        await load.goes_on()


async def test_events_go_on_at_the_other_filer_when_one_is_killed_with_an_s3_gateway(site: Site) -> None:
    victim = FILERS[0]
    before = len(site.resumed(victim))
    async with site.traffic() as load:
        uploads = [await site.upload() for _ in range(20)]
        await site.store.kill(victim, GATEWAYS[0])
        uploads += [await site.upload() for _ in range(20)]
        triggers = [await site.trigger(upload) for upload in uploads]
        assert "event" in triggers[-10:]
        await load.goes_on()
        await site.store.start()
        await eventually(site.all_filers_are_read, LONG)
        assert set(site.resumed(victim)[before:]) == {True}
        await load.goes_on()


async def test_uploads_through_a_filer_that_cannot_reach_ingest_become_files(site: Site) -> None:
    site.proxies[FILERS[0]].drop_responses = True
    async with site.traffic() as load:
        uploads = [await site.upload() for _ in range(20)]
        triggers = [await site.trigger(upload) for upload in uploads]
        assert "sweep" in triggers
        await load.goes_on()
    site.proxies[FILERS[0]].heal()


async def test_reads_go_on_while_a_volume_server_is_frozen_and_uploads_when_it_is_back(site: Site) -> None:
    async with site.traffic() as load:
        site.store.servers[VOLUMES[0]].pause()
        await load.read_all()
        site.store.servers[VOLUMES[0]].resume()
        await load.goes_on()
