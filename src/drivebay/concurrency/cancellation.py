"""Detects cancellations that a library has suppressed."""

from __future__ import annotations

import asyncio


def raise_pending_cancellation() -> None:
    """Raise CancelledError if the current task has been cancelled and still runs.

    Call it after each call of a library that may suppress a cancellation. The clients of NATS and SMTP call
    `asyncio.wait_for`, which in Python 3.11 suppresses a cancellation that comes with the result. A task is cancelled
    only once, so without this check such a task would never end. Our own code uses `asyncio.timeout` instead.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
