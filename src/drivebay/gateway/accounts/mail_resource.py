"""Handlers of password resets and of the confirmation of email addresses."""

from __future__ import annotations

import msgspec
from falcon.asgi import Response

from ...contract.auth import Auth
from ..client_address import ClientAddresses
from ..http_request import Request, read_json
from ..http_response import respond_empty
from . import mail_views as views

_reset_decoder = msgspec.json.Decoder(views.PasswordResetRequest)
_verification_decoder = msgspec.json.Decoder(views.EmailVerification)


class MailResource:
    def __init__(self, auth: Auth, addresses: ClientAddresses) -> None:
        self._auth = auth
        self._addresses = addresses

    async def request_reset(self, req: Request, resp: Response) -> None:
        body = await read_json(req, _reset_decoder)
        await self._auth.request_password_reset(self._addresses.actor(req), body.email)
        respond_empty(resp, 202)

    async def request_verification(self, req: Request, resp: Response) -> None:
        await self._auth.request_verification(req.user)
        respond_empty(resp, 202)

    async def verify(self, req: Request, resp: Response) -> None:
        body = await read_json(req, _verification_decoder)
        await self._auth.verify_email(self._addresses.actor(req), body.token)
        respond_empty(resp, 204)
