"""The minimum rate of a body. Without it, a client could keep a request open by sending one byte now and then."""

from __future__ import annotations

from typing import Final

MIN_BYTES_PER_SECOND: Final = 1024


class BodyRate:
    """Measures how fast a client sends or accepts a body, window by window.

    `window` is in seconds, `minimum` in bytes per second. Only the time in which the gateway waits for the client
    counts, so a slow store does not make a body too slow.
    """

    __slots__ = ("_bytes", "_minimum", "_waited", "_window", "is_too_slow")

    def __init__(self, window: float, minimum: int = MIN_BYTES_PER_SECOND) -> None:
        self._window = window
        self._minimum = minimum
        self._waited = 0.0
        self._bytes = 0
        self.is_too_slow = False

    def add(self, waited: float, count: int) -> None:
        """Count the bytes of one read or one block, and the seconds that the gateway waited for the client."""
        self._waited += waited
        self._bytes += count
        if self._waited >= self._window:
            self.is_too_slow = self._bytes < self._minimum * self._waited
            self._waited, self._bytes = 0.0, 0
