"""Sizes, times and names as text for people."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from typing import Final

_UNITS: Final = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")
_ROUNDS_UP: Final = 1023.95
"""From this number on, rounding to one decimal place would give `1024.0` instead of `1.0` of the next unit."""


def format_size(bytes: int) -> str:
    """Return a size such as `1.4 MiB`."""
    amount, unit = float(bytes), 0
    while amount >= _ROUNDS_UP and unit < len(_UNITS) - 1:
        amount /= 1024
        unit += 1
    return f"{bytes} B" if unit == 0 else f"{amount:.1f} {_UNITS[unit]}"


def format_time(time: datetime) -> str:
    """Return a time such as `2026-11-23 08:30`, in the local time zone."""
    with suppress(OverflowError, ValueError):  # the local year would be 0 or 10000: keep the time zone
        time = time.astimezone()
    return time.strftime("%Y-%m-%d %H:%M")


def printable(text: str) -> str:
    """Replace control characters of a text, because on a terminal they could move the cursor or hide text."""
    return "".join(character if character.isprintable() else "\ufffd" for character in text)
