"""Named places in the code where a test kills the process, to simulate a power failure.

A crash point is between two steps. The system must recover if the process ends after the first and before the second.
A crash point that is not armed takes about fifty nanoseconds. It is called once for each batch, not once for each row.
`tests/soak/test_crash_points.py` tests every crash point.
"""

from __future__ import annotations

import os
import signal

_armed: list[str] = []


def arm(name: str) -> None:
    """Kill this process when it first reaches the crash point `name`. Only tests call this."""
    _armed[:] = [name]


def crash_point(name: str) -> None:
    """Kill the process if a test armed this crash point, else do nothing."""
    if _armed and name in _armed:
        os.kill(os.getpid(), signal.SIGKILL)
