"""The handler of the activity of a file or folder: what was changed, when, and by whom."""

from __future__ import annotations

from falcon.asgi import Response

from ...contract import files as contract
from ...contract.auth import Auth
from ..http_request import Request, parse_file_id, parse_limit
from ..http_response import respond_json
from . import views


class ActivityResource:
    def __init__(self, auth: Auth, files: contract.Files) -> None:
        self._auth = auth
        self._files = files

    async def list_activity(self, req: Request, resp: Response, id: str) -> None:
        limit, cursor = parse_limit(req.query_value("limit")), req.query_value("cursor")
        page = await self._files.list_activity(req.access, parse_file_id(id), limit, cursor)
        actors = tuple(dict.fromkeys(each.actor for each in page.items if each.actor is not None))
        users = await self._auth.list_users(actors) if actors else ()
        respond_json(resp, views.activity_list_view(page, users))
