"""Accounts and sessions."""

from __future__ import annotations

import asyncio

import msgspec

from ..contract.auth import Auth
from ..contract.files import Files
from ..errors import NotFound, Unauthenticated
from . import views
from .answer import Answer, json
from .request import Call

_credentials = msgspec.json.Decoder(views.Credentials)
_login = msgspec.json.Decoder(views.Login)
_refresh = msgspec.json.Decoder(views.RefreshToken)


class Accounts:
    def __init__(self, auth: Auth, files: Files) -> None:
        self._auth = auth
        self._files = files

    async def sign_up(self, call: Call) -> Answer:
        body = await call.body(_credentials)
        user = await self._auth.sign_up(body.email, body.password, call.address, call.idempotency_key())
        return json(views.account(user), 201)

    async def log_in(self, call: Call) -> Answer:
        body = await call.body(_login)
        return json(views.session(await self._auth.log_in(body.email, body.password, call.address)))

    async def refresh(self, call: Call) -> Answer:
        body = await call.body(_refresh)
        return json(views.session(await self._auth.refresh(body.refresh_token)))

    async def log_out(self, call: Call) -> Answer:
        await self._auth.log_out((await call.body(_refresh)).refresh_token)
        return Answer(204)

    async def me(self, call: Call) -> Answer:
        try:
            user, usage = await asyncio.gather(self._auth.user(call.user), self._files.usage(call.user))
        except NotFound:
            raise Unauthenticated("the account of this token is gone") from None
        return json(views.me(user, usage))

    async def keys(self, call: Call) -> Answer:
        return json(views.jwk_set(await self._auth.keys()))
