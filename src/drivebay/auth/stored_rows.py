"""The rows that the auth service stores and reads, as typed values."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

import msgspec

from ..contract.auth import ApiToken, ApiTokenClaims, User
from ..contract.ids import SessionId, UserId

EndReason = Literal["logout", "reuse", "ended", "password", "deleted", "disabled", "admin"]
"""The reason why a session ended. `reuse`: an old refresh token was used again. `ended`: the user ended the session, or
had too many sessions."""


class StoredCredentials(msgspec.Struct, frozen=True):
    """An account and the hash of its password. `password_version` increases with each change of the password.

    `is_known`: the account has logged in from the client's network before.
    """

    user: UserId
    email_key: str
    password_hash: str
    password_version: int
    is_deleted: bool
    is_disabled: bool
    has_second_factor: bool
    is_known: bool


class NewSession(msgspec.Struct, frozen=True):
    """A session to store. `password_version` is the version of the password of this login."""

    id: SessionId
    user: UserId
    token_digest: bytes
    password_version: int
    user_agent: str
    address: str


class FoundApiToken(msgspec.Struct, frozen=True):
    """A valid API token. `must_record_use`: the recorded time of its last use is too old, so record this use."""

    claims: ApiTokenClaims
    must_record_use: bool


class SignUpResult(msgspec.Struct, frozen=True):
    """The result of a sign-up with an idempotency key, and a fingerprint of the request."""

    fingerprint: bytes
    user: User


class ApiTokenResult(msgspec.Struct, frozen=True):
    """The result of a request with an idempotency key. `token` is None if the API token was revoked."""

    fingerprint: bytes
    token: ApiToken | None


class RefreshTokenRow(msgspec.Struct, frozen=True):
    """A refresh token and its session.

    `successor_salt` is the salt from which the successor token was derived. It is None until the token is replaced.
    `account_end` is the reason why the account may not have sessions, or None if it may have sessions.
    `is_repeatable`: the refresh with this token may be repeated, because it is the last refresh of the session, and
    happened within the repeat window.
    """

    session: SessionId
    user: UserId
    end_reason: str | None
    account_end: Literal["deleted", "disabled"] | None
    is_expired: bool
    is_replaced: bool
    is_repeatable: bool
    successor_salt: bytes | None


class EncryptedKey(msgspec.Struct, frozen=True):
    """A signing key as stored. Only the root secret decrypts `encrypted`."""

    kid: str
    x: str
    encrypted: bytes
    created_at: datetime


class BucketResult(msgspec.Struct, frozen=True):
    """The result of taking a token from a bucket. `granted`: the bucket had a token. If it had no token, `wait` is the
    time until it has a token. `tokens` is the number of tokens that are left."""

    granted: bool
    wait: timedelta
    tokens: int = 0
