"""Each new migration says which earlier releases work on the new schema, and its SQL does not contradict that."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import drivebay
from drivebay.postgres.migrations import migration_needs

FOLDERS = tuple(Path(drivebay.__file__).parent / schema / "migrations" for schema in ("auth", "files"))
LAST_WITHOUT_MARK = {"auth": "0009_forgotten_accounts", "files": "0024_trashed_folders"}
"""The last migrations before this rule. Earlier releases do not start on a schema with one that they do not know."""

_BREAKING = {
    "drops what an earlier release may use": r"\bDROP (TABLE|COLUMN|(MATERIALIZED )?VIEW|FUNCTION|TRIGGER|TYPE)\b",
    "renames what an earlier release may use": r"\bRENAME\b",
    "changes the type of a column": r"\bALTER (COLUMN )?\w+ (SET DATA )?TYPE\b",
    "refuses nulls that an earlier release may write": r"\bSET NOT NULL\b",
    "adds a column that an earlier release does not fill": r"\bADD (COLUMN )?(?!CONSTRAINT)\w+ "
    r"(?:(?!DEFAULT)[^,;])*NOT NULL(?![^,;]*DEFAULT)",
}


def breaks_earlier_releases(sql: str) -> list[str]:
    """Return why an earlier release may fail after this migration. It finds the usual statements, and not all."""
    code = re.sub(r"--[^\n]*", "", re.sub(r"\$\$.*?\$\$", "", sql, flags=re.DOTALL))
    code = re.sub(r"ALTER INDEX [^;]*", "", " ".join(code.split()))
    found = [reason for reason, pattern in _BREAKING.items() if re.search(pattern, code, re.IGNORECASE)]
    created = set(re.findall(r"CREATE TABLE (?:IF NOT EXISTS )?([\w.]+)", code, re.IGNORECASE))
    unique = set(re.findall(r"CREATE UNIQUE INDEX (?:IF NOT EXISTS )?\w+ ON ([\w.]+)", code, re.IGNORECASE))
    if unique - created:
        found.append("refuses equal rows that an earlier release may write")
    dropped = set(re.findall(r"DROP CONSTRAINT (?:IF EXISTS )?(\w+)", code, re.IGNORECASE))
    added = re.findall(r"\bADD (?:CONSTRAINT (\w+) )?(?:CHECK|UNIQUE|FOREIGN|PRIMARY|EXCLUDE)", code, re.IGNORECASE)
    if set(added) - dropped:  # a constraint that replaces one of its name is a wider one
        found.append("refuses rows that an earlier release may write")
    return found


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.parent.name)
def test_each_new_migration_has_a_mark_that_its_sql_does_not_contradict(folder: Path) -> None:
    files = sorted(folder.glob("[0-9]*.sql"))
    names = [file.stem for file in files]
    first = names.index(LAST_WITHOUT_MARK[folder.parent.name]) + 1
    for number, file in enumerate(files[first:], first):
        sql = file.read_text("utf-8")
        needs = migration_needs(sql)
        assert needs is not None, f"{file.name}: the first line is no mark (CONTRIBUTING.md, 'A migration')"
        if needs:
            assert needs in names[:number], f"{file.name}: there is no earlier migration {needs}"
        else:
            assert breaks_earlier_releases(sql) == [], file.name


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("-- expand: adds a column.", ""),
        ("-- contract after 0025_names: nothing uses `m`.\nSELECT 1;", "0025_names"),
        ("-- contract: nothing uses `m`.", None),
        ("-- expand", None),
        ("-- A comment.\n-- expand: late.", None),
    ],
)
def test_the_first_line_is_the_mark(sql: str, expected: str | None) -> None:
    assert migration_needs(sql) == expected


@pytest.mark.parametrize(
    "sql",
    [
        "ALTER TABLE files.a DROP COLUMN b;",
        "DROP TABLE files.a;",
        "DROP TRIGGER t ON files.a;",
        "ALTER TABLE files.a RENAME COLUMN b TO c;",
        "ALTER TABLE files.a RENAME TO c;",
        "ALTER TABLE files.a ALTER COLUMN b TYPE bigint;",
        "ALTER TABLE files.a ALTER b SET NOT NULL;",
        "ALTER TABLE files.a\n    ADD COLUMN c int DEFAULT 1,\n    ADD COLUMN b int NOT NULL;",
        "ALTER TABLE files.a ADD CHECK (b > 0);",
        "ALTER TABLE files.a ADD CONSTRAINT c UNIQUE (b);",
        "CREATE UNIQUE INDEX i ON files.a (b);",
    ],
)
def test_breaking_sql_is_found(sql: str) -> None:
    assert len(breaks_earlier_releases(sql)) == 1


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE TABLE files.a (b int NOT NULL); CREATE UNIQUE INDEX i ON files.a (b);",
        "ALTER TABLE files.a ADD COLUMN b int, ADD COLUMN c int NOT NULL DEFAULT 0 CHECK (c >= 0);",
        "ALTER TABLE files.a ADD COLUMN c int DEFAULT 0 NOT NULL;",
        "ALTER TABLE files.a DROP CONSTRAINT c, ADD CONSTRAINT c CHECK (b IN (1, 2)) NOT VALID;",
        "DROP INDEX files.i; ALTER INDEX files.j RENAME TO i; -- DROP TABLE files.a",
        "CREATE FUNCTION f() RETURNS trigger AS $$ BEGIN DROP TABLE a; END $$;",
    ],
)
def test_sql_that_only_adds_is_allowed(sql: str) -> None:
    assert breaks_earlier_releases(sql) == []


def test_migrations_of_the_past_show_that_the_check_finds_something() -> None:
    """0023 creates a unique index on an existing table. 0021 and 0024 only add."""
    files = FOLDERS[1]
    assert breaks_earlier_releases((files / "0023_narrow_indexes.sql").read_text("utf-8"))
    for name in ("0021_drive_copies", "0024_trashed_folders"):
        assert breaks_earlier_releases((files / f"{name}.sql").read_text("utf-8")) == []
