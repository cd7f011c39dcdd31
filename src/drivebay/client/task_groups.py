"""Runs concurrent tasks. The first failure is raised directly, not in an exception group."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any


async def run_all(*coroutines: Coroutine[Any, Any, None]) -> None:
    """Run all coroutines concurrently. The first failure cancels the others and is raised."""
    try:
        async with asyncio.TaskGroup() as group:
            for coroutine in coroutines:
                group.create_task(coroutine)
    except BaseExceptionGroup as failures:
        raise _first_error(failures) from None


async def run_cleanup(operation: Callable[[], Awaitable[object]], timeout: float) -> None:
    """Run an operation for at most `timeout` seconds, even if the caller is cancelled. Ignore its failure."""
    task = asyncio.ensure_future(operation())
    done, _ = await asyncio.wait([task], timeout=timeout)
    if task not in done:
        task.cancel()
    elif not task.cancelled():
        task.exception()  # marks the exception as retrieved


def _first_error(failures: BaseExceptionGroup[BaseException]) -> BaseException:
    error: BaseException = failures
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
