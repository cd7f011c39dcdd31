"""Handlers of passkeys."""

from __future__ import annotations

from urllib.parse import urlsplit

import msgspec
from falcon.asgi import Response

from ...contract.auth import Auth
from ...contract.auth.relying_party import LOCAL
from ...contract.ids import PasskeyId
from ...errors import NotFound
from ..client_address import ClientAddresses
from ..http_request import Request, parse_uuid, read_json
from ..http_response import respond_empty, respond_json
from ..public_url import PublicUrls
from . import passkey_views as views
from .session_cookie import SessionCookies

_request_decoder = msgspec.json.Decoder(views.PasskeyRequest)
_new_passkey_decoder = msgspec.json.Decoder(views.NewPasskey)
_update_decoder = msgspec.json.Decoder(views.PasskeyUpdate)
_removal_decoder = msgspec.json.Decoder(views.PasskeyRemoval)
_login_request_decoder = msgspec.json.Decoder(views.PasskeyLoginRequest)
_login_decoder = msgspec.json.Decoder(views.PasskeyLogin)


class PasskeyResource:
    """Handles passkeys. `public_url` is the public URL of the deployment, or None."""

    def __init__(
        self,
        auth: Auth,
        addresses: ClientAddresses,
        cookies: SessionCookies,
        urls: PublicUrls,
        public_url: str | None,
    ) -> None:
        self._auth = auth
        self._addresses = addresses
        self._cookies = cookies
        self._urls = urls
        self._is_local = public_url is None

    async def begin(self, req: Request, resp: Response) -> None:
        body = await read_json(req, _request_decoder)
        self._require_host(req)
        actor = self._addresses.actor(req, req.user)
        options = await self._auth.begin_passkey(actor, body.password, body.code, req.session)
        respond_json(resp, views.options_view(options))

    async def add(self, req: Request, resp: Response) -> None:
        body = await read_json(req, _new_passkey_decoder)
        response, actor = views.attestation(body.credential), self._addresses.actor(req, req.user)
        passkey = await self._auth.add_passkey(actor, response, body.name, req.session)
        respond_json(resp, views.passkey_view(passkey), 201)

    async def list_passkeys(self, req: Request, resp: Response) -> None:
        passkeys = await self._auth.list_passkeys(req.user)
        respond_json(resp, views.PasskeyList([views.passkey_view(passkey) for passkey in passkeys]))

    async def rename(self, req: Request, resp: Response, id: str) -> None:
        body = await read_json(req, _update_decoder)
        passkey = await self._auth.rename_passkey(req.user, PasskeyId(parse_uuid(id, "id")), body.name)
        respond_json(resp, views.passkey_view(passkey))

    async def remove(self, req: Request, resp: Response, id: str) -> None:
        body = await read_json(req, _removal_decoder)
        passkey, actor = PasskeyId(parse_uuid(id, "id")), self._addresses.actor(req, req.user)
        await self._auth.remove_passkey(actor, passkey, body.password, req.session)
        respond_empty(resp, 204)

    async def begin_login(self, req: Request, resp: Response) -> None:
        body = await read_json(req, _login_request_decoder)
        self._require_host(req)
        options = await self._auth.begin_passkey_login(self._addresses.resolve(req.scope), body.challenge)
        respond_json(resp, views.options_view(options))

    async def log_in(self, req: Request, resp: Response) -> None:
        body = await read_json(req, _login_decoder)
        client, response = self._addresses.actor(req), views.assertion(body.credential)
        self._cookies.check_request(req)
        tokens = await self._auth.log_in_with_passkey(response, client.address, client.user_agent, body.challenge)
        self._cookies.respond(req, resp, tokens)

    def _require_host(self, req: Request) -> None:
        """Raise NotFound if a browser would refuse the options at the host of the request. The message says what to
        do."""
        host = urlsplit(self._urls.absolute_link(req.scope, "")).hostname
        if self._is_local and host != LOCAL:
            raise NotFound("passkeys need DRIVEBAY_PUBLIC_URL; without it they work only at http://localhost")
