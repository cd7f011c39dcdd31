"""The routes of passkeys. The routes that create and use passkeys return 404 if the public URL cannot have passkeys."""

from __future__ import annotations

from ... import errors
from ...contract.auth import Scope
from .. import concurrency
from ..route import NO_API_TOKEN, Route
from . import passkey_views as views
from . import views as account_views
from .passkey_resource import PasskeyResource
from .session_cookie import PARAMETER as COOKIE


def passkey_routes(passkeys: PasskeyResource) -> tuple[Route, ...]:
    """Return the routes."""
    return (
        Route(
            "POST", "/v1/login/passkey/options", "beginPasskeyLogin", "Get the options to log in with a passkey",
            passkeys.begin_login, {200: views.PasskeyOptions}, body=views.PasskeyLoginRequest, public=True,
            errors=(errors.RateLimited, errors.InvalidCode, errors.Forbidden, errors.NotFound),
        ),
        Route(
            "POST", "/v1/login/passkey", "logInWithPasskey", "Begin a session with a passkey, or complete a login",
            passkeys.log_in, {200: account_views.Session}, body=views.PasskeyLogin, parameters=(COOKIE,), public=True,
            errors=(errors.InvalidPasskey, errors.Forbidden, errors.NotFound),
        ),
        Route(
            "POST", "/v1/me/passkeys/options", "beginPasskey", "Get the options to make a passkey", passkeys.begin,
            {200: views.PasskeyOptions}, body=views.PasskeyRequest, limiter=concurrency.HASHING,
            errors=(
                errors.InvalidCredentials, errors.InvalidCode, errors.RateLimited, errors.Conflict, errors.Forbidden,
                errors.NotFound,
            ),
            scopes=NO_API_TOKEN,
        ),
        Route(
            "POST", "/v1/me/passkeys", "addPasskey", "Add a passkey that the browser made", passkeys.add,
            {201: views.Passkey}, body=views.NewPasskey,
            errors=(errors.InvalidPasskey, errors.Conflict, errors.Forbidden, errors.NotFound), scopes=NO_API_TOKEN,
        ),
        Route(
            "GET", "/v1/me/passkeys", "listPasskeys", "List my passkeys, newest first", passkeys.list_passkeys,
            {200: views.PasskeyList}, scopes=(Scope.ACCOUNT,),
        ),
        Route(
            "PATCH", "/v1/me/passkeys/{id}", "renamePasskey", "Rename a passkey", passkeys.rename, {200: views.Passkey},
            body=views.PasskeyUpdate, errors=(errors.NotFound,), scopes=NO_API_TOKEN,
        ),
        Route(
            "DELETE", "/v1/me/passkeys/{id}", "removePasskey", "Remove a passkey", passkeys.remove, {204: None},
            body=views.PasskeyRemoval, limiter=concurrency.HASHING,
            errors=(errors.InvalidCredentials, errors.RateLimited, errors.NotFound), scopes=NO_API_TOKEN,
        ),
    )  # fmt: skip
