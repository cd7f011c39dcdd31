"""Progress on a terminal: what is under way, how fast, and how long it will take. Nothing anywhere else.

Rich is imported only where bars are drawn: it takes longer to start than a small transfer.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, Protocol

from drivebay.client import Progress

from . import table

_SMALL: Final = 2**20
"""Bytes up to which a file has no line of its own. Of larger ones `put` and `get` have few under way."""


class Bars(Protocol):
    def found(self, bytes: int) -> None:
        """So much more is to be transferred."""
        ...

    @contextmanager
    def of(self, name: str, size: int) -> Iterator[Progress | None]:
        """While one file is under way: what is to be called with its progress."""
        ...


class Silent:
    """Implements `Bars` where nobody looks."""

    def found(self, bytes: int) -> None:
        pass

    @contextmanager
    def of(self, name: str, size: int) -> Iterator[Progress | None]:
        yield None


class _Drawn:
    """Implements `Bars` with Rich: a line for all, and one for each large file under way.

    Of small files hundreds are under way at once, for a moment each: more lines than a terminal has.
    """

    def __init__(self, rich: Any) -> None:
        self._rich = rich
        self._total = 0
        self._all = rich.add_task("all", total=0)

    def found(self, bytes: int) -> None:
        self._total += bytes
        self._rich.update(self._all, total=self._total)

    @contextmanager
    def of(self, name: str, size: int) -> Iterator[Progress | None]:
        task = self._rich.add_task(table.name(name)[-40:], total=size) if size > _SMALL else None
        before = 0

        def progress(done: int, total: int) -> None:
            nonlocal before
            if task is not None:
                self._rich.update(task, completed=done)
            self._rich.advance(self._all, done - before)
            before = done

        try:
            yield progress
            # What was there already has not been sent, and is done all the same.
            self._rich.advance(self._all, max(0, size - before))
        finally:
            if task is not None:
                self._rich.remove_task(task)


@contextmanager
def shown(wanted: bool) -> Iterator[Bars]:
    """Bars on standard error if that is a terminal and they are wanted."""
    if not wanted or not sys.stderr.isatty():
        yield Silent()
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(binary_units=True),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    # Answers on the terminal are to stand above the bars, so they go by Rich: it would send those for a file there too.
    drawn = Progress(*columns, console=Console(stderr=True), transient=True, redirect_stdout=sys.stdout.isatty())
    with drawn as rich:
        yield _Drawn(rich)
