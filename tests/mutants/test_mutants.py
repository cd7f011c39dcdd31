"""The table of guards fits the sources and the tests. That each guard is noticed is `make mutants`."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from . import run, table
from .table import Guard, Rotten
from .witness import Failure

GUARDS = table.load()
GUARD = Guard("why", "x.sql", "a = 1", "true", ("unit/test_db.py",))


@pytest.mark.parametrize("name", GUARDS)
def test_a_patch_fits_once_and_makes_another_program(name: str) -> None:
    guard = GUARDS[name]
    before = (table.SOURCES / guard.file).read_text("utf-8")
    after = table.patched(name, guard, before)
    assert after != before
    if guard.file.endswith(".py"):
        assert ast.dump(ast.parse(after)) != ast.dump(ast.parse(before)), "only its looks have changed"


def test_every_test_that_must_notice_is_there() -> None:
    assert table.missing_tests(GUARDS) == []
    lost = Guard("why", "x.sql", "a", "b", ("unit/test_db.py::test_that_never_was",))
    assert len(table.missing_tests({"lost": lost})) == 1


def test_every_row_breaks_something_else() -> None:
    patches = [(guard.file, guard.statement, guard.find, guard.put) for guard in GUARDS.values()]
    assert len(set(patches)) == len(patches)


@pytest.mark.parametrize("text", ["b = 1", "a = 1 and a = 1"])
def test_a_patch_that_fits_nowhere_or_twice_is_refused(text: str) -> None:
    with pytest.raises(Rotten):
        table.patched("guard", GUARD, text)


def test_a_statement_is_patched_alone() -> None:
    text = "-- name: one\na = 1\n\n-- name: two\na = 1\n-- note\na = 2\n-- name: three\na = 1\n"
    guard = Guard("why", "x.sql", "a = 1", "true", (), statement="two")
    assert table.patched("guard", guard, text).count("true") == 1
    assert "-- name: two\ntrue\n" in table.patched("guard", guard, text)
    with pytest.raises(Rotten):
        table.patched("guard", Guard("why", "x.sql", "a = 1", "true", (), statement="four"), text)


def test_a_broken_copy_differs_in_one_file(tmp_path: Path) -> None:
    name, guard = next(iter(GUARDS.items()))
    whole = table.copy(tmp_path / "whole")
    broken = table.broken_copy(whole, tmp_path / "broken", name, guard)
    files = [path.relative_to(whole) for path in whole.rglob("*") if path.suffix in (".py", ".sql")]
    assert len(files) > 100
    assert [str(file) for file in files if (whole / file).read_bytes() != (broken / file).read_bytes()] == [
        f"drivebay/{guard.file}"
    ]


@pytest.mark.parametrize(
    ("ran", "verdict"),
    [
        (run.Ran(0, (), ""), run.Verdict.SURVIVED),
        (run.Ran(None, (), ""), run.Verdict.HUNG),
        (run.Ran(2, (), "an error while collecting"), run.Verdict.BROKEN),
        (run.Ran(1, (), "nobody knows why"), run.Verdict.BROKEN),
        (run.Ran(1, (Failure("tests/t.py::a", "call", "AssertionError", ""),), ""), run.Verdict.KILLED),
        (run.Ran(1, (Failure("tests/t.py::a", "setup", "AssertionError", ""),), ""), run.Verdict.KILLED),
        (run.Ran(1, (Failure("tests/t.py::a", "setup", "OSError", ""),), ""), run.Verdict.BROKEN),
        (run.Ran(1, (Failure("tests/t.py::a", "call", "NameError", ""),), ""), run.Verdict.BROKEN),
        (run.Ran(1, (Failure("tests/sql.py::prepares", "call", "Failed", ""),), ""), run.Verdict.BROKEN),
    ],
)
def test_only_a_test_that_failed_for_its_own_reason_has_noticed(ran: run.Ran, verdict: run.Verdict) -> None:
    assert run.judged(ran, ("sql.py::prepares",))[0] is verdict
