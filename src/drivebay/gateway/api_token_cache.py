"""API tokens that auth has verified, for a few seconds: a program sends many requests with the same token."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from ..contract.auth import ApiTokenClaims, Auth
from ..contract.ids import UserId
from ..errors import Unauthenticated

LIFETIME: Final = timedelta(seconds=4)
"""The time for which a result is used, from the start of the call. So a revoked token is refused within 5 s."""


class ApiTokenCache:
    """Verifies API tokens, and caches at most `maximum` tokens. The token that was verified first is evicted first."""

    def __init__(self, auth: Auth, now: Callable[[], datetime], maximum: int = 10_000) -> None:
        self._auth = auth
        self._now = now
        self._maximum = maximum
        self._cached: dict[bytes, tuple[ApiTokenClaims, datetime]] = {}

    def __len__(self) -> int:
        """Return the number of cached tokens."""
        return len(self._cached)

    def has(self, digest: bytes) -> bool:
        """Return whether `verify` returns the claims of a token without a call."""
        return self._find(digest, self._now()) is not None

    async def verify(self, secret: str, digest: bytes) -> ApiTokenClaims:
        """Return the claims of a token whose hash is `digest`. Raises Unauthenticated, and Unavailable without auth."""
        now = self._now()
        if (cached := self._find(digest, now)) is not None:
            return cached
        self._cached.pop(digest, None)
        try:
            claims = await self._auth.verify_api_token(secret)
        except Unauthenticated:
            self._cached.pop(digest, None)
            raise
        if len(self._cached) >= self._maximum:  # guard: api-token-cache-size
            del self._cached[next(iter(self._cached))]
        self._cached[digest] = (claims, now)
        return claims

    def _find(self, digest: bytes, now: datetime) -> ApiTokenClaims | None:
        if (cached := self._cached.get(digest)) is None:
            return None
        claims, verified_at = cached
        is_expired = claims.expires_at is not None and claims.expires_at <= now
        is_fresh = timedelta() <= now - verified_at < LIFETIME and not is_expired  # guard: api-token-cache-age
        return claims if is_fresh else None

    def forget(self, user: UserId | None) -> None:
        """Forget the tokens of a user, or of all, so that a token that was revoked here is refused at once."""
        # guard: api-token-cache-user
        remaining = (
            {} if user is None else {key: cached for key, cached in self._cached.items() if cached[0].user != user}
        )
        self._cached = remaining
