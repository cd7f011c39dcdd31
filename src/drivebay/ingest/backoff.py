"""Exponential backoff: the pause before a retry."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

_MAX_DOUBLINGS: Final = 20


def exponential_backoff(first: timedelta, maximum: timedelta, attempt: int) -> timedelta:
    """Return the pause after the failed attempt with the number `attempt`. The first attempt has the number 0.

    The pause after the first attempt is `first`. It doubles with each attempt, up to `maximum`.
    """
    # The bound avoids huge numbers after many attempts. Twenty doublings exceed any useful maximum.
    return min(first * (1 << min(attempt, _MAX_DOUBLINGS)), maximum)
