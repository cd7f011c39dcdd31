"""Named points in the middle of things, where a test may end the process as a power cut would.

Each stands between two steps that must not depend on each other's being done. Outside of such a test a
point compares one string, some fifty nanoseconds; there is one to a batch, never one to a row. That every
point is reached, and that everything converges after it, is `tests/e2e/test_crash_points.py`.
"""

from __future__ import annotations

import os
import signal

_armed: list[str] = []


def arm(name: str) -> None:
    """End this process when it first comes to the point `name`. Called by tests alone."""
    _armed[:] = [name]


def crash_point(name: str) -> None:
    """Nothing, unless a test has armed just this point."""
    if _armed and name in _armed:
        os.kill(os.getpid(), signal.SIGKILL)
