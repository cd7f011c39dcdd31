"""The routes of the sign-in with an identity provider. They return 404 in a deployment without an identity provider."""

from __future__ import annotations

from ... import errors
from ..route import Parameter, Route
from . import oidc_views, views
from .oidc_resource import OidcResource
from .session_cookie import PARAMETER as COOKIE

_TEXT = {"type": "string", "maxLength": 4096}
_REDIRECT = Parameter(
    "redirect_uri",
    "query",
    {"type": "string", "maxLength": 2000},
    "where the browser goes at the end: a URL of this deployment, or of a port of the user's own machine",
    required=True,
)
_CALLBACK_PARAMETERS = (
    Parameter("state", "query", _TEXT, "the state of the sign-in, as the identity provider returns it"),
    Parameter("code", "query", _TEXT, "the code of the identity provider"),
    Parameter("iss", "query", _TEXT, "the issuer (RFC 9207)"),
    Parameter("error", "query", _TEXT, "why the provider refused"),
)


def oidc_routes(oidc: OidcResource) -> tuple[Route, ...]:
    """Return the routes."""
    return (
        Route(
            "GET", "/v1/oidc/login", "beginOidcLogin", "Send the browser to the identity provider", oidc.begin,
            {302: None}, parameters=(_REDIRECT,), headers=("Location",), public=True,
            errors=(errors.NotFound, errors.RateLimited),
        ),
        Route(
            "GET", "/v1/oidc/callback", "completeOidcLogin", "Send the browser back to the app with a sign-in code",
            oidc.complete, {302: None}, parameters=_CALLBACK_PARAMETERS, headers=("Location",), public=True,
            errors=(errors.NotFound, errors.InvalidCode),
        ),
        Route(
            "POST", "/v1/oidc/token", "logInWithOidc", "Begin a session with a sign-in code", oidc.log_in,
            {200: views.Session}, body=oidc_views.OidcCode, parameters=(COOKIE,), public=True,
            errors=(
                errors.NotFound, errors.InvalidCode, errors.InvalidCredentials, errors.SecondFactorRequired,
                errors.Forbidden,
            ),
        ),
    )  # fmt: skip
