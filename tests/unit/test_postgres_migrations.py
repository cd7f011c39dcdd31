"""Named statements and migrations: each migration runs once, and a schema that does not fit is refused."""

from __future__ import annotations

import asyncio
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest
import structlog

from drivebay import postgres
from drivebay.errors import StartError
from drivebay.runtime import database_start


async def test_user_without_the_privilege_to_migrate_gets_a_hint(fresh_database_url: str, tmp_path: Path) -> None:
    (tmp_path / "0001_first.sql").write_text("CREATE TABLE probe.one (n int);")
    role = f"guest_{uuid4().hex}"
    async with postgres.connect(fresh_database_url, size=1) as database:
        await database.execute(f'CREATE ROLE "{role}" LOGIN')
        try:
            with pytest.raises(postgres.MigrationError, match="needs CREATE in the database"):
                await postgres.migrate(fresh_database_url.replace("//drivebay@", f"//{role}@"), "probe", tmp_path)
        finally:
            await database.execute(f'DROP ROLE "{role}"')


def test_statement_names_are_unique(tmp_path: Path) -> None:
    file = tmp_path / "store.sql"
    file.write_text("-- name: one\n-- For a test.\nSELECT 1;\n\n-- name: two\nSELECT 2;\n")
    assert dict(postgres.Statements(file)) == {"one": "-- For a test.\nSELECT 1;", "two": "SELECT 2;"}
    file.write_text("-- name: one\nSELECT 1;\n-- name: one\nSELECT 2;\n")
    with pytest.raises(ValueError, match="twice"):
        postgres.Statements(file)


async def test_migrations_run_once_and_edited_or_unknown_ones_are_refused(
    fresh_database_url: str, tmp_path: Path
) -> None:
    (tmp_path / "0001_first.sql").write_text("CREATE TABLE probe.one (n int);")
    first = await asyncio.gather(*(postgres.migrate(fresh_database_url, "probe", tmp_path) for _ in range(4)))
    assert sorted(first, key=len) == [(), (), (), ("0001_first",)]
    (tmp_path / "0002_second.sql").write_text("SELECT 1/0;")
    with pytest.raises(asyncpg.DivisionByZeroError):
        await postgres.migrate(fresh_database_url, "probe", tmp_path)
    (tmp_path / "0002_second.sql").write_text("CREATE TABLE probe.two (n int);")
    assert await postgres.migrate(fresh_database_url, "probe", tmp_path) == ("0002_second",)
    (tmp_path / "0001_first.sql").write_text("CREATE TABLE probe.other (n int);")
    with pytest.raises(postgres.MigrationError, match="changed"):
        await postgres.migrate(fresh_database_url, "probe", tmp_path)
    (tmp_path / "0001_first.sql").unlink()
    with pytest.raises(postgres.MigrationError, match="newer"):
        await postgres.migrate(fresh_database_url, "probe", tmp_path)


def write_two_releases(folder: Path) -> tuple[Path, Path]:
    """Return the folders of the migrations of an early and a new release, which have the first one in common."""
    early, new = folder / "early", folder / "new"
    for release in (early, new):
        release.mkdir()
        (release / "0001_first.sql").write_text("CREATE TABLE probe.one (n int);")
    return early, new


async def test_an_earlier_release_starts_on_a_schema_that_was_only_expanded(
    fresh_database_url: str, tmp_path: Path
) -> None:
    early, new = write_two_releases(tmp_path)
    await postgres.migrate(fresh_database_url, "probe", early)
    (new / "0002_second.sql").write_text("-- expand: a new table.\nCREATE TABLE probe.two (n int);")
    await postgres.migrate(fresh_database_url, "probe", new)
    with structlog.testing.capture_logs() as logs:
        assert await postgres.migrate(fresh_database_url, "probe", early) == ()
    assert [entry["event"] for entry in logs] == ["schema_newer"]
    (early / "0002_other.sql").write_text("CREATE TABLE probe.other (n int);")
    with pytest.raises(postgres.MigrationError, match="newer"):
        await postgres.migrate(fresh_database_url, "probe", early)


async def test_a_contract_migration_excludes_only_the_releases_that_use_what_it_drops(
    fresh_database_url: str, tmp_path: Path
) -> None:
    (tmp_path / "0001_first.sql").write_text("CREATE TABLE probe.one (n int, m int);")
    (tmp_path / "0002_second.sql").write_text("-- expand: `k` replaces `m`.\nALTER TABLE probe.one ADD COLUMN k int;")
    third = tmp_path / "0003_third.sql"
    third.write_text("-- contract after 0002_second: nothing uses `m`.\nALTER TABLE probe.one DROP COLUMN m;")
    await postgres.migrate(fresh_database_url, "probe", tmp_path)
    third.unlink()
    assert await postgres.migrate(fresh_database_url, "probe", tmp_path) == ()  # the previous release
    (tmp_path / "0002_second.sql").unlink()
    with pytest.raises(postgres.MigrationError, match="newer"):
        await postgres.migrate(fresh_database_url, "probe", tmp_path)


async def test_a_process_with_nothing_to_migrate_does_not_wait_for_the_migration_of_another_release(
    fresh_database_url: str, tmp_path: Path
) -> None:
    early, new = write_two_releases(tmp_path)
    await postgres.migrate(fresh_database_url, "probe", early)
    (new / "0002_second.sql").write_text("-- expand: a new column.\nALTER TABLE probe.one ADD COLUMN m int;")
    holds_lock = """
        SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database
         WHERE d.datname = current_database() AND l.locktype = 'advisory' AND l.granted"""
    async with postgres.connect(fresh_database_url, size=2) as database:
        async with database.transaction() as holder:
            await holder.execute("LOCK TABLE probe.one IN ACCESS SHARE MODE")
            migrating = asyncio.create_task(postgres.migrate(fresh_database_url, "probe", new))
            while not await database.fetchval(holds_lock):
                await asyncio.sleep(0.05)
            assert await postgres.migrate(fresh_database_url, "probe", early, timeout=5) == ()
            assert not migrating.done()
        assert await migrating == ("0002_second",)


async def test_migration_and_its_row_are_one_transaction(fresh_database_url: str, tmp_path: Path) -> None:
    refuse_row = "ALTER TABLE probe.migrations ADD CHECK (name <> '0001_first');"
    (tmp_path / "0001_first.sql").write_text(f"CREATE TABLE probe.one (n int); {refuse_row}")
    with pytest.raises(asyncpg.CheckViolationError):
        await postgres.migrate(fresh_database_url, "probe", tmp_path)
    async with postgres.connect(fresh_database_url, size=1) as database:
        assert await database.fetchval("SELECT to_regclass('probe.one')") is None


async def test_requests_do_not_wait_behind_a_migration_that_waits_for_a_lock(
    fresh_database_url: str, tmp_path: Path
) -> None:
    (tmp_path / "0001_first.sql").write_text("CREATE TABLE probe.one (n int);")
    await postgres.migrate(fresh_database_url, "probe", tmp_path)
    (tmp_path / "0002_second.sql").write_text("ALTER TABLE probe.one ADD COLUMN m int;")
    holder, reader = await asyncpg.connect(fresh_database_url), await asyncpg.connect(fresh_database_url)
    waits = "SELECT count(*) FROM pg_locks WHERE relation = 'probe.one'::regclass AND NOT granted"
    try:
        async with asyncio.timeout(120), holder.transaction():
            await holder.execute("LOCK TABLE probe.one IN ACCESS SHARE MODE")
            migrating = asyncio.create_task(postgres.migrate(fresh_database_url, "probe", tmp_path))
            while not await reader.fetchval(waits):
                await asyncio.sleep(0.05)
            assert await reader.fetchval("SELECT count(*) FROM probe.one") == 0
        assert await migrating == ("0002_second",)
    finally:
        await holder.close()
        await reader.close()


async def test_a_migration_is_repeated_after_a_deadlock(fresh_database_url: str, tmp_path: Path) -> None:
    (tmp_path / "0001_first.sql").write_text("CREATE SEQUENCE probe.attempts;")
    (tmp_path / "0002_second.sql").write_text("""
        CREATE TABLE probe.one (n int);
        DO $$ BEGIN
            IF nextval('probe.attempts') < 3 THEN
                RAISE EXCEPTION USING ERRCODE = 'deadlock_detected';
            END IF;
        END $$;""")
    assert await postgres.migrate(fresh_database_url, "probe", tmp_path) == ("0001_first", "0002_second")


async def test_start_waits_for_a_database_that_takes_no_writes(fresh_database_url: str, tmp_path: Path) -> None:
    (tmp_path / "0001_first.sql").write_text("CREATE TABLE probe.one (n int);")
    name = fresh_database_url.split("/")[3].partition("?")[0]
    async with postgres.connect(fresh_database_url, size=1) as admin:
        await admin.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
        with pytest.raises(
            StartError, match=r"accepts no writes: it is read-only or a standby.*connect to the primary"
        ):
            await database_start.migrate_when_possible(fresh_database_url, "probe", tmp_path, 0)
        with structlog.testing.capture_logs() as logs:
            waiting = asyncio.create_task(
                database_start.migrate_when_possible(fresh_database_url, "probe", tmp_path, 120)
            )
            while not logs and not waiting.done():
                await asyncio.sleep(0.05)
            await admin.execute(f'ALTER DATABASE "{name}" RESET default_transaction_read_only')
            await waiting
        assert logs[0]["event"] == "waiting_for_database"
        assert "read-only" in logs[0]["reason"]
        assert await admin.fetchval("SELECT count(*) FROM probe.one") == 0


async def test_start_does_not_wait_for_a_wrong_database(fresh_database_url: str, tmp_path: Path) -> None:
    wrong = fresh_database_url.replace(fresh_database_url.split("/")[3].partition("?")[0], "no_such_database")
    with pytest.raises(StartError, match=r"refuses the database.*DRIVEBAY_DATABASE_URL"):
        await database_start.migrate_when_possible(wrong, "probe", tmp_path, 600)
