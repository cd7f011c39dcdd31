"""Handlers of permissions on items.

The auth service stores the accounts of users. The files service stores their permissions.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec
from falcon.asgi import Response
from msgspec import UNSET

from ...contract import files as contract
from ...contract.auth import Auth, User
from ...contract.ids import UserId
from ..http_request import Request, invalid_field_error, parse_file_id, parse_limit, parse_uuid, read_json
from ..http_response import respond_empty, respond_json
from . import views

_MAX_USERS: Final = 1000
"""The maximum number of ids in one call of `list_users`."""
_new_permission_decoder = msgspec.json.Decoder(views.NewPermission)


class PermissionResource:
    def __init__(self, auth: Auth, files: contract.Files) -> None:
        self._auth = auth
        self._files = files

    async def put_permission(self, req: Request, resp: Response, id: str) -> None:
        body = await read_json(req, _new_permission_decoder)
        item = parse_file_id(id)
        if (body.user_id is UNSET) is (body.email is UNSET):
            raise invalid_field_error("user_id", "or email is required, but not both")
        user = await self._find_user(req.user, body)
        role = contract.Role(body.role.value)
        named_by_id = body.email is UNSET  # guard: permission-by-id
        permission = await self._files.put_permission(req.access, item, user.id, role, named_by_id)
        respond_json(resp, views.permission_view(permission, user))

    async def list_permissions(self, req: Request, resp: Response, id: str) -> None:
        permissions = await self._files.list_permissions(req.access, parse_file_id(id))
        users = await self._list_users(dict.fromkeys(permission.user for permission in permissions))
        respond_json(resp, views.permission_list_view(permissions, users))

    async def delete_permission(self, req: Request, resp: Response, id: str, user_id: str) -> None:
        user = UserId(parse_uuid(user_id, "user_id"))
        await self._files.delete_permission(req.access, parse_file_id(id), user)
        respond_empty(resp, 204)

    async def list_shared_items(self, req: Request, resp: Response) -> None:
        limit, cursor = parse_limit(req.query_value("limit")), req.query_value("cursor")
        page = await self._files.list_shared_items(req.user, limit, cursor)
        sharers = dict.fromkeys(item.shared_by for item in page.items if item.shared_by is not None)
        respond_json(resp, views.shared_items_view(page, await self._list_users(sharers)))

    async def _list_users(self, ids: Iterable[UserId]) -> list[User]:
        users: list[User] = []
        user_ids = tuple(ids)
        for start in range(0, len(user_ids), _MAX_USERS):
            users += await self._auth.list_users(user_ids[start : start + _MAX_USERS])
        return users

    async def _find_user(self, caller: UserId, body: views.NewPermission) -> User:
        if body.email is not UNSET:
            return await self._auth.find_user(body.email, caller)
        return await self._auth.get_user(UserId(parse_uuid(str(body.user_id), "user_id")), caller)
