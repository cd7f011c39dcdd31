"""How many cores, bytes and connections a deployment needs: measured costs, and a model that multiplies them.

`python -m bench capacity` measures the CPU time of each part for each operation on this machine, checks the model
against the measured rates, and prints what the users of `--users` need. docs/guide/scale.md explains the figures.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import psutil

from drivebay.testing.client import Client
from drivebay.testing.world import World

from . import seed, wrk
from .bench_world import BenchServers, users
from .report import Report

_SECONDS: Final = 6
_UPLOAD_CLIENTS: Final = 16
_SMALL_FILE: Final = 4096
_DAY: Final = 86_400
_TOLERANCE: Final = 0.2
"""The share by which the model may differ from a measured rate."""
_PAGE: Final = "/v1/files?parent_id=root&sort=-created&limit=20"

_PARTS: Final = {"postgres": "postgres", "nats-server": "nats", "weed": "store"}
"""Names of processes, and their parts."""

Costs = Mapping[str, float]
"""CPU microseconds of one operation, by part: the six services, `postgres`, `nats`, `store` and `client`."""


@dataclass(frozen=True)
class Workload:
    """What users do. Rates are operations of one user a day. `peak` is the highest hour relative to the mean."""

    users: int = 1_000_000
    files: int = 1_000
    lists: float = 20.0
    downloads: float = 5.0
    uploads: float = 3.0
    active_share: float = 0.1
    """The share of the users who use the service on a day."""
    peak: float = 4.0

    def per_second(self, each_day: float) -> float:
        """Return the operations a second in the highest hour."""
        return self.users * self.active_share * each_day * self.peak / _DAY


@dataclass(frozen=True)
class Sizes:
    """Bytes of PostgreSQL for one file, as `bench drive` measures them, and what an upload causes besides."""

    row_bytes: float
    index_bytes: float
    wal_bytes_of_upload: float
    nats_messages_of_upload: float = 1.0


def cores_needed(costs: Mapping[str, Costs], load: Workload, utilization: float = 0.6) -> dict[str, float]:
    """Return the cores of each part in the highest hour, if each core works for `utilization` of the time."""
    rates = {
        "list": load.per_second(load.lists),
        "download": load.per_second(load.downloads),
        "upload": load.per_second(load.uploads),
    }
    cores: dict[str, float] = {}
    for operation, rate in rates.items():
        for part, microseconds in costs[operation].items():
            if part != "client":
                cores[part] = cores.get(part, 0.0) + rate * microseconds / 1e6 / utilization
    return cores


def predicted_rate(costs: Costs, cores: int, utilization: float) -> float:
    """Return the operations a second on a machine that runs everything, the client too, at this utilization."""
    return cores * utilization * 1e6 / sum(costs.values())


def database_bytes(load: Workload, sizes: Sizes) -> float:
    """Return the size of the tables and indexes."""
    return load.users * load.files * (sizes.row_bytes + sizes.index_bytes)


@dataclass(frozen=True)
class Measured:
    """The costs of one operation, its rate, and the share of the machine's CPU time that was in use."""

    costs: Costs
    rate: float
    utilization: float


async def measure(bench_servers: BenchServers, report: Report, load: Workload) -> None:
    """Measure the costs with six processes, check the model, and report what a workload needs."""
    measured: dict[str, Measured] = {}
    async with bench_servers.world("six") as running, users(running, 17) as (uploader, *crowd):
        user = crowd[0]
        await seed.files(bench_servers.database_url, (await user.ok("GET", "/v1/me"))["id"], 10_000, 10_000)
        file = (await user.ok("GET", "/v1/files", parameters={"limit": "1"}))["items"][0]["id"]
        os.environ["BENCH_TOKENS"] = ",".join(one.tokens["access_token"] for one in crowd)

        def requests(path: str, script: Path | None = None) -> Callable[[int], Awaitable[float]]:
            async def run(seconds: int) -> float:
                url = running.api + path
                found = await wrk.run(url, user.tokens["access_token"], seconds=seconds, script=script)
                return found.rate * seconds

            return run

        operations: dict[str, Callable[[int], Awaitable[float]]] = {
            "list": requests(_PAGE),
            "download": requests(f"/v1/files/{file}/download"),
            "begin": requests("/v1/uploads", Path(__file__).with_name("uploads.lua")),
            "upload": partial(_upload, uploader),
        }
        for name, run in operations.items():
            await run(2)
            measured[name] = await _measure(running, run)
    for name, found in measured.items():
        predicted = predicted_rate(found.costs, os.cpu_count() or 1, found.utilization)
        report.add(
            f"{name}, six processes, CPU microseconds",
            **found.costs,
            rate=found.rate,
            predicted=predicted,
            goal=f"the prediction is within {_TOLERANCE:.0%}",
            met=abs(predicted / found.rate - 1) <= _TOLERANCE,
        )
    cores = cores_needed({name: found.costs for name, found in measured.items()}, load)
    report.table(f"cores for {load.users:,} users", {part: {"cores": cores[part]} for part in sorted(cores)})


async def _measure(running: World, run: Callable[[int], Awaitable[float]]) -> Measured:
    before, busy = _cpu_seconds(running), psutil.cpu_times()
    own = time.process_time()
    begun = time.perf_counter()
    count = await run(_SECONDS)
    seconds = time.perf_counter() - begun
    after, busy_after = _cpu_seconds(running), psutil.cpu_times()
    after["client"] = after.get("client", 0.0) + time.process_time() - own
    idle = (busy_after.idle - busy.idle) + (busy_after.iowait - busy.iowait)
    costs = {part: (after[part] - before.get(part, 0.0)) / count * 1e6 for part in after}
    return Measured(costs, count / seconds, 1 - idle / seconds / (os.cpu_count() or 1))


def _cpu_seconds(running: World) -> dict[str, float]:
    """Return the CPU seconds of each part, and of children that have ended (wrk) as `client`."""
    parts = {process.pid: part for part, process in running.processes.items()}
    seconds: dict[str, float] = {"client": psutil.Process().cpu_times().children_user}
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            name = process.name()
            part = parts.get(process.pid) or next((_PARTS[known] for known in _PARTS if name.startswith(known)), None)
            if part is not None:
                times = process.cpu_times()
                seconds[part] = seconds.get(part, 0.0) + times.user + times.system
    return seconds


async def _upload(user: Client, seconds: int) -> float:
    """Upload small files with several clients until each is visible, and return their number."""
    end = time.perf_counter() + seconds

    async def upload(client: int) -> int:
        done = 0
        while time.perf_counter() < end:
            body = secrets.token_bytes(_SMALL_FILE)
            begun = await user.begin(f"{client}-{secrets.token_hex(8)}", body)
            response = await user.put(begun, body)
            assert response.status_code == 200, response.text
            done += 1
        return done

    done = sum(await asyncio.gather(*(upload(client) for client in range(_UPLOAD_CLIENTS))))
    while (await user.ok("GET", "/v1/uploads", parameters={"limit": "1"}))["items"]:
        await asyncio.sleep(0.02)
    return float(done)
