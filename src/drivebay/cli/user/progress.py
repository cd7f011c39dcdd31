"""Progress bars on a terminal. Prints nothing if standard error is not a terminal.

Rich is imported only if bars are drawn: the import takes longer than a small transfer.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Annotated, Any, Final, Protocol, TypeAlias

import typer

from drivebay.client import Progress

from .formatting import printable

QuietOption: TypeAlias = Annotated[bool, typer.Option("-q", "--quiet", help="Show no progress.")]
_MIN_FILE_SIZE_FOR_BAR: Final = 2**20
"""The size in bytes from which a file has a bar of its own. Hundreds of smaller files may be in progress at the same
time."""
_MAX_NAME_LENGTH: Final = 40
"""The maximum number of characters of a name at a bar. The beginning of a longer name is left out."""
_SHOW_CURSOR: Final = b"\r\x1b[K\x1b[?25h"
"""Deletes the line of the progress display and shows the cursor again."""


class ProgressDisplay(Protocol):
    """Shows the progress of all files together and of each large file."""

    def add_to_total(self, count: int) -> None:
        """Increase the number of bytes to transfer."""
        ...

    @contextmanager
    def track(self, name: str, size: int) -> Iterator[Progress | None]:
        """Show one file inside the block. Yields the callback for its progress, or None if nothing is shown."""
        ...


class NoDisplay:
    """A `ProgressDisplay` that shows nothing."""

    def add_to_total(self, count: int) -> None:
        pass

    @contextmanager
    def track(self, name: str, size: int) -> Iterator[Progress | None]:
        yield None


class _RichDisplay:
    """A `ProgressDisplay` with Rich: one bar for the total, and one for each large file in progress."""

    def __init__(self, progress_bars: Any) -> None:
        self._bars = progress_bars
        self._total_bytes = 0
        self._total_bar = progress_bars.add_task("total", total=0)

    def add_to_total(self, count: int) -> None:
        self._total_bytes += count
        self._bars.update(self._total_bar, total=self._total_bytes)

    @contextmanager
    def track(self, name: str, size: int) -> Iterator[Progress | None]:
        label = printable(name)[-_MAX_NAME_LENGTH:]
        bar = self._bars.add_task(label, total=size) if size > _MIN_FILE_SIZE_FOR_BAR else None
        reported = 0

        def on_progress(done: int, total: int) -> None:
            nonlocal reported
            if bar is not None:
                self._bars.update(bar, completed=done)
            self._bars.advance(self._total_bar, done - reported)
            reported = done

        try:
            yield on_progress
            # Count the bytes that the target already had as done, although they were not transferred.
            self._bars.advance(self._total_bar, max(0, size - reported))
        finally:
            if bar is not None:
                self._bars.remove_task(bar)


@contextmanager
def progress_display(enabled: bool) -> Iterator[ProgressDisplay]:
    """Yield progress bars on standard error.

    If standard error is not a terminal, or `enabled` is False, yield a display that shows nothing.
    """
    if not enabled or not sys.stderr.isatty():
        yield NoDisplay()
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn, TransferSpeedColumn
    from rich.progress import Progress as RichProgress

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(binary_units=True),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    # If stdout is also a terminal, Rich prints stdout above the bars. If stdout goes to a file or a pipe, Rich must not
    # change it.
    redirect = sys.stdout.isatty()
    bars = RichProgress(*columns, console=Console(stderr=True), transient=True, redirect_stdout=redirect)
    with _cursor_shown_after_sigterm(), bars:
        yield _RichDisplay(bars)


@contextmanager
def _cursor_shown_after_sigterm() -> Iterator[None]:
    """Show the cursor again if SIGTERM or SIGHUP ends the process inside the block. Rich hides it while it draws."""
    terminal = sys.stderr.fileno()

    def end(number: int, frame: object) -> None:
        # Write to the descriptor directly, because Rich or Python's own stream may hold a lock when the signal arrives.
        with suppress(OSError):
            os.write(terminal, _SHOW_CURSOR)
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)

    # Do not change a signal that the process ignores (`nohup`).
    handled = [number for number in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(number) is signal.SIG_DFL]
    for number in handled:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number in handled:
            signal.signal(number, signal.SIG_DFL)
