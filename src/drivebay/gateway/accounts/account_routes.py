"""The routes of accounts, sessions and API tokens."""

from __future__ import annotations

from typing import Final

from ... import errors
from ...contract.auth import Scope
from .. import concurrency
from ..route import NO_API_TOKEN, Parameter, Route
from . import api_token_views, session_views, views
from .account_resource import AccountResource
from .api_token_resource import ApiTokenResource
from .session_cookie import PARAMETER as _COOKIE
from .session_resource import SessionResource

_ACCOUNT: Final = (Scope.ACCOUNT,)


def account_routes(accounts: AccountResource, key: Parameter) -> tuple[Route, ...]:
    """Return the routes of accounts. `key` is the parameter `Idempotency-Key`."""
    return (
        Route(
            "POST", "/v1/signup", "signUp", "Create an account", accounts.sign_up, {201: views.Account},
            body=views.NewAccount, parameters=(key,), public=True, limiter=concurrency.HASHING,
            errors=(
                errors.EmailTaken, errors.SignupClosed, errors.RateLimited, errors.IdempotencyKeyReused,
                errors.InProgress,
            ),
        ),
        Route(
            "POST", "/v1/login", "logIn", "Begin a session", accounts.log_in, {200: views.Session},
            body=views.Login, parameters=(_COOKIE,), public=True, limiter=concurrency.HASHING,
            errors=(
                errors.InvalidCredentials, errors.SecondFactorRequired, errors.RateLimited, errors.Forbidden,
            ),
        ),
        Route(
            "POST", "/v1/token/refresh", "refresh", "Exchange a refresh token for new tokens",
            accounts.refresh_session, {200: views.Session}, body=views.RefreshToken, parameters=(_COOKIE,), public=True,
            errors=(errors.Unauthenticated, errors.TokenReused, errors.Forbidden),
        ),
        Route(
            "POST", "/v1/logout", "logOut", "End a session", accounts.log_out, {204: None},
            body=views.RefreshToken, parameters=(_COOKIE,), public=True,
            errors=(errors.Unauthenticated, errors.Forbidden),
        ),
        Route(
            "GET", "/v1/me", "me", "Get my account and its usage", accounts.get_me, {200: views.Me},
            scopes=(Scope.READ, Scope.ACCOUNT),
        ),
        Route(
            "PATCH", "/v1/me", "changeMe", "Change my display name", accounts.update_me, {200: views.Me},
            body=views.AccountUpdate, scopes=_ACCOUNT,
        ),
        Route(
            "DELETE", "/v1/me", "deleteMe", "Delete my account. Its files are purged after the trash's grace period",
            accounts.delete_me, {204: None}, body=views.AccountDeletion, limiter=concurrency.HASHING,
            errors=(errors.InvalidCredentials, errors.LastAdmin), scopes=NO_API_TOKEN,
        ),
        Route(
            "POST", "/v1/me/password", "changePassword", "Change my password and end every other session",
            accounts.change_password, {204: None}, body=views.PasswordChange, limiter=concurrency.HASHING,
            errors=(errors.InvalidCredentials, errors.Forbidden), scopes=NO_API_TOKEN,
        ),
        Route(
            "GET", "/.well-known/jwks.json", "keys", "Get the public keys that verify access tokens",
            accounts.list_keys, {200: views.JwkSet}, public=True,
        ),
    )  # fmt: skip


def session_routes(sessions: SessionResource) -> tuple[Route, ...]:
    """Return the routes of the list of sessions."""
    return (
        Route(
            "GET", "/v1/me/sessions", "listSessions", "List my sessions, newest first", sessions.list_sessions,
            {200: session_views.SessionList}, scopes=_ACCOUNT,
        ),
        Route(
            "DELETE", "/v1/me/sessions/{id}", "endSession", "End one of my sessions", sessions.end_session, {204: None},
            errors=(errors.NotFound,), scopes=_ACCOUNT,
        ),
        Route(
            "DELETE", "/v1/me/sessions", "endOtherSessions", "End all my sessions except the current one",
            sessions.end_other_sessions, {204: None}, scopes=_ACCOUNT,
        ),
    )  # fmt: skip


def api_token_routes(tokens: ApiTokenResource, key: Parameter, paging: tuple[Parameter, ...]) -> tuple[Route, ...]:
    """Return the routes of API tokens. `key` is `Idempotency-Key`, `paging` are the parameters of every list."""
    return (
        Route(
            "POST", "/v1/me/tokens", "createToken", "Create an API token, which is shown only here",
            tokens.create_token, {201: api_token_views.CreatedApiToken}, body=api_token_views.ApiTokenRequest,
            parameters=(key,), errors=(errors.Conflict, errors.IdempotencyKeyReused), scopes=NO_API_TOKEN,
        ),
        Route(
            "GET", "/v1/me/tokens", "listTokens", "List my API tokens, newest first", tokens.list_tokens,
            {200: api_token_views.ApiTokenList}, parameters=paging, errors=(errors.InvalidCursor,), scopes=_ACCOUNT,
        ),
        Route(
            "DELETE", "/v1/me/tokens/{id}", "revokeToken", "Revoke an API token", tokens.revoke_token, {204: None},
            errors=(errors.NotFound,), scopes=_ACCOUNT,
        ),
    )  # fmt: skip
