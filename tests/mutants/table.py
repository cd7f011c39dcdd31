"""The table of guards, and copies of the sources with one of them broken.

A patch names the text it replaces, and that text must stand exactly once where it is looked for: when the
sources move on, the table fails instead of silently breaking nothing.
"""

from __future__ import annotations

import compileall
import re
import shutil
import tomllib
from collections.abc import Mapping
from importlib.util import cache_from_source
from pathlib import Path
from typing import Final

import msgspec

import drivebay

TESTS: Final = Path(__file__).parents[1]
SOURCES: Final = Path(drivebay.__file__).parent
"""What is copied is what would be imported."""
TABLE: Final = Path(__file__).with_name("guards.toml")


class Rotten(Exception):
    """A row of the table no longer fits the sources or the tests."""


class Guard(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`find` in `file` (below `src/drivebay`; of a `.sql` file in one `statement`) becomes `put`, and one of
    `tests` (below `tests/`, as pytest names them) must fail. `why` is what goes wrong without the guard."""

    why: str
    file: str
    find: str
    put: str
    tests: tuple[str, ...]
    statement: str | None = None


def load(path: Path = TABLE) -> dict[str, Guard]:
    """The guards by name, in the order of the table. Raises msgspec.ValidationError, tomllib.TOMLDecodeError."""
    return msgspec.convert(tomllib.loads(path.read_text("utf-8")), dict[str, Guard])


def patched(name: str, guard: Guard, text: str) -> str:
    """The text of the guard's file with the guard broken. Raises Rotten."""
    begin, end = 0, len(text)
    if guard.statement is not None:
        place = re.search(rf"^-- name: {guard.statement}\n(?:(?!-- name: ).*\n?)*", text, re.MULTILINE)
        if place is None:
            raise Rotten(f"{name}: {guard.file} has no statement {guard.statement}")
        begin, end = place.span()
    if (times := text.count(guard.find, begin, end)) != 1:
        raise Rotten(f"{name}: the text to find stands {times} times in {guard.file}, not once")
    at = text.index(guard.find, begin, end)
    return text[:at] + guard.put + text[at + len(guard.find) :]


def missing_tests(guards: Mapping[str, Guard]) -> list[str]:
    """Rows that name a test which is not there."""
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
    """A compiled copy of the sources below `folder`; what to put on the path to import it."""
    shutil.copytree(SOURCES, folder / "drivebay", ignore=shutil.ignore_patterns("__pycache__"))
    compileall.compile_dir(folder, quiet=2)
    return folder


def broken_copy(whole: Path, folder: Path, name: str, guard: Guard) -> Path:
    """A copy of a copy with one guard broken. Raises Rotten."""
    shutil.copytree(whole, folder)
    path = folder / "drivebay" / guard.file
    path.write_text(patched(name, guard, path.read_text("utf-8")), "utf-8")
    # Written within a second of the other and as long, it could be taken for what was compiled.
    Path(cache_from_source(str(path))).unlink(missing_ok=True)
    return folder
