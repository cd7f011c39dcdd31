"""Sizes and times for people."""

from __future__ import annotations

from datetime import datetime


def size(bytes: int) -> str:
    """`1.4 MiB`."""
    amount, units = float(bytes), ["B", "KiB", "MiB", "GiB", "TiB", "PiB"]
    while amount >= 1023.95 and len(units) > 1:
        amount /= 1024
        units.pop(0)
    return f"{bytes} B" if units[0] == "B" else f"{amount:.1f} {units[0]}"


def when(time: datetime) -> str:
    """`2026-11-23 08:30`, where we are."""
    return time.astimezone().strftime("%Y-%m-%d %H:%M")


def name(text: str) -> str:
    """A name as a terminal may show it: what would move its cursor, or hide the rest, is replaced."""
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in text)
