"""Ctrl-C: the process exits with status 130, without a traceback, even while modules are being imported.

Python raises KeyboardInterrupt on Ctrl-C at any line. During an import this prints a traceback, and Typer exits with
status 1. Before a command runs there is nothing to clean up, so the process exits in the signal handler.

This module imports only built-in modules. `signal`, `typing` and `contextlib` take 25 ms to import, and Ctrl-C in this
time would print a traceback.
"""

import _signal  # type: ignore[import-not-found]
import os

INTERRUPTED_EXIT_STATUS = 130


def exit_on_interrupt() -> None:
    """Exit at once with status 130 on Ctrl-C, unless the process ignores SIGINT (`nohup`)."""
    if _signal.getsignal(_signal.SIGINT) is _signal.default_int_handler:
        _signal.signal(_signal.SIGINT, _exit)


class _RaisingOnInterrupt:
    """The context manager of `raise_on_interrupt`."""

    _is_active = False

    def __enter__(self) -> None:
        self._is_active = _signal.getsignal(_signal.SIGINT) is _exit
        if self._is_active:
            _signal.signal(_signal.SIGINT, _signal.default_int_handler)

    def __exit__(self, *_: object) -> None:
        if self._is_active:
            _signal.signal(_signal.SIGINT, _exit)


def raise_on_interrupt() -> _RaisingOnInterrupt:
    """Raise KeyboardInterrupt on Ctrl-C inside the block, so that a running command can clean up.

    The block changes nothing if `exit_on_interrupt` was not called.
    """
    return _RaisingOnInterrupt()


def _exit(number: int, frame: object) -> None:
    os._exit(INTERRUPTED_EXIT_STATUS)
