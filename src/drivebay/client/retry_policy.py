"""The retry policy of the SDK: the errors after which a request is repeated, the time limit and the delays.

Requests to the API and to the object store use the same policy. Delays grow exponentially and have jitter. After an
error of the API, a delay is at least `Retry-After`. The time limit starts again when a transfer makes progress.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from .errors import ApiError, Error, NetworkError, StoreError

MAX_RETRY_AFTER: Final = 60.0
"""The maximum of `Retry-After` in seconds. A longer time is cut to this value."""
_API_STATUSES: Final = (429, 502, 503, 504)
"""The statuses of Drivebay after which a request is sent again."""
_STORE_STATUSES: Final = (408, 429)
"""The statuses of the store after which a request is sent again, in addition to every 5xx."""


@dataclass(frozen=True)
class RetryPolicy:
    """The duration and the frequency of retries of a failed request.

    The SDK gives up when `timeout` seconds pass without progress. Delays start at `first_delay` seconds and double up
    to `max_delay`. Then each delay is multiplied by a random factor from 0.5 to 1.5. `random` returns numbers from 0
    to 1 for the jitter. `clock` and `sleep` count seconds. `on_wait` is called before each delay, with the error and
    the seconds since the last progress.
    """

    timeout: float = 60.0
    first_delay: float = 0.2
    max_delay: float = 10.0
    random: Callable[[], float] = random.random
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    on_wait: Callable[[Error, float], None] | None = None


class Retries:
    """The retries of one operation under a policy."""

    def __init__(self, policy: RetryPolicy) -> None:
        self._policy = policy
        self._last_progress = policy.clock()
        self._attempts = 0

    def record_progress(self) -> None:
        """Start the time limit and the delays again."""
        self._last_progress = self._policy.clock()
        self._attempts = 0

    async def wait(self, error: Error) -> None:
        """Wait before the next attempt. Raise `error` if it is permanent, or if the time limit would pass during the
        wait."""
        if not is_temporary(error):
            raise error
        policy = self._policy
        delay = min(policy.max_delay, policy.first_delay * 2**self._attempts) * (0.5 + policy.random())
        if isinstance(error, ApiError) and error.retry_after is not None:
            # Add jitter to `Retry-After` too: if a server sends the same value to all clients, they must not all return
            # at the same time.
            delay = max(delay, min(MAX_RETRY_AFTER, error.retry_after) * (1 + policy.random() / 4))
        if policy.clock() - self._last_progress + delay > policy.timeout:
            raise error
        self._attempts += 1
        if policy.on_wait is not None:
            policy.on_wait(error, policy.clock() - self._last_progress)
        await policy.sleep(delay)


def is_temporary(error: Error) -> bool:
    """Return whether the same request may succeed later."""
    if isinstance(error, ApiError):
        # in_progress: an earlier request with the same Idempotency-Key is still running.
        return error.status in _API_STATUSES or error.code == "in_progress"
    if isinstance(error, StoreError):
        return error.status >= 500 or error.status in _STORE_STATUSES
    return isinstance(error, NetworkError)
