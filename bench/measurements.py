"""Results of single requests, in flat arrays because there may be a million.

A request counts from the time at which it was due, not from when it was sent. A client that waits for the server before
it sends again would leave out exactly the slow requests.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from .report import percentile

OK = "ok"
SHED = "shed"
"""Refused with 429 or 503 and a Retry-After."""


@dataclass(frozen=True)
class Span:
    """A time span in seconds of `time.monotonic`. (The event loop's clock does not change during a callback.)"""

    begin: float
    end: float

    @property
    def seconds(self) -> float:
        return self.end - self.begin

    def holds(self, at: float) -> bool:
        return self.begin <= at < self.end


class Measurements:
    def __init__(self) -> None:
        self._at = array("d")
        self._seconds = array("d")
        self._route = array("H")
        self._outcome = array("H")
        self._lag_at = array("d")
        self._lag = array("d")
        self._names: dict[str, int] = {}

    def add(self, route: str, outcome: str, due_at: float, done: float) -> None:
        self._at.append(due_at)
        self._seconds.append(done - due_at)
        self._route.append(self._number(route))
        self._outcome.append(self._number(outcome))

    def late(self, due_at: float, sent: float) -> None:
        """Record how late the load generator was with a request."""
        self._lag_at.append(due_at)
        self._lag.append(sent - due_at)

    def lag(self, span: Span) -> dict[str, float]:
        found = [lag for at, lag in zip(self._lag_at, self._lag, strict=True) if span.holds(at)]
        return latencies(found) | {"max_ms": max(found, default=0.0) * 1e3}

    def routes(self, span: Span) -> dict[str, dict[str, Any]]:
        """Return for each route the number of requests, latencies of successful ones, and errors."""
        names = self._by_number()
        fast: dict[int, list[float]] = {}
        other: dict[int, Counter[str]] = {}
        for i in self._within(span):
            route, outcome = self._route[i], names[self._outcome[i]]
            if outcome == OK:
                fast.setdefault(route, []).append(self._seconds[i])
            else:
                other.setdefault(route, Counter())[outcome] += 1
        found = {}
        for route in sorted(fast.keys() | other.keys(), key=lambda number: names[number]):
            good, bad = fast.get(route, []), other.get(route, Counter())
            total = len(good) + sum(bad.values())
            found[names[route]] = {
                "requests": total,
                **latencies(good),
                "error_rate": sum(bad.values()) / total,
                "errors": dict(bad),
            }
        return found

    def sums(self, span: Span, routes: Iterable[str] | None = None) -> dict[str, Any]:
        """Return totals of all or some routes: shares by outcome, latencies of answered and of shed requests."""
        names = self._by_number()
        wanted = None if routes is None else {self._names[route] for route in routes if route in self._names}
        by: dict[str, list[float]] = {}
        for i in self._within(span):
            if wanted is None or self._route[i] in wanted:
                by.setdefault(names[self._outcome[i]], []).append(self._seconds[i])
        total = sum(len(found) for found in by.values())
        return {
            "requests": total,
            "per_second": total / span.seconds,
            "answered_per_second": len(by.get(OK, ())) / span.seconds,
            "shares": {outcome: len(found) / total for outcome, found in sorted(by.items())},
            "answered": latencies(by.get(OK, ())),
            "shed": latencies(by.get(SHED, ())),
        }

    def seconds(self, span: Span) -> list[tuple[float, float]]:
        """Return for each second the 99th percentile of all responses and the share that failed."""
        ok = self._names.get(OK)
        buckets: list[list[float]] = [[] for _ in range(int(span.seconds))]
        bad = [0] * len(buckets)
        for i in self._within(span):
            second = int(self._at[i] - span.begin)
            if second < len(buckets):
                buckets[second].append(self._seconds[i])
                bad[second] += self._outcome[i] != ok
        return [
            (percentile(found, 0.99) if found else 0.0, wrong / max(1, len(found)))
            for found, wrong in zip(buckets, bad, strict=True)
        ]

    def api_routes(self) -> list[str]:
        """Return the API routes that were called, without those of the store and of monitoring."""
        return [name for name in self._names if " /v1/" in name]

    def _within(self, span: Span) -> list[int]:
        return [i for i, at in enumerate(self._at) if span.holds(at)]

    def _number(self, name: str) -> int:
        return self._names.setdefault(name, len(self._names))

    def _by_number(self) -> list[str]:
        return list(self._names)


def latencies(seconds: Sequence[float]) -> dict[str, float]:
    if not seconds:
        return {}
    ordered = sorted(seconds)
    return {f"p{name}_ms": percentile(ordered, share) * 1e3 for name, share in _SHARES}


_SHARES = (("50", 0.5), ("99", 0.99), ("99.9", 0.999))


def recovery_seconds(
    normal: Sequence[tuple[float, float]], after: Sequence[tuple[float, float]], steady: int = 3
) -> int | None:
    """Return the seconds until `steady` seconds in a row are normal, None if that never happens.

    Normal: the 99th percentile is at most 1.5 times that of 99 of 100 normal seconds, and the failed share is at most
    that of the worst normal second.
    """
    slow = percentile([p99 for p99, _ in normal], 0.99) * 1.5
    wrong = max(share for _, share in normal)
    fine = [p99 <= slow and share <= wrong for p99, share in after]
    for second in range(len(fine) - steady + 1):
        if all(fine[second : second + steady]):
            return second
    return None


def slope(points: Sequence[tuple[float, float]]) -> float:
    """Return the slope of y over x by least squares."""
    if len(points) < 2:
        return 0.0
    mean_x = sum(x for x, _ in points) / len(points)
    mean_y = sum(y for _, y in points) / len(points)
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / spread if spread else 0.0
