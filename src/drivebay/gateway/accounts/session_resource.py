"""Handlers of the list of sessions, and of ending them."""

from __future__ import annotations

from falcon.asgi import Response

from ...contract.auth import Auth
from ...contract.ids import SessionId
from ..authentication import Authenticator
from ..http_request import Request, parse_uuid
from ..http_response import respond_empty, respond_json
from . import session_views as views


class SessionResource:
    def __init__(self, auth: Auth, authenticator: Authenticator) -> None:
        self._auth = auth
        self._authenticator = authenticator

    async def list_sessions(self, req: Request, resp: Response) -> None:
        respond_json(resp, views.session_list_view(await self._auth.list_sessions(req.user), req.session))

    async def end_session(self, req: Request, resp: Response, id: str) -> None:
        await self._auth.end_session(req.user, SessionId(parse_uuid(id, "id")))
        await self._authenticator.refresh_revoked_sessions()
        respond_empty(resp, 204)

    async def end_other_sessions(self, req: Request, resp: Response) -> None:
        await self._auth.end_sessions(req.user, req.session)
        await self._authenticator.refresh_revoked_sessions()
        respond_empty(resp, 204)
