"""The refresh token of a browser in cookies that no script can read (docs/decisions/0062).

A client requests cookies with the header `Drivebay-Session: cookie`. A page of another origin cannot send this header:
the browser sends a preflight request first, and the CORS policy never allows the header.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from falcon.asgi import Response
from msgspec import UNSET

from ...contract.auth import Tokens
from ...errors import Forbidden, Unauthenticated
from ..http_request import Request, invalid_field_error
from ..http_response import respond_json
from ..public_url import PublicUrls
from ..route import Parameter
from . import views

HEADER: Final = "Drivebay-Session"
PARAMETER: Final = Parameter(
    HEADER,
    "header",
    {"type": "string", "enum": ["cookie"]},
    "for web pages of this origin: the refresh token is in a cookie, and not in the JSON",
)
REFRESH_COOKIE: Final = "drivebay_refresh"
LOGOUT_COOKIE: Final = "drivebay_logout"
COOKIES: Final = ((REFRESH_COOKIE, "/v1/token/refresh"), (LOGOUT_COOKIE, "/v1/logout"))
"""Two cookies with the same token: a cookie has one path, and only these two calls may get the token."""
_SECONDS: Final = 30 * 24 * 3600
"""The lifetime of a refresh token. Each refresh sets new cookies."""


class SessionCookies:
    """Reads and sets the cookies. `urls` are the URLs at which browsers reach the gateway."""

    def __init__(self, urls: PublicUrls) -> None:
        self._urls = urls

    def respond(self, req: Request, resp: Response, tokens: Tokens) -> None:
        """Respond with the tokens of a session. Raises Forbidden for a page of another origin, before a cookie is
        set."""
        session = views.session_view(tokens)
        if self.are_requested(req):
            self._set(req, resp, tokens.refresh_token)
            session.refresh_token = UNSET  # guard: cookie-token-not-in-json
        respond_json(resp, session)

    def token(self, req: Request, resp: Response, body_token: str, name: str) -> str:
        """Return the refresh token of a request: `body_token`, or the value of the cookie `name`.

        Raises Forbidden and InvalidRequest as `are_requested` does, and Unauthenticated if the cookie is missing.
        """
        if not self.are_requested(req):
            return body_token
        token: str | None = req.cookies.get(name)
        if not token:
            raise Unauthenticated("there is no session in this browser; log in")
        return token

    def clear(self, req: Request, resp: Response) -> None:
        """Remove the cookies if the request asked for cookies."""
        if req.get_header(HEADER) is not None:
            base = self._urls.path(req.scope)
            for name, path in COOKIES:
                # `set_cookie` with a lifetime of 0 does not work: Falcon leaves out a lifetime of 0.
                resp.unset_cookie(name, path=base + path, same_site="Strict")  # guard: cookie-removal

    def check_request(self, req: Request) -> None:
        """Raise the errors of `are_requested`. Call it before a session begins."""
        self.are_requested(req)

    def are_requested(self, req: Request) -> bool:
        """Return whether the request asks for cookies. Raises InvalidRequest, and Forbidden for another origin."""
        header = req.get_header(HEADER)
        if header is None:  # guard: cookie-needs-header
            return False
        if header != "cookie":
            raise invalid_field_error(HEADER, "must be cookie")
        if not self._is_same_origin(req):  # guard: cookie-same-origin
            raise Forbidden("only pages of this server may use the session cookie")
        return True

    def _is_same_origin(self, req: Request) -> bool:
        site, origin = req.get_header("Sec-Fetch-Site"), req.get_header("Origin")
        if site is not None and site != "same-origin":
            return False
        if origin is None:
            return site is not None
        return urlsplit(origin).netloc == urlsplit(self._urls.absolute_link(req.scope, "")).netloc

    def _set(self, req: Request, resp: Response, token: str) -> None:
        base, is_secure = self._urls.path(req.scope), self._urls.absolute_link(req.scope, "").startswith("https:")
        for name, path in COOKIES:
            resp.set_cookie(  # guard: cookie-path, cookie-secure, cookie-http-only, cookie-same-site
                name,
                token,
                max_age=_SECONDS,
                path=base + path,
                secure=is_secure,
                http_only=True,
                same_site="Strict",
            )
