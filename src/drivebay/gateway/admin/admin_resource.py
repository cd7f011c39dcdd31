"""Handlers of the admin API, and of the public route that sets a password with a token.

In every call except those of the public route, the auth service reads the role of the caller.
"""

from __future__ import annotations

import asyncio
from datetime import datetime

import msgspec
from falcon.asgi import Response
from msgspec import UNSET

from ...contract import auth as contract
from ...contract.auth import Auth
from ...contract.files import Files
from ...contract.ids import DriveId, UserId
from ...errors import NotFound
from ..account_purge import end_account, end_reclaimed_sharing
from ..authentication import Authenticator
from ..client_address import ClientAddresses
from ..http_request import Request, idempotency_key, in_utc, invalid_field_error, parse_limit, parse_uuid, read_json
from ..http_response import respond_empty, respond_json
from ..json_types import Time
from ..public_url import PublicUrls
from ..route import Handler
from . import views
from .user_listing import SORTS, UserLister, UserQuery

_new_user_decoder = msgspec.json.Decoder(views.NewUser)
_user_update_decoder = msgspec.json.Decoder(views.UserUpdate)
_new_password_decoder = msgspec.json.Decoder(views.NewPassword)


class AdminResource:
    def __init__(
        self, auth: Auth, files: Files, urls: PublicUrls, addresses: ClientAddresses, authenticator: Authenticator
    ) -> None:
        self._authenticator = authenticator
        self._auth = auth
        self._files = files
        self._urls = urls
        self._addresses = addresses
        self._lister = UserLister(auth, files)

    async def list_users(self, req: Request, resp: Response) -> None:
        sort = req.query_value("sort")
        if sort is None:
            sort = "created"
        if sort not in SORTS:
            raise invalid_field_error("sort", f"must be one of {', '.join(SORTS)}")
        limit = parse_limit(req.query_value("limit"))
        query = UserQuery(req.query_value("q") or "", sort, limit, req.query_value("cursor"))
        page = await self._lister.list_users(self.actor(req), query)
        respond_json(resp, views.UserList([views.user_view(*item) for item in page.items], page.next_cursor))

    async def create_user(self, req: Request, resp: Response) -> None:
        body = await read_json(req, _new_user_decoder)
        account = contract.NewAccount(body.email, body.password, contract.Role(body.role), body.limit_bytes)
        created = await self._auth.create_account(self.actor(req), account, idempotency_key(req))
        user = created.account.id
        if body.limit_bytes is None:
            (usage,) = await self._files.get_usages((DriveId(user),))
        else:
            usage = await self._files.set_quota(DriveId(user), body.limit_bytes)
        url = None
        if created.invitation_token is not None:
            # The token is in the fragment: browsers send it to no server, and no log contains it.
            url = self._urls.absolute_link(req.scope, f"/invitation#token={created.invitation_token}")
        respond_json(resp, views.created_user_view(created.account, usage, url), 201)

    async def get_user(self, req: Request, resp: Response, id: str) -> None:
        account = await self._get_account(req, _parse_user_id(id))
        (usage,) = await self._files.get_usages((DriveId(account.id),))
        respond_json(resp, views.user_view(account, usage))

    async def update_user(self, req: Request, resp: Response, id: str) -> None:
        user = _parse_user_id(id)
        body = await read_json(req, _user_update_decoder)
        update = contract.AccountUpdate(
            role=None if body.role is UNSET else contract.Role(body.role),
            disabled=None if body.disabled is UNSET else body.disabled,
            records_limit=body.limit_bytes is not UNSET,
            limit_bytes=None if body.limit_bytes is UNSET else body.limit_bytes,
        )
        # Auth checks the role and writes the audit log before files changes the quota.
        account = await self._auth.update_account(self.actor(req), user, update)
        if account.disabled:
            self._authenticator.forget_api_tokens(user)
            await self._authenticator.refresh_revoked_sessions()
        if body.limit_bytes is UNSET:
            (usage,) = await self._files.get_usages((DriveId(user),))
        else:
            usage = await self._files.set_quota(DriveId(user), body.limit_bytes)
        respond_json(resp, views.user_view(account, usage))

    async def delete_user(self, req: Request, resp: Response, id: str) -> None:
        user = _parse_user_id(id)
        await self._auth.remove_account(self.actor(req), user)
        self._authenticator.forget_api_tokens(user)
        await self._authenticator.refresh_revoked_sessions()
        await end_account(self._files, user)
        respond_empty(resp, 204)

    async def end_sessions(self, req: Request, resp: Response, id: str) -> None:
        await self._auth.end_user_sessions(self.actor(req), _parse_user_id(id))
        await self._authenticator.refresh_revoked_sessions()
        respond_empty(resp, 204)

    async def get_statistics(self, req: Request, resp: Response) -> None:
        users = await self._auth.count_accounts(self.actor(req))
        totals, backlog = await asyncio.gather(self._files.get_totals(), self._files.get_backlog())
        respond_json(resp, views.statistics_view(users, totals, backlog))

    async def list_audit_events(self, req: Request, resp: Response) -> None:
        user = req.query_value("user_id")
        query = contract.AuditQuery(
            user=None if user is None else _parse_user_id(user, "user_id"),
            action=req.query_value("action"),
            since=_parse_time(req.query_value("since"), "since"),
            until=_parse_time(req.query_value("until"), "until"),
            limit=parse_limit(req.query_value("limit")),
            cursor=req.query_value("cursor"),
        )
        page = await self._auth.list_audit_events(self.actor(req), query)
        respond_json(resp, views.AuditList([views.audit_event_view(event) for event in page.items], page.next_cursor))

    async def reset_password(self, req: Request, resp: Response) -> None:
        body = await read_json(req, _new_password_decoder)
        await self._auth.reset_password(self.actor(req), body.token, body.password)
        self._authenticator.forget_api_tokens(None)  # only the auth service knows whose password it is
        await self._authenticator.refresh_revoked_sessions()
        await end_reclaimed_sharing(self._auth, self._files)  # guard: reset-ends-sharing
        respond_empty(resp, 204)

    def for_admins(self, handler: Handler) -> Handler:
        """Return a handler that raises Forbidden for callers who are not admins, before it reads the request."""

        async def handle(req: Request, resp: Response, **fields: str) -> None:
            await self._auth.get_accounts(self.actor(req), ())  # guard: admin-before-request
            await handler(req, resp, **fields)

        return handle

    def actor(self, req: Request) -> contract.Actor:
        """Return the user, address and program that sent a request."""
        user = None if req.route is None or req.route.public else req.user
        return self._addresses.actor(req, user)

    async def _get_account(self, req: Request, user: UserId) -> contract.Account:
        accounts = await self._auth.get_accounts(self.actor(req), (user,))
        if not accounts:
            raise NotFound(f"no account {user}")
        return accounts[0]


def _parse_user_id(text: str, field: str = "id") -> UserId:
    return UserId(parse_uuid(text, field))


def _parse_time(text: str | None, field: str) -> datetime | None:
    """Return the time of a query parameter: RFC 3339 with a time zone. Raises InvalidRequest."""
    if text is None:
        return None
    try:
        time = msgspec.convert(text, Time)
    except msgspec.ValidationError:
        raise invalid_field_error(field, "must be a time with a time zone, such as 2026-01-31T12:00:00Z") from None
    return in_utc(time, field)
