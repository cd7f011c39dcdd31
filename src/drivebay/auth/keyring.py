"""The signing keys of the deployment, as this process knows them.

They live in PostgreSQL, sealed; each process loads them again every few seconds. So a key made elsewhere
may sign a little before this process knows it, and a key replaced elsewhere may sign here a little longer:
`verify` looks again before it calls a key unknown, and a replaced key stays published with a margin.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

import structlog

from ..contract.auth import Claims, Key
from ..errors import Unavailable
from ..tokens import Verifier
from .store import SealedKey, Store
from .tokens import SigningKey

log = structlog.get_logger(__name__)

MARGIN: Final = timedelta(minutes=5)
"""How long beyond its last token's life a replaced key stays published: for processes that had not noticed."""
_LOOK_AGAIN: Final = timedelta(seconds=1)
"""A made-up `kid` costs the database one look a second, however many there are."""


class Keyring:
    """`sealing_key` opens the stored keys; `ttl` is how long a token lives."""

    def __init__(
        self,
        store: Store,
        sealing_key: bytes,
        issuer: str,
        audience: str,
        ttl: timedelta,
        now: Callable[[], datetime],
        random_bytes: Callable[[int], bytes],
    ) -> None:
        self._store = store
        self._sealing_key = sealing_key
        self._issuer = issuer
        self._audience = audience
        self._kept = ttl + MARGIN
        self._now = now
        self._random_bytes = random_bytes
        self._current: SigningKey | None = None
        self._verifier = Verifier({}, issuer, audience)
        self._read_at: datetime | None = None

    @property
    def current(self) -> SigningKey:
        """The key that signs. Unavailable until the keys have been read once."""
        if self._current is None:
            raise Unavailable("the signing keys have not been read yet")
        return self._current

    async def load(self) -> None:
        """Read the keys, the first time or again; make one if there is none. WrongSecret if it does not open."""
        keys = await self._store.find_signing_keys(self._kept)
        if not keys:
            keys = await self._make_first()
        self._adopt(keys)

    async def published(self) -> tuple[Key, ...]:
        """Public halves straight from the database, newest first: never behind another process."""
        return tuple(_public(key) for key in await self._store.find_signing_keys(self._kept))

    async def rotate(self) -> Key:
        """Make a key and sign with it from now on."""
        async with self._store.transaction() as store:
            await store.lock_signing_keys()
            await self._insert(store)
            keys = await store.find_signing_keys(self._kept)
        self._adopt(keys)
        log.info("key_rotated", kid=keys[0].kid)
        return _public(keys[0])

    async def verify(self, token: str) -> Claims:
        """Raises Unauthenticated."""
        now = self._now()
        if not self._verifier.knows(token) and (self._read_at is None or now - self._read_at >= _LOOK_AGAIN):
            await self.load()
        return self._verifier.verify(token, now)

    async def _make_first(self) -> tuple[SealedKey, ...]:
        async with self._store.transaction() as store:
            await store.lock_signing_keys()
            # Whoever had the lock before us may have made it.
            if not await store.find_signing_keys(self._kept):
                await self._insert(store)
            return await store.find_signing_keys(self._kept)

    async def _insert(self, store: Store) -> None:
        key = SigningKey.new(self._random_bytes)
        await store.insert_signing_key(key.kid, key.x, key.seal(self._sealing_key, self._random_bytes))

    def _adopt(self, keys: tuple[SealedKey, ...]) -> None:
        newest = keys[0]
        if self._current is None or self._current.kid != newest.kid:
            self._current = SigningKey.unseal(newest.kid, newest.sealed, self._sealing_key)
        self._verifier = Verifier({key.kid: _public(key) for key in keys}, self._issuer, self._audience)
        self._read_at = self._now()


def _public(key: SealedKey) -> Key:
    return Key(kid=key.kid, x=key.x, created_at=key.created_at)
