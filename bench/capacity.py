"""How many cores, bytes and connections a deployment needs: measured costs, and a model that multiplies them.

`python -m bench capacity` measures the CPU time of each part for each operation on this machine, and prints what the
users of a `Workload` need. It checks the model against a mix of all operations at the same time, which it predicts from
the costs of the single ones. docs/guide/scale.md explains the figures.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import os
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

import asyncpg
import bcrypt
import nats
import psutil
from nats.aio.msg import Msg

from drivebay.config import SETTINGS
from drivebay.testing.client import Client
from drivebay.testing.world import World

from . import seed, wrk
from .bench_world import BenchServers, memory, users
from .report import Report

_SECONDS: Final = 6
_UPLOAD_CLIENTS: Final = 16
_SMALL_FILE: Final = 4096
_DAY: Final = 86_400
_TOLERANCE: Final = 0.2
"""The share by which the model may differ from a measurement."""
_PAGE: Final = "/v1/files?parent_id=root&sort=-created&limit=20"
_COUNTED_UPLOADS: Final = 50
"""Uploads one after the other, whose messages and writes are counted."""
_JANITOR: Final = {"DRIVEBAY_JANITOR_INTERVAL": "2s"}
_PURGE_TIMEOUT: Final = 120

_PARTS: Final = {"postgres": "postgres", "nats-server": "nats", "weed": "store"}
"""Names of processes, and their parts."""

_TRASH: Final = """
    UPDATE files.entries SET trashed_at = now() - interval '31 days', purge_after = now() - interval '1 day',
                             trashed_with = id
    WHERE owner_id = $1 AND trashed_at IS NULL
"""
_DUE: Final = """
    SELECT (SELECT count(*) FROM files.entries WHERE owner_id = $1)
         + (SELECT count(*) FROM files.purges WHERE owner_id = $1 AND stage = 'purging')
"""
_CONNECTIONS: Final = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'drivebay'"
_WRITES: Final = """
    SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::float8 AS wal_bytes,
           coalesce(sum(fsyncs), 0)::float8 AS wal_syncs
    FROM pg_stat_io WHERE object = 'wal'
"""

T = TypeVar("T")

Costs = Mapping[str, float]
"""CPU microseconds of one operation, by part: the six services, `postgres`, `nats`, `store` and `client`."""


@dataclass(frozen=True)
class Workload:
    """What users do. Rates are operations of one user a day. `peak` is the highest hour relative to the mean.

    `logins` are logins with a password. A client that keeps its session logs in once. `active_share` is the share of
    the users who use the service on a day.
    """

    users: int = 1_000_000
    files: int = 1_000
    lists: float = 20.0
    downloads: float = 5.0
    uploads: float = 3.0
    purges: float = 1.0
    logins: float = 0.2
    active_share: float = 0.1
    peak: float = 4.0

    def per_second(self, each_day: float) -> float:
        """Return the operations a second in the highest hour."""
        return self.users * self.active_share * each_day * self.peak / _DAY

    def rates(self) -> dict[str, float]:
        """Return the operations a second in the highest hour, by the names that the costs have."""
        each_day = {
            "list": self.lists,
            "download": self.downloads,
            "upload": self.uploads,
            "purge": self.purges,
            "login": self.logins,
        }
        return {name: self.per_second(rate) for name, rate in each_day.items()}


@dataclass(frozen=True)
class Sizes:
    """Bytes of PostgreSQL for one file, as `bench drive` measures them."""

    row_bytes: float
    index_bytes: float


def cores_needed(
    costs: Mapping[str, Costs], rates: Mapping[str, float], utilization: float = 0.6, *, client: bool = False
) -> dict[str, float]:
    """Return the cores of each part at these operations a second, if each core works for `utilization` of the time.

    The cores of the clients are included only with `client`.
    """
    cores: dict[str, float] = {}
    for operation, rate in rates.items():
        for part, microseconds in costs[operation].items():
            if part != "client" or client:
                cores[part] = cores.get(part, 0.0) + rate * microseconds / 1e6 / utilization
    return cores


def database_bytes(load: Workload, sizes: Sizes) -> float:
    """Return the size of the tables and indexes."""
    return load.users * load.files * (sizes.row_bytes + sizes.index_bytes)


@dataclass(frozen=True)
class Usage:
    """CPU seconds of each part, wall-clock seconds, and the cores of the machine that were in use."""

    cpu: Mapping[str, float]
    seconds: float
    busy: float

    def costs(self, count: float) -> Costs:
        """Return the CPU microseconds of one of `count` operations, by part."""
        return {part: seconds / count * 1e6 for part, seconds in self.cpu.items()}

    def cores(self) -> dict[str, float]:
        """Return the cores that each part used."""
        return {part: seconds / self.seconds for part, seconds in self.cpu.items()}


Operation = Callable[[int], Awaitable[float]]
"""Runs operations for some seconds, and returns how many."""


async def measure(bench_servers: BenchServers, report: Report, load: Workload) -> None:
    """Measure the costs with six processes, check the model, and report what a workload needs."""
    costs: dict[str, Costs] = {"login": {"auth": _login_cost()}}
    alone: dict[str, Costs] = {}
    async with (
        bench_servers.world("six", **_JANITOR) as running,
        users(running, 17) as (uploader, *crowd),
        _connection(bench_servers.database_url) as database,
    ):
        user = crowd[0]
        await seed.files(bench_servers.database_url, (await user.ok("GET", "/v1/me"))["id"], 10_000, 10_000)
        file = (await user.ok("GET", "/v1/files", parameters={"limit": "1"}))["items"][0]["id"]
        os.environ["BENCH_TOKENS"] = ",".join(one.tokens["access_token"] for one in crowd)

        def requests(path: str, script: Path | None = None) -> Operation:
            async def run(seconds: int) -> float:
                url = running.api + path
                found = await wrk.run(url, user.tokens["access_token"], seconds=seconds, script=script)
                return found.rate * seconds - found.errors

            return run

        async def run_alone(name: str, run: Operation) -> None:
            await run(2)
            usage, count = await _use(running, partial(run, _SECONDS))
            costs[name] = usage.costs(count)
            alone[name] = {
                "a second": count / usage.seconds,
                "cores of the parts": sum(usage.cores().values()),
                "cores in use": usage.busy,
            }

        operations: dict[str, Operation] = {
            "list": requests(_PAGE),
            "download": requests(f"/v1/files/{file}/download"),
            "upload": partial(_upload, uploader),
        }
        for name, operation in operations.items():
            await run_alone(name, operation)
        await _check(running, operations, costs, report)
        await _count_writes(bench_servers, database, uploader, report)
        costs["purge"] = await _purge(running, database, uploader, report)
        # Last, because the sweep then looks for the objects of these uploads.
        await run_alone("begin", requests("/v1/uploads", Path(__file__).with_name("uploads.lua")))
        report.table("resident memory after the load", {part: {"MiB": mib} for part, mib in memory(running).items()})
        report.add("connections to PostgreSQL", count=int(await database.fetchval(_CONNECTIONS)))
    report.table("one operation after the other, six processes", alone)
    report.table("CPU microseconds of one operation, six processes", costs)
    rates = load.rates()
    report.table(
        f"operations in the highest hour, {load.users:,} users", {name: {"a second": rates[name]} for name in rates}
    )
    cores = cores_needed(costs, rates)
    report.table(f"cores for {load.users:,} users", {part: {"cores": cores[part]} for part in sorted(cores)})


@asynccontextmanager
async def _connection(url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(url, command_timeout=600)
    try:
        yield connection
    finally:
        await connection.close()


def _login_cost() -> float:
    """Return the CPU microseconds of one comparison of a password at the default cost."""
    (cost,) = [int(str(setting.default)) for setting in SETTINGS if setting.name == "DRIVEBAY_BCRYPT_COST"]
    stored = bcrypt.hashpw(b"password", bcrypt.gensalt(cost))
    begun = time.process_time()
    bcrypt.checkpw(b"password", stored)
    return (time.process_time() - begun) * 1e6


async def _check(
    running: World, operations: Mapping[str, Operation], costs: Mapping[str, Costs], report: Report
) -> None:
    """Run all operations at the same time, and compare the cores that they use with those that the model predicts."""

    async def mix() -> list[float]:
        return list(await asyncio.gather(*(run(_SECONDS) for run in operations.values())))

    usage, counts = await _use(running, mix)
    rates = {name: count / usage.seconds for name, count in zip(operations, counts, strict=True)}
    predicted, measured = cores_needed(costs, rates, 1.0, client=True), usage.cores()
    report.table("mix", {name: {"a second": rate} for name, rate in rates.items()})
    report.table(
        "mix, cores",
        {part: {"predicted": predicted.get(part, 0.0), "measured": measured[part]} for part in sorted(measured)},
    )
    ratio = sum(predicted.values()) / usage.busy
    report.add(
        "mix, all parts and clients",
        predicted=sum(predicted.values()),
        measured=usage.busy,
        ratio=ratio,
        goal=f"the prediction is within {_TOLERANCE:.0%}",
        met=abs(ratio - 1) <= _TOLERANCE,
    )


async def _count_writes(
    bench_servers: BenchServers, database: asyncpg.Connection, user: Client, report: Report
) -> None:
    """Count what one upload causes: messages by the first two words of their subject, and writes of the WAL."""
    assert bench_servers.servers.nats is not None
    messages: dict[str, int] = {}

    async def count(message: Msg) -> None:
        kind = ".".join(message.subject.split(".")[:2])
        if not message.subject.endswith(".beat"):
            messages[kind] = messages.get(kind, 0) + 1

    client = await nats.connect(bench_servers.servers.nats.url)
    try:
        await client.subscribe("drivebay.>", cb=count)
        await client.flush()
        before = await database.fetchrow(_WRITES)
        for _ in range(_COUNTED_UPLOADS):
            await _upload_one(user)
        await _wait_until_committed(user)
        await database.execute("SELECT pg_stat_force_next_flush()")
        after = await database.fetchrow(_WRITES)
        await client.flush()
    finally:
        await client.close()
    assert before is not None
    assert after is not None
    totals = {f"messages {kind}": float(number) for kind, number in messages.items()} | {
        name: after[name] - before[name] for name in ("wal_bytes", "wal_syncs")
    }
    report.table(
        f"{_COUNTED_UPLOADS} uploads, one after the other",
        {name: {"each": total / _COUNTED_UPLOADS} for name, total in totals.items()},
    )


async def _purge(running: World, database: asyncpg.Connection, user: Client, report: Report) -> Costs:
    """Let every file of a user become due for its purge, and return the costs of one purge."""
    owner = (await user.ok("GET", "/v1/me"))["id"]

    async def purge() -> float:
        count = float(await database.fetchval(_DUE, owner))
        await database.execute(_TRASH, owner)
        async with asyncio.timeout(_PURGE_TIMEOUT):
            while await database.fetchval(_DUE, owner):
                await asyncio.sleep(0.05)
        return count

    usage, count = await _use(running, purge)
    report.add("purge", objects=count, seconds=usage.seconds, cores_in_use=usage.busy)
    return usage.costs(count)


async def _use(running: World, run: Callable[[], Awaitable[T]]) -> tuple[Usage, T]:
    """Call `run`, and return what it used and its result."""
    before, busy, own, begun = _cpu_seconds(running), _busy_seconds(), time.process_time(), time.perf_counter()
    result = await run()
    seconds = time.perf_counter() - begun
    after, busy_after = _cpu_seconds(running), _busy_seconds()
    after["client"] += time.process_time() - own
    return (
        Usage(
            {part: after[part] - before.get(part, 0.0) for part in after},
            seconds,
            (busy_after - busy) / seconds,
        ),
        result,
    )


def _busy_seconds() -> float:
    """Return the CPU seconds that all cores have worked, without what the host gave to other machines."""
    times = psutil.cpu_times()
    return float(times.user + times.nice + times.system + times.irq + times.softirq)


def _cpu_seconds(running: World) -> dict[str, float]:
    """Return the CPU seconds of each part, and of children that have ended (wrk) as `client`."""
    parts = {process.pid: part for part, process in running.processes.items()}
    own = psutil.Process().cpu_times()
    seconds: dict[str, float] = {"client": own.children_user + own.children_system}
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

    async def upload() -> int:
        done = 0
        while time.perf_counter() < end:
            await _upload_one(user)
            done += 1
        return done

    done = sum(await asyncio.gather(*(upload() for _ in range(_UPLOAD_CLIENTS))))
    await _wait_until_committed(user)
    return float(done)


async def _upload_one(user: Client) -> None:
    body = secrets.token_bytes(_SMALL_FILE)
    checksum = base64.b64encode(hashlib.sha256(body).digest()).decode()
    intent = {"name": secrets.token_hex(10), "size": len(body), "content_type": "text/plain", "sha256": checksum}
    begun = await user.call("POST", "/v1/uploads", intent)
    while begun.status_code == 503:  # the gateway is overloaded, as it may be in a mix
        await asyncio.sleep(0.05)
        begun = await user.call("POST", "/v1/uploads", intent)
    assert begun.status_code == 201, begun.text
    response = await user.put(begun.json(), body)
    assert response.status_code == 200, response.text


async def _wait_until_committed(user: Client) -> None:
    while (await user.ok("GET", "/v1/uploads", parameters={"limit": "1"}))["items"]:
        await asyncio.sleep(0.02)
