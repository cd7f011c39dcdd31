"""Figures of one run, shown as they come and written as JSON."""

from __future__ import annotations

import json
import os
import platform
import statistics
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console

RESULTS = Path(__file__).parent / "results"
console = Console(stderr=True)


def median(values: Sequence[float]) -> float:
    return statistics.median(values)


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which `share` (0 to 1) of the values lie; nearest rank."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


class Report:
    """`figures` maps a measure to its fields; `goal` beside a figure says whether it was met."""

    def __init__(self) -> None:
        self.figures: dict[str, dict[str, Any]] = {}

    def add(self, name: str, *, goal: str = "", met: bool | None = None, **fields: Any) -> None:
        entry: dict[str, Any] = dict(fields)
        if goal:
            entry |= {"goal": goal, "met": met}
        self.figures[name] = entry
        mark = "" if met is None else (" [green]met[/]" if met else " [red]missed[/]")
        shown = "  ".join(f"{key} [bold]{_short(value)}[/]" for key, value in fields.items())
        console.print(f"{name}: {shown}" + (f"  (goal {goal}:{mark})" if goal else ""), highlight=False)

    def write(self) -> Path:
        RESULTS.mkdir(exist_ok=True)
        at = datetime.now(UTC)
        path = RESULTS / f"{at:%Y%m%dT%H%M%SZ}.json"
        machine = {"cores": os.cpu_count(), "python": platform.python_version(), "system": platform.system()}
        path.write_text(json.dumps({"at": at.isoformat(), "machine": machine, "figures": self.figures}, indent=2))
        return path


def _short(value: object) -> str:
    return f"{value:,.2f}" if isinstance(value, float) else str(value)
