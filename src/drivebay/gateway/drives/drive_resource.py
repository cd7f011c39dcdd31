"""Handlers of drives and their members.

The auth service stores the accounts of members. The files service stores their roles in drives.
"""

from __future__ import annotations

import msgspec
from falcon.asgi import Response
from msgspec import UNSET

from ...contract import files as contract
from ...contract.auth import Auth, Role, User
from ...contract.ids import UserId
from ...errors import Forbidden, NotFound, Unauthenticated
from ..http_request import Request, idempotency_key, parse_limit, parse_uuid, read_json
from ..http_response import respond_empty, respond_json
from ..public_url import PublicUrls
from ..settings import Settings
from . import views

_new_drive_decoder = msgspec.json.Decoder(views.NewDrive)
_drive_update_decoder = msgspec.json.Decoder(views.DriveUpdate)
_member_role_decoder = msgspec.json.Decoder(views.MemberRole)
_new_member_decoder = msgspec.json.Decoder(views.NewMember)


class DriveResource:
    def __init__(self, auth: Auth, files: contract.Files, urls: PublicUrls, settings: Settings) -> None:
        self._auth = auth
        self._files = files
        self._urls = urls
        self._settings = settings

    async def list_drives(self, req: Request, resp: Response) -> None:
        limit, cursor = parse_limit(req.query_value("limit")), req.query_value("cursor")
        page = await self._files.list_drives(req.user, limit, cursor)
        items = [await self._view(req, drive) for drive in page.items]  # only the personal drive needs a call to auth
        respond_json(resp, views.DriveList(items, page.next_cursor))

    async def create_drive(self, req: Request, resp: Response) -> None:
        # guard: shared-drives-setting
        if self._settings.shared_drives != "anyone" and (await self._auth.get_user(req.user)).role is not Role.ADMIN:
            raise Forbidden("only administrators of this deployment may create shared drives")
        body = await read_json(req, _new_drive_decoder)
        drive = await self._files.create_drive(req.user, body.name, idempotency_key(req))
        location = self._urls.link(req.scope, f"/v1/drives/{drive.id}")
        respond_json(resp, views.drive_view(drive, None), 201, {"Location": location})

    async def get_drive(self, req: Request, resp: Response, id: str) -> None:
        respond_json(resp, await self._view(req, await self._files.get_drive(req.access)))

    async def update_drive(self, req: Request, resp: Response, id: str) -> None:
        body = await read_json(req, _drive_update_decoder)
        if body.name is UNSET:
            drive = await self._files.get_drive(req.access)
        else:
            drive = await self._files.rename_drive(req.access, body.name)
        respond_json(resp, await self._view(req, drive))

    async def delete_drive(self, req: Request, resp: Response, id: str) -> None:
        await self._files.delete_drive(req.access)
        respond_empty(resp, 204)

    async def list_members(self, req: Request, resp: Response, id: str) -> None:
        members = await self._files.list_members(req.access)
        users = await self._auth.list_users(tuple(member.user for member in members))
        respond_json(resp, views.member_list_view(members, users))

    async def put_member(self, req: Request, resp: Response, id: str, user_id: str) -> None:
        body = await read_json(req, _member_role_decoder)
        user = await self._auth.get_user(UserId(parse_uuid(user_id, "user_id")), req.user)
        await self._put_member(req, resp, user, body.role, named_by_id=True)

    async def put_member_by_email(self, req: Request, resp: Response, id: str) -> None:
        body = await read_json(req, _new_member_decoder)
        user = await self._auth.find_user(body.email, req.user)
        await self._put_member(req, resp, user, body.role, named_by_id=False)

    async def remove_member(self, req: Request, resp: Response, id: str, user_id: str) -> None:
        await self._files.remove_member(req.access, UserId(parse_uuid(user_id, "user_id")))
        respond_empty(resp, 204)

    async def _put_member(
        self, req: Request, resp: Response, user: User, role: contract.Role, *, named_by_id: bool
    ) -> None:
        member = await self._files.put_member(req.access, user.id, role, named_by_id)
        respond_json(resp, views.member_view(member, user))

    async def _view(self, req: Request, drive: contract.Drive) -> views.Drive:
        if drive.kind is contract.DriveKind.SHARED:
            return views.drive_view(drive, None)
        try:
            return views.drive_view(drive, await self._auth.get_user(req.user))
        except NotFound:
            raise Unauthenticated("the account of this token no longer exists; log in again") from None
