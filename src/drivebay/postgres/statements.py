"""Named SQL statements, read from a `.sql` file."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path


class Statements(Mapping[str, str]):
    """The statements of one `.sql` file by name.

    A statement begins with `-- name: <name>`. Comment lines below the name say what the statement does.
    Raises ValueError when two statements have the same name.
    """

    def __init__(self, path: Path) -> None:
        parts = _split(path.read_text("utf-8"))
        self._statements = {name: body.strip() for name, body in zip(parts[1::2], parts[2::2], strict=True)}
        if len(self._statements) != len(parts) // 2:
            raise ValueError(f"{path.name} defines the same statement name twice")

    def __getitem__(self, name: str) -> str:
        return self._statements[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._statements)

    def __len__(self) -> int:
        return len(self._statements)


@cache
def _split(text: str) -> tuple[str, ...]:
    """Return the text before the first name, then each name and the text below it. Tests make many services."""
    return tuple(re.split(r"^-- name: *(\w+) *$", text, flags=re.MULTILINE))
