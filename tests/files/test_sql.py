"""Every statement is one that PostgreSQL understands, against the schema as it is migrated."""

from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import pytest

import drivebay.files
from drivebay import db
from drivebay.files.store import Store

FOLDER = Path(drivebay.files.__file__).parent
INVARIANTS = db.Statements(FOLDER / "invariants.sql")


@pytest.fixture
async def connection(database_url: str):
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


async def test_every_statement_prepares(connection: asyncpg.Connection) -> None:
    for name, sql in {**Store().sql, **INVARIANTS}.items():
        try:
            await connection.prepare(sql)
        except asyncpg.PostgresError as error:
            pytest.fail(f"{name}: {error}")


async def test_every_statement_has_its_one_caller() -> None:
    text = (FOLDER / "store.py").read_text("utf-8")
    for name in db.Statements(FOLDER / "store.sql"):
        quoted = text.count(f'"{name}"')
        assert quoted >= 1, f"{name} is called by nobody"


async def test_every_key_begins_with_the_owner(connection: asyncpg.Connection) -> None:
    rows = await connection.fetch("""
        SELECT c.relname AS table, a.attname AS first FROM pg_index i
        JOIN pg_class c ON c.oid = i.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace
        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = i.indkey[0]
        WHERE n.nspname = 'files' AND i.indisprimary""")
    first = {row["table"]: row["first"] for row in rows}
    others = {"migrations": "name", "dead_letters": "id"}
    assert {table: column for table, column in first.items() if table not in others} == dict.fromkeys(
        ("usage", "uploads", "parts", "entries", "versions", "purges", "changes", "idempotency"), "owner_id"
    )


@pytest.mark.parametrize("sort", ["name", "modified", "created", "size"])
@pytest.mark.parametrize("scope", ["list_all", "list_children"])
async def test_a_page_is_read_from_one_covering_index(connection: asyncpg.Connection, scope: str, sort: str) -> None:
    await connection.execute("""
        INSERT INTO files.entries (owner_id, id, parent_id, kind, name, version_id, size, content_type)
        SELECT '01a20000-0000-7000-8000-000000000001', gen_random_uuid(), '00000000-0000-0000-0000-000000000000',
               'file', 'f' || i, gen_random_uuid(), i, 'text/plain' FROM generate_series(1, 3000) AS i""")
    await connection.execute("VACUUM (ANALYZE) files.entries")
    first = {"name": "''::text", "size": "-1::bigint"}.get(sort, "'-infinity'::timestamptz")
    sql = Store().sql[f"{scope}_{sort}_ascending"]
    for parameter, value in {
        "$1": "'01a20000-0000-7000-8000-000000000001'::uuid",
        "$2": first,
        "$3": "'00000000-0000-0000-0000-000000000000'",
        "$4": "21",
        "$5": "'00000000-0000-0000-0000-000000000000'::uuid",
    }.items():
        sql = sql.replace(parameter, value)
    plan = "\n".join(row[0] for row in await connection.fetch(f"EXPLAIN {sql}"))
    assert "Index Only Scan" in plan, plan
    assert "Sort" not in plan, plan


@pytest.mark.parametrize("name", ["trash", "restore", "height"])
async def test_what_is_done_to_a_folder_does_not_read_all_that_its_owner_has(
    connection: asyncpg.Connection, name: str
) -> None:
    owner, folder, root = uuid4(), uuid4(), UUID(int=0)
    await connection.execute(
        """
        INSERT INTO files.entries (owner_id, id, parent_id, kind, name, version_id)
        SELECT $1::uuid, gen_random_uuid(), $3::uuid, 'file', 'f' || i, gen_random_uuid()
        FROM generate_series(1, 20000) AS i
        UNION ALL SELECT $1, $2::uuid, $3, 'folder', 'folder', NULL::uuid
        UNION ALL SELECT $1, gen_random_uuid(), $2, 'file', 'inside', gen_random_uuid()""",
        owner,
        folder,
        root,
    )
    sql, grace = Store().sql, timedelta(days=30)
    at = None
    if name == "restore":
        await connection.execute(sql["trash"], owner, folder, grace)
        at = await connection.fetchval("SELECT trashed_at FROM files.entries WHERE id = $1", folder)
    await connection.execute("VACUUM (ANALYZE) files.entries")
    arguments = {"trash": (grace,), "restore": (root, "folder", at)}.get(name, ())
    plan = "\n".join(row[0] for row in await connection.fetch(f"EXPLAIN {sql[name]}", owner, folder, *arguments))
    assert "Seq Scan on entries" not in plan, plan
