"""Creates access tokens and refresh tokens."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final
from uuid import UUID

from ..contract.auth import Tokens
from ..contract.ids import SessionId, UserId
from . import subkeys
from .keyring import Keyring
from .opaque_token import OpaqueToken
from .settings import Settings
from .signing_key import TokenClaims

_SALT_LENGTH: Final = 32
"""The number of bytes of a salt."""


class TokenIssuer:
    """Creates the tokens of a session. Access tokens are signed with the current key of `keyring`."""

    def __init__(
        self,
        settings: Settings,
        keyring: Keyring,
        *,
        now: Callable[[], datetime],
        new_id: Callable[[], UUID],
        random_bytes: Callable[[int], bytes],
    ) -> None:
        self._settings = settings
        self._keyring = keyring
        self._successor_key = subkeys.derive_key(settings.secret, "refresh-tokens")
        self._now = now
        self._new_id = new_id
        self._random_bytes = random_bytes

    def new_refresh_token(self) -> OpaqueToken:
        return OpaqueToken.generate(self._random_bytes)

    def new_successor_salt(self) -> bytes:
        return self._random_bytes(_SALT_LENGTH)

    def successor(self, token: OpaqueToken, salt: bytes) -> OpaqueToken:
        """Return the token that replaces `token`. The same arguments give the same result."""
        return token.derive_successor(self._successor_key, salt)

    def issue(self, user: UserId, session: SessionId, refresh_token: OpaqueToken) -> Tokens:
        """Return a new access token of a session, together with its refresh token."""
        ttl = self._settings.access_token_ttl
        claims = TokenClaims(
            user=user,
            session=session,
            token_id=self._new_id(),
            issuer=self._settings.issuer,
            audience=self._settings.audience,
            issued_at=self._now(),
            ttl=ttl,
        )
        return Tokens(
            access_token=self._keyring.current.sign(claims),
            refresh_token=refresh_token.text,
            expires_in=int(ttl.total_seconds()),
        )
