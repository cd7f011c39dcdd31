"""The sessions that have ended while their access tokens are still valid. The auth service lists them.

A gateway fetches the list every two seconds. It also fetches the list when a hint arrives, because another gateway has
ended a session. So a request needs no call. If the last list is more than five seconds old, a request fetches the list.
If the fetch fails, the request is refused, because the gateway cannot know whether the session has ended.

The list comes in pages: after a long gap, or when many sessions end at once, it may have a million rows. A session is
remembered until its access tokens have expired, so the memory is bounded by the sessions that end in that time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final

import structlog

from ..contract.auth import Auth, RevocationPosition
from ..contract.ids import SessionId
from ..errors import Error, Unauthenticated, Unavailable

log = structlog.get_logger(__name__)

_POLL_INTERVAL: Final = 2.0
"""Seconds between two calls without a hint."""
_GATHER_TIME: Final = 0.5
"""Seconds between two calls after hints. One call serves all hints that arrive in this time."""
MAX_AGE: Final = timedelta(seconds=5)
"""If the last list is older, a request fetches the list before its token is accepted."""
_MIN_RETRY_INTERVAL: Final = timedelta(seconds=1)
"""For this time after a failed fetch, requests get the error of that fetch."""
_CALL_TIMEOUT: Final = 3.0
"""The maximum number of seconds that the call for one page may take."""
_PAGE: Final = 5000
"""The number of sessions in one page of the list."""
_CLEAN_INTERVAL: Final = timedelta(seconds=30)
"""The time between two removals of expired sessions."""


class RevokedSessions:
    """The ended sessions that this process remembers. `run` keeps them up to date.

    `poll_interval` is the number of seconds between two calls without a hint. It may be changed before `run`.
    """

    def __init__(self, auth: Auth, now: Callable[[], datetime]) -> None:
        self._auth = auth
        self._now = now
        self.poll_interval = _POLL_INTERVAL
        self._has_hint = asyncio.Event()
        self._ended: dict[SessionId, float] = {}  # the timestamp until which a session is remembered
        self._cleaned_at: datetime | None = None
        self._fetch_count = 0
        self._as_of: datetime | None = None
        self._fetched_at: datetime | None = None
        self._last_error: Error | None = None
        self._failed_at: datetime | None = None
        self._lock = asyncio.Lock()

    def __len__(self) -> int:
        """Return the number of ended sessions in memory."""
        return len(self._ended)

    async def run(self) -> None:
        """Fetch the list every two seconds, and after each hint, until cancelled."""
        while True:
            self._has_hint.clear()
            await self.refresh()
            gather_time = min(_GATHER_TIME, self.poll_interval)
            await asyncio.sleep(gather_time)
            with suppress(TimeoutError):
                async with asyncio.timeout(self.poll_interval - gather_time):
                    await self._has_hint.wait()

    def hint(self) -> None:
        """Let `run` fetch the list now, because sessions have ended. It never waits and never fails."""
        self._has_hint.set()  # guard: revocation-hint

    async def refresh(self) -> None:
        """Fetch the list now. An error is logged, and `check` tries again.

        All calls that wait for a running fetch share the fetch after it, so many logouts at once cost two fetches.
        """
        fetch_count = self._fetch_count
        async with self._lock:
            if self._fetch_count == fetch_count:  # guard: revocation-shared-fetch
                await self._fetch()

    async def check(self, session: SessionId) -> None:
        """Raise Unauthenticated if a session has ended, and Unavailable if the list is too old and cannot be
        fetched."""
        if not self._is_fresh():  # guard: revocation-age
            await self._fetch_once()
        if session in self._ended:  # guard: revoked-session
            raise Unauthenticated("the session has ended; log in again")

    async def _fetch_once(self) -> None:
        """Fetch the list once for all requests that wait. Raises Unavailable."""
        async with self._lock:
            if self._is_fresh():
                return
            if not self._has_failed_lately():  # requests that waited for a failed fetch get its error
                await self._fetch()
            if not self._is_fresh():
                reason = "auth does not respond" if self._last_error is None else self._last_error.detail
                raise Unavailable(f"cannot check whether the session has ended: {reason}")

    async def _fetch(self) -> None:
        fetched_at = self._now()
        self._fetch_count += 1
        try:
            as_of = await self._read_pages()
        except (Error, TimeoutError) as error:
            self._last_error = error if isinstance(error, Error) else Unavailable("auth does not respond in time")
            self._failed_at = self._now()
            log.warning("list_revoked_sessions_failed", reason=self._last_error.detail)
            return
        self._failed_at = None
        self._as_of, self._fetched_at = as_of, fetched_at
        self._forget_expired(fetched_at)

    async def _read_pages(self) -> datetime:
        """Read the sessions that ended since the last list, and remember them. Return the time until which the list is
        complete."""
        as_of: datetime | None = None
        after: RevocationPosition | None = None
        while True:
            async with asyncio.timeout(_CALL_TIMEOUT):
                page = await self._auth.list_revoked_sessions(self._as_of, _PAGE, after)
            # A session that ends while the pages are read may be missing. The next list has it.
            as_of = page.as_of if as_of is None else as_of  # guard: revocation-first-page
            self._ended.update((session.id, session.expires_at.timestamp()) for session in page.sessions)
            after = page.next
            if after is None:  # guard: revocation-pages
                return as_of

    def _forget_expired(self, now: datetime) -> None:
        """Remove the sessions whose access tokens have expired."""
        if self._cleaned_at is not None and timedelta() <= now - self._cleaned_at < _CLEAN_INTERVAL:
            return
        self._cleaned_at, time = now, now.timestamp()
        expired = [id for id, expires_at in self._ended.items() if expires_at <= time]
        for session in expired:
            del self._ended[session]  # guard: revoked-expiry

    def _is_fresh(self) -> bool:
        return self._fetched_at is not None and timedelta() <= self._now() - self._fetched_at < MAX_AGE

    def _has_failed_lately(self) -> bool:
        return self._failed_at is not None and timedelta() <= self._now() - self._failed_at < _MIN_RETRY_INTERVAL
