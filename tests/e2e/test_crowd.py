"""Many at the door at once."""

from __future__ import annotations

import asyncio
import resource
from pathlib import Path

import httpx

from drivebay.testing.client import eventually
from drivebay.testing.world import World

from .conftest import FAST, http_client

IDLE = 1_500


async def test_clients_that_hold_a_connection_and_say_nothing_keep_nobody_out(tmp_path: Path) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    running = World(tmp_path, dict(FAST), "one")
    await running.start("gateway")
    held: list[asyncio.StreamWriter] = []
    try:
        async with http_client() as http:

            async def answers() -> bool:
                try:
                    return (await http.get(f"{running.api}/healthz")).status_code == 200
                except httpx.TransportError:
                    return False

            await eventually(answers, within=20)
            held += [(await asyncio.open_connection("127.0.0.1", running.port))[1] for _ in range(IDLE)]
        async with http_client() as newcomer:
            assert (await newcomer.get(f"{running.api}/healthz", timeout=15)).status_code == 200
    finally:
        for writer in held:
            writer.close()
        await running.stop("gateway")
