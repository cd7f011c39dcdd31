"""The store itself says that bytes are there: nobody asks, and no sweep comes in time."""

from pathlib import Path

import pytest

from drivebay.testing import world
from drivebay.testing.client import Client, eventually

from .conftest import FAST, http_client

pytestmark = pytest.mark.events


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
