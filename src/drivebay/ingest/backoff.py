"""Exponential backoff: the pause before a retry."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

_MAX_DOUBLINGS: Final = 20


def exponential_backoff(first: timedelta, maximum: timedelta, attempt: int) -> timedelta:
    """Return the pause after failed attempt number `attempt`, where 0 is the first attempt.

    The pause is `first` and doubles with each attempt, up to `maximum`.
    """
    # The bound avoids huge numbers after many attempts. Twenty doublings exceed any useful maximum.
    return min(first * (1 << min(attempt, _MAX_DOUBLINGS)), maximum)
