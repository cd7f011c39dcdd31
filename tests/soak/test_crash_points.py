"""A process is killed at each crash point while users work. After a restart everything settles and nothing is lost."""

from __future__ import annotations

import asyncio
import random
import re
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from uuid import uuid4

import pytest

import drivebay
from drivebay import postgres as postgres_pool
from drivebay import proto, rpc
from drivebay.contract.storage import QUARANTINE_PREFIX, Storage
from drivebay.embedded.postgres import Postgres
from drivebay.errors import Unavailable
from drivebay.testing import servers
from drivebay.testing.client import eventually

from . import data_faults, run, six_processes
from .deployment import run_python
from .ledger import collect_trace, open_ledger
from .ledger_summary import load_user_records
from .oracle import Oracle
from .run import PUTS, STORED
from .simulated_user import SimulatedUser
from .six_processes import SixProcesses
from .steps import run_steps

pytestmark = pytest.mark.slow

SOURCES: Final = Path(drivebay.__file__).parent
RNG: Final = random.Random(5)
_CRASH_TIMEOUT: Final = 90.0
"""Seconds in which the process must reach the crash point."""
_SETTLE_TIMEOUT: Final = 50.0
"""Seconds in which the backlog must become empty after a restart."""
_SHORTER_TIMES: Final = {
    "DRIVEBAY_UPLOAD_TTL": "3s",
    "DRIVEBAY_PARTS_TTL": "4s",
    "DRIVEBAY_TRASH_GRACE": "1s",
    "DRIVEBAY_VERSIONS_AGE": "1s",
    "DRIVEBAY_SWEEP_INTERVAL": "1s",
}
"""With these, uploads expire and files are purged within seconds."""


async def _do_nothing(_: SixProcesses) -> None:
    return None


async def _put_objects_of_wrong_size(system: SixProcesses) -> None:
    await data_faults.put_objects_of_wrong_size(system.deployment, RNG)


async def _send_forged_events(system: SixProcesses) -> None:
    await data_faults.forge_events(system.deployment, RNG)


async def _quarantine_orphans(system: SixProcesses) -> None:
    await data_faults.put_orphans(system.deployment, RNG)
    address = f"unix:{system.world.folder}/storage.sock"
    async with rpc.connect(Storage, proto.STORAGE, address) as storage:
        for key in system.deployment.orphan_keys:
            try:
                await storage.quarantine_object(key)
            except Unavailable:  # the service was killed at the crash point, or is not up yet
                return


@dataclass(frozen=True)
class CrashScenario:
    """The service that reaches the crash point, and what makes it do so in addition to the users' steps."""

    service: str
    trigger: Callable[[SixProcesses], Awaitable[None]] = _do_nothing


SCENARIOS: Final = {
    "commit.looked_up": CrashScenario("files"),
    "commit.before_db_commit": CrashScenario("files"),
    "commit.after_db_commit": CrashScenario("files"),
    "reject.before_db_commit": CrashScenario("files", _put_objects_of_wrong_size),
    "reject.after_db_commit": CrashScenario("files", _put_objects_of_wrong_size),
    "expire.before_db_commit": CrashScenario("files"),
    "expire.after_db_commit": CrashScenario("files"),
    "expire.claimed": CrashScenario("janitor"),
    "purge.claim_before_db_commit": CrashScenario("files"),
    "purge.before_delete": CrashScenario("janitor"),
    "purge.after_delete": CrashScenario("janitor"),
    "purge.finish_before_db_commit": CrashScenario("files"),
    "purge.finish_after_db_commit": CrashScenario("files"),
    "sweep.rechecked": CrashScenario("ingest"),
    "sweep.claimed": CrashScenario("ingest"),
    "sweep.committed": CrashScenario("ingest"),
    "event.before_ack": CrashScenario("ingest"),
    "event.after_ack": CrashScenario("ingest"),
    "event.dead_lettered": CrashScenario("ingest", _send_forged_events),
    "checkpoint.before_save": CrashScenario("ingest"),
    "checkpoint.after_save": CrashScenario("ingest"),
    "parts.begun": CrashScenario("files"),
    "parts.before_assembly": CrashScenario("files"),
    "parts.assembled": CrashScenario("files"),
    "assemble.before_complete": CrashScenario("storage"),
    "assemble.completed": CrashScenario("storage"),
    "quarantine.copied": CrashScenario("storage", _quarantine_orphans),
}
TESTED_ELSEWHERE: Final = (
    *("commit.promoted", "job.step_before_db_commit", "job.step_after_db_commit"),
    *("drive_copy.objects_copied", "copy.object_copied", "copy.parts_copied"),
)
"""The first is reached only with a store that accepts a second PUT: `tests/e2e/test_permissive_store.py` tests it.
Those of jobs need a large folder: `tests/worker/test_job_runner.py` tests them at each kind of step.
`tests/worker/test_drive_copy_crashes.py` tests those of copies into other drives.
"""
MIGRATION_POINTS: Final = ("migration.before", "migration.before_db_commit", "migration.after_db_commit")


def test_every_crash_point_has_a_test() -> None:
    call = re.compile(r'crash_point\("([a-z_.]+)"\)')
    points = [point for file in SOURCES.rglob("*.py") for point in call.findall(file.read_text("utf-8"))]
    assert sorted(points) == sorted([*SCENARIOS, *TESTED_ELSEWHERE, *MIGRATION_POINTS])


@dataclass(frozen=True)
class SoakSystem:
    """A deployment with signed-up users."""

    processes: SixProcesses
    users: list[SimulatedUser]
    ledger_path: Path
    counts: Counter[str]


@pytest.fixture(scope="module")
async def system(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[SoakSystem]:
    """One deployment for all tests of this module."""
    folder = tmp_path_factory.mktemp("soak")
    ledger_path = folder / "ledger.jsonl"
    counts: Counter[str] = Counter()
    async with (
        six_processes.start(folder, _SHORTER_TIMES) as processes,
        open_ledger(ledger_path) as ledger,
        AsyncExitStack() as stack,
    ):
        users = await run.sign_up_users(stack, processes.deployment, ledger, 4, random.Random(7), counts)
        yield SoakSystem(processes, users, ledger_path, counts)


@pytest.mark.parametrize("point", SCENARIOS)
async def test_system_settles_after_a_kill_at_a_crash_point(system: SoakSystem, point: str) -> None:
    scenario, world = SCENARIOS[point], system.processes.world
    await world.stop(scenario.service)
    await world.start(scenario.service, crash_at=point)
    armed = world.processes[scenario.service]
    stop_at = time.time() + _CRASH_TIMEOUT
    working = [asyncio.create_task(run_steps(user, stop_at)) for user in system.users]
    try:
        async with asyncio.timeout(_CRASH_TIMEOUT):
            while armed.returncode is None:
                await scenario.trigger(system.processes)
                await asyncio.sleep(0.1)
        assert armed.returncode == -signal.SIGKILL, world.logs()[-3000:]
    finally:
        await world.restart(scenario.service)
        for user in system.users:
            user.stop_at = 0
        await asyncio.wait(working)
    await world.ready()
    checks = Oracle(system.processes.deployment, system.users, {}, system.counts)
    await checks.end_waiting_times()
    await checks.wait_until_settled(_SETTLE_TIMEOUT)
    await checks.check_invariants()
    assert checks.violations == []


async def test_users_have_all_their_files_after_all_kills(system: SoakSystem) -> None:
    # A fast crash leaves the users little time: let them work until there is enough to check.
    stop_at = time.time() + _CRASH_TIMEOUT
    working = [asyncio.create_task(run_steps(user, stop_at)) for user in system.users]
    while system.counts[PUTS] < 150 and time.time() < stop_at:
        await asyncio.sleep(0.1)
    for user in system.users:
        user.stop_at = 0
    await asyncio.wait(working)
    checks = Oracle(system.processes.deployment, system.users, load_user_records(system.ledger_path), system.counts)
    await checks.wait_until_settled(_SETTLE_TIMEOUT)
    await checks.check_users()
    await checks.check_bucket(_SETTLE_TIMEOUT)
    await checks.check_multiparts()
    log_folder = system.processes.world.folder
    assert checks.violations == [], [
        collect_trace(system.ledger_path, log_folder, each.about) for each in checks.violations
    ]
    assert system.counts[STORED] > 100


async def test_orphan_that_was_copied_to_quarantine_is_moved_by_the_next_call(system: SoakSystem) -> None:
    orphan = f"orphan-{uuid4()}"
    world = system.processes.world
    await world.stop("storage")
    await world.start("storage", crash_at="quarantine.copied")
    await world.ready()
    assert await system.processes.deployment.put_object(orphan, b"orphan") == 200
    address = f"unix:{world.folder}/storage.sock"
    async with rpc.connect(Storage, proto.STORAGE, address) as storage:
        with pytest.raises(Unavailable):
            await storage.quarantine_object(orphan)
        assert {orphan, QUARANTINE_PREFIX + orphan} <= (await system.processes.deployment.object_sizes()).keys()
        await world.stop("storage")
        await world.start("storage")
        await world.ready()

        async def is_moved() -> bool:
            try:
                return await storage.quarantine_object(orphan)
            except Unavailable:  # this connection still waits before it connects to the new process
                return False

        await eventually(is_moved, _SETTLE_TIMEOUT)
    keys = await system.processes.deployment.object_sizes()
    assert QUARANTINE_PREFIX + orphan in keys
    assert orphan not in keys


_MIGRATE_WITH_CRASH_POINT: Final = """
import asyncio, sys
from pathlib import Path
from drivebay import postgres
from drivebay.observability import crash_points
crash_points.arm(sys.argv[1])
asyncio.run(postgres.migrate(sys.argv[2], "files", Path(sys.argv[3])))
"""


@pytest.mark.parametrize("point", MIGRATION_POINTS)
async def test_killed_migration_is_complete_after_the_next_start(point: str, postgres: Postgres) -> None:
    async with servers.database(postgres, "template0", f"migrated_{uuid4().hex}") as url:
        folder = SOURCES / "files" / "migrations"
        status = await run_python(_MIGRATE_WITH_CRASH_POINT, point, url, str(folder))
        assert status == -signal.SIGKILL
        applied = await postgres_pool.migrate(url, "files", folder)
        assert "0001_files" in applied or point == "migration.after_db_commit"
        assert await postgres_pool.migrate(url, "files", folder) == ()
        async with postgres_pool.connect(url, size=1) as database:
            assert await database.fetchval("SELECT count(*) FROM files.usage") == 0
