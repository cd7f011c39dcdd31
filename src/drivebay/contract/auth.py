"""Who somebody is: accounts, sessions and the keys that sign access tokens.

An access token is a JWT (RFC 7519) signed with EdDSA (RFC 8037). Anybody who holds `keys()` can verify
one without asking; the gateway does.
"""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

import msgspec

from .health import Health
from .ids import UserId


class User(msgspec.Struct, frozen=True):
    """An account. `email` is as the user wrote it, trimmed; it is compared without regard to case."""

    id: UserId
    email: str
    created_at: datetime


class Tokens(msgspec.Struct, frozen=True):
    """One answer to a login or a refresh. `expires_in` is the access token's life in whole seconds."""

    access_token: str
    refresh_token: str
    expires_in: int


class Claims(msgspec.Struct, frozen=True):
    """What a valid access token says: whose it is, its own id (`jti`), and when it ends."""

    user: UserId
    token_id: str
    expires_at: datetime


class Key(msgspec.Struct, frozen=True):
    """A public key as in a JWK Set (RFC 7517): `x` is the Ed25519 point in base64url without padding."""

    kid: str
    x: str
    created_at: datetime


class Auth(Protocol):
    async def sign_up(self, email: str, password: str, address: str, idempotency_key: str | None = None) -> User:
        """Make an account.

        `address` is the client's network address, for throttling. A password counts whole, beyond
        bcrypt's 72 bytes too. With an `idempotency_key`, the same call from the same address within
        24 hours gives the first answer again.

        Raises EmailTaken, InvalidRequest (malformed email; password under 8 or over 256 characters),
        RateLimited, IdempotencyKeyReused, InProgress.
        """
        ...

    async def log_in(self, email: str, password: str, address: str) -> Tokens:
        """Begin a session. An unknown email costs the same time as a wrong password.

        Raises InvalidCredentials, RateLimited. Each call makes a new session.
        """
        ...

    async def refresh(self, refresh_token: str) -> Tokens:
        """Trade a refresh token for new tokens; the old one is spent.

        A spent token that comes back later than a short grace ends its whole session with TokenReused;
        within the grace it is taken for a lost answer and new tokens are given.

        Raises Unauthenticated (unknown, expired or ended), TokenReused.
        """
        ...

    async def log_out(self, refresh_token: str) -> None:
        """End the session of this token. An unknown or ended one is no error."""
        ...

    async def verify_token(self, access_token: str) -> Claims:
        """Check an access token by RFC 8725: one algorithm, known key, every claim present and right.

        Raises Unauthenticated.
        """
        ...

    async def user(self, user: UserId) -> User:
        """Raises NotFound."""
        ...

    async def keys(self) -> tuple[Key, ...]:
        """Public keys that may have signed a token that is still valid, newest first."""
        ...

    async def rotate_key(self) -> Key:
        """Sign with a new key from now on; older ones stay published until their last token has expired."""
        ...

    async def health(self) -> tuple[Health, ...]: ...
