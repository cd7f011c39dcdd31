"""Work of the store that may take longer than a call, such as the copy of a large object.

The work continues in the background when a call ends. Concurrent calls with the same key wait for the same work.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class BackgroundWork(Generic[T]):
    """Runs the work of at most `max_running` keys at the same time, by default of any number.

    A call waits at most `wait_seconds`. The name of a task is `name` and the key.
    """

    def __init__(self, name: str, *, wait_seconds: float, max_running: int = sys.maxsize) -> None:
        self._name = name
        self._wait_seconds = wait_seconds
        self._slots = asyncio.Semaphore(max_running)
        self._running: dict[str, asyncio.Task[T]] = {}

    async def close(self) -> None:
        """Cancel all work. If the store finishes some of the work anyway, a later call finds the result."""
        tasks = tuple(self._running.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def run(self, key: str, work: Callable[[], Coroutine[Any, Any, T]], *, unfinished: T) -> T:
        """Wait for the work of a key, and return its result. The work is started if it is not running already.

        Return `unfinished` if the work takes longer than `wait_seconds`, or if `close` cancels it. Raises the errors of
        the work.
        """
        task = self._running.get(key)
        if task is None:
            task = self._running[key] = asyncio.create_task(self._run(work), name=f"{self._name} {key}")
            task.add_done_callback(lambda _: self._running.pop(key, None))
        done, _ = await asyncio.wait((task,), timeout=self._wait_seconds)
        if not done:  # guard: copy-wait
            return unfinished
        return unfinished if task.cancelled() else task.result()

    async def _run(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        async with self._slots:
            return await work()
