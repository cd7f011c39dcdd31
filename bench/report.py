"""Figures of one run: printed at once and written as JSON."""

from __future__ import annotations

import json
import os
import platform
import statistics
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

RESULTS = Path(__file__).parent / "results"
console = Console(stderr=True, width=None if sys.stderr.isatty() else 160)


def median(values: Sequence[float]) -> float:
    return statistics.median(values)


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value below which `share` (0 to 1) of the values lie, by nearest rank."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


class Report:
    """`figures` maps the name of a measurement to its fields. `met` is whether the goal was reached."""

    def __init__(self) -> None:
        self.figures: dict[str, dict[str, Any]] = {}
        self._at = datetime.now(UTC)

    def add(self, name: str, *, goal: str = "", met: bool | None = None, **fields: Any) -> None:
        entry: dict[str, Any] = dict(fields)
        if goal:
            entry |= {"goal": goal, "met": met}
        self.figures[name] = entry
        mark = "" if met is None else (" [green]met[/]" if met else " [red]missed[/]")
        shown = "  ".join(f"{key} [bold]{_short(value)}[/]" for key, value in fields.items())
        console.print(f"{name}: {shown}" + (f"  (goal {goal}:{mark})" if goal else ""), highlight=False)

    def table(self, name: str, rows: Mapping[str, Mapping[str, Any]]) -> None:
        """Add a table with named rows. A row may lack columns."""
        self.figures[name] = dict(rows)
        columns = list(dict.fromkeys(column for row in rows.values() for column in row))
        shown = Table("", *columns, title=name, title_justify="left")
        for row, fields in rows.items():
            shown.add_row(row, *(_short(fields.get(column, "")) for column in columns))
        console.print(shown, highlight=False)

    def series(self, name: str, samples: Sequence[Mapping[str, Any]]) -> None:
        """Add samples over time. They are written to the JSON but not printed."""
        self.figures[name] = {"samples": list(samples)}

    def text(self) -> str:
        """Return everything as JSON."""
        machine = {"cores": os.cpu_count(), "python": platform.python_version(), "system": platform.system()}
        return json.dumps({"at": self._at.isoformat(), "machine": machine, "figures": self.figures}, indent=2)

    def write(self) -> Path:
        RESULTS.mkdir(exist_ok=True)
        path = RESULTS / f"{self._at:%Y%m%dT%H%M%SZ}.json"
        path.write_text(self.text())
        return path


def _short(value: object) -> str:
    return f"{value:,.2f}" if isinstance(value, float) else str(value)
