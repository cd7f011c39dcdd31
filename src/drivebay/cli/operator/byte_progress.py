"""The progress bar of an operator's command that copies bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from .command_runner import stderr

Advance = Callable[[int, int], None]
"""Called with the number of copied bytes and the total number of bytes."""


@contextmanager
def byte_progress(name: str) -> Iterator[Advance]:
    """Show a progress bar if standard error is a terminal. Yield the function that updates it."""
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=stderr, transient=True, disable=not stderr.is_terminal) as bars:
        bar = bars.add_task(name, total=None)

        def advance(done: int, total: int) -> None:
            bars.update(bar, completed=done, total=total)

        yield advance
