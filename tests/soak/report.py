"""The result of a soak, as text and as JSON."""

from __future__ import annotations

import json
from dataclasses import dataclass

from .oracle import Violation

_MAX_VIOLATIONS_SHOWN = 50


@dataclass(frozen=True)
class Report:
    """The actions and the findings of one soak.

    `kills` counts the processes that were killed with SIGKILL, and `faults` the injected faults. `failed_faults` counts
    those that failed because another fault had taken down what they needed. `outcomes` counts what users did and saw.
    `settled_seconds` is the time from the last fault until the backlog was empty.
    """

    seed: int
    seconds: float
    kills: int
    faults: dict[str, int]
    failed_faults: dict[str, int]
    outcomes: dict[str, int]
    settled_seconds: float
    violations: tuple[Violation, ...]
    traces: dict[str, str]

    @property
    def operations(self) -> int:
        """Return the number of requests that users sent to the API and to the store."""
        return sum(n for name, n in self.outcomes.items() if name.startswith(("api ", "put ", "get ", "tus ")))

    @property
    def verdict(self) -> str:
        """Return the result in one line."""
        result = f"{len(self.violations)} VIOLATIONS" if self.violations else "every guarantee held"
        return f"{self.kills:,} kills, {sum(self.faults.values()):,} faults, {self.operations:,} operations: {result}"


def as_text(report: Report) -> str:
    """Return the counts, the violations with their traces, and the verdict."""
    lines = [f"seed {report.seed}, {report.seconds:.0f} s, settled {report.settled_seconds:.1f} s after the last fault"]
    lines.append("")
    for title, counts in (
        (f"faults: {sum(report.faults.values()):,}", report.faults),
        (f"faults that failed: {sum(report.failed_faults.values()):,}", report.failed_faults),
        ("outcomes", report.outcomes),
    ):
        lines.append(title)
        lines += [f"  {count:>9,}  {name}" for name, count in counts.items()]
        lines.append("")
    lines += [
        f"VIOLATION: {each.promise}: {each.detail} ({each.user} {each.about})"
        for each in report.violations[:_MAX_VIOLATIONS_SHOWN]
    ]
    for about, text in report.traces.items():
        lines += [f"-- trace of {about}", text]
    lines.append(report.verdict)
    return "\n".join(lines)


def as_json(report: Report) -> str:
    """Return the report without traces. The field names stay as they are: programs read them."""
    return json.dumps(
        {
            "seed": report.seed,
            "seconds": round(report.seconds, 1),
            "converged_seconds": round(report.settled_seconds, 1),
            "kills": report.kills,
            "operations": report.operations,
            "faults": report.faults,
            "missed": report.failed_faults,
            "outcomes": report.outcomes,
            "broken": [vars(each) for each in report.violations],
        }
    )
