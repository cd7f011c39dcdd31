"""The table of guards, the markers in the sources, and copies of the sources with one guard broken.

A row of `guards/*.toml` says why a guard matters, which mutation breaks it and which tests must fail. The marker in the
sources says where the guard is.
"""

from __future__ import annotations

import compileall
import re
import shutil
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.util import cache_from_source
from pathlib import Path
from typing import Final

import msgspec

import drivebay

from .mutate import CannotMutate, Mutation, markers, mutate_python, mutate_sql, plain_index

TESTS: Final = Path(__file__).parents[1]
SOURCES: Final = Path(drivebay.__file__).parent
"""The sources that would be imported are the ones that are copied."""
TABLES: Final = Path(__file__).with_name("guards")
"""One file for each area of the sources."""


class BadTable(Exception):
    """A row does not fit the sources or the tests. The message names the row and says why."""


class Guard(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One row. `why`: what goes wrong without the guard. `mutate`: how it is broken. `tests`: below `tests/`, as pytest
    names them; at least one of them must fail."""

    why: str
    mutate: Mutation
    tests: tuple[str, ...]


class Place(msgspec.Struct, frozen=True):
    """Where a guard is: a file below `SOURCES`, the line, and for SQL the name of the statement."""

    file: str
    line: int
    statement: str = ""


def load(folder: Path = TABLES) -> dict[str, Guard]:
    """Return the guards of all tables by name.

    Raises BadTable for a name that occurs twice, msgspec.ValidationError and tomllib.TOMLDecodeError.
    """
    guards: dict[str, Guard] = {}
    for file in sorted(folder.glob("*.toml")):
        rows = msgspec.convert(tomllib.loads(file.read_text("utf-8")), dict[str, Guard])
        if twice := sorted(guards.keys() & rows.keys()):
            raise BadTable(f"{twice[0]}: occurs in two tables")
        guards |= rows
    return guards


@cache
def marked(sources: Path = SOURCES) -> dict[str, tuple[Place, ...]]:
    """Return the places of every marker in the sources, by the name of its guard."""
    found: dict[str, tuple[Place, ...]] = {}
    for file in sorted([*sources.rglob("*.py"), *sources.rglob("*.sql")]):
        text = file.read_text("utf-8")
        for name, line in markers(text):
            place = Place(str(file.relative_to(sources)), line, _statement(text, line))
            found[name] = (*found.get(name, ()), place)
    return found


def _statement(text: str, line: int) -> str:
    names = re.findall(r"^-- name: (\w+)", "\n".join(text.splitlines()[:line]), re.MULTILINE)
    return names[-1] if names else ""


def place(name: str, guard: Guard, sources: Path = SOURCES) -> Place:
    """Return where a guard is. Raises BadTable unless it is marked exactly once."""
    if guard.mutate.kind == "plain-index":
        index = re.compile(rf"CREATE UNIQUE INDEX {guard.mutate.at}\b")
        files = [file for file in sources.rglob("migrations/*.sql") if index.search(file.read_text("utf-8"))]
        places = tuple(Place(str(file.relative_to(sources)), 1) for file in files)
    else:
        places = marked(sources).get(name, ())
    if len(places) != 1:
        raise BadTable(f"{name}: marked {len(places)} times in the sources, not once")
    return places[0]


def broken(name: str, guard: Guard, sources: Path = SOURCES) -> tuple[Place, str]:
    """Return where a guard is and its file's text with the guard broken. Raises BadTable."""
    where = place(name, guard, sources)
    text = (sources / where.file).read_text("utf-8")
    try:
        if guard.mutate.kind == "plain-index":
            return where, plain_index(text, str(guard.mutate.at))
        mutate = mutate_python if where.file.endswith(".py") else mutate_sql
        return where, mutate(text, where.line, guard.mutate)
    except (CannotMutate, SyntaxError) as error:
        raise BadTable(f"{name}: {where.file}:{where.line}: {error}") from error


def missing_tests(guards: Mapping[str, Guard]) -> list[str]:
    """Return a sentence for each row that names a test which does not exist."""
    wrong: list[str] = []
    for name, guard in guards.items():
        for test in guard.tests:
            file, _, function = test.partition("::")
            path = TESTS / file
            defined = rf"^(async )?def {re.escape(function.partition('[')[0])}\("
            if not path.is_file() or (function and not re.search(defined, path.read_text("utf-8"), re.MULTILINE)):
                wrong.append(f"{name}: there is no test {test}")
    return wrong


def copy(folder: Path) -> Path:
    """Make a compiled copy of the sources below `folder`; return the entry for the import path."""
    shutil.copytree(SOURCES, folder / "drivebay", ignore=shutil.ignore_patterns("__pycache__"))
    compileall.compile_dir(folder, quiet=2)
    return folder


def broken_copy(whole: Path, folder: Path, name: str, guard: Guard) -> Path:
    """Make a copy of a copy with one guard broken. Raises BadTable."""
    shutil.copytree(whole, folder)
    where, text = broken(name, guard)
    path = folder / "drivebay" / where.file
    path.write_text(text, "utf-8")
    # The compiled file of the whole copy could pass for this one: same second, same size.
    Path(cache_from_source(str(path))).unlink(missing_ok=True)
    return folder
