"""What each operation costs in a drive with a million files: time, statements, and rows read and written.

A folder with 100,000 descendants is compared with one that has ten: the cost must not depend on the descendants.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from itertools import count, cycle
from typing import Any, Final

import asyncpg
from uuid_utils.compat import uuid7

from drivebay import postgres
from drivebay.contract.files import Access, CopyTarget, EntryUpdate, JobStatus, Listing, Role, Sort
from drivebay.contract.ids import ROOT, DriveId, FileId, LeaseId, UserId
from drivebay.files.service import Service
from drivebay.files.settings import Settings
from drivebay.storage import service as storage
from drivebay.storage.settings import Settings as StorageSettings
from drivebay.testing.memory import MemoryBucket

from .bench_world import BenchServers
from .report import Report, console

RUNS: Final = 5
_FILES_IN_FOLDER: Final = 100
_DEPTH: Final = 20
_GOAL_RATIO: Final = 1.5
_ROWS: Final = """
    SELECT coalesce(sum(coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0)), 0)::bigint AS read,
           coalesce(sum(n_tup_ins + n_tup_upd + n_tup_del), 0)::bigint AS written
    FROM pg_stat_user_tables WHERE schemaname = 'files'
"""
_SIZES: Final = """
    SELECT relname AS name, pg_table_size(relid) AS rows, pg_indexes_size(relid) AS indexes
    FROM pg_stat_user_tables
    WHERE schemaname = 'files' AND relname IN ('entries', 'uploads', 'versions', 'objects', 'search_names')
    ORDER BY relname
"""
_FILES: Final = """
WITH made AS MATERIALIZED (
    SELECT f.id AS parent_id, gen_random_uuid() AS file_id, gen_random_uuid() AS id,
           'report ' || f.n || '-' || i || '.txt' AS name, now() - (f.n * 100 + i) * interval '1 second' AS at
    FROM unnest($2::uuid[]) WITH ORDINALITY AS f (id, n), generate_series(1, $3::int) AS i),
uploaded AS (
    INSERT INTO files.uploads (owner_id, id, state, parent_id, name, on_conflict, size, content_type, created_at,
                               expires_at, ended_at, file_id)
    SELECT $1, id, 'complete', parent_id, name, 'rename', 1, 'text/plain', at, at, at, file_id FROM made),
stored AS (
    INSERT INTO files.versions (owner_id, id, file_id, size, content_type, etag, stored_at)
    SELECT $1, id, file_id, 1, 'text/plain', 'seed', at FROM made),
counted AS (
    UPDATE files.usage SET used_bytes = used_bytes + (SELECT count(*) FROM made),
                           file_count = file_count + (SELECT count(*) FROM made) WHERE owner_id = $1)
INSERT INTO files.entries (owner_id, id, parent_id, kind, name, version_id, size, content_type, created_at, modified_at)
SELECT $1, file_id, parent_id, 'file', name, id, 1, 'text/plain', at, at FROM made
"""
_FOLDERS: Final = """
INSERT INTO files.entries (owner_id, id, parent_id, kind, name, created_at, modified_at)
SELECT $1, id, parent_id, 'folder', name, now(), now()
FROM unnest($2::uuid[], $3::uuid[], $4::text[]) AS f (id, parent_id, name)
"""


Operation = Callable[[], Awaitable[Any]]


@dataclass(frozen=True)
class Cost:
    """What an operation cost."""

    ms: float
    statements: int
    rows_read: int
    rows_written: int


@dataclass(frozen=True)
class Tree:
    """The folders that the operations use. `large` has 100,000 descendants, `small` has ten, and `other` is empty.

    `leaf` is a folder of 100 files in `large`. The folders of `chain` are inside each other, and the last one has 100
    files.
    """

    large: FileId
    small: FileId
    other: FileId
    leaf: FileId
    chain: tuple[FileId, ...]


class Meter:
    """Measures operations of a service whose database has one connection."""

    def __init__(self, database: postgres.Database, observer: asyncpg.Connection[asyncpg.Record]) -> None:
        self._database = database
        self._observer = observer
        self._statements = 0

    async def count_statements(self) -> None:
        """Count the statements of the connection from now on."""
        async with self._database.connection() as connection:
            connection.add_query_logger(self._count)

    async def run(self, operation: Operation) -> Cost:
        """Run an operation once."""
        read, written = await self._rows()
        await asyncio.sleep(0)  # the connection counts a statement in the next iteration of the event loop
        self._statements = 0
        begun = time.perf_counter()
        await operation()
        ms = (time.perf_counter() - begun) * 1e3
        await asyncio.sleep(0)
        statements = self._statements
        read_after, written_after = await self._rows()
        return Cost(ms, statements, read_after - read, written_after - written)

    async def compare(self, *operations: Operation) -> list[Cost]:
        """Run the operations in turns, and return the run of each that took the median time."""
        found: list[list[Cost]] = [[] for _ in operations]
        for _ in range(RUNS):
            for costs, operation in zip(found, operations, strict=True):
                costs.append(await self.run(operation))
        return [sorted(costs, key=lambda cost: cost.ms)[RUNS // 2] for costs in found]

    def _count(self, _: object) -> None:
        self._statements += 1

    async def _rows(self) -> tuple[int, int]:
        """Return how many rows all connections have read and written so far."""
        # Without this call, a connection reports its counts up to a second later.
        await self._database.fetchval("SELECT pg_stat_force_next_flush()")
        await self._database.fetchval("SELECT 1")
        row = await self._observer.fetchrow(_ROWS)
        assert row is not None
        return row["read"], row["written"]


async def measure(bench_servers: BenchServers, report: Report, files: int) -> None:
    """Measure in a drive with `files` files in folders of 100."""
    observer = await asyncpg.connect(bench_servers.database_url, command_timeout=3600)
    await observer.execute("SET stats_fetch_consistency = none")
    drive = DriveId(uuid7())
    tree = await _fill(observer, drive, files)
    sizes = {
        row["name"]: {"rows": row["rows"] / files, "indexes": row["indexes"] / files}
        for row in await observer.fetch(_SIZES)
    }
    report.table("bytes of PostgreSQL for each file", sizes)
    async with postgres.connect(bench_servers.database_url, size=1, timeout=600) as database:
        store = storage.Service(MemoryBucket(_now), StorageSettings("memory:", "", ""), _now, uuid7)
        await store.start()
        service = Service(database, store, Settings(secret=bytes(32), quota=2**50), new_id=uuid7)
        meter = Meter(database, observer)
        await meter.count_statements()
        access = Access.personal(UserId(drive))
        await _list(service, meter, access, tree, report)
        await _change(service, meter, access, tree, report)
        await _copy(service, meter, access, tree, report)
    await observer.close()


async def _list(service: Service, meter: Meter, access: Access, tree: Tree, report: Report) -> None:
    guest = UserId(uuid7())
    await service.put_permission(access, tree.chain[0], guest, Role.VIEWER)
    shared = await service.resolve_access(guest, access.drive)

    def page(access: Access, folder: FileId) -> Operation:
        return lambda: service.list_files(access, Listing(folder, Sort.NAME, descending=False, limit=20))

    pages: dict[str, Operation] = {
        "list 20 of 100 files": page(access, tree.leaf),
        "list 20 of 100 files at depth 20": page(access, tree.chain[-1]),
        "list 20 of 100 files, by a permission 20 folders above": page(shared, tree.chain[-1]),
        "a page of 100 changes": lambda: service.list_changes(access, None, 100),
    }
    for operation in pages.values():
        await operation()  # prepares the statements
    for name, cost in zip(pages, await meter.compare(*pages.values()), strict=True):
        report.add(name, **asdict(cost))


async def _change(service: Service, meter: Meter, access: Access, tree: Tree, report: Report) -> None:
    """Rename, move, trash and restore both folders."""
    numbers = count()

    def rename(id: FileId) -> Operation:
        return lambda: service.update_entry(access, id, EntryUpdate(name=f"renamed {next(numbers)}"))

    def move(id: FileId) -> Operation:
        places = cycle((tree.other, ROOT))
        return lambda: service.update_entry(access, id, EntryUpdate(parent=next(places)))

    def trash(id: FileId) -> Operation:
        return lambda: service.trash_entry(access, id)

    def restore(id: FileId) -> Operation:
        return lambda: service.restore_entry(access, id)

    both = (tree.small, tree.large)
    costs = {
        "rename": await meter.compare(*map(rename, both)),
        "move": await meter.compare(*map(move, both)),
    }
    # Each restore undoes the trashing before it.
    small_trash, large_trash, small_restore, large_restore = await meter.compare(*map(trash, both), *map(restore, both))
    costs |= {"trash": [small_trash, large_trash], "restore": [small_restore, large_restore]}
    for name, (small, large) in costs.items():
        report.add(f"{name} a folder with 10 descendants", **asdict(small))
        report.add(
            f"{name} a folder with 100,000 descendants",
            **asdict(large),
            ratio=large.ms / small.ms,
            goal=f"within {_GOAL_RATIO} times",
            met=large.ms / small.ms <= _GOAL_RATIO,
        )


async def _copy(service: Service, meter: Meter, access: Access, tree: Tree, report: Report) -> None:
    """Copy the large folder by a job, and report its steps and the longest one."""
    job = await service.start_copy(access, tree.large, CopyTarget(ROOT, name="copy"))
    lease = LeaseId(uuid7())
    (task,) = await service.claim_jobs(lease, 1)
    steps: list[Cost] = []
    while (await service.get_job(UserId(access.drive), job.id)).status is JobStatus.RUNNING:
        steps.append(await meter.run(partial(service.run_job_step, lease, task)))
    total = Cost(
        *(sum(getattr(step, name) for step in steps) for name in ("ms", "statements", "rows_read", "rows_written"))
    )
    report.add(
        "copy a folder with 100,000 descendants",
        **asdict(total),
        steps=len(steps),
        longest_ms=max(step.ms for step in steps),
    )


async def _fill(connection: asyncpg.Connection[asyncpg.Record], drive: DriveId, files: int) -> Tree:
    """Insert ten folders of ten folders, which have `files` files in folders of 100."""
    console.print(f"inserting {files:,} files")
    begun = time.perf_counter()
    await connection.execute("INSERT INTO files.usage (owner_id) VALUES ($1)", drive)
    folder_count = files // _FILES_IN_FOLDER

    def ids(number: int) -> tuple[FileId, ...]:
        return tuple(FileId(uuid7()) for _ in range(number))

    tops, middles, leaves, chain, (small, other) = ids(10), ids(100), ids(folder_count), ids(_DEPTH), ids(2)
    rows = [(id, ROOT, f"top {n}") for n, id in enumerate(tops)]
    rows += [(id, tops[n // 10], f"middle {n}") for n, id in enumerate(middles)]
    rows += [(id, middles[n * 100 // folder_count], f"leaf {n}") for n, id in enumerate(leaves)]
    rows += [(id, parent, "level") for id, parent in zip(chain, (ROOT, *chain), strict=False)]
    rows += [(small, ROOT, "small"), (other, ROOT, "other")]
    await connection.execute(_FOLDERS, drive, *map(list, zip(*rows, strict=True)))
    for first in range(0, folder_count, 1000):
        await connection.execute(_FILES, drive, leaves[first : first + 1000], _FILES_IN_FOLDER)
    await connection.execute(_FILES, drive, [small], 10)
    await connection.execute(_FILES, drive, [chain[-1]], _FILES_IN_FOLDER)
    for table in ("entries", "uploads", "versions", "objects", "usage", "search_names"):
        await connection.execute(f"VACUUM (ANALYZE) files.{table}")
    await connection.execute("CHECKPOINT")
    console.print(f"inserted in {time.perf_counter() - begun:.0f} s")
    return Tree(tops[0], small, other, leaves[0], chain)


def _now() -> datetime:
    return datetime.now(UTC)
