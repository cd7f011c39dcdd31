"""One run: users and faults for so long, then a minute of rest, then the oracle."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections import Counter
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import aiohttp

from . import arena as places
from . import faults, ledger, oracle
from .arena import Arena
from .ledger import Ledger
from .oracle import Oracle, Violation
from .user import User

REST: Final = 60.0
"""Seconds after the last fault until everything must be as promised."""
LANES: Final = 2
"""What one user does at the same time."""
_SECRETS: Final = ("X-Amz-Signature=", "Bearer ey", "password of ")


@dataclass(frozen=True)
class Report:
    """How often each fault came (`missed`: not, since another had taken down what it needs), what users did
    and saw, and how many seconds it took to converge."""

    seed: int
    seconds: float
    faults: dict[str, int]
    missed: dict[str, int]
    outcomes: dict[str, int]
    rested: float
    violations: tuple[Violation, ...]
    traces: dict[str, str]

    @property
    def kills(self) -> int:
        """Processes killed with SIGKILL."""
        all_at_once = len(faults.PARTS) + len(faults.SERVERS)
        return sum(
            n * (all_at_once if name.startswith("everything") else 1)
            for name, n in self.faults.items()
            if name.endswith(": kill")
        )

    @property
    def operations(self) -> int:
        """Requests that users sent, to the API and to the store."""
        return sum(n for name, n in self.outcomes.items() if name.startswith(("api ", "put ", "get ", "tus ")))

    @property
    def verdict(self) -> str:
        broken = f"{len(self.violations)} BROKEN PROMISES" if self.violations else "every promise was kept"
        return f"{self.kills:,} kills, {sum(self.faults.values()):,} faults, {self.operations:,} operations: {broken}"


Progress = Callable[[str, float], None]


async def run(
    folder: Path, *, seed: int, seconds: float, users: int, progress: Progress = lambda _what, _share: None
) -> Report:
    """Soak for so long. `folder` keeps ledger, logs and data. `progress` is told what and how much is done."""
    chance = random.Random(seed)
    injected: Counter[str] = Counter()
    missed: Counter[str] = Counter()
    tally: Counter[str] = Counter()
    began = time.monotonic()
    async with (
        places.open(folder) as arena,
        ledger.keep(folder / "ledger.jsonl") as book,
        AsyncExitStack() as stack,
        asyncio.TaskGroup() as tasks,
    ):
        people = await gather_people(stack, arena, book, users, chance, tally)
        until = time.time() + seconds
        living = [tasks.create_task(user.live(until)) for user in people for _ in range(LANES)]
        attending = [
            tasks.create_task(places.supervise(arena, tally)),
            tasks.create_task(_say(seconds, tally, injected, progress)),
        ]
        await faults.rage(arena, book, random.Random(chance.random()), seconds, injected, missed)
        rest_began = time.monotonic()
        async with asyncio.timeout(REST):
            await places.settle(arena)
        await asyncio.wait(living)
        judge = Oracle(arena, people, oracle.knowledge(folder / "ledger.jsonl"), tally)
        await judge.converged(REST - (time.monotonic() - rest_began))
        rested = time.monotonic() - rest_began
        await judge.hold()
        await judge.sweep_the_bucket(REST)
        await judge.end_parts()
        _logs(arena.world.folder, judge)
        for task in attending:
            task.cancel()
    tally["ledger records synced"] = book.records
    traces = {
        violation.about: oracle.trace(folder / "ledger.jsonl", arena.world.folder, violation.about)
        for violation in judge.violations[:5]
        if violation.about
    }
    return Report(
        seed,
        time.monotonic() - began,
        dict(sorted(injected.items())),
        dict(sorted(missed.items())),
        dict(sorted(tally.items())),
        rested,
        tuple(judge.violations),
        traces,
    )


async def gather_people(
    stack: AsyncExitStack, arena: Arena, book: Ledger, count: int, chance: random.Random, tally: Counter[str]
) -> list[User]:
    """So many users, signed up, each with connections of their own."""
    people: list[User] = []
    for number in range(count):
        http = await stack.enter_async_context(aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=2 * LANES)))
        # A repetition behind our back would make a first answer look like a second one.
        http._retry_connection = False
        own = random.Random(chance.random())
        people.append(User(f"u{number:03}", http, arena.api, book, own, arena.grace, arena.upload_life, tally))
    await asyncio.gather(*(user.join() for user in people))
    for user in people:
        user.strangers = [other for other in people if other is not user]
    return people


async def _say(seconds: float, tally: Counter[str], injected: Counter[str], progress: Progress) -> None:
    """Tell how far it is, until cancelled."""
    began = time.monotonic()
    while True:
        share = min(1.0, (time.monotonic() - began) / seconds)
        what = "resting, then the oracle: " if share == 1 else ""
        progress(f"{what}{tally['steps']:,} steps, {injected.total():,} faults, {tally['broken']} broken", share)
        await asyncio.sleep(1)


def _logs(folder: Path, judge: Oracle) -> None:
    """No process may have met a defect, or told a secret."""
    for path in sorted(folder.glob("*.log")):
        for line in path.read_text(errors="replace").splitlines():
            if '"level":"error"' in line.replace(" ", "") or "Traceback" in line:
                judge.breach("no defect is met", f"{path.stem}: {line[:600]}")
            if any(secret in line for secret in _SECRETS):
                judge.breach("no secret is logged", path.stem)


def as_text(report: Report) -> str:
    """The report for people: two tables and a verdict."""
    lines = [f"seed {report.seed}, {report.seconds:.0f} s, converged {report.rested:.1f} s after the last fault", ""]
    for title, table in (
        ("faults", report.faults),
        ("faults that could not be made", report.missed),
        ("outcomes", report.outcomes),
    ):
        lines.append(f"{title}: {sum(table.values()):,}" if title != "outcomes" else title)
        lines += [f"  {count:>9,}  {name}" for name, count in table.items()]
        lines.append("")
    lines += [f"BROKEN: {each.promise}: {each.detail} ({each.user} {each.about})" for each in report.violations[:50]]
    for about, text in report.traces.items():
        lines += [f"-- the trace of {about}", text]
    lines.append(report.verdict)
    return "\n".join(lines)


def as_json(report: Report) -> str:
    return json.dumps(
        {
            "seed": report.seed,
            "seconds": round(report.seconds, 1),
            "converged_seconds": round(report.rested, 1),
            "kills": report.kills,
            "operations": report.operations,
            "faults": report.faults,
            "missed": report.missed,
            "outcomes": report.outcomes,
            "broken": [vars(each) for each in report.violations],
        }
    )
