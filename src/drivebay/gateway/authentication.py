"""Authentication of requests. The gateway verifies access tokens with public keys. The auth service verifies API
tokens.

A verified token is cached by its hash until it expires, because a signature check costs as much as the rest of a
small request. Keys are fetched once a minute, and when a token names an unknown key. While auth is down, the last
keys stay in use. A session that has ended is refused, see `revoked_sessions`.
"""

from __future__ import annotations

import asyncio
import hashlib
import math
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

import structlog

from ..contract.auth import Auth
from ..contract.auth.access_tokens import Verifier
from ..contract.auth.api_tokens import PREFIX as API_TOKEN_PREFIX
from ..contract.ids import UserId
from ..errors import Error, Unauthenticated, Unavailable
from ..hints import HintChannel
from .api_token_cache import ApiTokenCache
from .caller import Caller
from .revoked_sessions import RevokedSessions
from .settings import Settings

log = structlog.get_logger(__name__)

_KEYS_TTL: Final = timedelta(minutes=1)
_MIN_FETCH_INTERVAL: Final = timedelta(seconds=1)


class Authenticator:
    """Finds the caller of a request.

    `revoked_sessions.run()` keeps the list of ended sessions fresh, and `hints` tell it of sessions that end at other
    gateways. `max_cached_tokens` limits the cache. The token that was used least recently is evicted first.
    """

    def __init__(
        self,
        auth: Auth,
        settings: Settings,
        now: Callable[[], datetime],
        hints: HintChannel | None = None,
        max_cached_tokens: int = 10_000,
    ) -> None:
        self._max_cached_tokens = max_cached_tokens
        self._auth = auth
        self._settings = settings
        self._now = now
        self._hints = hints or HintChannel()
        self.revoked_sessions = RevokedSessions(auth, now)
        self._hints.listen_for_revocations(self.revoked_sessions.hint)
        self._api_tokens = ApiTokenCache(auth, now, max_cached_tokens)
        self._cached: dict[bytes, tuple[Caller, datetime]] = {}
        self._verifier: Verifier | None = None
        self._fetched_at: datetime | None = None
        self._last_failure: Error | None = None
        self._fetch_lock = asyncio.Lock()

    def asks_auth(self, authorization: str | None) -> bool:
        """Return whether `authenticate` needs a call to auth for the token of a header: an API token that is not
        cached."""
        token = _bearer_token(authorization)
        return token.startswith(API_TOKEN_PREFIX) and not self._api_tokens.has(_digest(token))

    async def authenticate(self, authorization: str | None) -> Caller:
        """Return the caller of an `Authorization` header.

        Raises Unauthenticated. Raises Unavailable while no key was fetched yet, or if auth cannot be reached and the
        gateway does not know whether the session has ended or the API token is valid.
        """
        token = _bearer_token(authorization)
        if not token:
            raise Unauthenticated("send Authorization: Bearer with an access token")
        digest = _digest(token)
        if token.startswith(API_TOKEN_PREFIX):
            claims = await self._api_tokens.verify(token, digest)
            return Caller(claims.user, scopes=frozenset(claims.scopes))
        caller = await self._authenticate_session(token, digest)
        if caller.session is not None:
            await self.revoked_sessions.check(caller.session)
        return caller

    async def check_session(self, authorization: str | None, caller: Caller) -> None:
        """Check the session of a caller whose request began with a valid token, which may have expired since.

        Raises Unauthenticated, Unavailable.
        """
        try:
            await self.authenticate(authorization)
        except Unauthenticated:
            # The list of ended sessions has only those whose access tokens are still valid, so ask auth.
            sessions = await self._auth.list_sessions(caller.user)
            if caller.session not in {session.id for session in sessions}:  # guard: expired-token-session
                raise

    async def refresh_revoked_sessions(self) -> None:
        """Fetch the sessions that have ended, and refuse them from now on. Other gateways get a hint to do so too.
        Without the hint, they do so within five seconds."""
        self._hints.publish_revocation()  # guard: revocation-published
        await self.revoked_sessions.refresh()

    def forget_api_tokens(self, user: UserId | None) -> None:
        """Drop the cached API tokens of a user, so that revoked ones are refused at once. None: those of all users.

        Call it only after a revocation: without the cache, every request needs a call to auth.
        """
        self._api_tokens.forget(user)

    async def _authenticate_session(self, token: str, digest: bytes) -> Caller:
        now = self._now()
        if (cached := self._cached.pop(digest, None)) is not None:
            caller, expires_at = cached
            if now < expires_at:  # guard: cached-token-expiry
                self._cached[digest] = cached  # now the most recent: a dict keeps insertion order
                return caller
        return await self._verify(token, digest, now)

    async def lifetime(self, authorization: str | None) -> float:
        """Return the number of seconds until the access token of a header expires. Raises the errors of `authenticate`.

        An API token returns infinity, also if it has an expiry time: only the next check finds that it has expired.
        """
        await self.authenticate(authorization)
        cached = self._cached.get(_digest(_bearer_token(authorization)))
        return math.inf if cached is None else (cached[1] - self._now()).total_seconds()

    async def _verify(self, token: str, digest: bytes, now: datetime) -> Caller:
        verifier = await self._current_verifier(now, _KEYS_TTL)
        if not verifier.knows(token):
            verifier = await self._current_verifier(now, _MIN_FETCH_INTERVAL)  # guard: key-fetch-interval
        claims = verifier.verify(token, now)
        if len(self._cached) >= self._max_cached_tokens:  # guard: token-cache-size
            del self._cached[next(iter(self._cached))]
        caller = Caller(claims.user, claims.session)
        self._cached[digest] = (caller, claims.expires_at)
        return caller

    async def _current_verifier(self, now: datetime, max_age: timedelta) -> Verifier:
        """Return a verifier whose keys are at most `max_age` old, or the last verifier if the keys cannot be fetched.

        Raises the error of the fetch if no key was ever fetched.
        """
        if self._verifier is not None and self._is_fresh(now, max_age):
            return self._verifier
        failure = self._last_failure
        async with self._fetch_lock:
            if self._verifier is not None and self._is_fresh(now, max_age):
                return self._verifier
            # If a fetch failed while this request waited for the lock, the request gets the error of that fetch.
            # Otherwise the waiting requests would fetch the keys one after another, each until the deadline of its
            # call.
            if self._last_failure is failure:
                await self._fetch_keys(now)
        if self._verifier is not None:
            return self._verifier
        raise self._last_failure or Unavailable("the keys of the auth service are not known yet; retry soon")

    async def _fetch_keys(self, now: datetime) -> None:
        try:
            keys = await self._auth.list_keys()
        except Error as error:
            log.warning("fetch_keys_failed", reason=error.detail)
            self._last_failure = error
        else:
            by_kid = {key.kid: key for key in keys}
            self._verifier = Verifier(by_kid, self._settings.issuer, self._settings.audience)
        self._fetched_at = now

    def _is_fresh(self, now: datetime, max_age: timedelta) -> bool:
        return self._fetched_at is not None and now - self._fetched_at < max_age


def _bearer_token(authorization: str | None) -> str:
    """Return the token of an `Authorization` header, or an empty text if it has none."""
    scheme, _, token = (authorization or "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""  # guard: single-authorization


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
