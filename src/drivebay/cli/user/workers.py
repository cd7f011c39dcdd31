"""Transfers many files at the same time. A file that fails does not stop the others."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Final, TypeVar

from .console import OutputError, print_error, print_note
from .exit_codes import EXPECTED_ERRORS, CommandError, ExitCode, exit_code_of

T = TypeVar("T")

MAX_FILES: Final = 384
"""The maximum number of files in progress at the same time. It is high, because up to 100 small files share a request.

The SDK has its own limit for the bodies that are sent or fetched at once.
"""
MAX_LARGE_FILES: Final = 8
"""The maximum number of large files in progress at the same time, see `LargeFileLimit`."""
_QUEUE_SIZE: Final = 1024
"""The maximum number of items that wait for a worker."""


class Failures:
    """Prints each failure and each skipped file when it happens, and collects the exit codes of the failures."""

    def __init__(self, as_json: bool) -> None:
        self._as_json = as_json
        self._exit_codes: list[ExitCode] = []

    def add(self, error: Exception, subject: str = "") -> None:
        """Print and count a failure. `subject` is the name of the file, for errors that do not contain it."""
        print_error(error, self._as_json, subject)
        self._exit_codes.append(exit_code_of(error))

    def skip(self, path: object, reason: str) -> None:
        """Print that a file is left out. This does not count as a failure."""
        print_note(f"skipped {path}: {reason}", self._as_json)

    @property
    def any(self) -> bool:
        """Whether anything failed."""
        return bool(self._exit_codes)

    def raise_if_any(self) -> None:
        """Raise CommandError if anything failed. If the failures have different exit codes, its exit code is FAILED."""
        if self._exit_codes:
            exit_code = self._exit_codes[0] if len(set(self._exit_codes)) == 1 else ExitCode.FAILED
            # A single failure needs no summary: it is printed already.
            raise CommandError(f"{len(self._exit_codes)} failed" if len(self._exit_codes) > 1 else "", exit_code)


class LargeFileLimit:
    """Limits how many large files are in progress. Files of up to `small_size` bytes are not limited."""

    def __init__(self, small_size: int) -> None:
        self._small_size = small_size
        self._large = asyncio.Semaphore(MAX_LARGE_FILES)

    def acquire(self, size: int) -> AbstractAsyncContextManager[object]:
        """Return a context for the transfer of a file of `size` bytes. For a large file, entering it may wait."""
        return self._large if size > self._small_size else nullcontext()


async def run_workers(
    items: AsyncIterator[T], work: Callable[[T], Awaitable[None]], failures: Failures, name_of: Callable[[T], str]
) -> None:
    """Call `work` for every item, for up to `MAX_FILES` items at the same time.

    Expected errors are added to `failures` with the item's name, and the other items continue. Unexpected errors and
    errors of standard output (BrokenPipeError, OutputError) stop everything and are raised.
    """
    queue: asyncio.Queue[T | None] = asyncio.Queue(_QUEUE_SIZE)

    async def fill_queue() -> None:
        try:
            async for item in items:
                await queue.put(item)
        except EXPECTED_ERRORS as error:
            failures.add(error)
        for _ in range(MAX_FILES):
            await queue.put(None)

    async def worker() -> None:
        while (item := await queue.get()) is not None:
            try:
                await work(item)
            except EXPECTED_ERRORS as error:
                if isinstance(error, BrokenPipeError | OutputError):
                    raise
                failures.add(error, name_of(item))

    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(fill_queue())
            for _ in range(MAX_FILES):
                group.create_task(worker())
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None
