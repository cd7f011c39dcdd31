"""Progress on a terminal: what is under way, how fast, and how long it will take. Nothing anywhere else.

Rich is imported only where bars are drawn: it takes longer to start than a small transfer.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from drivebay.client import Progress

from . import table


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
    """Implements `Bars` with Rich: a line for all, and one for each file under way."""

    def __init__(self, rich: Any) -> None:
        self._rich = rich
        self._total = 0
        self._all = rich.add_task("all", total=0)

    def found(self, bytes: int) -> None:
        self._total += bytes
        self._rich.update(self._all, total=self._total)

    @contextmanager
    def of(self, name: str, size: int) -> Iterator[Progress | None]:
        task = self._rich.add_task(table.name(name)[-40:], total=size)
        before = 0

        def progress(done: int, total: int) -> None:
            nonlocal before
            self._rich.update(task, completed=done)
            self._rich.advance(self._all, done - before)
            before = done

        try:
            yield progress
        finally:
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
    with Progress(*columns, console=Console(stderr=True), transient=True) as rich:
        yield _Drawn(rich)
