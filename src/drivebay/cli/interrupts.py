"""Ctrl-C: the process exits with status 130, without a traceback, even while modules are being imported.

Python raises KeyboardInterrupt on Ctrl-C at any line. During an import this prints a traceback, and Typer exits with
status 1. Before a command runs there is nothing to clean up, so the process exits in the signal handler.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

INTERRUPTED_EXIT_STATUS: Final = 130


def exit_on_interrupt() -> None:
    """Exit at once with status 130 on Ctrl-C, unless the process ignores SIGINT (`nohup`)."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _exit)


@contextmanager
def raise_on_interrupt() -> Iterator[None]:
    """Raise KeyboardInterrupt on Ctrl-C inside the block, so that a running command can clean up.

    The function does nothing if `exit_on_interrupt` was not called.
    """
    if signal.getsignal(signal.SIGINT) is not _exit:
        yield
        return
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, _exit)


def _exit(number: int, frame: object) -> None:
    os._exit(INTERRUPTED_EXIT_STATUS)
