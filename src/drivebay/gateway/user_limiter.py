"""Limits how many requests one user, or one network without a login, may run at once.

Without this limit, one user could use up a concurrency limiter. Responses show clients their limit in the headers of
draft-ietf-httpapi-ratelimit-headers-10.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Final

from prometheus_client import Counter

from .concurrency import DEFAULT_LIMITER, HASHING, STREAMS

_REJECTED: Final = Counter(
    "drivebay_http_requests_over_user_limit_total",
    "Requests rejected because one client has too many at once",
    ["limit"],
)


class UserLimiter:
    """Bounds how many requests each client runs at once. Each successful `acquire` needs one `release`."""

    __slots__ = ("_maximum", "_name", "_rejected", "_running", "policy")

    def __init__(self, name: str, maximum: int) -> None:
        self.policy = f'"{name}";q={maximum};qu="concurrent-requests"'
        """The header `RateLimit-Policy`."""
        self._name = name
        self._maximum = maximum
        self._running: dict[Hashable, int] = {}
        self._rejected = _REJECTED.labels(name)

    def state(self, client: Hashable) -> str:
        """Return the value of the header `RateLimit`: how many more requests the client may start now."""
        return f'"{self._name}";r={max(0, self._maximum - self._running.get(client, 0))}'

    def acquire(self, client: Hashable) -> bool:
        """Admit one request. Return False if the client has reached its limit."""
        running = self._running.get(client, 0)
        if running >= self._maximum:  # guard: user-limit
            self._rejected.inc()
            return False
        self._running[client] = running + 1
        return True

    def pause(self, client: Hashable) -> None:
        """Stop counting an admitted request while it waits."""
        self.release(client)

    def resume(self, client: Hashable) -> None:
        """Count a paused request again, even if the client has reached its limit."""
        self._running[client] = self._running.get(client, 0) + 1

    def release(self, client: Hashable) -> None:
        """End an admitted request."""
        running = self._running[client] - 1
        if running:
            self._running[client] = running
        else:
            del self._running[client]  # only clients with running requests take memory


def create_user_limiters(user_requests: int, user_streams: int) -> dict[str, UserLimiter]:
    """Return the user limiters. The key is the name of the concurrency limiter whose requests they bound."""
    requests = UserLimiter("requests", user_requests)
    return {DEFAULT_LIMITER: requests, HASHING: requests, STREAMS: UserLimiter("streams", user_streams)}
