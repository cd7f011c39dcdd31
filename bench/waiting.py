"""`python -m bench waiting`: thousands of requests that wait for changes, with one process for each service.

It measures how soon the waiting requests of a drive hear of a change, and what all of them cost the database while
nothing changes.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import aiohttp
import asyncpg

from drivebay.testing.client import Client

from .bench_world import BenchServers, users
from .report import Report, console, median, percentile

_WAITS: Final = 50
"""Seconds that a request waits for a change."""
_WAITS_OF_USER: Final = 10
_CHANGES: Final = 200
_CHANGE_INTERVAL: Final = 0.05
"""Seconds between two changes."""
_IDLE_SECONDS: Final = 50
"""Each request then ends once and is sent again."""
_SIMULTANEOUS: Final = 20
"""The requests that are sent at the same time at the beginning."""
_GOAL_MS: Final = 100
_TRANSACTIONS: Final = "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = current_database()"


class Follower:
    """Follows the changes of one user's drive by requests that wait, and keeps when each change arrived."""

    def __init__(self, http: aiohttp.ClientSession, user: Client, cursor: str) -> None:
        self._http = http
        self._user = user
        self._cursor = cursor
        self.arrivals: dict[str, float] = {}
        """By the id of the new folder, a time of `perf_counter`."""

    async def run(self) -> None:
        """Follow the changes until this task is cancelled."""
        while True:
            await self.wait_once()

    async def wait_once(self) -> None:
        parameters = {"cursor": self._cursor, "wait": str(_WAITS)}
        headers = {"Authorization": f"Bearer {self._user.tokens['access_token']}"}
        async with self._http.get(f"{self._user.api}/v1/changes", params=parameters, headers=headers) as response:
            page = await response.json()
            assert response.status == 200, page
        now = time.perf_counter()
        self._cursor = page["next_cursor"]
        self.arrivals |= {change["file"]["id"]: now for change in page["items"] if change["file"]}


async def measure(bench_servers: BenchServers, report: Report, waiting: int) -> None:
    """Measure with `waiting` requests that wait, ten of each user."""
    count = max(1, waiting // _WAITS_OF_USER)
    async with (
        bench_servers.world("six", DRIVEBAY_ACCESS_TOKEN_TTL="1d") as world,
        users(world, count) as crowd,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), timeout=aiohttp.ClientTimeout(120)) as http,
    ):
        del world
        quiet = await _transactions_per_second(bench_servers)
        followers = {user.email: await _followers(http, user) for user in crowd}
        async with _following([follower for several in followers.values() for follower in several]):
            busy = await _transactions_per_second(bench_servers)
            report.add(
                f"transactions a second with {count * _WAITS_OF_USER:,} waiting requests and no change",
                without_requests=quiet,
                with_requests=busy,
                for_each_request=(busy - quiet) / (count * _WAITS_OF_USER),
            )
            delays = await _change(crowd, followers)
    ms = [delay * 1e3 for delay in delays]
    report.add(
        f"from the request of a change to each of {_WAITS_OF_USER} waiting requests of its drive",
        p50_ms=median(ms),
        p99_ms=percentile(ms, 0.99),
        longest_ms=max(ms),
        changes=_CHANGES,
        goal=f"{_GOAL_MS} ms",
        met=percentile(ms, 0.99) <= _GOAL_MS,
    )


async def _followers(http: aiohttp.ClientSession, user: Client) -> list[Follower]:
    cursor = (await user.ok("GET", "/v1/changes"))["next_cursor"]
    return [Follower(http, user, cursor) for _ in range(_WAITS_OF_USER)]


@asynccontextmanager
async def _following(followers: list[Follower]) -> AsyncIterator[None]:
    """Let all followers follow. They begin one after the other, as clients that started at different times."""
    async with asyncio.TaskGroup() as group:
        tasks: list[asyncio.Task[None]] = []
        for first in range(0, len(followers), _SIMULTANEOUS):
            tasks += [group.create_task(each.run()) for each in followers[first : first + _SIMULTANEOUS]]
            await asyncio.sleep(_SIMULTANEOUS * _WAITS / len(followers))
        console.print(f"{len(followers):,} requests wait")
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()


async def _transactions_per_second(bench_servers: BenchServers) -> float:
    connection = await asyncpg.connect(bench_servers.database_url)
    try:
        before = await connection.fetchval(_TRANSACTIONS)
        await asyncio.sleep(_IDLE_SECONDS)
        await connection.execute("SELECT pg_stat_clear_snapshot()")
        return float(await connection.fetchval(_TRANSACTIONS) - before) / _IDLE_SECONDS
    finally:
        await connection.close()


async def _change(crowd: list[Client], followers: dict[str, list[Follower]]) -> list[float]:
    """Create folders, one after the other in different drives. Return the seconds until each follower heard of them."""
    begun: dict[tuple[str, str], float] = {}
    for number in range(_CHANGES):
        user = crowd[number * 7 % len(crowd)]
        at = time.perf_counter()
        folder = await user.ok("POST", "/v1/folders", {"name": f"folder {number}"})
        begun[user.email, folder["id"]] = at
        await asyncio.sleep(_CHANGE_INTERVAL)
    async with asyncio.timeout(2 * _WAITS):
        while not all(id in follower.arrivals for email, id in begun for follower in followers[email]):
            await asyncio.sleep(_CHANGE_INTERVAL)
    return [follower.arrivals[id] - at for (email, id), at in begun.items() for follower in followers[email]]
