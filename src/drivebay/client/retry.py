"""How long and how often to try again: waits that grow, with jitter, until nothing has come of it for too long."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from .errors import ApiError, Error

PASSES: Final = (429, 502, 503, 504)
"""What Drivebay answers when the same request may work later."""
LONGEST_ASKED: Final = 60.0
"""Seconds that a server may make us wait by `Retry-After`."""


@dataclass(frozen=True)
class Patience:
    """`seconds` may pass without any success. Waits begin at about `first` seconds and grow to `longest`."""

    seconds: float = 60.0
    first: float = 0.2
    longest: float = 10.0
    chance: Callable[[], float] = random.random
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep


class Pauses:
    """The waits of one undertaking."""

    def __init__(self, patience: Patience) -> None:
        self._patience = patience
        self._since = patience.clock()
        self._count = 0

    def progress(self) -> None:
        """Something was achieved: patience and waits begin anew."""
        self._since = self._patience.clock()
        self._count = 0

    async def pause(self, error: Error) -> None:
        """Wait before the next attempt. Raises `error` when patience is at an end, or would be before the wait is."""
        own = self._patience
        wait = min(own.longest, own.first * 2**self._count) * (0.5 + own.chance())
        if isinstance(error, ApiError) and error.retry_after is not None:
            # With jitter too: a server that says the same to thousands must not get them back all at once.
            wait = max(wait, min(LONGEST_ASKED, error.retry_after) * (1 + own.chance() / 4))
        if own.clock() - self._since + wait > own.seconds:
            raise error
        self._count += 1
        await own.sleep(wait)
