"""Sessions: start, refresh, logout, and ending them.

A session is a chain of refresh tokens. Each refresh replaces the newest token with its successor. If a replaced token
is used after the repeat window, it was probably stolen, so the session ends.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final
from uuid import UUID

import structlog
from prometheus_client import Counter

from ..contract.auth import Actor, RevocationPosition, RevokedSessions, Session, Tokens
from ..contract.ids import SessionId, UserId
from ..errors import InvalidRequest, NotFound, TokenReused, Unauthenticated
from .opaque_token import OpaqueToken
from .rate_limiter import RateLimiter
from .settings import REVOCATION_MARGIN, Settings
from .store import Store
from .stored_rows import NewSession, RefreshTokenRow
from .token_issuer import TokenIssuer
from .utc_times import to_utc

log = structlog.get_logger(__name__)

MAX_SESSIONS: Final = 100
"""The maximum number of sessions of one account that have not ended."""
MAX_REVOKED_PAGE: Final = 10_000
"""The maximum number of ended sessions in one page of `list_revoked_sessions`."""
_MAX_LISTED: Final = 1000
"""The maximum number of sessions in the list of an account."""
# The maximum numbers of characters. Longer texts are cut.
_MAX_USER_AGENT: Final = 256
_MAX_ADDRESS: Final = 64

_refreshes = Counter("drivebay_auth_refreshes_total", "Refreshes by outcome", ["outcome"])


class Sessions:
    """The session methods of `contract.auth.Auth`."""

    def __init__(
        self,
        store: Store,
        settings: Settings,
        issuer: TokenIssuer,
        limiter: RateLimiter,
        new_id: Callable[[], UUID],
    ) -> None:
        self._store = store
        self._limiter = limiter
        self._settings = settings
        self._issuer = issuer
        self._new_id = new_id

    async def start(self, store: Store, client: Actor, user: UserId, password_version: int) -> Tokens | None:
        """Start a session in the transaction of `store`.

        Return None if the password has another version now, or if the account cannot log in any more.
        """
        token = self._issuer.new_refresh_token()
        session = NewSession(
            id=SessionId(self._new_id()),
            user=user,
            token_digest=token.digest,
            password_version=password_version,
            user_agent=_printable(client.user_agent, _MAX_USER_AGENT),
            address=_printable(client.address, _MAX_ADDRESS),
        )
        if not await store.insert_session(session, self._settings.refresh_token_ttl):
            return None
        # The account is locked until the login is committed, so concurrent logins cannot exceed the limit.
        await store.end_excess_sessions(user, session.id, MAX_SESSIONS - 1)  # guard: session-count
        log.info("logged_in", user=str(user), session=str(session.id))
        return self._issuer.issue(user, session.id, token)

    async def refresh(self, refresh_token: str) -> Tokens:
        token = OpaqueToken.parse(refresh_token)
        if token is None:
            raise Unauthenticated("the refresh token is not valid")
        async with self._store.transaction() as store:
            row = await store.lock_refresh_token(token.digest, self._settings.refresh_repeat_window)
            successor = None
            # guard: refresh-ended-account
            if row is not None and row.account_end is not None and row.end_reason is None:
                await store.end_session(row.session, row.account_end)
            elif row is not None:
                successor = await self._replace(store, token, row)
        if row is None:
            _refreshes.labels("unknown").inc()
            raise Unauthenticated("the refresh token is not valid")
        # Raise after the commit. An error inside the transaction would roll back the end of the session.
        if row.account_end is not None and row.end_reason is None:
            raise Unauthenticated("the session has ended")
        if successor is None:
            _refreshes.labels("reused").inc()
            log.warning("refresh_token_reused", user=str(row.user), session=str(row.session))
            raise TokenReused
        _refreshes.labels("granted").inc()
        return self._issuer.issue(row.user, row.session, successor)

    async def log_out(self, refresh_token: str) -> None:
        token = OpaqueToken.parse(refresh_token)
        if token is not None:
            await self._store.end_session_of_token(token.digest)

    async def list_sessions(self, user: UserId) -> tuple[Session, ...]:
        return await self._store.list_sessions(user, _MAX_LISTED)

    async def end_session(self, user: UserId, session: SessionId) -> None:
        if not await self._store.end_session_of_user(session, user):
            raise NotFound(f"no session {session}")
        log.info("session_ended", user=str(user), session=str(session))

    async def end_sessions(self, user: UserId, keep: SessionId | None = None) -> None:
        await self._store.end_sessions_of_user(user, keep, "ended")
        log.info("sessions_ended", user=str(user))

    async def list_revoked_sessions(
        self, since: datetime | None = None, limit: int | None = None, after: RevocationPosition | None = None
    ) -> RevokedSessions:
        if limit is not None and not 1 <= limit <= MAX_REVOKED_PAGE:
            raise InvalidRequest(f"limit must be 1 to {MAX_REVOKED_PAGE}")
        # Read the time first, so that sessions which end between the two statements are in the next result too.
        as_of = await self._store.get_time()
        since = None if since is None else to_utc(since, "since")
        if after is not None:
            after = RevocationPosition(to_utc(after.ended_at, "after"), after.id)
        remembered_for = self._settings.access_token_ttl + REVOCATION_MARGIN
        revoked = await self._store.list_revoked_sessions(since, remembered_for, after, limit)
        position = revoked[-1][1] if limit is not None and len(revoked) == limit else None
        return RevokedSessions(tuple(session for session, _ in revoked), as_of, position)

    async def _replace(self, store: Store, token: OpaqueToken, row: RefreshTokenRow) -> OpaqueToken | None:
        """Return the successor of a locked token. If the token was reused, end the session and return None.

        Raises Unauthenticated (the session has ended or the token has expired), RateLimited.
        """
        if row.end_reason == "reuse" and row.is_replaced:
            return None
        if row.end_reason is not None or row.is_expired:  # guard: refresh-ended-session, refresh-expiry
            raise Unauthenticated("the session has ended")
        ttl = self._settings.access_token_ttl
        await self._limiter.charge_refresh(store, row.session, ttl)  # guard: refresh-limit
        if row.successor_salt is None:
            salt = self._issuer.new_successor_salt()
            successor = self._issuer.successor(token, salt)
            ttl = self._settings.refresh_token_ttl
            await store.replace_refresh_token(token.digest, successor.digest, salt, ttl)
            return successor
        if row.is_repeatable:
            return self._issuer.successor(token, row.successor_salt)
        await store.end_session(row.session, "reuse")  # guard: refresh-reuse-ends-session, refresh-reuse-commit
        return None


def _printable(text: str, length: int) -> str:
    """Return the first `length` characters of a client's text, without characters that could harm a log or terminal."""
    shortened = text[:length]  # guard: session-text-length
    return "".join(character for character in shortened if character.isprintable())  # guard: session-text-printable
