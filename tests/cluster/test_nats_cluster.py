"""Drivebay on a cluster of three NATS servers: any one may fail, and without a majority the sweep finds uploads."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from uuid import UUID, uuid4

import asyncpg
import pytest
from nats.errors import Error as NatsError
from nats.js import api

from drivebay.embedded import Postgres, Store
from drivebay.errors import Unavailable
from drivebay.hints import HintChannel
from drivebay.hints.nats_transport import NatsTransport
from drivebay.ingest import nats_connection
from drivebay.ingest.settings import Settings
from drivebay.testing import servers, world
from drivebay.testing.client import Client, eventually
from drivebay.testing.world import World
from tests.e2e.conftest import FAST, assert_sound, http_client, server_settings

from . import nats_cluster
from .nats_cluster import NAMES, NatsCluster

LONG = 90.0
"""Seconds for what takes one or two elections. A test that reaches this limit has found something that hangs."""
SWEEP_PROMISE = 20.0
"""Seconds in which the sweep finds an upload without an event (docs/reliability.md)."""


def _is_current(cluster: api.ClusterInfo | None) -> bool:
    if cluster is None or not cluster.leader:
        return False
    replicas = cluster.replicas or []
    return len(replicas) == 2 and all(peer.current and not peer.offline for peer in replicas)


@dataclass
class Site:
    """A Drivebay on a NATS cluster, and a user of it. `uploaded` has the names of all uploads."""

    running: World
    nats: NatsCluster
    user: Client
    database_url: str
    stream: str
    uploaded: set[str] = field(default_factory=set)
    last_upload: str = ""

    async def upload(self) -> str:
        """Begin an upload and send its bytes, without completing it. Return the id of the upload."""
        name = f"{len(self.uploaded):04}.txt"
        upload = await self.user.begin(name, name.encode())
        assert (await self.user.put(upload, name.encode())).status_code == 200
        self.uploaded.add(name)
        self.last_upload = str(upload["id"])
        return self.last_upload

    async def trigger(self, upload: str, within: float = SWEEP_PROMISE) -> str:
        """Wait until the upload is a file. Return what made it one: `event` or `sweep`."""
        database = await asyncpg.connect(self.database_url)
        try:
            cause: list[str] = []

            async def is_file() -> bool:
                row = await database.fetchrow("SELECT state, cause FROM files.uploads WHERE id = $1", UUID(upload))
                assert row is not None
                if row["state"] == "complete":
                    cause.append(row["cause"])
                return row["state"] == "complete"

            await eventually(is_file, within)
            return cause[0]
        finally:
            await database.close()

    async def wait_for_events(self) -> None:
        """Upload until an upload becomes a file by its event. Each upload before that must become a file too.

        While a connection is replaced, the sweep finds uploads. Without working events, it finds each of them.
        """

        async def became_a_file_by_its_event() -> bool:
            return await self.trigger(await self.upload()) == "event"

        await eventually(became_a_file_by_its_event, LONG)

    async def readiness(self) -> dict[str, str]:
        """Return the checks of `/readyz`."""
        response = await self.user.http.get(f"{self.running.api}/readyz")
        return dict(response.json()["checks"])

    async def find_stream(self) -> api.StreamInfo | None:
        """Return the state of the event stream, None while it has no leader."""
        try:
            async with self.nats.connection() as client:
                return await client.jetstream(timeout=2).stream_info(self.stream)
        except (NatsError, OSError, TimeoutError):
            return None

    async def leader(self) -> str:
        """Return the name of the server that leads the event stream."""
        found = await self.find_stream()
        assert found is not None
        assert found.cluster is not None
        assert found.cluster.leader is not None
        return found.cluster.leader

    async def all_replicas_are_current(self) -> bool:
        """Return whether all streams and consumers have a leader, and two replicas with everything.

        The checkpoints are in a stream of their own.
        """
        try:
            async with self.nats.connection() as client:
                stream = client.jetstream(timeout=2)
                streams = await stream.streams_info()
                consumers = [each for info in streams for each in await stream.consumers_info(info.config.name or "")]
        except (NatsError, OSError, TimeoutError):
            return False
        return len(streams) >= 2 and all(_is_current(info.cluster) for info in (*streams, *consumers))

    async def findings(self) -> str:
        """Return what `drivebay doctor` says about the events."""
        _, out, _ = await self.running.command("doctor", "--json")
        return "\n".join(each["detail"] for each in json.loads(out)["findings"] if each["check"] == "events")

    async def assert_nothing_is_lost_or_repeated(self) -> None:
        """Assert that every upload is one file with one change."""
        assert set(await self.user.names()) == self.uploaded
        database = await asyncpg.connect(self.database_url)
        try:
            changes = await database.fetch(
                "SELECT count(*) FROM files.changes WHERE owner_id = ANY ("
                "SELECT owner_id FROM files.uploads WHERE id = $1) GROUP BY file_id",
                UUID(self.last_upload),
            )
        finally:
            await database.close()
        assert [row["count"] for row in changes] == [1] * len(self.uploaded)


@pytest.fixture(scope="module")
async def cluster(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[NatsCluster]:
    async with nats_cluster.run(tmp_path_factory.mktemp("nats") / "cluster") as running:
        yield running


@pytest.fixture(scope="module")
async def shared_site(
    tmp_path_factory: pytest.TempPathFactory,
    postgres: Postgres,
    database_template: str,
    store: Store,
    cluster: NatsCluster,
) -> AsyncIterator[Site]:
    name = f"nats_{uuid4().hex}"
    environment = {"DRIVEBAY_NATS_REPLICAS": "3"}
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(servers.database(postgres, database_template, name))
        environment |= FAST | server_settings(url, cluster.url, store, name.replace("_", "-"))
        running = await stack.enter_async_context(world.run(tmp_path_factory.mktemp("site"), environment))
        http = await stack.enter_async_context(http_client())
        user = await Client(http, running.api).sign_up()
        stream = f"EVENTS_{name}".upper()
        yield Site(running, cluster, user, url, stream)
        await assert_sound(running)


@pytest.fixture
async def site(shared_site: Site) -> AsyncIterator[Site]:
    """The site of the module, with three servers that run and events that flow. At the end nothing may be lost."""
    await shared_site.nats.start()
    await eventually(shared_site.all_replicas_are_current, LONG)
    await shared_site.wait_for_events()
    yield shared_site
    await shared_site.assert_nothing_is_lost_or_repeated()


async def test_the_stream_its_consumer_and_the_position_have_three_replicas(site: Site) -> None:
    async with site.nats.connection() as client:
        jetstream = client.jetstream(timeout=10)
        consumers = await jetstream.consumers_info(site.stream)
        positions = await jetstream.stream_info(f"KV_{site.stream}-positions")
    assert [len((consumer.cluster and consumer.cluster.replicas) or []) for consumer in consumers] == [2]
    assert positions.config.num_replicas == 3
    assert (await site.readiness()).get("ingest: nats", "") == "ok"


async def test_events_go_on_when_the_server_that_leads_the_stream_is_killed(site: Site) -> None:
    victim = await site.leader()
    await site.nats.kill([victim])
    await site.wait_for_events()

    async def is_ready() -> bool:
        return (await site.readiness()).get("ingest: nats", "") == "ok"

    await eventually(is_ready, LONG)
    assert f"the replica on the server {victim} is behind, or that server is down" in await site.findings()


async def test_without_a_majority_uploads_become_files_by_the_sweep(site: Site) -> None:
    logged = len(site.running.logs())
    await site.nats.kill(NAMES[:2])
    uploads = [await site.upload() for _ in range(5)]
    assert {await site.trigger(upload) for upload in uploads} == {"sweep"}

    async def says_what_is_wrong() -> bool:
        return "has no leader" in (await site.readiness()).get("ingest: nats", "")

    await eventually(says_what_is_wrong, LONG)
    assert "has no leader" in await site.findings()
    assert '"ingest_unavailable"' in site.running.logs()[logged:]
    assert await site.trigger(await site.upload()) == "sweep"
    await site.nats.start()
    await site.wait_for_events()

    async def is_ready() -> bool:
        return (await site.readiness()).get("ingest: nats", "") == "ok"

    await eventually(is_ready, LONG)


async def test_an_emptied_server_catches_up(site: Site) -> None:
    emptied, other, last = NAMES
    await site.nats.empty(emptied)
    await site.wait_for_events()
    await site.nats.start()
    await eventually(site.all_replicas_are_current, LONG)
    await site.nats.kill([other])  # from here on the majority needs the emptied server
    await site.wait_for_events()
    await site.nats.start()
    await eventually(site.all_replicas_are_current, LONG)
    await site.nats.kill([last])
    await site.wait_for_events()


async def test_all_servers_may_restart_at_once(site: Site) -> None:
    await site.nats.kill(NAMES)
    uploads = [await site.upload() for _ in range(3)]
    assert {await site.trigger(upload) for upload in uploads} == {"sweep"}
    await site.nats.start()
    await site.wait_for_events()


async def test_a_stream_gets_more_replicas_when_the_setting_grows(site: Site) -> None:
    name = uuid4().hex
    settings = {
        count: Settings("bucket", site.nats.url, stream=f"GROWS_{name}", subject=f"grows.{name}", replicas=count)
        for count in (1, 3)
    }
    for count, expected in ((1, 1), (3, 3), (1, 3)):

        async def saves_a_position(count: int = count) -> bool:
            try:
                async with nats_connection.connect(settings[count]) as queue:
                    await queue.save_checkpoint("a", count)
                    return await queue.load_checkpoint("a") == count
            except Unavailable:  # the new replicas elect a leader
                return False

        await eventually(saves_a_position, LONG)
        async with nats_connection.connect(settings[count]) as queue:
            assert (await queue.stream_info()).config.num_replicas == expected
    async with site.nats.connection() as client:
        positions = await client.jetstream(timeout=10).stream_info(f"KV_GROWS_{name}-positions")
    assert positions.config.num_replicas == 3


async def test_hints_go_on_when_any_server_is_killed(site: Site) -> None:
    async with hints(site.nats.url) as publish, hints(site.nats.url) as listen:
        for victim in NAMES:
            await site.nats.kill([victim])
            drive = uuid4()

            async def is_heard(drive: UUID = drive) -> bool:
                publish.channel.publish(drive)
                return drive in listen.heard

            await eventually(is_heard, LONG)
            await site.nats.start()


@dataclass
class Hints:
    channel: HintChannel
    heard: set[UUID | None]


@asynccontextmanager
async def hints(url: str) -> AsyncIterator[Hints]:
    """The hints of one process: its channel, connected to NATS, and the drives that it heard of."""
    channel, heard = HintChannel(), set[UUID | None]()
    channel.listen(heard.add)
    running = asyncio.create_task(NatsTransport(url, channel, publishes=True, listens=True).run())
    try:
        yield Hints(channel, heard)
    finally:
        running.cancel()
        await asyncio.wait([running])
