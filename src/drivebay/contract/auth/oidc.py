"""Sign-in with an identity provider (OpenID Connect): code flow with PKCE, state and nonce.

The gateway redirects the browser to the provider. The provider redirects the browser back to the gateway, and the
gateway redirects it to the app, with a sign-in code. The app exchanges the code for a session. In a deployment without
a provider, every method except `list_identities` raises NotFound.
"""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

import msgspec

from ..ids import UserId
from .administration import Actor
from .sessions import Tokens


class OidcLogin(msgspec.Struct, frozen=True):
    """A sign-in that has begun. `url` is the provider's page.

    `browser_secret` is the value of a cookie that binds the sign-in to the browser that began it.
    """

    url: str
    browser_secret: str

    def __repr__(self) -> str:
        return "OidcLogin()"


class OidcResponse(msgspec.Struct, frozen=True):
    """The parameters with which the provider redirects the browser back. A missing parameter is empty. `issuer` is the
    parameter `iss` of RFC 9207."""

    state: str
    browser_secret: str
    code: str = ""
    issuer: str = ""
    error: str = ""

    def __repr__(self) -> str:
        return "OidcResponse()"


class Identity(msgspec.Struct, frozen=True):
    """A user of an identity provider who may sign in to an account. `issuer` and `subject` are the claims `iss` and
    `sub` of the provider's ID tokens."""

    issuer: str
    subject: str
    created_at: datetime


class Oidc(Protocol):
    async def begin_oidc_login(self, redirect_uri: str, address: str) -> OidcLogin:
        """Begin a sign-in. At its end, the gateway redirects the browser to `redirect_uri`, with a sign-in code.

        `redirect_uri` must be the public URL of the deployment or below it, or a loopback URL of the user's own
        computer (`http://127.0.0.1:...`). `address` is the IP address of the client. A sign-in can be completed within
        10 minutes.

        Raises InvalidRequest (`redirect_uri`), RateLimited, NotFound, Unavailable (the provider cannot be reached).
        """
        ...

    async def complete_oidc_login(self, actor: Actor, response: OidcResponse) -> str:
        """Return the URL to which the gateway redirects the browser: the `redirect_uri` of the sign-in with a `code`,
        or with an `error`.

        `error` is `access_denied` (the provider refused), `no_account` (no account, and no account may be created),
        `email_taken` (another account has the address) or `account_disabled`. The actor's `user` is ignored.

        A response can be used once. Raises InvalidCode (the state is unknown, was used, has expired or belongs to
        another browser, or the response of the provider is not valid), NotFound, Unavailable.
        """
        ...

    async def log_in_with_oidc(self, code: str, address: str, user_agent: str = "") -> Tokens:
        """Start a session with a sign-in code. A code is valid for one minute, once.

        Raises InvalidCode, SecondFactorRequired, InvalidCredentials (the account was disabled), NotFound.
        """
        ...

    async def list_identities(self, user: UserId) -> tuple[Identity, ...]:
        """Return the identities of an account, the oldest first."""
        ...
