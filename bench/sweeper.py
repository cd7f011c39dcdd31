"""How many look-ups of objects the sweeper makes while events arrive and very many uploads are pending."""

from __future__ import annotations

import asyncio
import re
import time
from typing import Final

import httpx
from uuid_utils.compat import uuid7

from drivebay.testing.client import Client
from drivebay.testing.world import World

from . import seed
from .bench_world import BenchServers, users
from .report import Report, console, percentile

_GOAL_RATE: Final = 50
_SAMPLE_SECONDS: Final = 10
_SAMPLES: Final = 9
_UPLOAD_INTERVAL: Final = 0.5
"""Seconds between two uploads, whose events show that events arrive."""
_FIRST_ROUNDS_TIMEOUT: Final = 900
_CHECKS: Final = re.compile(r"^drivebay_ingest_sweep_checks_total{[^}]*} ([0-9.e+]+)$", re.MULTILINE)


async def measure(bench_servers: BenchServers, report: Report, pending: int) -> None:
    """Measure the look-ups a second with `pending` pending uploads, after the first ones that follow a start."""
    await seed.pending(bench_servers.database_url, max(1, pending // 1000), 1000)
    async with bench_servers.world("one") as running, users(running, 1) as crowd, httpx.AsyncClient() as http:
        uploading = asyncio.create_task(_upload(crowd[0]))
        begun = time.perf_counter()
        first = await _wait_for_first_rounds(running, http)
        console.print(f"{first:,} look-ups in the first {time.perf_counter() - begun:.0f} s, after the start")
        rates = []
        for _ in range(_SAMPLES):
            before = await _checks(running, http)
            await asyncio.sleep(_SAMPLE_SECONDS)
            rates.append((await _checks(running, http) - before) / _SAMPLE_SECONDS)
        uploading.cancel()
    mean = sum(rates) / len(rates)
    report.add(
        f"look-ups a second by the sweeper with {pending:,} pending uploads",
        mean=mean,
        highest_of_10_s=percentile(rates, 1),
        goal=f"at most {_GOAL_RATE}",
        met=mean <= _GOAL_RATE,
    )


async def _wait_for_first_rounds(running: World, http: httpx.AsyncClient) -> int:
    """Wait until the look-ups that follow a start have ended, and return their number."""
    async with asyncio.timeout(_FIRST_ROUNDS_TIMEOUT):
        checks = 0
        while True:
            await asyncio.sleep(_SAMPLE_SECONDS)
            now = await _checks(running, http)
            if now > 0 and now - checks <= _GOAL_RATE * _SAMPLE_SECONDS:
                return now
            checks = now


async def _upload(user: Client) -> None:
    while True:
        body = uuid7().bytes
        begun = await user.begin(uuid7().hex, body)
        await user.put(begun, body)
        await asyncio.sleep(_UPLOAD_INTERVAL)


async def _checks(running: World, http: httpx.AsyncClient) -> int:
    response = await http.get(f"{running.api}/metrics")
    return int(sum(float(value) for value in _CHECKS.findall(response.text)))
