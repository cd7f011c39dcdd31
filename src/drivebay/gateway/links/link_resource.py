"""Handlers of links for the users who create them."""

from __future__ import annotations

import msgspec
from falcon.asgi import Response

from ...contract import files as contract
from ...contract.ids import FileId, LinkId
from ...errors import Internal
from ..http_request import Request, idempotency_key, in_utc, parse_file_id, parse_limit, parse_uuid, read_json
from ..http_response import respond_empty, respond_json
from ..public_url import PublicUrls
from . import views

_link_request_decoder = msgspec.json.Decoder(views.LinkRequest)
_link_change_decoder = msgspec.json.Decoder(views.LinkChange)


class LinkResource:
    def __init__(self, files: contract.Links, urls: PublicUrls) -> None:
        self._files = files
        self._urls = urls

    async def create_link(self, req: Request, resp: Response, id: str) -> None:
        body = await read_json(req, _link_request_decoder)
        new_link = contract.NewLink(
            file=parse_file_id(id),
            role=body.role,
            name=body.name,
            password=body.password,
            expires_at=None if body.expires_at is None else in_utc(body.expires_at, "expires_at"),
            max_downloads=body.max_downloads,
        )
        link = await self._files.create_link(req.access, new_link, idempotency_key(req))
        if link.token is None:
            raise Internal("a new link has no token")
        url = self._urls.absolute_link(req.scope, f"/s/{link.token}")
        respond_json(resp, views.created_link_view(link, link.token, url), 201)

    async def list_links(self, req: Request, resp: Response) -> None:
        await self._list(req, resp, None)

    async def list_links_of_file(self, req: Request, resp: Response, id: str) -> None:
        await self._list(req, resp, parse_file_id(id))

    async def update_link(self, req: Request, resp: Response, id: str) -> None:
        update = views.link_update(await read_json(req, _link_change_decoder))
        if update.expires_at is not None:
            update = msgspec.structs.replace(update, expires_at=in_utc(update.expires_at, "expires_at"))
        respond_json(resp, views.link_view(await self._files.update_link(req.access, _parse_link_id(id), update)))

    async def delete_link(self, req: Request, resp: Response, id: str) -> None:
        await self._files.delete_link(req.access, _parse_link_id(id))
        respond_empty(resp, 204)

    async def _list(self, req: Request, resp: Response, file: FileId | None) -> None:
        listing = contract.LinkListing(file, parse_limit(req.query_value("limit")), req.query_value("cursor"))
        respond_json(resp, views.link_list_view(await self._files.list_links(req.access, listing)))


def _parse_link_id(text: str) -> LinkId:
    return LinkId(parse_uuid(text, "id"))
