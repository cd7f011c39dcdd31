"""API tokens: long-lived secrets of programs that act for a user, limited to scopes."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Final, Protocol

import msgspec

from ..ids import ApiTokenId, UserId
from .administration import Actor

PREFIX: Final = "dbt_"
"""Every API token begins with this prefix, so that people and secret scanners recognize an API token."""


class Scope(StrEnum):
    """A permission that an API token can have.

    `read` lists and reads, `write` changes files and uploads, `share` changes permissions and links, `account` shows
    and changes the account, its sessions and its tokens.
    """

    READ = "read"
    WRITE = "write"
    SHARE = "share"
    ACCOUNT = "account"


class ApiToken(msgspec.Struct, frozen=True):
    """An API token without its secret. `last_used_at` is exact to a minute. If `expires_at` is None, the token does not
    expire."""

    id: ApiTokenId
    name: str
    scopes: tuple[Scope, ...]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None


class NewApiToken(msgspec.Struct, frozen=True):
    """A new API token. `secret` is the text that the client sends. It is not stored."""

    details: ApiToken
    secret: str

    def __repr__(self) -> str:
        return f"NewApiToken({self.details!r})"


class ApiTokenClaims(msgspec.Struct, frozen=True):
    """The user and the scopes of a valid API token."""

    id: ApiTokenId
    user: UserId
    scopes: tuple[Scope, ...]
    expires_at: datetime | None


class ApiTokenPage(msgspec.Struct, frozen=True):
    """One page of the API tokens of a user. `next_cursor` gets the next page and is None on the last page."""

    items: tuple[ApiToken, ...]
    next_cursor: str | None


class ApiTokens(Protocol):
    async def create_api_token(
        self,
        user: UserId,
        name: str,
        scopes: tuple[Scope, ...],
        expires_at: datetime | None = None,
        client: Actor | None = None,
        idempotency_key: str | None = None,
    ) -> NewApiToken:
        """Create an API token. Each call without an `idempotency_key` creates another token.

        `name` has 1 to 100 printable characters. `scopes` has at least one scope. The result has each scope once.
        `client` has the IP address and the program of the caller, for the audit log. `client.user` is ignored. A repeat
        with the same `idempotency_key` within 24 hours returns the first result, with the secret.

        Raises InvalidRequest (also for an `expires_at` in the past), Conflict (the user has 100 tokens, or the token of
        the key was revoked), IdempotencyKeyReused (another request), RateLimited (the user has created 1,000 tokens in
        a day), NotFound (no such user).
        """
        ...

    async def list_api_tokens(self, user: UserId) -> tuple[ApiToken, ...]:
        """Return the API tokens of a user, newest first, including expired tokens. Only gateways of an earlier release
        call this method."""
        ...

    async def list_api_token_page(self, user: UserId, limit: int = 100, cursor: str | None = None) -> ApiTokenPage:
        """Return one page of the API tokens of a user, newest first, including expired tokens.

        `limit` is 1 to 1,000. Raises InvalidRequest, InvalidCursor.
        """
        ...

    async def revoke_api_token(self, user: UserId, token: ApiTokenId, client: Actor | None = None) -> None:
        """Delete an API token. A repeat raises NotFound. `client` is as in `create_api_token`.

        Raises NotFound (the user has no such token).
        """
        ...

    async def verify_api_token(self, secret: str) -> ApiTokenClaims:
        """Return the user and the scopes of an API token that is valid now, and record its use.

        Raises Unauthenticated.
        """
        ...
