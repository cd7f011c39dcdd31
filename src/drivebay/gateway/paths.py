"""Which rows of the route table stand at a path."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .route import Route

_NOTHING: Mapping[str, Route] = {}


class Paths:
    """Looks paths up. A path of the table is text with at most one `{id}`, which stands for one segment."""

    def __init__(self, routes: Iterable[Route]) -> None:
        rows: dict[str, dict[str, Route]] = {}
        for route in routes:
            rows.setdefault(route.path, {})[route.method] = route
        self._fixed = {path: by_method for path, by_method in rows.items() if "{id}" not in path}
        self._open = tuple((path, by_method) for path, by_method in rows.items() if "{id}" in path)
        # One expression with one group a path: the group that matched says which path it was.
        self._pattern = re.compile("|".join(re.escape(path).replace(r"\{id\}", "([^/]+)") for path, _ in self._open))

    def find(self, path: str) -> tuple[Mapping[str, Route], str]:
        """The rows by method, empty if there are none, and what stands for `{id}`."""
        if (fixed := self._fixed.get(path)) is not None:
            return fixed, ""
        found = self._pattern.fullmatch(path)
        if found is None or found.lastindex is None:
            return _NOTHING, ""
        return self._open[found.lastindex - 1][1], found[found.lastindex]
