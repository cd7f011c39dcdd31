"""Detects cancellations that a library has suppressed."""

from __future__ import annotations

import asyncio


def raise_pending_cancellation() -> None:
    """Raise CancelledError if the current task has been cancelled and still runs.

    Call it after each call of a library that may suppress a cancellation, as the NATS client does. A task is cancelled
    only once, so without this check such a task would never end.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
