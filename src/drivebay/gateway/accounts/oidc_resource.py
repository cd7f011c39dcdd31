"""Handlers of the sign-in with an identity provider."""

from __future__ import annotations

from typing import Final

import msgspec
from falcon.asgi import Response

from ...contract.auth import Auth, OidcResponse
from ...contract.files import Files
from ..account_purge import end_reclaimed_sharing
from ..authentication import Authenticator
from ..client_address import ClientAddresses
from ..http_request import Request, invalid_field_error, read_json
from ..http_response import respond_empty
from . import oidc_views
from .session_cookie import SessionCookies

COOKIE: Final = "drivebay_oidc"
_PATH: Final = "/v1/oidc"
_COOKIE_SECONDS: Final = 600
"""A sign-in can be completed within 10 minutes."""
_MAX_PARAMETER: Final = 4096
"""The maximum number of characters of a parameter."""

_code_decoder = msgspec.json.Decoder(oidc_views.OidcCode)


class OidcResource:
    """Handles the sign-in. `public_url` is the public URL of the deployment, or None."""

    def __init__(
        self,
        auth: Auth,
        files: Files,
        addresses: ClientAddresses,
        authenticator: Authenticator,
        cookies: SessionCookies,
        public_url: str | None,
    ) -> None:
        self._cookies = cookies
        self._auth = auth
        self._files = files
        self._authenticator = authenticator
        self._addresses = addresses
        # The path of the cookie is the path that browsers see, also behind a proxy that adds a prefix.
        base = "" if public_url is None else public_url.partition("://")[2].partition("/")[2].rstrip("/")
        self._path = f"/{base}{_PATH}" if base else _PATH
        self._is_secure = public_url is not None and public_url.startswith("https://")

    async def begin(self, req: Request, resp: Response) -> None:
        redirect_uri = req.query_value("redirect_uri")
        if redirect_uri is None:
            raise invalid_field_error("redirect_uri", "is missing")
        login = await self._auth.begin_oidc_login(redirect_uri, self._addresses.resolve(req.scope))
        respond_empty(resp, 302, {"Location": login.url})
        self._set_cookie(resp, login.browser_secret)

    async def complete(self, req: Request, resp: Response) -> None:
        values = {name: req.query_value(name) or "" for name in ("state", "code", "iss", "error")}
        if any(len(value) > _MAX_PARAMETER for value in values.values()):
            raise invalid_field_error("query", "is too long")
        response = OidcResponse(
            values["state"], req.cookies.get(COOKIE, ""), values["code"], values["iss"], values["error"]
        )
        url = await self._auth.complete_oidc_login(self._addresses.actor(req), response)
        # The sign-in may have ended the access of the account's earlier user.
        for user in await end_reclaimed_sharing(self._auth, self._files):  # guard: oidc-ends-sharing
            self._authenticator.forget_api_tokens(user)
            await self._authenticator.refresh_revoked_sessions()
        respond_empty(resp, 302, {"Location": url})
        resp.unset_cookie(COOKIE, path=self._path, same_site="Lax")

    async def log_in(self, req: Request, resp: Response) -> None:
        body = await read_json(req, _code_decoder)
        client = self._addresses.actor(req)
        self._cookies.check_request(req)
        tokens = await self._auth.log_in_with_oidc(body.code, client.address, client.user_agent)
        self._cookies.respond(req, resp, tokens)

    def _set_cookie(self, resp: Response, value: str) -> None:
        # Lax, because the browser returns from the site of the provider. With Strict it would not send the cookie.
        resp.set_cookie(
            COOKIE,
            value,
            max_age=_COOKIE_SECONDS,
            path=self._path,
            secure=self._is_secure,
            http_only=True,
            same_site="Lax",
        )
