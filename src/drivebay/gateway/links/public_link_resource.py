"""Handlers for the holders of a link. The token in the path replaces a login.

No response has a field about the owner. Paths with tokens are never logged: logs, metrics and traces contain the
template of the route instead.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec
from falcon.asgi import Response

from ...contract import files as contract
from ...contract.ids import ROOT, FileId
from ...contract.storage import Storage
from ...errors import NotFound
from ..client_address import ClientAddresses, client_network
from ..entries.download_resource import parse_disposition, signed_download
from ..entries.entry_resource import parse_sort
from ..http_request import (
    Request,
    idempotency_key,
    invalid_field_error,
    parse_file_id,
    parse_limit,
    parse_sha256,
    parse_upload_id,
    read_json,
)
from ..http_response import respond_empty, respond_json
from ..public_url import PublicUrls
from ..uploads import views as upload_views
from ..uploads.upload_resource import UploadSigner, parse_intent
from . import views

SESSION_HEADER: Final = "X-Link-Session"
_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{1,128}")
_unlock_decoder = msgspec.json.Decoder(views.LinkUnlock)
_new_upload_decoder = msgspec.json.Decoder(upload_views.NewUpload)
_new_parts_decoder = msgspec.json.Decoder(upload_views.NewParts)


class PublicLinkResource:
    """`download_seconds` is the lifetime of presigned download URLs."""

    def __init__(
        self,
        files: contract.PublicLinks,
        storage: Storage,
        urls: PublicUrls,
        signer: UploadSigner,
        download_seconds: int,
        addresses: ClientAddresses,
    ) -> None:
        self._files = files
        self._storage = storage
        self._urls = urls
        self._signer = signer
        self._download_seconds = download_seconds
        self._addresses = addresses

    async def redirect_to_link(self, req: Request, resp: Response, token: str) -> None:
        if not _TOKEN.fullmatch(token):
            raise NotFound("there is no such link")
        respond_empty(resp, 302, {"Location": self._urls.link(req.scope, f"/v1/public/{token}")})

    async def get_link(self, req: Request, resp: Response, token: str) -> None:
        respond_json(resp, views.public_link_view(await self._files.open_link(token, _session(req))))

    async def unlock_link(self, req: Request, resp: Response, token: str) -> None:
        body = await read_json(req, _unlock_decoder)
        client = client_network(self._addresses.resolve(req.scope))
        respond_json(resp, views.UnlockedLink(await self._files.unlock_link(token, body.password, client)))

    async def list_files(self, req: Request, resp: Response, token: str) -> None:
        parent, sort = req.query_value("parent_id"), req.query_value("sort")
        field, descending = parse_sort("name" if sort is None else sort)
        listing = contract.Listing(
            parent=ROOT if parent is None else parse_file_id(parent, "parent_id"),
            sort=field,
            descending=descending,
            limit=parse_limit(req.query_value("limit")),
            cursor=req.query_value("cursor"),
            name=req.query_value("name"),
        )
        page = await self._files.list_link_files(token, _session(req), listing)
        respond_json(resp, views.public_file_list_view(page))

    async def get_download(self, req: Request, resp: Response, token: str) -> None:
        await self._respond_download(req, resp, token, ROOT)

    async def get_download_of_file(self, req: Request, resp: Response, token: str, id: str) -> None:
        await self._respond_download(req, resp, token, parse_file_id(id))

    async def create_upload(self, req: Request, resp: Response, token: str) -> None:
        body = await read_json(req, _new_upload_decoder)
        if body.on_conflict is not contract.OnConflict.RENAME:
            raise invalid_field_error("on_conflict", "must be rename")
        intent = parse_intent(body)
        upload = await self._files.begin_link_upload(token, _session(req), intent, idempotency_key(req))
        location = self._urls.link(req.scope, f"/v1/public/{token}/uploads/{upload.id}")
        signed = await self._signer.sign_new(upload)
        respond_json(resp, upload_views.upload_view(upload, signed), 201, {"Location": location})

    async def get_upload(self, req: Request, resp: Response, token: str, id: str) -> None:
        upload = await self._files.get_link_upload(token, _session(req), parse_upload_id(id))
        respond_json(resp, upload_views.upload_view(upload, await self._signer.sign(upload)))

    async def sign_parts(self, req: Request, resp: Response, token: str, id: str) -> None:
        body = await read_json(req, _new_parts_decoder)
        part_intents = tuple(contract.PartIntent(part.number, parse_sha256(part.sha256)) for part in body.parts)
        upload = await self._files.open_link_parts(token, _session(req), parse_upload_id(id), part_intents)
        respond_json(resp, await self._signer.sign_parts(upload, part_intents))

    async def complete_upload(self, req: Request, resp: Response, token: str, id: str) -> None:
        upload = await self._files.complete_link_upload(token, _session(req), parse_upload_id(id))
        respond_json(resp, upload_views.upload_view(upload, await self._signer.sign(upload)))

    async def _respond_download(self, req: Request, resp: Response, token: str, id: FileId) -> None:
        disposition, session = parse_disposition(req), _session(req)
        content = await self._files.get_link_content(token, session, id)
        view, headers = await signed_download(self._storage, content, disposition, self._download_seconds)
        if req.method != "HEAD":  # guard: link-head-uncounted
            # Count after the URL is signed, so that a store that is down does not use up a download. If the count
            # fails, the client never gets the URL.
            await self._files.count_link_download(token, session)  # guard: link-counted
        respond_json(resp, view, headers=headers)


def _session(req: Request) -> str | None:
    return req.get_header(SESSION_HEADER)
