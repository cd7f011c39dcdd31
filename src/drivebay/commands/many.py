"""Many transfers at once, of which some may fail: the others go on, and the exit status tells."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Final, TypeVar

from .console import complain
from .exits import EXPECTED, Exit, Wrong, exit_of

T = TypeVar("T")

AT_ONCE: Final = 384
"""Files under way at once: small ones share requests. Their bodies share the drive's own, smaller number."""
LARGE_AT_ONCE: Final = 8
_AHEAD: Final = 1024


class Failures:
    """What went wrong so far: said at once, and summed up at the end."""

    def __init__(self, as_json: bool) -> None:
        self._as_json = as_json
        self._exits: list[Exit] = []

    def add(self, error: Exception, about: str = "") -> None:
        """`about` is said too, if the error does not name it by itself."""
        complain(error, self._as_json, about)
        self._exits.append(exit_of(error))

    def settle(self) -> None:
        """Raises Wrong if anything failed: with its exit status, or 1 for failures of several kinds."""
        if self._exits:
            exit = self._exits[0] if len(set(self._exits)) == 1 else Exit.FAILED
            # One has been said already, and needs no sum.
            raise Wrong(f"{len(self._exits)} failed" if len(self._exits) > 1 else "", exit)


class Turns:
    """Lets any number of small files by, of `small` bytes at most, and a few large ones at a time."""

    def __init__(self, small: int) -> None:
        self._small = small
        self._large = asyncio.Semaphore(LARGE_AT_ONCE)

    def of(self, size: int) -> AbstractAsyncContextManager[object]:
        return self._large if size > self._small else nullcontext()


async def each(
    items: AsyncIterator[T], work: Callable[[T], Awaitable[None]], failures: Failures, named: Callable[[T], str]
) -> None:
    """Do this with every item, some at once. What fails as users can expect goes to `failures`, by the item's name."""
    queue: asyncio.Queue[T | None] = asyncio.Queue(_AHEAD)

    async def feed() -> None:
        try:
            async for item in items:
                await queue.put(item)
        except EXPECTED as error:
            failures.add(error)
        for _ in range(AT_ONCE):
            await queue.put(None)

    async def worker() -> None:
        while (item := await queue.get()) is not None:
            try:
                await work(item)
            except EXPECTED as error:
                if isinstance(error, BrokenPipeError):
                    raise
                failures.add(error, named(item))

    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(feed())
            for _ in range(AT_ONCE):
                group.create_task(worker())
    except BaseExceptionGroup as found:
        raise found.exceptions[0] from None
