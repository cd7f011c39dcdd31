"""Rows written to files and loaded again, for backups."""

from __future__ import annotations

from pathlib import Path

import pytest

from drivebay import postgres
from drivebay.cli.operator.backup_format import BackupError, Manifest
from drivebay.cli.operator.backup_restore import require_no_newer_migrations

_SCHEMA = """
CREATE SCHEMA probe;
CREATE TABLE probe.counts (n int NOT NULL);
CREATE TABLE probe.rows (n int NOT NULL);
INSERT INTO probe.counts VALUES (0);
CREATE FUNCTION probe.count() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN UPDATE probe.counts SET n = n + 1; RETURN NULL; END $$;
CREATE TRIGGER count AFTER INSERT ON probe.rows FOR EACH ROW EXECUTE FUNCTION probe.count();
INSERT INTO probe.rows SELECT generate_series(1, 3);
"""


async def test_triggers_do_not_count_loaded_rows_again(fresh_database_url: str, tmp_path: Path) -> None:
    async with postgres.connect(fresh_database_url, size=1) as database:
        await database.execute(_SCHEMA)
        async with postgres.open_snapshot(fresh_database_url) as snapshot:
            tables = await snapshot.write_tables(["probe"], tmp_path)
        for order in (tables, tuple(reversed(tables))):
            await postgres.load_tables(fresh_database_url, order, tmp_path)
            assert await database.fetchval("SELECT n FROM probe.counts") == 3
        await database.execute("INSERT INTO probe.rows VALUES (4)")
        assert await database.fetchval("SELECT n FROM probe.counts") == 4


async def test_a_full_disk_is_not_an_error_of_the_database(fresh_database_url: str, tmp_path: Path) -> None:
    (tmp_path / "auth.users.copy").symlink_to("/dev/full")
    async with postgres.connect(fresh_database_url, size=1) as database:
        await database.execute(
            "INSERT INTO auth.users (id, email, email_key, password_hash) VALUES (gen_random_uuid(), 'a', 'a', 'x')"
        )
    async with postgres.open_snapshot(fresh_database_url) as snapshot:
        with pytest.raises(postgres.TableFileError, match=r"auth\.users\.copy: No space left"):
            await snapshot.write_tables(["auth"], tmp_path)


@pytest.mark.parametrize("kind", ["missing", "folder", "unreadable"])
async def test_a_file_that_cannot_be_read_is_not_an_error_of_the_database(
    fresh_database_url: str, tmp_path: Path, kind: str
) -> None:
    async with postgres.connect(fresh_database_url, size=1) as database:
        await database.execute(_SCHEMA)
        async with postgres.open_snapshot(fresh_database_url) as snapshot:
            tables = await snapshot.write_tables(["probe"], tmp_path)
        file = tmp_path / "probe.rows.copy"
        file.unlink()
        if kind == "folder":
            file.mkdir()
        elif kind == "unreadable":
            file.symlink_to("/proc/self/mem")  # it can be opened, but its first bytes cannot be read
        with pytest.raises(postgres.TableFileError, match=r"cannot read .*probe\.rows\.copy: "):
            await postgres.load_tables(fresh_database_url, tables, tmp_path)
        assert await database.fetchval("SELECT count(*) FROM probe.rows") == 3  # nothing is changed


async def test_a_database_that_is_newer_than_the_backup_is_refused(fresh_database_url: str) -> None:
    async with postgres.open_snapshot(fresh_database_url) as snapshot:
        names = {schema: await snapshot.migrations(schema) for schema in ("auth", "files")}
    manifest = Manifest(1, "", "0", names, (), 0, 0, "", ())
    await require_no_newer_migrations(fresh_database_url, manifest)
    older = Manifest(1, "", "0", names | {"files": names["files"][:-1]}, (), 0, 0, "", ())
    with pytest.raises(BackupError, match=f"files/{names['files'][-1]}.*newer than the backup"):
        await require_no_newer_migrations(fresh_database_url, older)
