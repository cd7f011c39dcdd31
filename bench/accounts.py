"""`python -m bench accounts`: times of refused logins, and of the refusal of ended sessions by other gateways.

The first compares the times of refused logins with a known and with an unknown email address, in turns. The second ends
a session at one gateway and sends requests with its token to two other gateways, one with NATS and one without.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final
from uuid import uuid4

import httpx

from drivebay.testing.client import Client, eventually
from drivebay.testing.world import World, free_port

from .bench_world import BenchServers
from .report import Report, median, percentile

_LOGINS: Final = 100
_SESSIONS: Final = 20
_POLL: Final = 0.01
"""Seconds between two requests with the token of the ended session."""
_TIMEOUT: Final = 60.0
_COST: Final = "12"
"""The default cost of password hashes. Other benchmarks use a lower one."""


async def measure(bench_servers: BenchServers, report: Report) -> None:
    async with httpx.AsyncClient(timeout=_TIMEOUT) as http:
        async with bench_servers.world("one", DRIVEBAY_BCRYPT_COST=_COST) as world:
            await _compare_logins(world, http, report)
        async with bench_servers.world("six") as world, AsyncExitStack() as stack:
            for name, nats_url in (("with NATS", world.environment["DRIVEBAY_NATS_URL"]), ("without NATS", "")):
                api = await stack.enter_async_context(_other_gateway(world, nats_url))
                await _end_sessions(world, http, api, name, report)


async def _compare_logins(world: World, http: httpx.AsyncClient, report: Report) -> None:
    user = await Client(http, world.api).sign_up()
    known: list[float] = []
    unknown: list[float] = []
    for _ in range(_LOGINS):
        for email, times in ((user.email, known), (f"{uuid4().hex}@example.com", unknown)):
            begun = time.perf_counter()
            response = await http.post(f"{world.api}/v1/login", json={"email": email, "password": "a wrong password"})
            times.append((time.perf_counter() - begun) * 1000)
            assert response.status_code == 401, response.text
    ratio = median(known) / median(unknown)
    report.add(
        f"{_LOGINS} refused logins each",
        known_ms=median(known),
        unknown_ms=median(unknown),
        known_p10_ms=percentile(known, 0.1),
        unknown_p10_ms=percentile(unknown, 0.1),
        ratio=ratio,
        goal="the medians differ by at most 2 %",
        met=abs(ratio - 1) <= 0.02,
    )


async def _end_sessions(world: World, http: httpx.AsyncClient, other: str, name: str, report: Report) -> None:
    user = await Client(http, world.api).sign_up()
    seconds = []
    for _ in range(_SESSIONS):
        ended = Client(http, other)
        ended.tokens = (
            await http.post(f"{world.api}/v1/login", json={"email": user.email, "password": user.password})
        ).json()
        assert (await ended.call("GET", "/v1/files")).status_code == 200
        current = await http.get(
            f"{world.api}/v1/me/sessions", headers={"Authorization": f"Bearer {ended.tokens['access_token']}"}
        )
        (session,) = [each["id"] for each in current.json()["items"] if each["current"]]
        await user.ok("DELETE", f"/v1/me/sessions/{session}")
        begun = time.perf_counter()
        async with asyncio.timeout(_TIMEOUT):
            while (await ended.call("GET", "/v1/files")).status_code != 401:
                await asyncio.sleep(_POLL)
        seconds.append(time.perf_counter() - begun)
    report.add(
        f"an ended session is refused by another gateway, {name}",
        median_s=median(seconds),
        longest_s=max(seconds),
        goal="5 s",
        met=max(seconds) <= 5,
    )


@asynccontextmanager
async def _other_gateway(world: World, nats_url: str) -> AsyncIterator[str]:
    """Run one more gateway of a World and yield its base URL."""
    port = free_port()
    variables = world.variables("gateway") | {"DRIVEBAY_PORT": str(port), "DRIVEBAY_NATS_URL": nats_url}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "drivebay.cli", "run", "gateway"),
        env={name: value for name, value in variables.items() if value},
        cwd=world.folder,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        async with httpx.AsyncClient() as http:

            async def is_ready() -> bool:
                try:
                    return (await http.get(f"http://127.0.0.1:{port}/readyz")).status_code == 200
                except httpx.HTTPError:
                    return False

            await eventually(is_ready, _TIMEOUT)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        await process.wait()
