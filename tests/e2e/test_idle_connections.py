"""Many idle connections at once do not keep new clients out."""

from __future__ import annotations

import asyncio
import resource
from pathlib import Path

import httpx

from drivebay.testing.client import eventually
from drivebay.testing.world import World

from .conftest import FAST, http_client

IDLE_CONNECTIONS = 1_500


async def test_new_client_is_served_while_many_connections_are_idle(tmp_path: Path) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    running = World(tmp_path, dict(FAST), "one")
    await running.start("gateway")
    idle: list[asyncio.StreamWriter] = []
    try:
        async with http_client() as http:

            async def is_up() -> bool:
                try:
                    return (await http.get(f"{running.api}/healthz")).status_code == 200
                except httpx.TransportError:
                    return False

            await eventually(is_up, within=20)
            idle += [(await asyncio.open_connection("127.0.0.1", running.port))[1] for _ in range(IDLE_CONNECTIONS)]
        async with http_client() as new_client:
            assert (await new_client.get(f"{running.api}/healthz", timeout=15)).status_code == 200
    finally:
        for writer in idle:
            writer.close()
        await running.stop("gateway")
