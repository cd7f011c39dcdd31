"""The routes of the second factor."""

from __future__ import annotations

from ... import errors
from .. import concurrency
from ..route import NO_API_TOKEN, Route
from . import totp_views as views
from . import views as account_views
from .account_resource import AccountResource
from .session_cookie import PARAMETER as COOKIE
from .totp_resource import TotpResource


def totp_routes(totp: TotpResource, accounts: AccountResource) -> tuple[Route, ...]:
    """Return the routes."""
    return (
        Route(
            "POST", "/v1/login/totp", "logInWithCode", "Complete a login with a code", accounts.log_in_with_code,
            {200: account_views.Session}, body=account_views.CodeLogin, parameters=(COOKIE,), public=True,
            errors=(errors.InvalidCode, errors.RateLimited, errors.Forbidden),
        ),
        Route(
            "POST", "/v1/me/totp", "beginTotp", "Create the secret of a second factor", totp.begin,
            {201: views.TotpSecret}, errors=(errors.AlreadyEnabled,), scopes=NO_API_TOKEN,
        ),
        Route(
            "POST", "/v1/me/totp/confirm", "confirmTotp", "Activate the second factor and get recovery codes",
            totp.confirm, {200: views.RecoveryCodes}, body=views.Confirmation,
            errors=(errors.InvalidCode, errors.RateLimited, errors.NotFound, errors.AlreadyEnabled),
            scopes=NO_API_TOKEN,
        ),
        Route(
            "DELETE", "/v1/me/totp", "removeTotp", "Remove the second factor", totp.remove, {204: None},
            body=views.Removal, limiter=concurrency.HASHING,
            errors=(errors.InvalidCredentials, errors.InvalidCode, errors.RateLimited, errors.NotFound),
            scopes=NO_API_TOKEN,
        ),
    )  # fmt: skip
