"""Large trees, inserted by SQL, and what is in a drive. All files of a large tree share one object of no bytes."""

from __future__ import annotations

import json
from typing import Any, Final

from drivebay.contract import files as c
from drivebay.contract.ids import ROOT, FileId

from .conftest import Drive


async def fill_folder(drive: Drive, parent: FileId, folders: int, files: int) -> None:
    """Insert folders with `files` empty files each into a folder, as if they were uploaded now."""
    upload = await drive.upload_file("shared", b"", ROOT)
    at_once = max(1, _MAX_INSERTED // (files + 1))
    for first in range(1, folders + 1, at_once):
        last = min(folders, first + at_once - 1)
        await drive.database.execute(_INSERT_FOLDERS, drive.owner, parent, upload.version, first, last, files)
    await drive.files.trash_entry(drive.access, upload.id)
    # Otherwise the statistics of the planner are those of an empty table.
    await drive.database.execute("ANALYZE files.entries, files.versions, files.objects")


_MAX_INSERTED: Final = 2000
"""Entries of one statement. A larger one may take longer than a statement may, on a busy machine."""
_INSERT_FOLDERS: Final = """
        WITH folders AS (
            INSERT INTO files.entries (owner_id, id, parent_id, kind, name)
            SELECT $1::uuid, gen_random_uuid(), $2::uuid, 'folder', 'folder ' || i
            FROM generate_series($4::int, $5::int) i
            RETURNING id
        ), entries AS (
            INSERT INTO files.entries (owner_id, id, parent_id, kind, name, version_id, content_type)
            SELECT $1, gen_random_uuid(), folders.id, 'file', 'file ' || i, gen_random_uuid(), 'text/plain'
            FROM folders, generate_series(1, $6::int) i
            RETURNING id, version_id
        ), versions AS (
            INSERT INTO files.versions (owner_id, id, file_id, size, content_type, sha256, etag, key, object_id)
            SELECT v.owner_id, e.version_id, e.id, v.size, v.content_type, v.sha256, v.etag,
                   v.owner_id || '/' || v.id, v.id
            FROM entries e, files.versions v WHERE v.owner_id = $1 AND v.id = $3
        )
        UPDATE files.usage SET file_count = file_count + (SELECT count(*) FROM entries) WHERE owner_id = $1"""


async def ids_in_trash(drive: Drive) -> list[FileId]:
    return [item.id for item in (await drive.files.list_trash(drive.access)).items]


async def file_count(drive: Drive) -> int:
    return (await drive.files.get_usage(drive.access)).file_count


async def all_ids(drive: Drive, limit: int = 1000) -> list[FileId]:
    """Return the ids of all files, in the order of the pages."""
    ids: list[FileId] = []
    cursor = None
    while True:
        page = await drive.files.list_files(drive.access, c.Listing(limit=limit, cursor=cursor))
        ids += [file.id for file in page.items]
        cursor = page.next_cursor
        if cursor is None:
            return ids


async def run_all_purges(drive: Drive) -> None:
    """Run rounds of a janitor until nothing is due."""
    for _ in range(100):
        before = await drive.database.fetchval("SELECT count(*) FROM files.entries WHERE purge_after <= now()")
        if not await drive.run_purges() and not before:
            return
    raise AssertionError("the purge does not end")


def rows_read(plan: str, table: str) -> int:
    """Return how many rows of a table the scans of a plan read. The plan is from EXPLAIN (ANALYZE, FORMAT JSON)."""

    def count(node: dict[str, Any]) -> int:
        own = node["Actual Rows"] * node["Actual Loops"] if node.get("Relation Name") == table else 0
        return own + sum(count(child) for child in node.get("Plans", ()))

    return int(count(json.loads(plan)[0]["Plan"]))
