"""The events of the store make files: no client completes the upload, and no sweep runs in time."""

from pathlib import Path
from urllib.parse import urlsplit

import pytest

from drivebay.ingest.events import ObjectCreated, render_event
from drivebay.testing import world
from drivebay.testing.client import Client, eventually
from drivebay.testing.world import free_port

from .conftest import FAST, http_client

TOPOLOGIES = pytest.mark.parametrize("topology", ["one", pytest.param("six", marks=pytest.mark.slow)])


@pytest.mark.events
@TOPOLOGIES  # in six processes, the gateway signs the URLs itself
async def test_an_event_alone_makes_the_file(topology: str, tmp_path: Path, server_environment: dict[str, str]) -> None:
    no_sweeps = {"DRIVEBAY_SWEEP_INTERVAL": "10m", "DRIVEBAY_JANITOR_INTERVAL": "10m"}
    own = {"gateway": {"DRIVEBAY_SIGN_LOCALLY": "on"}}
    async with (
        world.run(tmp_path, FAST | server_environment | no_sweeps, topology, own) as running,
        http_client() as http,
    ):
        user = await Client(http, running.api).sign_up()
        bodies = {"a.txt": b"bytes", "empty": b"", "gr\u00fc\u00dfe + 100%.txt": b"x"}
        for name, body in bodies.items():
            upload = await user.begin(name, body)
            assert (await user.put(upload, body)).status_code == 200

        async def all_listed() -> bool:
            return await user.names() == sorted(bodies)

        await eventually(all_listed, within=20)
        for file in (await user.ok("GET", "/v1/files"))["items"]:
            assert await user.download(file["id"]) == bodies[file["name"]]


@TOPOLOGIES
async def test_an_event_posted_to_the_webhook_makes_the_file(
    topology: str, tmp_path: Path, server_environment: dict[str, str]
) -> None:
    token, port = "a-token-that-is-long-enough-for-this", free_port()
    webhook_settings = {
        "DRIVEBAY_SWEEP_INTERVAL": "10m",
        "DRIVEBAY_JANITOR_INTERVAL": "10m",
        "DRIVEBAY_EVENTS": "minio",
        "DRIVEBAY_EVENTS_TARGET": "arn:minio:sqs::nobody:webhook",
        "DRIVEBAY_WEBHOOK_ADDRESS": f"127.0.0.1:{port}",
        "DRIVEBAY_WEBHOOK_TOKEN": token,
    }
    async with (
        world.run(tmp_path, FAST | server_environment | webhook_settings, topology) as running,
        http_client() as http,
    ):
        user = await Client(http, running.api).sign_up()
        upload = await user.begin("a.txt", b"bytes")
        assert (await user.put(upload, b"bytes")).status_code == 200
        key = urlsplit(upload["url"]).path.split("/", 2)[2]
        event = render_event(ObjectCreated(server_environment["DRIVEBAY_S3_BUCKET"], key, 5))
        address = f"http://127.0.0.1:{port}/events"
        assert (await http.post(address, content=event)).status_code == 401

        async def is_accepted() -> bool:
            answer = await http.post(address, content=event, headers={"Authorization": f"Bearer {token}"})
            assert answer.status_code in (200, 503)
            return answer.status_code == 200

        await eventually(is_accepted, within=20)

        async def is_listed() -> bool:
            return await user.names() == ["a.txt"]

        await eventually(is_listed, within=20)
        assert token not in running.logs()
