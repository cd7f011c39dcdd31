"""Waits for a job: shows a progress bar on a terminal, and after Ctrl-C the command to wait again."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from drivebay.client import AsyncDrive, File, Job

from .console import print_note


async def wait_with_progress(drive: AsyncDrive, job: Job, as_json: bool) -> File:
    """Wait for a job and return the copy. Raises the errors of `wait_for_job`."""
    try:
        with _progress_bar(as_json) as show:
            show(job)
            return await drive.wait_for_job(job, show)
    except asyncio.CancelledError:
        next_steps = (
            f"wait for it with `drivebay jobs wait {job.id}`, or cancel it with `drivebay jobs cancel {job.id}`"
        )
        print_note(f"the copy continues without this command: {next_steps}", as_json)
        raise


@contextmanager
def _progress_bar(as_json: bool) -> Iterator[Callable[[Job], None]]:
    """Yield a function that shows the state of a job: as a bar on a terminal, otherwise as one line.

    With JSON, the function prints nothing.
    """
    if as_json or not sys.stderr.isatty():
        is_shown = False

        def note(job: Job) -> None:
            nonlocal is_shown
            if not is_shown and not as_json:
                print_note(f"the job {job.id} makes the copy")
            is_shown = True

        yield note
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("files and folders"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True, redirect_stdout=False) as bars:
        bar = bars.add_task("copy", total=None)
        yield lambda job: bars.update(bar, completed=job.done, total=job.total)
