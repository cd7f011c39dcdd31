"""One soak: users work while faults are injected, everything recovers, and the oracle checks it."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from pathlib import Path
from typing import Final, Protocol

import aiohttp

from . import faults, shared_drives, six_processes
from .deployment import Deployment
from .faults import Fault, FaultCounts
from .ledger import Ledger, collect_trace, open_ledger
from .ledger_summary import load_user_records
from .oracle import Oracle
from .report import Report
from .simulated_user import SimulatedUser
from .steps import run_steps

PUTS: Final = "put 200"
"""The count of uploads in one PUT that the store took while the users worked."""
STORED: Final = "upload stored: complete"
"""The count, made by the final check, of stored uploads that are complete."""
MAX_EXTENSION: Final = 600.0
"""Seconds after which a run with too few uploads ends all the same."""
_EXTENSION: Final = 10.0
STEPS_PER_USER: Final = 2
"""The number of steps that one user runs at the same time."""
_LARGE_FOLDERS: Final = 2
"""Users with a large folder. Each of its copies is 1,111 files and folders."""
_MAX_TRACES: Final = 5

ShowProgress = Callable[[str, float], None]


class System(Protocol):
    """A running deployment with its faults: `six_processes` or `cluster`."""

    @property
    def deployment(self) -> Deployment:
        """Return what users and the oracle use."""
        ...

    @property
    def recovery_limit(self) -> float:
        """Return the seconds after the last fault in which every guarantee must hold again."""
        ...

    def faults(self) -> Mapping[str, Fault]:
        """Return all faults by name."""
        ...

    async def restart_ended_services(self, counts: Counter[str]) -> None:
        """Start each service again that ended by itself, and count it. Runs until cancelled."""
        ...

    async def recover(self) -> None:
        """End all faults and wait until the deployment is ready. The caller sets the time limit."""
        ...


Start = Callable[[Path], AbstractAsyncContextManager[System]]
"""Starts a system with data in a folder."""


async def run(
    folder: Path,
    *,
    seed: int,
    seconds: float,
    user_count: int,
    min_puts: int = 0,
    start: Start = six_processes.start,
    only: str = "",
    progress: ShowProgress = lambda _text, _share: None,
) -> Report:
    """Inject faults for so many seconds, then check every guarantee.

    `folder` receives ledger, logs and data. `seed` determines the random choices. A slow machine gets up to
    `MAX_EXTENSION` seconds more until the users have made `min_puts` successful PUTs. `start` starts the deployment.
    Only faults with the text `only` in their names are injected. `progress` is called once a second with a text and
    the completed share.
    """
    rng = random.Random(seed)
    fault_counts = FaultCounts()
    counts: Counter[str] = Counter()
    started = time.monotonic()
    ledger_path = folder / "ledger.jsonl"
    async with (
        start(folder) as system,
        open_ledger(ledger_path) as ledger,
        AsyncExitStack() as stack,
        asyncio.TaskGroup() as tasks,
    ):
        deployment = system.deployment
        table = {name: fault for name, fault in system.faults().items() if only in name}
        users = await sign_up_users(stack, deployment, ledger, user_count, rng, counts)
        stop_at = time.time() + seconds + MAX_EXTENSION
        working = [tasks.create_task(run_steps(user, stop_at)) for user in users for _ in range(STEPS_PER_USER)]
        working += [tasks.create_task(user.follower.follow(stop_at)) for user in users]
        background = [
            tasks.create_task(system.restart_ended_services(counts)),
            tasks.create_task(_report_progress(seconds, counts, fault_counts, progress)),
        ]
        fault_rng = random.Random(rng.random())
        await faults.inject_faults(table, ledger, fault_rng, seconds, fault_counts)
        while counts[PUTS] < min_puts and time.time() < stop_at:
            await faults.inject_faults(table, ledger, fault_rng, _EXTENSION, fault_counts)
        for user in users:
            user.stop_at = 0
        faults_ended = time.monotonic()
        async with asyncio.timeout(system.recovery_limit):
            await system.recover()
        await asyncio.wait(working)
        checks = Oracle(deployment, users, load_user_records(ledger_path), counts)
        await checks.end_job_leases()
        await checks.wait_until_settled(system.recovery_limit - (time.monotonic() - faults_ended))
        settled_seconds = time.monotonic() - faults_ended
        await checks.check_users()
        await checks.check_bucket(system.recovery_limit)
        await checks.check_multiparts()
        checks.check_logs()
        for task in background:
            task.cancel()
    counts["ledger records synced"] = ledger.record_count
    traces = {
        violation.about: collect_trace(ledger_path, deployment.folder, violation.about)
        for violation in checks.violations[:_MAX_TRACES]
        if violation.about
    }
    return Report(
        seed=seed,
        seconds=time.monotonic() - started,
        kills=fault_counts.kills,
        faults=dict(sorted(fault_counts.injected.items())),
        failed_faults=dict(sorted(fault_counts.failed.items())),
        outcomes=dict(sorted(counts.items())),
        settled_seconds=settled_seconds,
        violations=tuple(checks.violations),
        traces=traces,
    )


async def sign_up_users(
    stack: AsyncExitStack,
    deployment: Deployment,
    ledger: Ledger,
    count: int,
    rng: random.Random,
    counts: Counter[str],
) -> list[SimulatedUser]:
    """Create `count` users, each with an account and connections of its own. `stack` closes the connections."""
    users: list[SimulatedUser] = []
    for number in range(count):
        connector = aiohttp.TCPConnector(limit=2 * STEPS_PER_USER + 1)
        http = await stack.enter_async_context(aiohttp.ClientSession(connector=connector))
        # Without this, aiohttp repeats some requests itself, and the user takes the second response for the first.
        http._retry_connection = False
        user_rng = random.Random(rng.random())
        users.append(SimulatedUser(f"u{number:03}", http, deployment, ledger, user_rng, counts))
    await asyncio.gather(*(user.sign_up() for user in users))
    await asyncio.gather(*(user.follower.start() for user in users))
    for user in users:
        user.other_users = [other for other in users if other is not user]
    creating = (
        shared_drives.create(user, has_large_folder=number < _LARGE_FOLDERS) for number, user in enumerate(users)
    )
    for user, drives in zip(users, await asyncio.gather(*creating), strict=True):
        user.drives = drives
    return users


async def _report_progress(
    seconds: float, counts: Counter[str], fault_counts: FaultCounts, progress: ShowProgress
) -> None:
    """Report the progress once a second until cancelled."""
    started = time.monotonic()
    while True:
        share = min(1.0, (time.monotonic() - started) / seconds)
        phase = "recovery and checks: " if share == 1 else ""
        faults_injected = fault_counts.injected.total()
        progress(
            f"{phase}{counts['steps']:,} steps, {faults_injected:,} faults, {counts['violations']} violations", share
        )
        await asyncio.sleep(1)
