"""Cancellations that a library has swallowed."""

from __future__ import annotations

import asyncio


def raise_pending_cancellation() -> None:
    """Raise CancelledError if the current task has been cancelled and still runs.

    Call it after each call of a library that may swallow a cancellation, as the NATS client does while it flushes:
    it connects, subscribes and publishes on. Nobody cancels a task twice, so such a task would never end.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
