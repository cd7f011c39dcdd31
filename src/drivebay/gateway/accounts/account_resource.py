"""Handlers of accounts and sessions."""

from __future__ import annotations

import asyncio

import msgspec
from falcon.asgi import Response
from msgspec import UNSET

from ...contract.auth import Auth
from ...contract.files import Files
from ...errors import NotFound, TokenReused, Unauthenticated
from ..account_purge import end_account
from ..authentication import Authenticator
from ..client_address import ClientAddresses
from ..http_request import Request, idempotency_key, read_json
from ..http_response import respond_empty, respond_json
from . import views
from .session_cookie import LOGOUT_COOKIE, REFRESH_COOKIE, SessionCookies

_new_account_decoder = msgspec.json.Decoder(views.NewAccount)
_login_decoder = msgspec.json.Decoder(views.Login)
_account_update_decoder = msgspec.json.Decoder(views.AccountUpdate)
_password_change_decoder = msgspec.json.Decoder(views.PasswordChange)
_account_deletion_decoder = msgspec.json.Decoder(views.AccountDeletion)
_code_login_decoder = msgspec.json.Decoder(views.CodeLogin)
_refresh_decoder = msgspec.json.Decoder(views.RefreshToken)


class AccountResource:
    def __init__(
        self,
        auth: Auth,
        files: Files,
        client_addresses: ClientAddresses,
        authenticator: Authenticator,
        cookies: SessionCookies,
    ) -> None:
        self._auth = auth
        self._cookies = cookies
        self._files = files
        self._authenticator = authenticator
        self._client_addresses = client_addresses

    async def sign_up(self, req: Request, resp: Response) -> None:
        body = await read_json(req, _new_account_decoder)
        address = self._client_addresses.resolve(req.scope)
        user = await self._auth.sign_up(body.email, body.password, address, idempotency_key(req))
        respond_json(resp, views.account_view(user), 201)

    async def log_in(self, req: Request, resp: Response) -> None:
        body = await read_json(req, _login_decoder)
        client = self._client_addresses.actor(req)
        self._cookies.check_request(req)
        tokens = await self._auth.log_in(body.email, body.password, client.address, client.user_agent)
        self._cookies.respond(req, resp, tokens)

    async def log_in_with_code(self, req: Request, resp: Response) -> None:
        body = await read_json(req, _code_login_decoder)
        client = self._client_addresses.actor(req)
        self._cookies.check_request(req)
        tokens = await self._auth.log_in_with_code(body.challenge, body.code, client.address, client.user_agent)
        self._cookies.respond(req, resp, tokens)

    async def refresh_session(self, req: Request, resp: Response) -> None:
        body = await read_json(req, _refresh_decoder)
        token = self._cookies.token(req, resp, body.refresh_token, REFRESH_COOKIE)
        try:
            tokens = await self._auth.refresh(token)
        except Unauthenticated as error:
            self._cookies.clear(req, resp)
            if isinstance(error, TokenReused):
                await self._authenticator.refresh_revoked_sessions()
            raise
        self._cookies.respond(req, resp, tokens)

    async def log_out(self, req: Request, resp: Response) -> None:
        body = await read_json(req, _refresh_decoder)
        token = self._cookies.token(req, resp, body.refresh_token, LOGOUT_COOKIE)
        await self._auth.log_out(token)
        self._cookies.clear(req, resp)
        await self._authenticator.refresh_revoked_sessions()  # guard: logout-revokes-here
        respond_empty(resp, 204)

    async def get_me(self, req: Request, resp: Response) -> None:
        try:
            user, usage = await asyncio.gather(self._auth.get_user(req.user), self._files.get_usage(req.access))
        except NotFound:
            raise _no_account_error() from None
        respond_json(resp, views.me_view(user, usage))

    async def update_me(self, req: Request, resp: Response) -> None:
        body = await read_json(req, _account_update_decoder)
        display_name = None if body.display_name is UNSET else body.display_name
        try:
            user = await self._auth.update_profile(req.user, display_name)
        except NotFound:
            raise _no_account_error() from None
        respond_json(resp, views.me_view(user, await self._files.get_usage(req.access)))

    async def change_password(self, req: Request, resp: Response) -> None:
        body = await read_json(req, _password_change_decoder)
        client = self._client_addresses.actor(req, req.user)
        passwords = body.current_password, body.new_password
        try:
            await self._auth.change_password(req.user, *passwords, client.address, req.session, client.user_agent)
        except NotFound:
            raise _no_account_error() from None
        await self._authenticator.refresh_revoked_sessions()
        respond_empty(resp, 204)

    async def delete_me(self, req: Request, resp: Response) -> None:
        body = await read_json(req, _account_deletion_decoder)
        client = self._client_addresses.actor(req, req.user)
        try:
            await self._auth.delete_account(req.user, body.password, client.address, client.user_agent, req.session)
        except NotFound:
            raise _no_account_error() from None
        self._authenticator.forget_api_tokens(req.user)
        await self._authenticator.refresh_revoked_sessions()
        await end_account(self._files, req.user)  # guard: account-links-at-once
        respond_empty(resp, 204)

    async def list_keys(self, req: Request, resp: Response) -> None:
        respond_json(resp, views.jwk_set_view(await self._auth.list_keys()))


def _no_account_error() -> Unauthenticated:
    return Unauthenticated("the account of this token no longer exists; log in again")
