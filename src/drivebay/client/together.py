"""Several things at once, where the first failure is the failure of all, plainly and not in a group."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def plain_errors() -> Iterator[None]:
    """Around a TaskGroup: the first thing that went wrong in it is raised by itself."""
    try:
        yield
    except BaseExceptionGroup as group:
        first: BaseException = group
        while isinstance(first, BaseExceptionGroup):
            first = first.exceptions[0]
        raise first from None


async def all_of(*work: Coroutine[Any, Any, None]) -> None:
    """Do all of this at once; the first failure ends the others and is raised."""
    with plain_errors():
        async with asyncio.TaskGroup() as group:
            for each in work:
                group.create_task(each)


async def at_last(work: Callable[[], Awaitable[object]], seconds: float) -> None:
    """Clean up within so many seconds, whatever happens to us, as well as it goes: failures are nobody's any more."""
    task = asyncio.ensure_future(work())
    done, _ = await asyncio.wait([task], timeout=seconds)
    if task in done:
        if not task.cancelled():
            task.exception()  # seen
    else:
        task.cancel()
