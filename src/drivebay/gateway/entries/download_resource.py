"""Handlers of downloads: presigned URLs for the bytes of files."""

from __future__ import annotations

import base64
from typing import Final
from uuid import UUID

import msgspec
from falcon.asgi import Response

from ...contract import files as contract
from ...contract.ids import FileId
from ...contract.storage import Disposition, GetSpec, Presence, SignedRequest, Storage
from ...errors import NotFound, Unavailable
from ..batch_items import UndecodedItems, parse_item_id, read_batch
from ..conditional_requests import Validators, is_not_modified, needs_storage_time
from ..http_request import Request, invalid_field_error, parse_file_id, parse_version_id
from ..http_response import respond_empty, respond_json
from ..uploads.views import item_problem_view
from . import views

_DISPOSITIONS: Final = frozenset(Disposition)


class _DownloadRequest(msgspec.Struct, forbid_unknown_fields=True):
    """`DownloadRequest` whose items are not decoded yet."""

    ids: UndecodedItems
    disposition: Disposition = Disposition.ATTACHMENT


_download_request_decoder = msgspec.json.Decoder(_DownloadRequest)


class DownloadResource:
    """`ttl_seconds` is the lifetime of presigned URLs."""

    def __init__(self, files: contract.Files, storage: Storage, ttl_seconds: int) -> None:
        self._files = files
        self._storage = storage
        self._ttl_seconds = ttl_seconds

    async def get_download(self, req: Request, resp: Response, id: str) -> None:
        disposition = parse_disposition(req)
        content = await self._files.get_content(req.access, parse_file_id(id))
        view, headers = await signed_download(self._storage, content, disposition, self._ttl_seconds)
        respond_json(resp, view, headers=headers)

    async def get_version_download(self, req: Request, resp: Response, id: str, version: str) -> None:
        disposition = parse_disposition(req)
        file, version_id = parse_file_id(id), parse_version_id(version)
        content = await self._files.get_version_content(req.access, file, version_id)
        view, headers = await signed_download(self._storage, content, disposition, self._ttl_seconds)
        respond_json(resp, view, headers=headers)

    async def redirect_to_content(self, req: Request, resp: Response, id: str) -> None:
        disposition = parse_disposition(req)
        content = await self._files.get_content(req.access, parse_file_id(id))
        validators = await self._validators(req, content)
        headers = {"ETag": validators.etag, **_digest_header(content)}
        if is_not_modified(req, validators):
            respond_empty(resp, 304, headers)
        else:
            respond_empty(resp, 302, {"Location": (await self._presign(content, disposition)).url, **headers})

    async def describe_content(self, req: Request, resp: Response, id: str) -> None:
        """Respond to HEAD as the store would, because the presigned URL allows only GET."""
        disposition = parse_disposition(req)
        content = await self._files.get_content(req.access, parse_file_id(id))
        validators = await self._validators(req, content)
        headers = {"ETag": validators.etag, **_digest_header(content)}
        if is_not_modified(req, validators):
            respond_empty(resp, 304, headers)
            return
        signed = await self._presign(content, disposition)
        content_headers = {**signed.response_headers, "Accept-Ranges": "bytes", "Content-Length": str(content.size)}
        respond_empty(resp, 200, {**headers, **content_headers})

    async def create_downloads(self, req: Request, resp: Response) -> None:
        body, undecoded = await read_batch(req, "ids", _download_request_decoder)
        parsed = [parse_item_id(item) for item in undecoded]
        ids = tuple(FileId(item) for item in parsed if isinstance(item, UUID))
        contents = [result.content for result in await self._files.get_contents(req.access, ids)] if ids else []
        gets = tuple(
            GetSpec(content.key, content.name, content.content_type, body.disposition)
            for content in contents
            if content is not None
        )
        signed = iter(await self._storage.presign_gets(gets, self._ttl_seconds) if gets else ())
        content_iterator = iter(contents)
        items = []
        for item in parsed:
            if not isinstance(item, UUID):
                error = item.error
            elif (content := next(content_iterator)) is not None:
                items.append(views.DownloadResult(views.download_view(content, next(signed))))
                continue
            else:
                error = contract.ItemError(NotFound.code, f"no file {item}")
            if error is not None:
                items.append(views.DownloadResult(error=item_problem_view(error)))
        respond_json(resp, views.DownloadResults(items))

    async def _presign(self, content: contract.Content, disposition: Disposition) -> SignedRequest:
        return await self._storage.presign_get(
            content.key, content.name, content.content_type, disposition, self._ttl_seconds
        )

    async def _validators(self, req: Request, content: contract.Content) -> Validators:
        """Return the validators of a content. Calls the store only if the content has no ETag, or a time is needed."""
        if content.etag and not needs_storage_time(req):
            return Validators(f'"{content.etag}"')
        (stat,) = await self._storage.stat_objects((content.key,))
        if stat.presence is not Presence.FOUND:
            raise Unavailable("the store does not respond now; try again later")
        return Validators(f'"{stat.etag}"', stat.modified_at)


async def signed_download(
    storage: Storage, content: contract.Content, disposition: Disposition, ttl_seconds: int
) -> tuple[views.Download, dict[str, str]]:
    """Return the view of a presigned URL of a content, and the headers of the response."""
    signed = await storage.presign_get(content.key, content.name, content.content_type, disposition, ttl_seconds)
    return views.download_view(content, signed), _digest_header(content)


def parse_disposition(req: Request) -> Disposition:
    """Return the parameter `disposition` of a request. Raises InvalidRequest."""
    disposition = req.query_value("disposition")
    if disposition is None:
        return Disposition.ATTACHMENT
    if disposition not in _DISPOSITIONS:
        raise invalid_field_error("disposition", "must be attachment or inline")
    return Disposition(disposition)


def _digest_header(content: contract.Content) -> dict[str, str]:
    """Return the `Repr-Digest` (RFC 9530) of the file's bytes, if their checksum is known."""
    if content.sha256 is None:
        return {}
    return {"Repr-Digest": f"sha-256=:{base64.b64encode(content.sha256).decode()}:"}
