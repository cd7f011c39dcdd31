"""The store itself says that bytes are there: nobody asks, and no sweep comes in time."""

from pathlib import Path
from urllib.parse import urlsplit

import pytest

from drivebay.ingest.events import Created, render
from drivebay.testing import world
from drivebay.testing.client import Client, eventually
from drivebay.testing.world import free_port

from .conftest import FAST, http_client


@pytest.mark.events
@pytest.mark.parametrize("topology", ["one", "six"])
async def test_a_file_is_there_by_its_event_alone(
    topology: str, tmp_path: Path, server_environment: dict[str, str]
) -> None:
    unswept = {"DRIVEBAY_SWEEP_INTERVAL": "10m", "DRIVEBAY_JANITOR_INTERVAL": "10m"}
    async with world.run(tmp_path, FAST | server_environment | unswept, topology) as running, http_client() as http:
        user = await Client(http, running.api).sign_up()
        bodies = {"a.txt": b"bytes", "empty": b"", "gr\u00fc\u00dfe + 100%.txt": b"x"}
        for name, body in bodies.items():
            upload = await user.begin(name, body)
            assert (await user.put(upload, body)).status_code == 200

        async def all_there() -> bool:
            return await user.names() == sorted(bodies)

        await eventually(all_there, within=20)


@pytest.mark.parametrize("topology", ["one", "six"])
async def test_a_store_that_can_only_post_is_heard(
    topology: str, tmp_path: Path, server_environment: dict[str, str]
) -> None:
    token, port = "a-token-that-is-long-enough-for-this", free_port()
    door = {
        "DRIVEBAY_SWEEP_INTERVAL": "10m",
        "DRIVEBAY_JANITOR_INTERVAL": "10m",
        "DRIVEBAY_EVENTS": "minio",
        "DRIVEBAY_EVENTS_TARGET": "arn:minio:sqs::nobody:webhook",
        "DRIVEBAY_WEBHOOK_ADDRESS": f"127.0.0.1:{port}",
        "DRIVEBAY_WEBHOOK_TOKEN": token,
    }
    async with world.run(tmp_path, FAST | server_environment | door, topology) as running, http_client() as http:
        user = await Client(http, running.api).sign_up()
        upload = await user.begin("a.txt", b"bytes")
        assert (await user.put(upload, b"bytes")).status_code == 200
        key = urlsplit(upload["url"]).path.split("/", 2)[2]
        told = render(Created(server_environment["DRIVEBAY_S3_BUCKET"], key, 5))
        address = f"http://127.0.0.1:{port}/events"
        assert (await http.post(address, content=told)).status_code == 401

        async def is_taken() -> bool:
            answer = await http.post(address, content=told, headers={"Authorization": f"Bearer {token}"})
            assert answer.status_code in (200, 503)
            return answer.status_code == 200

        await eventually(is_taken, within=20)

        async def is_there() -> bool:
            return await user.names() == ["a.txt"]

        await eventually(is_there, within=20)
        assert token not in running.logs()
