"""Many simulated users on six processes for minutes, then an overload: latencies, errors, growth of resources.

Requests are due at times of a Poisson process, whether or not earlier ones are done. Latency counts from those times.
The load generator, PostgreSQL, the store and Drivebay share the cores of one machine.
"""

from __future__ import annotations

import asyncio
import gc
import os
import random
import secrets
import time
from dataclasses import dataclass
from typing import Any

import psutil
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

from drivebay.testing.world import World

from . import process_monitor
from .bench_world import BenchServers
from .measurements import OK, SHED, Measurements, Span, recovery_seconds
from .process_monitor import ProcessMonitor
from .raw_http import connect
from .report import Report, console
from .simulated_users import DEADLINE, SimulatedUsers, User, mean_requests

WORKERS = 32
"""Users who start the next action when the last one is done: enough to keep the machine busy."""
CALIBRATE = 20.0
AFTER = 30.0
_FILES_EACH = 3
_COLUMNS = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("s"))


@dataclass(frozen=True)
class Options:
    """`rate`: API requests a second; None is half of the measured capacity."""

    minutes: float = 15.0
    rate: float | None = None
    users: int = 1000
    overload: float = 60.0
    seed: int = 1


@dataclass(frozen=True)
class Phase:
    name: str
    seconds: float
    rate: float


async def measure(bench_servers: BenchServers, report: Report, options: Options) -> None:
    async with bench_servers.world("six", DRIVEBAY_LOG="info") as running, connect(DEADLINE) as http:
        chance = random.Random(options.seed)
        users = [User(f"{secrets.token_hex(12)}@example.com", secrets.token_hex(12)) for _ in range(options.users)]
        crowd = SimulatedUsers(http, running.api, users, Measurements(), chance)
        await _prepare(crowd)
        # Accounts were created with cheap hashes. From here on a login has its real cost.
        running.environment["DRIVEBAY_BCRYPT_COST"] = "12"
        await running.restart("auth")
        await running.ready()
        gc.freeze()
        _raise_priority()
        capacity = await _capacity(crowd)
        rate = options.rate or capacity / 2
        report.add("load: capacity", requests_per_second=capacity, workers=WORKERS)
        phases = (
            Phase("warm-up", min(60.0, options.minutes * 12), rate),
            Phase("steady", options.minutes * 60, rate),
            Phase("overload", options.overload, 2 * capacity),
            Phase("after", AFTER, rate),
        )
        crowd.measurements = Measurements()
        assert bench_servers.servers.postgres is not None
        assert bench_servers.servers.postgres.server_process is not None
        postgres = psutil.Process(bench_servers.servers.postgres.server_process.pid)
        processes = process_monitor.find(_pids(bench_servers, running))
        monitor = ProcessMonitor(processes, postgres, running.api, bench_servers.database_url, http, crowd.measurements)
        spans = await _run(crowd, chance, phases, monitor)
        _report(report, options, crowd.measurements, monitor, spans, phases)


def _raise_priority() -> None:
    """Run with real-time priority, as if the clients were on another machine."""
    try:
        os.sched_setscheduler(0, os.SCHED_RR | os.SCHED_RESET_ON_FORK, os.sched_param(1))
    except PermissionError:
        console.print("not root: the load generator competes with the servers; check its delay")


def _pids(bench_servers: BenchServers, running: World) -> dict[str, int | None]:
    assert bench_servers.servers.nats is not None
    assert bench_servers.servers.store is not None
    servers = {
        "nats": bench_servers.servers.nats.server_process,
        "seaweedfs": bench_servers.servers.store.server_process,
    }
    return {
        **{part: process.pid for part, process in running.processes.items()},
        **{name: process.pid for name, process in servers.items() if process is not None},
        "load generator": os.getpid(),
    }


# -- phases ---------------------------------------------------------------------------------------


async def _prepare(crowd: SimulatedUsers) -> None:
    console.print(f"{len(crowd.users):,} users sign up and upload {_FILES_EACH} files each")
    waiting = iter(crowd.users)

    async def worker() -> None:
        for user in waiting:
            await crowd.sign_up(user)
            for _ in range(_FILES_EACH):
                await crowd.act(user, "upload", time.monotonic())

    async with asyncio.TaskGroup() as workers:
        for _ in range(WORKERS // 2):
            workers.create_task(worker())


async def _capacity(crowd: SimulatedUsers) -> float:
    """Return the answered API requests a second while every worker is always busy."""
    console.print(f"how much it can do, in {CALIBRATE:.0f} s")
    crowd.measurements = Measurements()
    end = time.monotonic() + CALIBRATE

    async def worker() -> None:
        while time.monotonic() < end:
            if not await crowd.act(*crowd.choose(), time.monotonic()):
                await asyncio.sleep(0.05)

    async with asyncio.TaskGroup() as workers:
        for _ in range(WORKERS):
            workers.create_task(worker())
    span = Span(end - CALIBRATE * 0.75, end)
    return float(crowd.measurements.sums(span, crowd.measurements.api_routes())["answered_per_second"])


async def _run(
    crowd: SimulatedUsers, chance: random.Random, phases: tuple[Phase, ...], monitor: ProcessMonitor
) -> dict[str, Span]:
    spans: dict[str, Span] = {}
    at = time.monotonic()
    for phase in phases:
        spans[phase.name] = Span(at, at := at + phase.seconds)
    with Progress(*_COLUMNS, console=console) as progress:
        async with asyncio.TaskGroup() as tasks:
            watcher = tasks.create_task(monitor.run())
            for phase in phases:
                bar = progress.add_task(f"{phase.name}, {phase.rate:,.0f}/s", total=int(phase.seconds))
                tasks.create_task(_show(progress, bar, int(phase.seconds)))
                await _arrive(tasks, crowd, chance, phase.rate / mean_requests(), spans[phase.name])
            watcher.cancel()  # what else is under way ends by itself
    return spans


async def _arrive(
    tasks: asyncio.TaskGroup, crowd: SimulatedUsers, chance: random.Random, per_second: float, span: Span
) -> None:
    """Let users begin actions at independent times, which do not depend on the load of the server."""
    at = span.begin
    while (at := at + chance.expovariate(per_second)) < span.end:
        if (early := at - time.monotonic()) > 0:
            await asyncio.sleep(early)
        tasks.create_task(crowd.act(*crowd.choose(), at))
    await asyncio.sleep(max(0.0, span.end - time.monotonic()))


async def _show(progress: Progress, bar: TaskID, seconds: int) -> None:
    for _ in range(seconds):
        await asyncio.sleep(1)
        progress.advance(bar)


# -- what came of it ------------------------------------------------------------------------------


def _report(
    report: Report,
    options: Options,
    measurements: Measurements,
    monitor: ProcessMonitor,
    spans: dict[str, Span],
    phases: tuple[Phase, ...],
) -> None:
    api = measurements.api_routes()
    rates = {phase.name: phase.rate for phase in phases}
    steady, overload = spans["steady"], spans["overload"]
    report.add("load: asked for", users=options.users, minutes=options.minutes, seed=options.seed, rates=rates)
    report.table("load: the generator's own lateness", {name: measurements.lag(span) for name, span in spans.items()})
    report.table("load, steady: by route", measurements.routes(steady))
    report.table("load: cores kept busy", {name: monitor.cores_between(span) for name, span in spans.items()})
    report.table("load, steady: by process", monitor.processes_in(steady))
    report.table("load, steady: connections and room", monitor.limiter_in(steady))
    normal = measurements.sums(steady, api)
    failed = 1 - normal["shares"].get(OK, 0.0)
    report.add("load, steady: requests that failed", share=failed, goal="none", met=failed == 0, **_flat(normal))
    report.table("load, overload: by route", measurements.routes(overload))
    report.table("load, overload: by process", monitor.processes_in(overload))
    report.table("load, overload: connections and room", monitor.limiter_in(overload))
    much = measurements.sums(overload, api)
    shares = much["shares"]
    lost = 1 - shares.get(OK, 0.0) - shares.get(SHED, 0.0)
    p99 = much["answered"].get("p99_ms", float("inf"))
    report.add("load, overload: all requests", **_flat(much), goal="all answered within 0.5 s or shed",
               met=lost == 0 and p99 < 500)  # fmt: skip
    report.series("load: over time", monitor.over_time())
    back = recovery_seconds(measurements.seconds(steady), measurements.seconds(spans["after"]))
    report.add("load, after: back to normal", seconds=back, goal="5 s", met=back is not None and back <= 5)


def _flat(sums: dict[str, Any]) -> dict[str, float]:
    """Flatten totals into the fields of one figure."""
    return {
        "per_second": sums["per_second"],
        "answered_per_second": sums["answered_per_second"],
        **{f"share_{outcome.replace(' ', '_')}": share for outcome, share in sums["shares"].items()},
        **{f"{kind}_{name}": value for kind in ("answered", "shed") for name, value in sums[kind].items()},
    }
