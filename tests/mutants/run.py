"""Break one guard after another and see which test fails.

Each run has its own copy of the sources and its own pytest process. The servers are shared, and run the unbroken
sources. Before any guard is broken, the same tests must pass on an unbroken copy.
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
from .table import Guard, Place
from .witness import Failure

TIMEOUT: Final = 180.0
"""Seconds that the tests of one guard may take."""
PREPARES: Final = {
    "files/": "files/test_sql.py::test_every_statement_prepares[{folder}]",
    "auth/": "auth/test_auth_statements.py::test_each_statement_is_valid_for_the_migrated_schema[{folder}-{statement}]",
}
"""Tests that must still pass with a broken statement: any test would fail on SQL that PostgreSQL does not accept."""
_NOT_A_PROGRAM: Final = frozenset(
    {"SyntaxError", "NameError", "UnboundLocalError", "ImportError", "ModuleNotFoundError"}
)


class Verdict(StrEnum):
    KILLED = "killed"
    SURVIVED = "survived"
    INVALID = "invalid"
    """The mutation made no valid program, or its tests could not run."""
    TIMED_OUT = "timed out"


class Result(msgspec.Struct, frozen=True):
    """`test` failed with `message`. For a guard that was not killed, `message` is the end of pytest's output."""

    guard: str
    file: str
    verdict: Verdict
    seconds: float
    test: str = ""
    message: str = ""


class TestsFail(Exception):
    """The tests fail on the unbroken sources. The message is pytest's output."""

    __test__ = False


@dataclass(frozen=True, slots=True)
class Finished:
    """One pytest run. `status` is its exit status, None after a timeout."""

    status: int | None
    failures: tuple[Failure, ...]
    output: str


async def run(
    guards: Mapping[str, Guard], folder: Path, jobs: int, progress: Callable[[str, float], None]
) -> tuple[Result, ...]:
    """Break every guard, `jobs` at a time. `progress` gets the current guard and the share that is done.

    Raises TestsFail and BadTable.
    """
    whole = table.copy(folder / "whole")
    copies = {
        name: table.broken_copy(whole, folder / f"copy-{number}", name, guard)
        for number, (name, guard) in enumerate(guards.items())
    }
    slots = asyncio.Semaphore(jobs)
    results: dict[str, Result] = {}

    async def one(name: str) -> None:
        async with slots:
            progress(name, len(results) / len(guards))
            results[name] = await _break(name, guards[name], copies[name], folder)

    async with _servers(folder / "servers"):
        progress("the tests on the unbroken sources", 0)
        await _check_unbroken(guards, whole, folder, jobs)
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


async def _check_unbroken(guards: Mapping[str, Guard], whole: Path, folder: Path, jobs: int) -> None:
    tests = sorted({test for name, guard in guards.items() for test in (*guard.tests, *prepares(name, guard))})
    files = sorted({test.partition("::")[0] for test in tests})
    shares = [[test for test in tests if test.partition("::")[0] in files[job::jobs]] for job in range(jobs)]
    async with asyncio.TaskGroup() as tasks:
        runs = [
            tasks.create_task(_pytest(whole, folder, share, options=(), timeout=10 * TIMEOUT))
            for share in shares
            if share
        ]
    for finished in (each.result() for each in runs):
        if finished.status != 0:
            raise TestsFail(finished.output)


def prepares(name: str, guard: Guard) -> tuple[str, ...]:
    """Return the tests that must pass before a failure counts: those of the syntax of a guard in SQL."""
    where = table.place(name, guard)
    return _prepare_test(where)


def _prepare_test(where: Place) -> tuple[str, ...]:
    if not where.statement:
        return ()
    names = {"folder": Path(where.file).parent.name, "statement": where.statement}
    return next(((test.format(**names),) for area, test in PREPARES.items() if where.file.startswith(area)), ())


async def _break(name: str, guard: Guard, copy: Path, folder: Path) -> Result:
    began = time.monotonic()
    where = table.place(name, guard)
    first = _prepare_test(where)
    finished = await _pytest(copy, folder, (*first, *guard.tests), options=("-x",), timeout=TIMEOUT)
    verdict, failure = judge(finished, first)
    seconds = round(time.monotonic() - began, 1)
    if failure is None:
        return Result(name, where.file, verdict, seconds, message=finished.output[-4000:])
    return Result(name, where.file, verdict, seconds, failure.test, f"{failure.kind}: {failure.message}")


def judge(finished: Finished, must_pass: Sequence[str]) -> tuple[Verdict, Failure | None]:
    """Return what a run with a broken guard shows, and the failure that shows it."""
    if finished.status is None:
        return Verdict.TIMED_OUT, None
    if finished.status == 0:
        return Verdict.SURVIVED, None
    if finished.status != 1 or not finished.failures:
        return Verdict.INVALID, None
    failure = finished.failures[0]
    not_a_program = failure.kind in _NOT_A_PROGRAM or any(
        failure.test.removeprefix("tests/").startswith(test) for test in must_pass
    )
    # A fixture reports a broken promise by an assertion. Any other error in a fixture means that no test ran.
    no_test_ran = failure.phase == "setup" and failure.kind != "AssertionError"
    return (Verdict.INVALID if not_a_program or no_test_ran else Verdict.KILLED), failure


async def _pytest(
    copy: Path, folder: Path, tests: Iterable[str], *, options: Sequence[str], timeout: float
) -> Finished:
    report = folder / f"report-{os.urandom(6).hex()}.json"
    environment = os.environ | {
        "PYTHONPATH": str(copy),
        "PYTHONDONTWRITEBYTECODE": "1",
        "DRIVEBAY_TEST_COPY": str(copy),
        "DRIVEBAY_TEST_REPORT": str(report),
        "DRIVEBAY_TEST_SERVERS": str(folder / "servers"),
    }
    # Loading the schemathesis plugin takes half of pytest's start-up time, and no test here needs it.
    plugins = ("-p", "tests.mutants.witness", "-p", "no:cacheprovider", "-p", "no:schemathesis")
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "pytest", "-q", "--no-header", *plugins, *options, *(f"tests/{test}" for test in tests)),
        env=environment,
        cwd=table.TESTS.parent,
        stdout=PIPE,
        stderr=STDOUT,
    )
    try:
        async with asyncio.timeout(timeout):
            output, _ = await process.communicate()
    except TimeoutError:
        return Finished(None, (), await _stop(process))
    failures = msgspec.json.decode(report.read_bytes(), type=tuple[Failure, ...]) if report.exists() else ()
    return Finished(process.returncode, failures, output.decode(errors="replace"))


async def _stop(process: Process) -> str:
    """End a run that timed out and return its output. SIGINT first, so that it ends its own processes."""
    process.send_signal(signal.SIGINT)
    try:
        async with asyncio.timeout(20):
            output, _ = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
        return "the run did not react to SIGINT"
    return output.decode(errors="replace")
