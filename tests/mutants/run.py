"""Breaks one guard after another and sees which test notices.

Every run has a copy of the sources of its own and a pytest process of its own; the servers are shared, and
are those of the whole sources. Before anything is broken the same tests must be green on a whole copy.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

import msgspec

from drivebay.embedded.nats import Nats
from drivebay.embedded.postgres import Postgres
from drivebay.embedded.seaweedfs import Store
from drivebay.testing import servers

from . import table
from .table import Guard
from .witness import Failure

WITHIN: Final = 180.0
"""Seconds that the tests of one guard may take."""
WELL_FORMED: Final = {
    "files/store.sql": "files/test_sql.py::test_every_statement_prepares",
    "auth/store.sql": "auth/test_auth_sql.py::test_a_statement_prepares_against_the_migrated_schema",
}
"""What must stay green: a statement that PostgreSQL does not understand would be noticed by anything."""
_NO_PROGRAM: Final = frozenset({"SyntaxError", "NameError", "UnboundLocalError", "ImportError", "ModuleNotFoundError"})


class Verdict(StrEnum):
    KILLED = "killed"
    SURVIVED = "survived"
    BROKEN = "broken"
    """The patch did not make another program, but none, or its tests could not be run."""
    HUNG = "hung"


class Result(msgspec.Struct, frozen=True):
    """`test` is who noticed and `said` how; of a guard that was not killed, `said` is the end of the output."""

    guard: str
    file: str
    verdict: Verdict
    seconds: float
    test: str = ""
    said: str = ""


class Red(Exception):
    """The tests fail while nothing is broken; the message is what pytest said."""


@dataclass(frozen=True, slots=True)
class Ran:
    """`status` is pytest's exit status, None when it took too long."""

    status: int | None
    failures: tuple[Failure, ...]
    output: str


async def run(
    guards: Mapping[str, Guard], folder: Path, jobs: int, progress: Callable[[str, float], None]
) -> tuple[Result, ...]:
    """Every guard broken, `jobs` at a time. `progress` is told what goes on and which share is done.

    Raises Red, Rotten.
    """
    whole = table.copy(folder / "whole")
    copies = {
        name: table.broken_copy(whole, folder / f"copy-{number}", name, guard)
        for number, (name, guard) in enumerate(guards.items())
    }
    places = asyncio.Semaphore(jobs)
    results: dict[str, Result] = {}

    async def one(name: str) -> None:
        async with places:
            progress(name, len(results) / len(guards))
            results[name] = await _broken(name, guards[name], copies[name], folder)

    async with _servers(folder / "servers"):
        progress("the tests, with nothing broken", 0)
        await _all_green(guards.values(), whole, folder, jobs)
        async with asyncio.TaskGroup() as tasks:
            for name in guards:
                tasks.create_task(one(name))
    return tuple(results[name] for name in guards)


@asynccontextmanager
async def _servers(folder: Path) -> AsyncIterator[None]:
    async with (
        servers.shared(Postgres, folder),
        servers.shared(Nats, folder),
        servers.shared(Store, folder),
    ):
        yield


async def _all_green(guards: Iterable[Guard], whole: Path, folder: Path, jobs: int) -> None:
    tests = sorted({test for guard in guards for test in (*guard.tests, *_well_formed(guard))})
    files = sorted({test.partition("::")[0] for test in tests})
    shares = [[test for test in tests if test.partition("::")[0] in files[job::jobs]] for job in range(jobs)]
    async with asyncio.TaskGroup() as tasks:
        runs = [
            tasks.create_task(_pytest(whole, folder, share, more=(), within=10 * WITHIN)) for share in shares if share
        ]
    for done in (each.result() for each in runs):
        if done.status != 0:
            raise Red(done.output)


def _well_formed(guard: Guard) -> tuple[str, ...]:
    if guard.statement is None or guard.file not in WELL_FORMED:
        return ()
    name = f"[{guard.statement}]" if guard.file.startswith("auth") else ""
    return (WELL_FORMED[guard.file] + name,)


async def _broken(name: str, guard: Guard, copy: Path, folder: Path) -> Result:
    began = time.monotonic()
    first = _well_formed(guard)
    ran = await _pytest(copy, folder, (*first, *guard.tests), more=("-x",), within=WITHIN)
    verdict, failure = judged(ran, first)
    seconds = round(time.monotonic() - began, 1)
    if failure is None:
        return Result(name, guard.file, verdict, seconds, said=ran.output[-4000:])
    return Result(name, guard.file, verdict, seconds, failure.test, f"{failure.kind}: {failure.said}")


def judged(ran: Ran, well_formed: Sequence[str]) -> tuple[Verdict, Failure | None]:
    """What a run with a broken guard says, and by which failure. `well_formed` are tests that had to stay green."""
    if ran.status is None:
        return Verdict.HUNG, None
    if ran.status == 0:
        return Verdict.SURVIVED, None
    if ran.status != 1 or not ran.failures:
        return Verdict.BROKEN, None
    failure = ran.failures[0]
    no_program = failure.kind in _NO_PROGRAM or failure.test.removeprefix("tests/") in well_formed
    # A fixture says that it noticed something by an assertion; all else is a test that never began.
    never_began = failure.phase == "setup" and failure.kind != "AssertionError"
    return (Verdict.BROKEN if no_program or never_began else Verdict.KILLED), failure


async def _pytest(copy: Path, folder: Path, tests: Sequence[str], *, more: Sequence[str], within: float) -> Ran:
    report = folder / f"report-{os.urandom(6).hex()}.json"
    environment = os.environ | {
        "PYTHONPATH": str(copy),
        "PYTHONDONTWRITEBYTECODE": "1",
        "DRIVEBAY_TEST_COPY": str(copy),
        "DRIVEBAY_TEST_REPORT": str(report),
        "DRIVEBAY_TEST_SERVERS": str(folder / "servers"),
    }
    # Schemathesis is a program here; its plugin is half the time that pytest takes to start.
    plugins = ("-p", "tests.mutants.witness", "-p", "no:cacheprovider", "-p", "no:schemathesis")
    options = ("-q", "--no-header", *plugins, *more)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "pytest", *options, *(f"tests/{test}" for test in tests)),
        env=environment,
        cwd=table.TESTS.parent,
        stdout=PIPE,
        stderr=STDOUT,
    )
    try:
        async with asyncio.timeout(within):
            output, _ = await process.communicate()
    except TimeoutError:
        return Ran(None, (), await _ended(process))
    failures = msgspec.json.decode(report.read_bytes(), type=tuple[Failure, ...]) if report.exists() else ()
    return Ran(process.returncode, failures, output.decode(errors="replace"))


async def _ended(process: Process) -> str:
    """End a run that hangs; what it said. Asked first, so that it ends the processes it has started."""
    process.send_signal(signal.SIGINT)
    try:
        async with asyncio.timeout(20):
            output, _ = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
        return "it did not end by itself"
    return output.decode(errors="replace")
