"""Many users at once, for minutes, in six processes: how fast, how steady, and what too much of it does.

Requests are meant for times of a Poisson process, whether or not earlier ones are done, and are timed from
those times. The load generator, PostgreSQL, the store and Drivebay share one machine's cores.
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

from . import watch
from .arena import Arena
from .crowd import DEADLINE, Crowd, User, mean_requests
from .http import connect
from .report import Report, console
from .tally import OK, SHED, Span, Tally, back_to_normal
from .watch import Watch

HANDS = 32
"""Users who each begin the next thing when the last is done: enough to keep the machine busy."""
CALIBRATE = 20.0
AFTER = 30.0
_FILES_EACH = 3
_COLUMNS = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("s"))


@dataclass(frozen=True)
class Options:
    """`rate` is requests to the API a second; None is half of what the machine was found able to do."""

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


async def measure(arena: Arena, report: Report, options: Options) -> None:
    async with arena.world("six", DRIVEBAY_LOG="info") as running, connect(DEADLINE) as http:
        chance = random.Random(options.seed)
        users = [User(f"{secrets.token_hex(12)}@example.com", secrets.token_hex(12)) for _ in range(options.users)]
        crowd = Crowd(http, running.api, users, Tally(), chance)
        await _prepare(crowd)
        # Made cheaply, so that a thousand take seconds; from here on a login costs what it costs in life.
        running.environment["DRIVEBAY_BCRYPT_COST"] = "12"
        await running.restart("auth")
        await running.ready()
        gc.freeze()
        _hurry()
        capacity = await _capacity(crowd)
        rate = options.rate or capacity / 2
        report.add("load: what the machine can do", requests_per_second=capacity, hands=HANDS)
        phases = (
            Phase("warm-up", min(60.0, options.minutes * 12), rate),
            Phase("steady", options.minutes * 60, rate),
            Phase("overload", options.overload, 2 * capacity),
            Phase("after", AFTER, rate),
        )
        crowd.tally = Tally()
        assert arena.servers.postgres is not None
        assert arena.servers.postgres.process is not None
        postgres = psutil.Process(arena.servers.postgres.process.pid)
        processes = watch.of(_pids(arena, running))
        watching = Watch(processes, postgres, running.api, arena.database_url, http, crowd.tally)
        spans = await _run(crowd, chance, phases, watching)
        _report(report, options, crowd.tally, watching, spans, phases)


def _hurry() -> None:
    """Get the processor whenever we want it: in life, clients do not wait for the server's."""
    try:
        os.sched_setscheduler(0, os.SCHED_RR | os.SCHED_RESET_ON_FORK, os.sched_param(1))
    except PermissionError:
        console.print("not root: the load generator competes with what it measures; mind its lateness")


def _pids(arena: Arena, running: World) -> dict[str, int | None]:
    assert arena.servers.nats is not None
    assert arena.servers.store is not None
    servers = {"nats": arena.servers.nats.process, "seaweedfs": arena.servers.store.process}
    return {
        **{part: process.pid for part, process in running.processes.items()},
        **{name: process.pid for name, process in servers.items() if process is not None},
        "load generator": os.getpid(),
    }


# -- the course of it -----------------------------------------------------------------------------


async def _prepare(crowd: Crowd) -> None:
    console.print(f"{len(crowd.users):,} users sign up and upload {_FILES_EACH} files each")
    waiting = iter(crowd.users)

    async def hand() -> None:
        for user in waiting:
            await crowd.sign_up(user)
            for _ in range(_FILES_EACH):
                await crowd.act(user, "upload", time.monotonic())

    async with asyncio.TaskGroup() as hands:
        for _ in range(HANDS // 2):
            hands.create_task(hand())


async def _capacity(crowd: Crowd) -> float:
    """Answered requests to the API a second, when there is always something to do."""
    console.print(f"how much it can do, in {CALIBRATE:.0f} s")
    crowd.tally = Tally()
    end = time.monotonic() + CALIBRATE

    async def hand() -> None:
        while time.monotonic() < end:
            if not await crowd.act(*crowd.choose(), time.monotonic()):
                await asyncio.sleep(0.05)

    async with asyncio.TaskGroup() as hands:
        for _ in range(HANDS):
            hands.create_task(hand())
    span = Span(end - CALIBRATE * 0.75, end)
    return float(crowd.tally.sums(span, crowd.tally.api_routes())["answered_per_second"])


async def _run(crowd: Crowd, chance: random.Random, phases: tuple[Phase, ...], watching: Watch) -> dict[str, Span]:
    spans: dict[str, Span] = {}
    at = time.monotonic()
    for phase in phases:
        spans[phase.name] = Span(at, at := at + phase.seconds)
    with Progress(*_COLUMNS, console=console) as progress:
        async with asyncio.TaskGroup() as tasks:
            watcher = tasks.create_task(watching.run())
            for phase in phases:
                bar = progress.add_task(f"{phase.name}, {phase.rate:,.0f}/s", total=int(phase.seconds))
                tasks.create_task(_show(progress, bar, int(phase.seconds)))
                await _arrive(tasks, crowd, chance, phase.rate / mean_requests(), spans[phase.name])
            watcher.cancel()  # what else is under way ends by itself
    return spans


async def _arrive(tasks: asyncio.TaskGroup, crowd: Crowd, chance: random.Random, per_second: float, span: Span) -> None:
    """Let users begin things at times that know nothing of one another, nor of how the server is doing."""
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
    report: Report, options: Options, tally: Tally, watching: Watch, spans: dict[str, Span], phases: tuple[Phase, ...]
) -> None:
    api = tally.api_routes()
    rates = {phase.name: phase.rate for phase in phases}
    steady, overload = spans["steady"], spans["overload"]
    report.add("load: asked for", users=options.users, minutes=options.minutes, seed=options.seed, rates=rates)
    report.table("load: the generator's own lateness", {name: tally.lag(span) for name, span in spans.items()})
    report.table("load, steady: by route", tally.routes(steady))
    report.table("load: cores kept busy", {name: watching.cores_in(span) for name, span in spans.items()})
    report.table("load, steady: by process", watching.processes_in(steady))
    report.table("load, steady: connections and room", watching.door_in(steady))
    normal = tally.sums(steady, api)
    failed = 1 - normal["shares"].get(OK, 0.0)
    report.add("load, steady: requests that failed", share=failed, goal="none", met=failed == 0, **_flat(normal))
    report.table("load, overload: by route", tally.routes(overload))
    report.table("load, overload: by process", watching.processes_in(overload))
    report.table("load, overload: connections and room", watching.door_in(overload))
    much = tally.sums(overload, api)
    shares = much["shares"]
    lost = 1 - shares.get(OK, 0.0) - shares.get(SHED, 0.0)
    p99 = much["answered"].get("p99_ms", float("inf"))
    report.add("load, overload: all requests", **_flat(much), goal="all answered within 0.5 s or shed",
               met=lost == 0 and p99 < 500)  # fmt: skip
    report.series("load: over time", watching.over_time())
    back = back_to_normal(tally.seconds(steady), tally.seconds(spans["after"]))
    report.add("load, after: back to normal", seconds=back, goal="5 s", met=back is not None and back <= 5)


def _flat(sums: dict[str, Any]) -> dict[str, float]:
    """The sums of a tally as fields of one figure."""
    return {
        "per_second": sums["per_second"],
        "answered_per_second": sums["answered_per_second"],
        **{f"share_{outcome.replace(' ', '_')}": share for outcome, share in sums["shares"].items()},
        **{f"{kind}_{name}": value for kind in ("answered", "shed") for name, value in sums[kind].items()},
    }
