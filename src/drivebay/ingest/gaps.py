"""How long to wait before trying again."""

from __future__ import annotations

from datetime import timedelta


def growing(first: timedelta, longest: timedelta, attempt: int) -> timedelta:
    """The pause after failure number `attempt` (0 is the first one): doubled each time, up to `longest`."""
    # Twenty doublings are beyond any `longest`; the number itself must not grow without end.
    return min(first * (1 << min(attempt, 20)), longest)
