"""Handlers of API tokens."""

from __future__ import annotations

import msgspec
from falcon.asgi import Response

from ...contract.auth import Auth
from ...contract.ids import ApiTokenId
from ...errors import NotFound, Unauthenticated
from ..authentication import Authenticator
from ..client_address import ClientAddresses
from ..http_request import Request, idempotency_key, in_utc, parse_limit, parse_uuid, read_json
from ..http_response import respond_empty, respond_json
from . import api_token_views as views

_new_token_decoder = msgspec.json.Decoder(views.ApiTokenRequest)


class ApiTokenResource:
    def __init__(self, auth: Auth, authenticator: Authenticator, addresses: ClientAddresses) -> None:
        self._auth = auth
        self._authenticator = authenticator
        self._addresses = addresses

    async def create_token(self, req: Request, resp: Response) -> None:
        body = await read_json(req, _new_token_decoder)
        expires_at = None if body.expires_at is None else in_utc(body.expires_at, "expires_at")
        fields = body.name, tuple(body.scopes), expires_at, self._addresses.actor(req, req.user)
        try:
            created = await self._auth.create_api_token(req.user, *fields, idempotency_key(req))
        except NotFound:
            raise Unauthenticated("the account of this token no longer exists; log in again") from None
        respond_json(resp, views.created_token_view(created), 201)

    async def list_tokens(self, req: Request, resp: Response) -> None:
        limit, cursor = parse_limit(req.query_value("limit")), req.query_value("cursor")
        respond_json(resp, views.token_list_view(await self._auth.list_api_token_page(req.user, limit, cursor)))

    async def revoke_token(self, req: Request, resp: Response, id: str) -> None:
        actor = self._addresses.actor(req, req.user)
        await self._auth.revoke_api_token(req.user, ApiTokenId(parse_uuid(id, "id")), actor)
        self._authenticator.forget_api_tokens(req.user)  # guard: revoked-token-here
        respond_empty(resp, 204)
