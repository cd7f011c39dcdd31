"""JSON types of API tokens."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from ...contract import auth
from ..json_types import Time


class ApiTokenRequest(msgspec.Struct, forbid_unknown_fields=True):
    """A new API token. Without `expires_at` it is valid until it is revoked."""

    name: Annotated[str, Meta(min_length=1, max_length=100, examples=["backup script"])]
    scopes: Annotated[list[auth.Scope], Meta(min_length=1, max_length=16)]
    expires_at: Time | None = None


class ApiToken(msgspec.Struct):
    """An API token without its secret. `last_used_at` is exact to a minute."""

    id: UUID
    name: str
    scopes: list[auth.Scope]
    expires_at: Time | None
    created_at: Time
    last_used_at: Time | None


class CreatedApiToken(msgspec.Struct):
    """A new API token. `token` is the secret: it is shown only here."""

    id: UUID
    name: str
    scopes: list[auth.Scope]
    token: str
    expires_at: Time | None
    created_at: Time


class ApiTokenList(msgspec.Struct):
    items: list[ApiToken]
    next_cursor: str | None


def created_token_view(created: auth.NewApiToken) -> CreatedApiToken:
    token = created.details
    return CreatedApiToken(
        id=token.id,
        name=token.name,
        scopes=list(token.scopes),
        token=created.secret,
        expires_at=token.expires_at,
        created_at=token.created_at,
    )


def token_list_view(page: auth.ApiTokenPage) -> ApiTokenList:
    return ApiTokenList(
        [
            ApiToken(
                id=token.id,
                name=token.name,
                scopes=list(token.scopes),
                expires_at=token.expires_at,
                created_at=token.created_at,
                last_used_at=token.last_used_at,
            )
            for token in page.items
        ],
        page.next_cursor,
    )
