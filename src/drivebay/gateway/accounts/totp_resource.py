"""Handlers of the second factor of an account."""

from __future__ import annotations

import msgspec
from falcon.asgi import Response

from ...contract.auth import Auth
from ..client_address import ClientAddresses
from ..http_request import Request, read_json
from ..http_response import respond_empty, respond_json
from . import totp_views as views

_confirmation_decoder = msgspec.json.Decoder(views.Confirmation)
_removal_decoder = msgspec.json.Decoder(views.Removal)


class TotpResource:
    def __init__(self, auth: Auth, addresses: ClientAddresses) -> None:
        self._auth = auth
        self._addresses = addresses

    async def begin(self, req: Request, resp: Response) -> None:
        secret = await self._auth.begin_totp(self._addresses.actor(req, req.user))
        respond_json(resp, views.TotpSecret(secret.secret, secret.uri), 201)

    async def confirm(self, req: Request, resp: Response) -> None:
        body = await read_json(req, _confirmation_decoder)
        codes = await self._auth.confirm_totp(self._addresses.actor(req, req.user), body.code)
        respond_json(resp, views.RecoveryCodes(list(codes)))

    async def remove(self, req: Request, resp: Response) -> None:
        body = await read_json(req, _removal_decoder)
        await self._auth.remove_totp(self._addresses.actor(req, req.user), body.password, body.code, req.session)
        respond_empty(resp, 204)
