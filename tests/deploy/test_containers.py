"""The Compose files start in real containers, serve the README's walk, and keep everything over `down` and `up`."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from drivebay.testing.client import Client, eventually

from ..e2e.test_readme import shell_commands
from . import containers
from .test_compose import FILES, LIMIT, VARIABLES

pytestmark = [
    pytest.mark.containers,
    pytest.mark.skipif(bool(containers.missing_programs()), reason=f"needs {containers.missing_programs()}"),
]


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> None:
    containers.build_images(tmp_path_factory.mktemp("images"))


@pytest.fixture(params=FILES)
def deployment(request: pytest.FixtureRequest, images: None) -> Iterator[tuple[containers.Deployment, str]]:
    if request.param == "cluster.yaml" and shutil.which("caddy") is None:
        pytest.skip("caddy is not installed")
    address = subprocess.run(["hostname", "-I"], capture_output=True, text=True, check=True).stdout.split()[0]
    values = containers.variables(VARIABLES, address)
    made = containers.Deployment(request.param, values)
    made.remove()
    try:
        yield made, values["PUBLIC_URL"]
    finally:
        made.remove()


async def test_a_deployment_serves_the_walk_and_loses_nothing(
    deployment: tuple[containers.Deployment, str], tmp_path: Path
) -> None:
    containers_of_file, api = deployment
    await asyncio.to_thread(containers_of_file.up)
    async with httpx.AsyncClient(timeout=30) as http:

        async def ready() -> bool:
            containers_of_file.check_running()
            try:
                return (await http.get(f"{api}/readyz")).status_code == 200
            except httpx.TransportError:
                return False

        await eventually(ready, within=LIMIT)
        walk = await asyncio.create_subprocess_exec(
            *("bash", "-euo", "pipefail", "-c", shell_commands()),
            env=os.environ | {"API": api, "TMPDIR": str(tmp_path)},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output = (await asyncio.wait_for(walk.communicate(), LIMIT))[0].decode()
        assert walk.returncode == 0, output
        assert "\nsame\n" in output

        user = await Client(http, api).sign_up()
        file = await user.store("kept.bin", b"kept" * 100_000)
        await asyncio.to_thread(containers_of_file.down)
        await asyncio.to_thread(containers_of_file.up)
        await eventually(ready, within=LIMIT)
        assert await user.names() == ["kept.bin"]
        assert await user.download(file["id"]) == b"kept" * 100_000
