"""Sessions: the logins of an account, and the list of ended sessions."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

import msgspec

from ..ids import SessionId, UserId


class Tokens(msgspec.Struct, frozen=True):
    """The result of a login or a refresh. `expires_in` is the lifetime of the access token in whole seconds."""

    access_token: str
    refresh_token: str
    expires_in: int


class Session(msgspec.Struct, frozen=True):
    """A session that has not ended.

    `user_agent` and `address` of the client are recorded at the login. `user_agent` is shortened to 256 characters.
    `last_used_at` is the time of the last refresh, or of the login if there was no refresh.
    """

    id: SessionId
    created_at: datetime
    last_used_at: datetime
    user_agent: str
    address: str


class RevokedSession(msgspec.Struct, frozen=True):
    """A session that has ended. None of its access tokens is valid after `expires_at`."""

    id: SessionId
    expires_at: datetime


class RevocationPosition(msgspec.Struct, frozen=True):
    """A position in the list of ended sessions: after the session `id`, which ended at `ended_at`."""

    ended_at: datetime
    id: SessionId


class RevokedSessions(msgspec.Struct, frozen=True):
    """Sessions that have ended. `as_of` is the argument `since` of a later call of `list_revoked_sessions`.

    `next` is the position after which the next page begins. It is None on the last page.
    """

    sessions: tuple[RevokedSession, ...]
    as_of: datetime
    next: RevocationPosition | None = None


class Sessions(Protocol):
    async def log_in(self, email: str, password: str, address: str, user_agent: str = "") -> Tokens:
        """Start a session. Each call starts another session.

        The list of sessions shows `address` and `user_agent` of the client. An unknown email takes as long as a wrong
        password, so the time of a call does not reveal which emails exist.

        Raises InvalidCredentials (also for a disabled account), SecondFactorRequired, RateLimited.
        """
        ...

    async def refresh(self, refresh_token: str) -> Tokens:
        """Exchange a refresh token for new tokens. A refresh token can be used once.

        A second use within the repeat window of ten seconds counts as a retry after a lost response and returns new
        tokens. A later second use ends the session.

        Raises Unauthenticated (the token is unknown, or it or its session has expired or ended), TokenReused,
        RateLimited (this session refreshes too often).
        """
        ...

    async def log_out(self, refresh_token: str) -> None:
        """End the session of a refresh token. An unknown token or an ended session is not an error."""
        ...

    async def list_sessions(self, user: UserId) -> tuple[Session, ...]:
        """Return the sessions of a user that have not ended, newest first, 1,000 at most."""
        ...

    async def end_session(self, user: UserId, session: SessionId) -> None:
        """End one session of a user. A repeat raises NotFound.

        Raises NotFound (the user has no such session, or it has ended).
        """
        ...

    async def end_sessions(self, user: UserId, keep: SessionId | None = None) -> None:
        """End every session of a user except `keep`. A repeat is not an error."""
        ...

    async def list_revoked_sessions(
        self, since: datetime | None = None, limit: int | None = None, after: RevocationPosition | None = None
    ) -> RevokedSessions:
        """Return the ended sessions whose access tokens may still be valid.

        `since` is `as_of` of an earlier call. Then the result has the sessions that ended after that call, and may have
        some that the earlier call returned. The call is cheap, because every gateway makes it every two seconds.
        `limit` is the length of a page, 1 to 10,000. Without `limit`, there is one page. (Gateways of earlier releases
        send no `limit`.) `after` is `next` of the previous page, with the same `since`. Use `as_of` of the first page
        for the next `since`.

        Raises InvalidRequest (the limit, or a time that the database cannot store).
        """
        ...
