"""The signing keys of the deployment: loading, rotation and verification.

The keys are in PostgreSQL, encrypted. Each process reloads them every few seconds. So another process may already sign
with a key that this process has not loaded, and this process may still sign with a replaced key. Therefore
`verify_token` reloads the keys before it refuses a token with an unknown key, and a replaced key stays published longer
than its last token.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

import structlog

from ..contract.auth import Claims, PublicKey
from ..contract.auth.access_tokens import Verifier
from ..errors import Unavailable
from . import subkeys
from .settings import Settings
from .signing_key import SigningKey
from .store import Store
from .stored_rows import EncryptedKey

log = structlog.get_logger(__name__)

PUBLICATION_MARGIN: Final = timedelta(minutes=5)
"""A replaced key stays published for this time after its last token has expired, because other processes may still sign
with it for some seconds."""
_MIN_RELOAD_INTERVAL: Final = timedelta(seconds=1)
"""Tokens with an unknown `kid` cause at most one query a second."""


class Keyring:
    """The keys that this process has loaded. `load` must succeed once before a key can sign."""

    def __init__(
        self,
        store: Store,
        settings: Settings,
        *,
        now: Callable[[], datetime],
        random_bytes: Callable[[int], bytes],
    ) -> None:
        self._store = store
        self._settings = settings
        self._encryption_key = subkeys.derive_key(settings.secret, "signing-keys")
        self._published_for = settings.access_token_ttl + PUBLICATION_MARGIN
        self._now = now
        self._random_bytes = random_bytes
        self._current: SigningKey | None = None
        self._verifier = Verifier({}, settings.issuer, settings.audience)
        self._loaded_at: datetime | None = None

    @property
    def current(self) -> SigningKey:
        """The key that signs. Raises Unavailable until the keys are loaded."""
        if self._current is None:
            raise Unavailable("the signing keys are not loaded yet")
        return self._current

    async def load(self) -> None:
        """Load the keys from the database. If there is no key, create the first key.

        Raises Unavailable, and WrongSecret if the secret cannot decrypt the newest key.
        """
        keys = await self._store.list_signing_keys(self._published_for)
        if not keys:
            keys = await self._create_first()
        self._use_keys(keys)

    async def list_keys(self) -> tuple[PublicKey, ...]:
        # Read the database, so that the result includes keys that another process has just created.
        return tuple(_public_key(key) for key in await self._store.list_signing_keys(self._published_for))

    async def rotate_key(self) -> PublicKey:
        async with self._store.transaction() as store:
            await store.lock_signing_keys()
            await self._insert_new(store)
            keys = await store.list_signing_keys(self._published_for)
        self._use_keys(keys)
        log.info("key_rotated", kid=keys[0].kid)
        return _public_key(keys[0])

    async def verify_token(self, access_token: str) -> Claims:
        now = self._now()
        may_reload = self._loaded_at is None or now - self._loaded_at >= _MIN_RELOAD_INTERVAL
        if may_reload and not self._verifier.knows(access_token):
            await self.load()
        return self._verifier.verify(access_token, now)

    async def _create_first(self) -> tuple[EncryptedKey, ...]:
        async with self._store.transaction() as store:
            await store.lock_signing_keys()
            # Another process may have created the key while this process waited for the lock.
            if not await store.list_signing_keys(self._published_for):
                await self._insert_new(store)
            return await store.list_signing_keys(self._published_for)

    async def _insert_new(self, store: Store) -> None:
        key = SigningKey.generate(self._random_bytes)
        await store.insert_signing_key(key.kid, key.x, key.encrypt(self._encryption_key, self._random_bytes))

    def _use_keys(self, keys: tuple[EncryptedKey, ...]) -> None:
        newest = keys[0]
        if self._current is None or self._current.kid != newest.kid:
            self._current = SigningKey.decrypt(newest.kid, newest.encrypted, self._encryption_key)
        public_keys = {key.kid: _public_key(key) for key in keys}
        self._verifier = Verifier(public_keys, self._settings.issuer, self._settings.audience)
        self._loaded_at = self._now()


def _public_key(key: EncryptedKey) -> PublicKey:
    return PublicKey(kid=key.kid, x=key.x, created_at=key.created_at)
