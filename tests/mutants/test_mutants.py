"""The table of guards fits the sources and the tests, and each kind of mutation has its documented effect.

That a test fails for each broken guard is checked by `make mutants`.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from . import run, table
from .mutate import CannotMutate, Mutation, markers, mutate_python, mutate_sql, plain_index, syntax
from .table import BadTable, Guard
from .witness import Failure

GUARDS = table.load()

PYTHON = """
def check(user, size, limit, reserved):
    if user is None or user.disabled:
        raise Forbidden
    if size + reserved > limit:
        raise QuotaExceeded
    elif size < 0:
        raise Negative
    first()
    second(timeout=5)
    with lock:
        third()
    try:
        fourth()
    except Exception:
        fifth()
    return [row for row in rows if row.owner == user]


class Body(Struct, strict=True):
    size: int
"""
SQL = """-- name: one
SELECT id, now() + $3::interval, least(interval '1 day', $4),
       count(*) FILTER (WHERE state = 'a') FROM t
WHERE owner_id = $1 AND id = $2
  AND (state = 'a' OR state = 'b')), next AS (
FOR UPDATE;
"""


def line_of(text: str, part: str) -> int:
    return next(number for number, line in enumerate(text.splitlines(), 1) if part in line)


@pytest.mark.parametrize("name", GUARDS)
def test_a_mutation_makes_another_program(name: str) -> None:
    where, after = table.broken(name, GUARDS[name])
    before = (table.SOURCES / where.file).read_text("utf-8")
    assert after != before
    if where.file.endswith(".py"):
        assert syntax(after) != syntax(before)


def test_every_marker_has_a_row() -> None:
    assert set(table.marked()) - set(GUARDS) == set()


def test_every_row_names_tests_that_exist() -> None:
    assert table.missing_tests(GUARDS) == []
    lost = Guard("why", Mutation("never"), ("unit/test_none.py::test_that_does_not_exist",))
    assert len(table.missing_tests({"lost": lost})) == 1


@pytest.mark.slow
def test_no_two_guards_break_the_same_thing() -> None:
    programs = [table.broken(name, guard) for name, guard in GUARDS.items()]
    assert len(set(programs)) == len(programs)


def test_a_guard_is_marked_exactly_once(tmp_path: Path) -> None:
    guard = Guard("why", Mutation("never"), ())
    (tmp_path / "one.py").write_text("if a:  # guard: once\n    pass\nif b:  # guard: twice\n    pass\n")
    (tmp_path / "two.py").write_text("if a:  # guard: twice\n    pass\n")
    assert table.place("once", guard, tmp_path).line == 1
    for name in ("twice", "never-marked"):
        with pytest.raises(BadTable):
            table.place(name, guard, tmp_path)


def test_markers_are_found_behind_a_line_and_above_it() -> None:
    text = "a = 1  # guard: one, two\n# guard: three\nb = 2\nWHERE c -- guard: four\n"
    assert list(markers(text)) == [("one", 1), ("two", 1), ("three", 3), ("four", 4)]


@pytest.mark.parametrize(
    ("part", "mutation", "expected"),
    [
        ("if user", Mutation("never"), "if False:"),
        ("if user", Mutation("always"), "if True:"),
        ("if user", Mutation("operand", 1), "if user.disabled:"),
        ("if user", Mutation("operand", 2), "if user is None:"),
        ("if user", Mutation("value", to="user == 1"), "if user == 1:"),
        ("if size", Mutation("boundary"), "if size + reserved >= limit:"),
        ("if size", Mutation("operand", 2), "if size > limit:"),
        ("elif", Mutation("never"), "raise QuotaExceeded\n    elif False:"),
        ("second", Mutation("argument", "timeout"), "second()"),
        ("second", Mutation("argument", "timeout", "9"), "second(timeout=9)"),
        ("second", Mutation("skip"), "    pass"),
        ("second", Mutation("earlier"), "    second(timeout=5)\n    first()"),
        ("first", Mutation("later"), "    second(timeout=5)\n    first()"),
        ("first", Mutation("before", to="zeroth()"), "    zeroth()\n    first()"),
        ("first", Mutation("after", to="zeroth()"), "    first()\n    zeroth()"),
        ("with lock", Mutation("skip"), "second(timeout=5)\n    third()"),
        ("except", Mutation("narrow"), "except KeyError:"),
        ("return", Mutation("never"), "for row in rows if False]"),
        ("return", Mutation("value", to="rows"), "return rows"),
        ("class Body", Mutation("argument", "strict"), "class Body(Struct):"),
    ],
)
def test_python_is_mutated_at_its_line(part: str, mutation: Mutation, expected: str) -> None:
    changed = mutate_python(PYTHON, line_of(PYTHON, part), mutation)
    assert expected in changed
    assert expected not in PYTHON


@pytest.mark.parametrize(
    ("part", "mutation", "expected"),
    [
        ("WHERE owner", Mutation("owner"), "WHERE (owner_id = $1 OR true) AND id = $2\n"),
        ("WHERE owner", Mutation("never"), "WHERE ((owner_id = $1 AND id = $2) AND false)\n"),
        ("AND (state", Mutation("always"), "AND (((state = 'a' OR state = 'b')) OR true)), next AS (\n"),
        ("FILTER", Mutation("always"), "FILTER (WHERE ((state = 'a') OR true)) FROM t\n"),
        ("$3", Mutation("zero"), "SELECT id, now() + 0 * $3::interval, least(0 * interval '1 day', $4),\n"),
        ("FOR UPDATE", Mutation("drop"), "next AS (\n\n"),
        ("FOR UPDATE", Mutation("value", to="LIMIT 1;"), "\nLIMIT 1;\n"),
    ],
)
def test_sql_is_mutated_at_its_line(part: str, mutation: Mutation, expected: str) -> None:
    assert expected in mutate_sql(SQL, line_of(SQL, part), mutation)


def test_a_unique_index_is_made_an_ordinary_one() -> None:
    assert plain_index("CREATE UNIQUE INDEX a ON t (b);", "a") == "CREATE INDEX a ON t (b);"
    with pytest.raises(CannotMutate):
        plain_index("CREATE INDEX a ON t (b);", "a")


@pytest.mark.parametrize(
    ("part", "mutation"),
    [
        ("first", Mutation("never")),
        ("first", Mutation("operand", 1)),
        ("first", Mutation("argument", "timeout")),
        ("first", Mutation("value", to="first()")),
        ("def check", Mutation("earlier")),
        ("elif", Mutation("skip")),
        ("first", Mutation("no such kind")),
    ],
)
def test_a_mutation_that_does_not_apply_is_refused(part: str, mutation: Mutation) -> None:
    with pytest.raises(CannotMutate):
        mutate_python(PYTHON, line_of(PYTHON, part), mutation)


def test_a_mutation_of_sql_that_does_not_apply_is_refused() -> None:
    for mutation in (Mutation("owner"), Mutation("always"), Mutation("zero"), Mutation("boundary")):
        with pytest.raises(CannotMutate):
            mutate_sql(SQL, line_of(SQL, "FOR UPDATE"), mutation)


@pytest.mark.slow
def test_each_test_of_the_table_can_be_collected() -> None:
    """The table names parameters too, which change with the tests."""
    tests = {test for name, guard in GUARDS.items() for test in (*guard.tests, *run.prepares(name, guard))}
    collected = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-q", *(f"tests/{test}" for test in sorted(tests))],
        cwd=table.TESTS.parent,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert collected.returncode == 0, collected.stdout[-4000:] + collected.stderr[-4000:]


def test_a_broken_copy_differs_in_one_file(tmp_path: Path) -> None:
    name, guard = next(iter(GUARDS.items()))
    whole = table.copy(tmp_path / "whole")
    broken = table.broken_copy(whole, tmp_path / "broken", name, guard)
    files = [path.relative_to(whole) for path in whole.rglob("*") if path.suffix in (".py", ".sql")]
    assert len(files) > 100
    assert [str(file) for file in files if (whole / file).read_bytes() != (broken / file).read_bytes()] == [
        f"drivebay/{table.place(name, guard).file}"
    ]


@pytest.mark.parametrize(
    ("finished", "verdict"),
    [
        (run.Finished(0, (), ""), run.Verdict.SURVIVED),
        (run.Finished(None, (), ""), run.Verdict.TIMED_OUT),
        (run.Finished(2, (), "an error while collecting"), run.Verdict.INVALID),
        (run.Finished(1, (), "no failure was recorded"), run.Verdict.INVALID),
        (run.Finished(1, (Failure("tests/t.py::a", "call", "AssertionError", ""),), ""), run.Verdict.KILLED),
        (run.Finished(1, (Failure("tests/t.py::a", "setup", "AssertionError", ""),), ""), run.Verdict.KILLED),
        (run.Finished(1, (Failure("tests/t.py::a", "setup", "OSError", ""),), ""), run.Verdict.INVALID),
        (run.Finished(1, (Failure("tests/t.py::a", "call", "NameError", ""),), ""), run.Verdict.INVALID),
        (run.Finished(1, (Failure("tests/sql.py::prepares[one]", "call", "Failed", ""),), ""), run.Verdict.INVALID),
    ],
)
def test_only_a_failure_of_the_promise_counts(finished: run.Finished, verdict: run.Verdict) -> None:
    assert run.judge(finished, ("sql.py::prepares",))[0] is verdict
