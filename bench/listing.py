"""Latency of one owner's listing while the table grows. It must stay the same."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from uuid import UUID, uuid4

import asyncpg

from drivebay.files.entries.store import EntryStore

from . import seed
from .bench_world import BenchServers
from .report import Report, console, percentile

_INDEXES = """SELECT indexname, indexdef FROM pg_indexes
              WHERE schemaname = 'files' AND tablename = 'entries' AND indexname <> 'entries_pkey'"""
_SIZES = """SELECT indexrelname AS name, pg_relation_size(indexrelid)::float8 AS bytes
            FROM pg_stat_user_indexes WHERE schemaname = 'files' AND relname = 'entries'
            UNION ALL SELECT 'rows', pg_table_size('files.entries')::float8 ORDER BY name"""
_ROWS = """INSERT INTO files.entries (owner_id, id, parent_id, kind, name, version_id, size, content_type, created_at,
                                      modified_at)
           SELECT o.owner_id, gen_random_uuid(), $3::uuid, 'file', 'file ' || i || '.txt', gen_random_uuid(), i,
                  'text/plain',
                  now() - i * interval '1 second', now() - i * interval '1 second'
           FROM (SELECT coalesce($4::uuid, gen_random_uuid()) AS owner_id, n FROM generate_series(1, $1::int) AS n) o,
                generate_series(1, $2::int) AS i"""


async def measure(bench_servers: BenchServers, report: Report, totals: tuple[int, ...], each: int = 10_000) -> None:
    """Measure the p99 of 20 rows of an owner with `each` files, for each total number of files in the table."""
    connection = await asyncpg.connect(bench_servers.database_url, command_timeout=7200)
    await connection.execute("TRUNCATE files.entries, files.usage CASCADE")
    owner = str(uuid4())
    rows_now = 0
    base = 0.0
    sizes: dict[str, dict[str, float]] = {}
    for total in totals:
        console.print(f"growing the table to {total:,} files")
        await _grow(connection, owner if not rows_now else None, (total - rows_now) // each, each)
        rows_now = total
        for row in await connection.fetch(_SIZES):
            sizes.setdefault(row["name"], {})[f"{total:,} files"] = row["bytes"] / total
        seconds = await _pages(connection, owner)
        p99 = percentile(seconds, 0.99) * 1e3
        base = base or p99
        report.add(
            f"listing with {total:,} files in the table",
            p50_ms=percentile(seconds, 0.5) * 1e3,
            p99_ms=p99,
            ratio_of_p99=p99 / base,
            goal="within 1.3 times",
            met=p99 / base <= 1.3,
        )
    report.table("bytes of files.entries for each file: rows and indexes", sizes)
    await connection.close()


async def _grow(connection: asyncpg.Connection, owner: str | None, owners: int, each: int) -> None:
    # Building an index over all rows costs a tenth of maintaining it row by row.
    indexes = await connection.fetch(_INDEXES) if owners > 10 else []
    for row in indexes:
        await connection.execute(f"DROP INDEX files.{row['indexname']}")
    if owner is not None:
        # A listing reads the position in the change feed from this row.
        await connection.execute("INSERT INTO files.usage (owner_id) VALUES ($1)", UUID(owner))
        await connection.execute(_ROWS, 1, each, seed.ROOT, owner)
        owners -= 1
    if owners > 0:
        await connection.execute(_ROWS, owners, each, seed.ROOT, None)
    for row in indexes:
        await connection.execute("SET maintenance_work_mem = '1GB'")
        await connection.execute(row["indexdef"])
    await connection.execute("VACUUM (ANALYZE) files.entries")
    await connection.execute("CHECKPOINT")


async def _pages(connection: asyncpg.Connection, owner: str) -> list[float]:
    statement = await connection.prepare(EntryStore().statements["list_children_created_descending"])
    last, seconds = datetime(9999, 12, 31, tzinfo=UTC), []
    place, id = last, UUID(int=2**128 - 1)
    for _ in range(6000):
        begun = time.perf_counter()
        rows = await statement.fetch(UUID(owner), place, id, 21, UUID(int=0))
        seconds.append(time.perf_counter() - begun)
        place, id = (rows[-1]["created_at"], rows[-1]["id"]) if len(rows) == 21 else (last, UUID(int=2**128 - 1))
    return seconds[1000:]
