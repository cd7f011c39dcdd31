"""Who is calling: access tokens checked here, with the auth service's public keys.

A token that was verified once is remembered, by its hash, until it ends: a signature costs as much as the
rest of a small request. Keys are fetched when a token names an unknown one and once a minute; while auth
is down the ones we have go on working.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from ..contract.auth import Auth
from ..contract.ids import UserId
from ..errors import Error, Unauthenticated, Unavailable
from ..tokens import Verifier
from .settings import Settings

log = structlog.get_logger(__name__)

_KEYS_KEPT = timedelta(minutes=1)
_KEYS_PAUSE = timedelta(seconds=1)


class Identity:
    """`most` is how many tokens are remembered; of more, those that were not seen for longest are forgotten."""

    def __init__(self, auth: Auth, settings: Settings, now: Callable[[], datetime], most: int = 10_000) -> None:
        self._most = most
        self._auth = auth
        self._settings = settings
        self._now = now
        self._known: dict[bytes, tuple[UserId, float]] = {}
        self._verifier: Verifier | None = None
        self._fetched_at: datetime | None = None
        self._failure: Error | None = None  # the last one
        self._fetching = asyncio.Lock()

    async def user(self, authorization: str | None) -> UserId:
        """The user of an `Authorization` header. Raises Unauthenticated, Unavailable (no keys yet)."""
        if authorization is None:
            raise Unauthenticated("send Authorization: Bearer with an access token")
        scheme, _, token = authorization.partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not token:
            raise Unauthenticated("send Authorization: Bearer with an access token")
        digest = hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
        now = self._now()
        if (known := self._known.pop(digest, None)) is not None:
            user, ends = known
            if now.timestamp() < ends:
                self._known[digest] = known  # at the end again: a dict keeps its order
                return user
        return await self._verify(token, digest, now)

    async def _verify(self, token: str, digest: bytes, now: datetime) -> UserId:
        verifier = await self._keys(now, _KEYS_KEPT)
        if not verifier.knows(token):
            verifier = await self._keys(now, _KEYS_PAUSE)
        claims = verifier.verify(token, now)
        if len(self._known) >= self._most:
            del self._known[next(iter(self._known))]
        self._known[digest] = (claims.user, claims.expires_at.timestamp())
        return claims.user

    async def _keys(self, now: datetime, older_than: timedelta) -> Verifier:
        """The verifier, with keys fetched anew if the ones we have are older than that. Raises why there are none."""
        if self._verifier is not None and self._fresh(now, older_than):
            return self._verifier
        failure = self._failure
        async with self._fetching:
            if self._verifier is not None and self._fresh(now, older_than):
                return self._verifier
            # Who waited while a fetch failed shares its outcome: one after another, each would wait a whole deadline.
            if self._failure is failure:
                await self._fetch(now)
        if self._verifier is not None:
            return self._verifier
        raise self._failure or Unavailable("the keys of the auth service are not known yet")

    async def _fetch(self, now: datetime) -> None:
        try:
            keys = await self._auth.keys()
        except Error as error:
            log.warning("keys_not_fetched", reason=error.detail)
            self._failure = error
        else:
            published = {key.kid: key for key in keys}
            self._verifier = Verifier(published, self._settings.issuer, self._settings.audience)
        self._fetched_at = now

    def _fresh(self, now: datetime, older_than: timedelta) -> bool:
        return self._fetched_at is not None and now - self._fetched_at < older_than
