"""Fill the tables with files or pending uploads by SQL, with matching usage rows."""

from __future__ import annotations

from uuid import uuid4

import asyncpg

_FILES = """
WITH owners AS (SELECT n, CASE n WHEN 0 THEN $1::uuid ELSE gen_random_uuid() END AS owner_id
                FROM generate_series(0, $2::int / $3::int - 1) AS n),
made AS MATERIALIZED (
    SELECT owner_id, gen_random_uuid() AS file_id, gen_random_uuid() AS id, 'file ' || i || '.txt' AS name,
           i AS size, now() - i * interval '1 second' AS at
    FROM owners, generate_series(1, $3::int) AS i),
uploaded AS (
    INSERT INTO files.uploads (owner_id, id, state, parent_id, name, on_conflict, size, content_type, created_at,
                               expires_at, ended_at, file_id)
    SELECT owner_id, id, 'complete', $4::uuid, name, 'rename', size, 'text/plain', at, at, at, file_id FROM made),
stored AS (
    INSERT INTO files.versions (owner_id, id, file_id, size, content_type, etag, stored_at)
    SELECT owner_id, id, file_id, size, 'text/plain', 'seed', at FROM made),
counted AS (
    INSERT INTO files.usage (owner_id, used_bytes, file_count)
    SELECT owner_id, sum(size), count(*) FROM made GROUP BY owner_id
    ON CONFLICT (owner_id) DO UPDATE SET used_bytes = usage.used_bytes + excluded.used_bytes,
                                         file_count = usage.file_count + excluded.file_count)
INSERT INTO files.entries (owner_id, id, parent_id, kind, name, version_id, size, content_type, created_at, modified_at)
SELECT owner_id, file_id, $4::uuid, 'file', name, id, size, 'text/plain', at, at FROM made
"""

_PENDING = """
WITH owners AS (SELECT gen_random_uuid() AS owner_id FROM generate_series(1, $1::int)),
made AS MATERIALIZED (
    SELECT owner_id, gen_random_uuid() AS id, 'backlog ' || i AS name FROM owners, generate_series(1, $2::int) AS i),
counted AS (
    INSERT INTO files.usage (owner_id, open_uploads) SELECT owner_id, count(*) FROM made GROUP BY owner_id)
INSERT INTO files.uploads (owner_id, id, parent_id, name, on_conflict, size, content_type, expires_at, next_check_at)
SELECT owner_id, id, $3::uuid, name, 'rename', 0, 'text/plain', now() + interval '1 day', now() FROM made
RETURNING owner_id, id
"""
ROOT = "00000000-0000-0000-0000-000000000000"


async def files(url: str, owner: str, total: int, each: int) -> None:
    """Insert `total` files, `each` for one owner. The first owner is `owner`. Works in slices to bound memory."""
    connection = await asyncpg.connect(url, command_timeout=3600)
    try:
        slice = max(each, 200_000 // each * each)
        first: str | None = owner
        for _ in range(0, total, slice):
            await connection.execute(_FILES, first or str(uuid4()), min(slice, total), each, ROOT)
            first = None
        await connection.execute("VACUUM (ANALYZE) files.entries")
        await connection.execute("ANALYZE files.uploads; ANALYZE files.versions; ANALYZE files.usage")
        await connection.execute("CHECKPOINT")
    finally:
        await connection.close()


async def pending(url: str, owners: int, each: int) -> list[tuple[str, str]]:
    """Insert pending uploads of zero bytes and return (owner, upload) of each."""
    connection = await asyncpg.connect(url, command_timeout=3600)
    try:
        rows = await connection.fetch(_PENDING, owners, each, ROOT)
        await connection.execute("ANALYZE files.uploads")
        return [(str(row["owner_id"]), str(row["id"])) for row in rows]
    finally:
        await connection.close()
