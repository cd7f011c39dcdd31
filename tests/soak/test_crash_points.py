"""Processes are killed at every named point in the middle of things, and everything converges after it.

Users act all the while, and the soak's oracle has the last word on what they know.
"""

from __future__ import annotations

import asyncio
import random
import re
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from uuid import uuid4

import pytest

import drivebay
from drivebay import db, proto
from drivebay.contract.storage import Storage
from drivebay.embedded.postgres import Postgres
from drivebay.errors import Unavailable
from drivebay.storage.service import QUARANTINE
from drivebay.testing import servers
from drivebay.wire import rpc

from . import arena as places
from . import faults, ledger, oracle, soak
from .arena import Arena
from .oracle import Oracle
from .user import User

pytestmark = pytest.mark.slow

SOURCES: Final = Path(drivebay.__file__).parent
CHANCE: Final = random.Random(5)
_LONGEST: Final = 90.0
"""Seconds in which a point must have been reached."""


async def _nothing(_: Arena) -> None:
    return None


async def _wrong_bytes(arena: Arena) -> None:
    await faults.wrong_bytes(arena, CHANCE)


async def _garbage(arena: Arena) -> None:
    await faults.forge_events(arena, CHANCE)


async def _strays(arena: Arena) -> None:
    """Have the storage service move a stray out of reach."""
    await faults.strangers_bytes(arena, CHANCE)
    address = f"unix:{arena.world.folder}/storage.sock"
    async with rpc.connect(Storage, proto.STORAGE, address) as storage:
        for key in arena.strays:
            try:
                await storage.quarantine(key)
            except Unavailable:  # it was killed there, or is not up again yet
                return


@dataclass(frozen=True)
class Scene:
    """The process that comes to the point, and what brings it there besides what users do anyway."""

    part: str
    urge: Callable[[Arena], Awaitable[None]] = _nothing


SCENES: Final = {
    "commit.looked_up": Scene("files"),
    "commit.before_commit": Scene("files"),
    "commit.after_commit": Scene("files"),
    "reject.before_commit": Scene("files", _wrong_bytes),
    "reject.after_commit": Scene("files", _wrong_bytes),
    "expire.before_commit": Scene("files"),
    "expire.after_commit": Scene("files"),
    "expire.claimed": Scene("janitor"),
    "purge.claim_before_commit": Scene("files"),
    "purge.before_delete": Scene("janitor"),
    "purge.after_delete": Scene("janitor"),
    "purge.finish_before_commit": Scene("files"),
    "purge.finish_after_commit": Scene("files"),
    "sweep.rechecked": Scene("ingest"),
    "sweep.claimed": Scene("ingest"),
    "sweep.committed": Scene("ingest"),
    "event.before_ack": Scene("ingest"),
    "event.after_ack": Scene("ingest"),
    "event.buried": Scene("ingest", _garbage),
    "position.before_save": Scene("ingest"),
    "position.after_save": Scene("ingest"),
    "parts.begun": Scene("files"),
    "parts.before_assembly": Scene("files"),
    "parts.assembled": Scene("files"),
    "assemble.before_complete": Scene("storage"),
    "assemble.completed": Scene("storage"),
    "quarantine.copied": Scene("storage", _strays),
}
ELSEWHERE: Final = ("commit.accepted",)
"""Reached only on a store that takes a second PUT: in `tests/e2e/test_lax_store.py`."""
MIGRATIONS: Final = ("migration.before", "migration.before_commit", "migration.after_commit")


def test_every_crash_point_has_its_test() -> None:
    there = re.compile(r'crash_point\("([a-z_.]+)"\)')
    points = [point for file in SOURCES.rglob("*.py") for point in there.findall(file.read_text("utf-8"))]
    assert sorted(points) == sorted([*SCENES, *ELSEWHERE, *MIGRATIONS])


@dataclass
class Town:
    """A deployment with people in it."""

    arena: Arena
    people: list[User]
    book: Path
    tally: Counter[str] = field(default_factory=Counter)


@pytest.fixture(scope="module")
async def town(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Town]:
    folder = tmp_path_factory.mktemp("town")
    book = folder / "ledger.jsonl"
    tally: Counter[str] = Counter()
    # Abandoned uploads expire, and the trash is emptied, at once.
    hurry = {
        "DRIVEBAY_UPLOAD_TTL": "3s",
        "DRIVEBAY_PARTS_TTL": "4s",
        "DRIVEBAY_TRASH_GRACE": "1s",
        "DRIVEBAY_SWEEP_INTERVAL": "1s",
    }
    async with places.open(folder, hurry) as arena, ledger.keep(book) as kept, AsyncExitStack() as stack:
        people = await soak.gather_people(stack, arena, kept, 4, random.Random(7), tally)
        yield Town(arena, people, book, tally)


@pytest.mark.parametrize("point", SCENES)
async def test_killed_at_a_point_it_converges_and_nothing_is_lost(town: Town, point: str) -> None:
    scene, running = SCENES[point], town.arena.world
    await running.stop(scene.part)
    await running.start(scene.part, crash_at=point)
    armed = running.processes[scene.part]
    living = [asyncio.create_task(person.live(time.time() + _LONGEST)) for person in town.people]
    try:
        async with asyncio.timeout(_LONGEST):
            while armed.returncode is None:
                await scene.urge(town.arena)
                await asyncio.sleep(0.1)
        assert armed.returncode == -signal.SIGKILL, running.logs()[-3000:]
    finally:
        await running.restart(scene.part)
        for person in town.people:
            person.until = 0
        await asyncio.wait(living)
    await running.ready()
    judge = Oracle(town.arena, town.people, {}, town.tally)
    await judge.pass_time()
    await judge.converged(50)
    await judge.invariants()
    assert judge.violations == []


async def test_after_all_of_them_everybody_has_what_they_know_they_have(town: Town) -> None:
    judge = Oracle(town.arena, town.people, oracle.knowledge(town.book), town.tally)
    await judge.converged(50)
    await judge.hold()
    await judge.sweep_the_bucket(50)
    await judge.end_parts()
    assert judge.violations == [], [oracle.trace(town.book, town.arena.world.folder, v.about) for v in judge.violations]
    assert town.tally["upload stored: complete"] > 100


async def test_a_stray_that_was_half_moved_is_moved_by_the_next_try(town: Town) -> None:
    stray = f"stray-{uuid4()}"
    running = town.arena.world
    await running.stop("storage")
    await running.start("storage", crash_at="quarantine.copied")
    await running.ready()
    assert await town.arena.put_raw(stray, b"stray") == 200
    address = f"unix:{running.folder}/storage.sock"
    async with rpc.connect(Storage, proto.STORAGE, address) as storage:
        with pytest.raises(Unavailable):
            await storage.quarantine(stray)
        assert {stray, QUARANTINE + stray} <= (await town.arena.keys()).keys()
        await running.stop("storage")
        await running.start("storage")
        await running.ready()
        assert await storage.quarantine(stray)
    keys = await town.arena.keys()
    assert QUARANTINE + stray in keys
    assert stray not in keys


@pytest.mark.parametrize("point", MIGRATIONS)
async def test_a_migration_killed_half_way_is_whole_after_the_next_start(
    point: str, postgres: Postgres, tmp_path: Path
) -> None:
    async with servers.database(postgres, "template0", f"migrated_{uuid4().hex}") as url:
        code = "import asyncio, sys; from pathlib import Path; from drivebay import crash, db; crash.arm(sys.argv[1])"
        code += "; asyncio.run(db.migrate(sys.argv[2], 'files', Path(sys.argv[3])))"
        folder = SOURCES / "files" / "migrations"
        status = await places.python(code, point, url, str(folder))
        assert status == -signal.SIGKILL
        assert "0001_files" in (await db.migrate(url, "files", folder)) or point == "migration.after_commit"
        assert await db.migrate(url, "files", folder) == ()
        async with db.connect(url, size=1) as database:
            assert await database.fetchval("SELECT count(*) FROM files.usage") == 0
