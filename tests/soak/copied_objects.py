"""Which upload stored the bytes of a copy. A copy shares the object of its original, and an object has the id of its
upload."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

import asyncpg

_UPLOADS = """
    SELECT file_id, array_agg(coalesce(object_id, id)) AS uploads FROM files.versions
    WHERE state = 'stored' AND file_id = ANY($1::uuid[]) GROUP BY file_id
"""


async def find_uploads(database_url: str, files: Collection[str]) -> list[tuple[str, list[str]]]:
    """Return for each file its id and the ids of the uploads that stored its versions."""
    connection = await asyncpg.connect(database_url)
    try:
        rows = await connection.fetch(_UPLOADS, [UUID(id) for id in files])
    finally:
        await connection.close()
    return [(str(row["file_id"]), [str(id) for id in row["uploads"]]) for row in rows]
