"""Reports whether events can arrive. Every task that delivers events must be connected."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class EventHealth:
    """Remembers which of the `tasks` are connected now. `tasks` are the names of the tasks that deliver events."""

    def __init__(self, *tasks: str) -> None:
        self._tasks = frozenset(tasks)
        self._connected: set[str] = set()

    @property
    def events_arrive(self) -> bool:
        """Whether all tasks are connected. False if there are no tasks."""
        return bool(self._tasks) and self._connected == self._tasks

    def mark_connected(self, task: str) -> None:
        """Count the task as connected. Call it inside the block of `watch`."""
        self._connected.add(task)

    @contextmanager
    def watch(self, task: str) -> Iterator[None]:
        """Count the task as disconnected when the block ends."""
        try:
            yield
        finally:
            self._connected.discard(task)
