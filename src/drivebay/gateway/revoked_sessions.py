"""The sessions that ended while their access tokens are still valid, as auth reports them.

A gateway asks auth every two seconds for the sessions that ended since, so no request needs a call. If the last answer
is more than five seconds old, a request asks itself. If auth does not answer then, the request is refused: without auth
the gateway cannot know whether the session has ended.

An answer comes in pages: after a long gap, or when many sessions ended at once, there may be a million. A session is
remembered as long as its access tokens may be valid, so the memory is bounded by what ended in that time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

import structlog

from ..contract.auth import Auth, RevocationPosition
from ..contract.ids import SessionId
from ..errors import Error, Unauthenticated, Unavailable

log = structlog.get_logger(__name__)

_POLL_INTERVAL: Final = 2.0
"""Seconds between two calls."""
MAX_AGE: Final = timedelta(seconds=5)
"""The age of the last answer above which no token is accepted."""
_MIN_RETRY_INTERVAL: Final = timedelta(seconds=1)
_CALL_TIMEOUT: Final = 3.0
"""Seconds that the call for one page may take."""
_PAGE: Final = 5000
_CLEAN_INTERVAL: Final = timedelta(seconds=30)
"""The time between two searches for sessions that can be forgotten."""


class RevokedSessions:
    """The ended sessions that this process knows. `run` keeps them fresh."""

    def __init__(self, auth: Auth, now: Callable[[], datetime]) -> None:
        self._auth = auth
        self._now = now
        self._ended: dict[SessionId, float] = {}  # until when to remember, as a timestamp
        self._cleaned_at: datetime | None = None
        self._asks = 0
        self._as_of: datetime | None = None
        self._asked_at: datetime | None = None
        self._failure: Error | None = None
        self._failed_at: datetime | None = None
        self._lock = asyncio.Lock()

    def __len__(self) -> int:
        """Return how many ended sessions are remembered."""
        return len(self._ended)

    async def run(self) -> None:
        """Ask auth every two seconds, until cancelled."""
        while True:
            await self.refresh()
            await asyncio.sleep(_POLL_INTERVAL)

    async def refresh(self) -> None:
        """Ask auth now. A failure is logged, and `check` asks again.

        Calls that wait for an answer share the next one, so many logouts at once cost two calls.
        """
        asks = self._asks
        async with self._lock:
            if self._asks == asks:  # guard: revocation-shared-answer
                await self._ask()

    async def check(self, session: SessionId) -> None:
        """Raise Unauthenticated if a session has ended, and Unavailable if that cannot be known."""
        if not self._is_fresh():  # guard: revocation-age
            await self._ask_once()
        if session in self._ended:  # guard: revoked-session
            raise Unauthenticated("the session has ended; log in again")

    async def _ask_once(self) -> None:
        """Ask auth, once for all requests that wait. Raises Unavailable."""
        async with self._lock:
            if self._is_fresh():
                return
            if not self._has_failed_lately():  # requests that waited for a failed call share its failure
                await self._ask()
            if not self._is_fresh():
                reason = "auth does not answer" if self._failure is None else self._failure.detail
                raise Unavailable(f"cannot check whether the session has ended: {reason}")

    async def _ask(self) -> None:
        asked_at = self._now()
        self._asks += 1
        try:
            as_of = await self._read_pages()
        except (Error, TimeoutError) as error:
            self._failure = error if isinstance(error, Error) else Unavailable("auth does not answer in time")
            self._failed_at = self._now()
            log.warning("list_revoked_sessions_failed", reason=self._failure.detail)
            return
        self._failed_at = None
        self._as_of, self._asked_at = as_of, asked_at
        self._forget_expired(asked_at)

    async def _read_pages(self) -> datetime:
        """Read the sessions that ended since the last answer. Return the time until which the result is complete."""
        as_of: datetime | None = None
        after: RevocationPosition | None = None
        while True:
            async with asyncio.timeout(_CALL_TIMEOUT):
                page = await self._auth.list_revoked_sessions(self._as_of, _PAGE, after)
            # A session that ends while the pages are read may be on none. It is in the next answer.
            as_of = page.as_of if as_of is None else as_of  # guard: revocation-first-page
            self._ended.update((session.id, session.expires_at.timestamp()) for session in page.sessions)
            after = page.next
            if after is None:  # guard: revocation-pages
                return as_of

    def _forget_expired(self, now: datetime) -> None:
        """Forget the sessions whose access tokens have expired."""
        if self._cleaned_at is not None and timedelta() <= now - self._cleaned_at < _CLEAN_INTERVAL:
            return
        self._cleaned_at, time = now, now.timestamp()
        expired = [id for id, expires_at in self._ended.items() if expires_at <= time]
        for session in expired:
            del self._ended[session]  # guard: revoked-expiry

    def _is_fresh(self) -> bool:
        return self._asked_at is not None and timedelta() <= self._now() - self._asked_at < MAX_AGE

    def _has_failed_lately(self) -> bool:
        return self._failed_at is not None and timedelta() <= self._now() - self._failed_at < _MIN_RETRY_INTERVAL
