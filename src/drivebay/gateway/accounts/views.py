"""JSON types of accounts and sessions."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from ...contract import auth, files
from ..json_types import Time

# A format for OpenAPI clients. The auth service decides which addresses are valid.
_EMAIL = {"format": "email"}


class NewAccount(msgspec.Struct, forbid_unknown_fields=True):  # guard: account-unknown-fields
    """A new account: an email address and a password of 8 to 256 characters."""

    email: Annotated[str, Meta(max_length=254, examples=["ada@example.com"], extra_json_schema=_EMAIL)]
    password: Annotated[str, Meta(min_length=8, max_length=256, examples=["correct horse battery"])]


class Login(msgspec.Struct, forbid_unknown_fields=True):
    """The email address and the password of an account. Any text is accepted: a wrong value is a failed login."""

    email: Annotated[str, Meta(examples=["ada@example.com"])]
    password: Annotated[str, Meta(examples=["correct horse battery"])]


class CodeLogin(msgspec.Struct, forbid_unknown_fields=True):
    """The `challenge` of a login that needs a second factor, and a code of the authenticator app or a recovery code."""

    challenge: str
    code: Annotated[str, Meta(examples=["123456"])]


class RefreshToken(msgspec.Struct, forbid_unknown_fields=True):
    """The refresh token. With `Drivebay-Session: cookie`, it may be empty, because the gateway uses the cookie."""

    refresh_token: str


class AccountUpdate(msgspec.Struct, forbid_unknown_fields=True):
    """The fields to change. A display name has up to 100 printable characters and may be empty."""

    display_name: Annotated[str, Meta(max_length=100, examples=["Ada Lovelace"])] | UnsetType = UNSET


class PasswordChange(msgspec.Struct, forbid_unknown_fields=True):
    """The current password, and a new password of 8 to 256 characters. A very common password is refused.

    A user without a password leaves out `current_password`, and must have signed in within the last 5 minutes.
    """

    new_password: Annotated[str, Meta(min_length=8, max_length=256, examples=["staple battery horse"])]
    current_password: Annotated[str, Meta(examples=["correct horse battery"])] = ""


class AccountDeletion(msgspec.Struct, forbid_unknown_fields=True):
    """The password. A user without a password leaves it out, and must have signed in within the last 5 minutes."""

    password: Annotated[str, Meta(examples=["correct horse battery"])] = ""


class Account(msgspec.Struct):
    id: UUID
    email: str
    created_at: Time


class Usage(msgspec.Struct):
    """`used_bytes` includes the trash. `reserved_bytes` are reserved for pending uploads."""

    used_bytes: int
    reserved_bytes: int
    limit_bytes: int
    file_count: int


class Me(msgspec.Struct):
    """My account. `display_name` is empty until it is set."""

    id: UUID
    email: str
    email_verified: bool
    display_name: str
    role: Literal["user", "admin"]
    second_factor: bool
    created_at: Time
    usage: Usage


class Session(msgspec.Struct):
    """The tokens of a session. `expires_in` is the lifetime of the access token in seconds.

    `refresh_token` is missing if the request asked for it in a cookie.
    """

    access_token: str
    token_type: Literal["Bearer"]
    expires_in: int
    refresh_token: str | UnsetType = UNSET


class Jwk(msgspec.Struct):
    """A public key (RFC 8037)."""

    kid: str
    x: str
    kty: str = "OKP"
    crv: str = "Ed25519"
    alg: str = "EdDSA"
    use: str = "sig"


class JwkSet(msgspec.Struct):
    keys: list[Jwk]


def account_view(user: auth.User) -> Account:
    return Account(user.id, user.email, user.created_at)


def me_view(user: auth.User, usage: files.Usage) -> Me:
    usage_view = Usage(usage.used_bytes, usage.reserved_bytes, usage.limit_bytes, usage.file_count)
    return Me(
        id=user.id,
        email=user.email,
        email_verified=user.email_verified,
        display_name=user.display_name,
        role=user.role.value,
        second_factor=user.second_factor,
        created_at=user.created_at,
        usage=usage_view,
    )


def session_view(tokens: auth.Tokens) -> Session:
    return Session(tokens.access_token, "Bearer", tokens.expires_in, tokens.refresh_token)


def jwk_set_view(keys: tuple[auth.PublicKey, ...]) -> JwkSet:
    return JwkSet([Jwk(key.kid, key.x) for key in keys])
