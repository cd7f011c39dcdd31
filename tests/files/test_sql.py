"""Every statement of the files service against the migrated schema."""

import inspect
import json
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

import drivebay.files
from drivebay import postgres
from drivebay.contract.files import Listing, Sort
from drivebay.contract.ids import ROOT, DriveId
from drivebay.files.entries.store import EntryStore
from drivebay.files.maintenance.store import MaintenanceStore
from drivebay.files.trash.store import TrashStore

PACKAGE = Path(drivebay.files.__file__).parent
SQL_FILES = sorted(PACKAGE.glob("*/statements.sql"))
TABLES = (
    "usage",
    "uploads",
    "parts",
    "entries",
    "versions",
    "objects",
    "purges",
    "changes",
    "idempotency",
    "permissions",
)
TEMPLATES = {"list_children": 48, "list_children_by_name": 0, "list_all": 24} | dict.fromkeys(
    ("scan", "scan_by_name", "scan_newest", "scan_pairs", "scan_words"), 0
)
"""The templates of listings, and the number of statements that the store makes for each scope and filter of stars."""


NO_TRIGGERS = "SET session_replication_role = replica"
"""Before many entries are inserted: the index of the search would take most of the time."""


@pytest.fixture
async def connection(fresh_database_url: str) -> AsyncIterator[asyncpg.Connection]:
    # Plans depend on statistics, which a used database may have.
    connection = await asyncpg.connect(fresh_database_url)
    yield connection
    await connection.close()


def statements_of(sql_file: Path) -> Mapping[str, str]:
    """Return the statements of the store beside a SQL file, as the store sends them."""
    module = import_module(f"drivebay.files.{sql_file.parent.name}.store")
    (store,) = (
        value for name, value in vars(module).items() if name.endswith("Store") and value.__module__ == module.__name__
    )
    parameters = inspect.signature(store).parameters
    built: Any = store(*(timedelta(minutes=16) for _ in parameters))
    statements: Mapping[str, str] = built.statements
    return statements


@pytest.mark.parametrize("sql_file", SQL_FILES, ids=lambda path: path.parent.name)
async def test_every_statement_prepares(connection: asyncpg.Connection, sql_file: Path) -> None:
    statements = statements_of(sql_file)
    missing = postgres.Statements(sql_file).keys() - statements.keys() - TEMPLATES.keys()
    assert missing == set()
    for name, sql in statements.items():
        try:
            await connection.prepare(sql)
        except asyncpg.PostgresError as error:
            pytest.fail(f"{name}: {error}")


async def test_every_invariant_prepares(connection: asyncpg.Connection) -> None:
    for name, sql in MaintenanceStore().invariants.items():
        try:
            await connection.prepare(sql)
        except asyncpg.PostgresError as error:
            pytest.fail(f"{name}: {error}")


@pytest.mark.parametrize("sql_file", SQL_FILES, ids=lambda path: path.parent.name)
def test_every_statement_has_one_caller_in_its_store(sql_file: Path) -> None:
    source = sql_file.with_name("store.py").read_text("utf-8")
    for name in postgres.Statements(sql_file).keys() - TEMPLATES.keys():
        assert source.count(f'"{name}"') == 1, f"statement {name}"


def test_no_two_statements_have_one_name() -> None:
    names = [name for sql_file in SQL_FILES for name in postgres.Statements(sql_file)]
    assert len(SQL_FILES) == 23
    assert len(set(names)) == len(names)


def test_each_listing_has_a_statement_for_each_sort_and_direction() -> None:
    statements = EntryStore().statements
    assert TEMPLATES.keys().isdisjoint(statements)
    for scope in ("list_children", "list_all"):
        assert sum(name.startswith(f"{scope}_") for name in statements) == TEMPLATES[scope]


async def test_every_primary_key_begins_with_the_owner(connection: asyncpg.Connection) -> None:
    rows = await connection.fetch("""
        SELECT c.relname AS table, a.attname AS first FROM pg_index i
        JOIN pg_class c ON c.oid = i.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace
        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = i.indkey[0]
        WHERE n.nspname = 'files' AND i.indisprimary""")
    first = {row["table"]: row["first"] for row in rows}
    others = {"migrations": "name", "dead_letters": "id", "scans": "kind", "shared_with": "user_id"}
    assert {table: column for table, column in first.items() if table not in others} == dict.fromkeys(
        (
            *TABLES,
            "drives",
            "members",
            "search_names",
            "search_backlog",
            "links",
            "link_attempts",
            "archives",
            "archive_entries",
            "webhooks",
            "webhook_deliveries",
            "webhook_redeliveries",
            "jobs",
            "job_folders",
            "job_objects",
            "thumbnails",
        ),
        "owner_id",
    )


async def test_a_page_has_as_many_entries_as_it_may(connection: asyncpg.Connection) -> None:
    """The first limit for which the statement of short pages has too few."""
    owner = UUID("01a20000-0000-7000-8000-000000000001")
    await connection.execute(
        """
        INSERT INTO files.entries (owner_id, id, parent_id, kind, name, version_id)
        SELECT $1::uuid, gen_random_uuid(), $2::uuid, 'file', 'f' || i, gen_random_uuid()
        FROM generate_series(1, 110) AS i""",
        owner,
        ROOT,
    )
    await connection.execute("INSERT INTO files.usage (owner_id) VALUES ($1)", owner)
    store = EntryStore()
    for limit, expected in ((1, 2), (99, 100), (100, 101), (101, 102), (200, 110)):
        listing = Listing(parent=ROOT, sort=Sort.NAME, descending=False, limit=limit)
        files, _ = await store.list_page(connection, DriveId(owner), listing, ("", UUID(int=0)))
        assert len(files) == expected


async def test_every_page_of_a_large_folder_is_read_from_one_index(connection: asyncpg.Connection) -> None:
    """Of 100,000 entries in ten folders a thousand have a star. Each page is read in the order of its index."""
    await connection.execute(NO_TRIGGERS)
    await connection.execute("""
        INSERT INTO files.entries (owner_id, id, parent_id, kind, name, version_id, size, content_type, starred)
        SELECT '01a20000-0000-7000-8000-000000000001', gen_random_uuid(),
               ('00000000-0000-0000-0000-00000000000' || i % 10)::uuid, 'file', 'f' || i, gen_random_uuid(), i,
               'text/plain', i / 10 % 100 = 0
        FROM generate_series(1, 100000) AS i""")
    await connection.execute("VACUUM (ANALYZE) files.entries")
    listings = {
        name: sql for name, sql in EntryStore().statements.items() if name.startswith(("list_children_", "list_all_"))
    }
    assert len(listings) == 72
    for name, statement in listings.items():
        scope, sort, direction = name.removeprefix("list_").replace("_short", "").rsplit("_", 2)
        positions = {"name": ("''::text", "'zzz'::text"), "size": ("-1::bigint", "1000000::bigint")}
        first, last = positions.get(sort, ("'-infinity'::timestamptz", "'infinity'::timestamptz"))
        sql = "\n".join(line for line in statement.splitlines() if not line.startswith("--"))
        for parameter, value in {
            "$1": "'01a20000-0000-7000-8000-000000000001'::uuid",
            "$2": first if direction == "ascending" else last,
            "$3": "'00000000-0000-0000-0000-000000000000'",
            "$4": "101",
            "$5": "'00000000-0000-0000-0000-000000000000'::uuid" if scope.startswith("children") else "101",
        }.items():
            sql = sql.replace(parameter, value)
        plan = "\n".join(row[0] for row in await connection.fetch(f"EXPLAIN {sql}"))
        index = {"children": "entries", "all": "files"}[scope.split("_")[0]]
        if scope.endswith("_starred"):
            index = {"entries": "starred_entries", "files": "starred"}[index]
        assert f"using {index}_by_{sort} on entries" in plan, (name, plan)
        assert "Sort" not in plan, (name, plan)


async def test_a_short_page_of_a_large_folder_is_planned_once(connection: asyncpg.Connection) -> None:
    """PostgreSQL plans the first five calls of a prepared statement, and compares their costs with one plan for all."""
    await connection.execute(NO_TRIGGERS)
    owner = UUID("01a20000-0000-7000-8000-000000000001")
    await connection.execute(
        """
        INSERT INTO files.entries (owner_id, id, parent_id, kind, name, version_id, size, content_type)
        SELECT $1::uuid, gen_random_uuid(), $2::uuid, 'file', 'f' || i, gen_random_uuid(), i, 'text/plain'
        FROM generate_series(1, 20000) AS i""",
        owner,
        ROOT,
    )
    await connection.execute("INSERT INTO files.usage (owner_id) VALUES ($1)", owner)
    await connection.execute("VACUUM (ANALYZE) files.entries, files.usage")
    store = EntryStore()
    for limit in (20, 100):
        for sort in Sort:
            listing = Listing(parent=ROOT, sort=sort, descending=False, limit=limit)
            first = {Sort.NAME: "", Sort.SIZE: -1}.get(sort, datetime(1970, 1, 1, tzinfo=UTC))
            for _ in range(6):
                files, _ = await store.list_page(connection, DriveId(owner), listing, (first, UUID(int=0)))
                assert len(files) == limit + 1
    plans = await connection.fetch(
        "SELECT generic_plans, custom_plans FROM pg_prepared_statements WHERE statement LIKE 'SELECT g.last_change%'"
    )
    assert [tuple(row) for row in plans] == [(7, 5)] * 4


@pytest.mark.parametrize("name", ["measure_folder", "trash_entry", "restore_entry", "select_height"])
async def test_a_change_of_a_folder_does_not_read_all_entries_of_its_owner(
    connection: asyncpg.Connection, name: str
) -> None:
    owner, folder, root = uuid4(), uuid4(), UUID(int=0)
    await connection.execute(NO_TRIGGERS)
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
    statements: dict[str, str] = {**EntryStore().statements, **TrashStore().statements}
    grace = timedelta(days=30)
    trashed_at = None
    if name == "restore_entry":
        await connection.execute(statements["trash_entry"], owner, folder, grace, owner, 0, 1)
        trashed_at = await connection.fetchval("SELECT trashed_at FROM files.entries WHERE id = $1", folder)
    await connection.execute("VACUUM (ANALYZE) files.entries")
    arguments = {
        "trash_entry": (grace, owner, 0, 1),
        "measure_folder": (257,),
        "restore_entry": (root, "folder", trashed_at, owner),
    }.get(name, ())
    explained = await connection.fetch(f"EXPLAIN {statements[name]}", owner, folder, *arguments)
    plan = "\n".join(row[0] for row in explained)
    assert "Seq Scan on entries" not in plan, plan


async def test_a_late_file_reads_only_its_name_in_a_trashed_folder(connection: asyncpg.Connection) -> None:
    """The condition of each part is that of an index.

    Each name is in 100 folders and each folder has 200 names, so an index of only one of the two reads too much.
    """
    await connection.execute("""
        WITH folders AS (SELECT gen_random_uuid() AS id FROM generate_series(1, 100))
        INSERT INTO files.entries (owner_id, id, parent_id, kind, name, version_id)
        SELECT '01a20000-0000-7000-8000-000000000001', gen_random_uuid(), folders.id, 'file', 'f' || i,
               gen_random_uuid()
        FROM folders, generate_series(1, 200) AS i""")
    await connection.execute("VACUUM (ANALYZE) files.entries")
    statement = statements_of(PACKAGE / "commits" / "statements.sql")["select_file_in_trash"]
    owner = UUID("01a20000-0000-7000-8000-000000000001")
    folder = await connection.fetchval("SELECT parent_id FROM files.entries LIMIT 1")
    plan = await plan_of(connection, statement, owner, folder, "f1", uuid4())
    assert "entries_trashed_by_name" in plan, plan
    assert "entries_by_name" in plan, plan
    assert "Seq Scan" not in plan, plan


async def test_the_folders_of_many_entries_are_followed_once_each(connection: asyncpg.Connection) -> None:
    owner = uuid4()
    await connection.execute("INSERT INTO files.usage (owner_id) VALUES ($1)", owner)
    await connection.execute(
        """
        WITH entries AS (
            INSERT INTO files.entries (owner_id, id, parent_id, kind, name, version_id)
            SELECT $1::uuid, gen_random_uuid(), ('00000000-0000-0000-0000-00000000000' || i % 5)::uuid, 'file', i::text,
                   gen_random_uuid()
            FROM generate_series(1, 5000) AS i RETURNING id)
        INSERT INTO files.changes (owner_id, number, what, file_id)
        SELECT $1, row_number() OVER (), 'created', id FROM entries""",
        owner,
    )
    await connection.execute("VACUUM (ANALYZE) files.entries, files.changes")
    ids = [row["id"] for row in await connection.fetch("SELECT id FROM files.entries LIMIT 1000")]
    contents = EntryStore().statements["select_contents"]
    changes = statements_of(PACKAGE / "changes" / "statements.sql")["select_changes"]
    for statement, arguments in ((contents, (owner, ids)), (changes, (owner, 0, 1000))):
        plan = await plan_of(connection, statement, *arguments)
        assert "Cache Key: e.parent_id" in plan or "Cache Key: entries.parent_id" in plan, plan


@pytest.mark.parametrize(
    "name",
    [
        "copies.insert_copies",
        "drive_copies.insert_copied_files",
        "jobs.delete_hidden_copies",
        "jobs.insert_hidden_copies",
        "permissions.delete_permission",
        "permissions.delete_permissions_of_user",
        "trash.keep_duplicates_in_trash",
        "uploads.select_events",
        "uploads.update_size",
    ],
)
async def test_a_statement_of_one_drive_names_it_for_each_table(connection: asyncpg.Connection, name: str) -> None:
    """A database that is distributed by drive would otherwise ask every server."""
    folder, statement = name.split(".")
    sql = statements_of(PACKAGE / folder / "statements.sql")[statement]
    arguments = [sample_value(parameter) for parameter in (await connection.prepare(sql)).get_parameters()]
    body = sql.rstrip().rstrip(";")
    (plan,) = json.loads(await connection.fetchval(f"EXPLAIN (FORMAT JSON) {body}", *arguments))
    scans = [node for node in nodes_of(plan["Plan"]) if node["Node Type"].endswith("Scan") and "Relation Name" in node]
    assert scans
    for node in scans:
        conditions = " ".join(str(value) for key, value in node.items() if key.endswith(("Cond", "Filter")))
        assert f"owner_id = '{SAMPLES['uuid']}'" in conditions, node


SAMPLES: Mapping[str, Any] = {
    "uuid": UUID("01a20000-0000-7000-8000-000000000001"),
    "text": "x",
    "int8": 10,
    "int4": 10,
    "bytea": b"s" * 32,
    "bool": True,
    "timestamptz": datetime(2026, 1, 1, tzinfo=UTC),
    "interval": timedelta(minutes=16),
    "jsonb": "{}",
}
"""A value of each type of the statements' parameters. The owner is always the same one."""


def sample_value(parameter: asyncpg.Type) -> Any:
    """Return the sample of the type, or an array with it."""
    if parameter.kind == "array":
        return [SAMPLES[parameter.name.removesuffix("[]")]]
    return SAMPLES[parameter.name]


def nodes_of(plan: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield a node of a plan and all below it."""
    yield plan
    for below in plan.get("Plans", ()):
        yield from nodes_of(below)


async def plan_of(connection: asyncpg.Connection, statement: str, *arguments: object) -> str:
    return "\n".join(row[0] for row in await connection.fetch(f"EXPLAIN {statement}", *arguments))


ONE_ROW_EACH = (
    "INSERT INTO files.entries (owner_id, id, parent_id, kind, name)"
    " SELECT gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 'folder', 'f' FROM generate_series(1, 20000)",
    "INSERT INTO files.versions (owner_id, id, file_id, size, content_type, etag)"
    " SELECT gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 1, 'text/plain', 'e'"
    " FROM generate_series(1, 20000)",
)


async def test_one_entry_is_found_by_its_id_where_most_drives_are_nearly_empty(connection: asyncpg.Connection) -> None:
    """A condition on an id that only filters the rows of an owner reads all of them."""
    await connection.execute(NO_TRIGGERS)
    for insert in ONE_ROW_EACH:
        await connection.execute(insert)
    await connection.execute("ANALYZE")
    await connection.execute("SET plan_cache_mode = force_generic_plan")
    found = {
        (name, node["Index Name"])
        for sql_file in SQL_FILES
        for name, statement in statements_of(sql_file).items()
        for node in await generic_plan(connection, statement)
        if node.get("Relation Name") in ("entries", "versions")
        and _ID_IS_A_FILTER.search(node.get("Filter", ""))
        and " AND " not in node.get("Index Cond", "")
    }
    # These read an index of what is in the trash, or of older versions, which are few.
    assert {(name, index) for name, index in found if index not in _SHORT_INDEXES} == set()


_SHORT_INDEXES = ("entries_trashed_by_name", "versions_replaced")
_ID_IS_A_FILTER = re.compile(r"\bid = ")


async def generic_plan(connection: asyncpg.Connection, statement: str) -> list[dict[str, Any]]:
    """Return the nodes of the plan that serves any arguments, or none for a statement without a plan."""
    try:
        await connection.execute(f"PREPARE explained AS {statement}")
    except asyncpg.PostgresSyntaxError:
        return []
    types = await connection.fetchval("SELECT parameter_types FROM pg_prepared_statements WHERE name = 'explained'")
    arguments = f"({', '.join(['NULL'] * len(types))})" if types else ""
    plan = json.loads(await connection.fetchval(f"EXPLAIN (FORMAT JSON) EXECUTE explained{arguments}"))
    await connection.execute("DEALLOCATE explained")
    nodes = [plan[0]["Plan"]]
    for node in nodes:
        nodes += node.get("Plans", ())
    return nodes
