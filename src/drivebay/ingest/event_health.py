"""Reports whether events can arrive. Every job that delivers events must be connected."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class EventHealth:
    """Remembers which of the `jobs` are connected now. If there are no jobs, no events arrive."""

    def __init__(self, *jobs: str) -> None:
        self._jobs = frozenset(jobs)
        self._connected: set[str] = set()

    @property
    def events_arrive(self) -> bool:
        return bool(self._jobs) and self._connected == self._jobs

    def mark_connected(self, job: str) -> None:
        self._connected.add(job)

    @contextmanager
    def watch(self, job: str) -> Iterator[None]:
        """Count the job as disconnected when the block ends."""
        try:
            yield
        finally:
            self._connected.discard(job)
