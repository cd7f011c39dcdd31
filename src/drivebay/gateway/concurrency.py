"""Concurrency limits: how many requests run at once. The others are rejected.

A request that cannot be completed in time is rejected before any work is done for it. The limit adapts: while most
responses are slow, something behind the gateway has a queue, so fewer requests are admitted until the queue is gone.
"""

from __future__ import annotations

from typing import Final

from prometheus_client import Counter, Gauge

# The names of the limiters.
DEFAULT_LIMITER: Final = "work"
HASHING: Final = "hashing"  # guard: login-concurrency-limit
"""The limiter of logins. Each login needs a CPU core for its password hash."""
STREAMS: Final = "streams"
"""The limiter of the requests of tus. They take long and hold up to two parts of a file in memory."""
WAITS: Final = "waits"
"""The limiter of the requests that wait for changes."""
UNLIMITED: Final = "open"
"""No limiter: requests such as health checks are never rejected."""

MIN_LIMIT: Final = 32
"""The lowest limit of an adaptive limiter. 32 requests keep a CPU busy, but are too few for a long
queue."""
SLOW_RESPONSE: Final = 0.1
"""The number of seconds above which a response counts as slow."""
_ADJUST_INTERVAL: Final = 0.25
"""Seconds between two adjustments of the limit."""
MAX_REJECTIONS_PER_SECOND: Final = 2000
"""Rejections above this rate are delayed. Without a delay they would keep a CPU core busy."""
MAX_REJECTION_DELAY: Final = 0.5
"""The maximum number of seconds for which a rejection is delayed."""
_REJECTION_BURST_SECONDS: Final = 0.2
"""After a pause without rejections, the rejections that the maximum rate allows in this number of seconds are sent
without a delay."""

# The label is called `room` because dashboards and alerts use it.
_RUNNING: Final = Gauge(
    "drivebay_http_requests_inside", "Requests that run now, by limiter", ["room"], multiprocess_mode="livesum"
)
_LIMIT: Final = Gauge(
    "drivebay_http_requests_limit",
    "How many requests may run at the moment, by limiter",
    ["room"],
    multiprocess_mode="livesum",
)
_REJECTED: Final = Counter("drivebay_http_requests_shed_total", "Requests rejected by a full limiter", ["room"])


class ConcurrencyLimiter:
    """Bounds the requests that run at once.

    `maximum` is the highest limit. An `adaptive` limiter lowers its limit while responses are slow. Each successful
    `acquire` needs one `release`. All times are seconds of one monotonic clock.
    """

    __slots__ = (
        "_adaptive",
        "_adjusted_at",
        "_maximum",
        "_minimum",
        "_rejected_counter",
        "_rejections_booked_until",
        "_slow_balance",
        "limit",
        "rejected",
        "running",
    )

    def __init__(self, name: str, maximum: int, *, adaptive: bool = False) -> None:
        self.running = 0
        self.limit = maximum
        self.rejected = 0
        self._maximum = maximum
        self._minimum = min(MIN_LIMIT, maximum)
        self._adaptive = adaptive
        self._slow_balance = 0  # slow responses minus fast responses since the last adjustment
        self._adjusted_at = 0.0
        # Delayed rejections are sent in slots of equal length. This is the end of the last booked slot.
        self._rejections_booked_until = 0.0
        self._rejected_counter = _REJECTED.labels(name)
        # Read the value at each scrape. Setting a gauge with each request would cost more than the limiter itself.
        _RUNNING.labels(name).set_function(lambda: self.running)
        _LIMIT.labels(name).set_function(lambda: self.limit)

    def acquire(self) -> bool:
        """Admit one request. Return False if the limit is reached."""
        if self.running >= self.limit:  # guard: concurrency-limit
            self.rejected += 1
            self._rejected_counter.inc()
            return False
        self.running += 1
        return True

    def release(self, working_since: float, now: float) -> None:
        """End an admitted request. `working_since` is the time at which it last stopped waiting for its client."""
        self.running -= 1
        self._slow_balance += 1 if now - working_since > SLOW_RESPONSE else -1
        if self._adaptive and now - self._adjusted_at >= _ADJUST_INTERVAL:
            self._adjust(now)

    def pause(self) -> None:
        """Stop counting an admitted request while it waits for its client, who may be slow on purpose."""
        self.running -= 1

    def resume(self) -> None:
        """Count a paused request again, even if the limit is reached: an admitted request stays admitted."""
        self.running += 1

    def rejection_delay(self, now: float) -> float:
        """Book a slot for this rejection and return how many seconds to wait before sending it.

        Clients that retry at once would otherwise use all CPU time with rejections. A waiting client costs nothing.
        After a time without rejections, the first 400 are not delayed (0.2 seconds at 2,000 rejections a second).
        """
        self._rejections_booked_until = max(self._rejections_booked_until, now) + 1 / MAX_REJECTIONS_PER_SECOND
        delay = self._rejections_booked_until - now - _REJECTION_BURST_SECONDS  # guard: rejection-delay
        if delay > MAX_REJECTION_DELAY:
            self._rejections_booked_until = now + _REJECTION_BURST_SECONDS + MAX_REJECTION_DELAY
            return MAX_REJECTION_DELAY
        return max(0.0, delay)

    def _adjust(self, now: float) -> None:
        # One slow response proves nothing, so compare the numbers of slow and fast responses. If few requests run, slow
        # responses have another cause, so the limit is not lowered.
        if self._slow_balance > 0 and self.running >= self._minimum // 2:
            self.limit = max(self._minimum, self.limit * 3 // 4)
        else:
            self.limit = min(self._maximum, self.limit + max(1, self.limit // 16))
        self._slow_balance = 0
        self._adjusted_at = now


def create_limiters(max_requests: int) -> dict[str, ConcurrencyLimiter]:
    """Return the limiters of one gateway by name, except `WAITS`, which belongs to the requests that wait for changes.

    Only the `work` limiter adapts. Logins wait for a CPU core, and streams for their clients, so slow responses do not
    indicate overload.
    """
    return {
        DEFAULT_LIMITER: ConcurrencyLimiter(DEFAULT_LIMITER, max_requests, adaptive=True),
        HASHING: ConcurrencyLimiter(HASHING, max_requests),
        STREAMS: ConcurrencyLimiter(STREAMS, max(1, max_requests // 4)),
        UNLIMITED: ConcurrencyLimiter(UNLIMITED, 2**31),
    }
