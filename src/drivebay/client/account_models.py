"""The values that the API returns about accounts, sessions and API tokens. No `repr` contains a token."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import msgspec

from .api_models import Usage


class Account(msgspec.Struct, frozen=True):
    """An account and its usage. The result of `sign_up` has `id`, `email` and `created_at` only."""

    id: str
    email: str
    created_at: datetime
    usage: Usage | None = None
    display_name: str = ""
    email_verified: bool = False
    role: str = "user"
    second_factor: bool = False


class Scope(StrEnum):
    """A kind of operation that an API token allows: read, change files, share, or change the account."""

    READ = "read"
    WRITE = "write"
    SHARE = "share"
    ACCOUNT = "account"


class SessionInfo(msgspec.Struct, frozen=True):
    """A session that has not ended. `current` is whether this client uses it."""

    id: str
    created_at: datetime
    last_used_at: datetime
    user_agent: str
    address: str
    current: bool


class ApiToken(msgspec.Struct, frozen=True):
    """An API token. Only `create_token` sets `token`, the secret. `last_used_at` is exact to a minute."""

    id: str
    name: str
    scopes: list[str]
    created_at: datetime
    expires_at: datetime | None = None
    last_used_at: datetime | None = None
    token: str | None = None

    def __repr__(self) -> str:
        return f"ApiToken(id={self.id!r}, name={self.name!r}, scopes={self.scopes!r})"


class Passkey(msgspec.Struct, frozen=True):
    """A passkey of the account. `is_synced`: a password manager copies it to other devices."""

    id: str
    name: str
    created_at: datetime
    last_used_at: datetime | None = None
    is_synced: bool = False


class TotpSecret(msgspec.Struct, frozen=True):
    """The secret of a second factor in base32, and the `otpauth` URI for a QR code."""

    secret: str
    uri: str

    def __repr__(self) -> str:
        return "TotpSecret()"


class RecoveryCodes(msgspec.Struct, frozen=True):
    """The recovery codes of a second factor."""

    recovery_codes: list[str]

    def __repr__(self) -> str:
        return "RecoveryCodes()"


class SessionPage(msgspec.Struct, frozen=True):
    """The sessions of an account, newest first."""

    items: list[SessionInfo]


class PasskeyPage(msgspec.Struct, frozen=True):
    """The passkeys of an account, newest first."""

    items: list[Passkey]


class ApiTokenPage(msgspec.Struct, frozen=True):
    """API tokens of an account, newest first. `next_cursor` is for the next page."""

    items: list[ApiToken]
    next_cursor: str | None = None
