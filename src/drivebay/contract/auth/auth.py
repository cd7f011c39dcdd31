"""Accounts, sessions and signing keys.

An access token is a JWT (RFC 7519) signed with EdDSA (RFC 8037). A process with the result of `list_keys` can verify
tokens without a call, with `access_tokens.Verifier`. The gateway does so.
"""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

import msgspec

from ..health import Health
from ..ids import SessionId, UserId
from .accounts import Accounts
from .administration import Administration
from .api_tokens import ApiTokens
from .mail import Mail
from .oidc import Oidc
from .passkeys import Passkeys
from .second_factor import SecondFactor
from .sessions import Sessions


class Claims(msgspec.Struct, frozen=True):
    """The content of a valid access token.

    `token_id` is its `jti` claim. `session` is its `sid` claim: None for a token of an earlier release.
    """

    user: UserId
    token_id: str
    expires_at: datetime
    session: SessionId | None = None


class PublicKey(msgspec.Struct, frozen=True):
    """A public key as in a JWK Set (RFC 7517). `x` is the Ed25519 point in base64url without padding."""

    kid: str
    x: str
    created_at: datetime


class Auth(Accounts, Sessions, ApiTokens, SecondFactor, Administration, Mail, Oidc, Passkeys, Protocol):
    """The whole contract of the auth service, mirrored by `drivebay.auth.v1.AuthService`."""

    async def verify_token(self, access_token: str) -> Claims:
        """Verify an access token by RFC 8725: the one algorithm, a known key, every claim present and correct.

        The session may have ended: see `list_revoked_sessions`. Raises Unauthenticated.
        """
        ...

    async def list_keys(self) -> tuple[PublicKey, ...]:
        """Return the public keys of all access tokens that may still be valid, newest first."""
        ...

    async def rotate_key(self) -> PublicKey:
        """Create a signing key, use it from now on, and return its public part.

        `list_keys` returns older keys until the last token that they signed has expired. Each call creates a key.
        """
        ...

    async def health(self) -> tuple[Health, ...]:
        """Check the dependencies of the service now."""
        ...
