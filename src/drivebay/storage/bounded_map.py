"""Run one coroutine for each of many items, a limited number at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

from ..errors import Unavailable

T = TypeVar("T")
R = TypeVar("R")


async def bounded_map(items: Iterable[T], work: Callable[[T], Awaitable[R]], limit: int) -> tuple[R, ...]:
    """Return the result of `work` for each item, in order. At most `limit` items run at the same time.

    If some items raise Unavailable, the others are cancelled and the first error is raised.
    """
    semaphore = asyncio.Semaphore(limit)

    async def run(item: T) -> R:
        async with semaphore:
            return await work(item)

    # Create one task for each item. A task that takes several items could miss its cancellation: if the call for an
    # item timed out at the same moment, the task would see only the timeout, and begin the next item.
    try:
        async with asyncio.TaskGroup() as tasks:
            item_tasks = [tasks.create_task(run(item)) for item in items]  # guard: lookup-deadline
    except* Unavailable as group:
        raise _first_error(group) from None
    return tuple([task.result() for task in item_tasks])


def _first_error(group: BaseExceptionGroup[Unavailable]) -> Unavailable:
    first = group.exceptions[0]
    return first if isinstance(first, Unavailable) else _first_error(first)
