"""Handlers of single uploads (batches: `batch_resource`). An intent is recorded before a URL is signed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import msgspec
from falcon.asgi import Response

from ...contract import files as contract
from ...contract.storage import Multipart, PartSpec, PutSpec, SignedRequest, Storage
from ...errors import Internal
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
from . import views

_new_upload_decoder = msgspec.json.Decoder(views.NewUpload)
_new_parts_decoder = msgspec.json.Decoder(views.NewParts)


class UploadSigner:
    """Signs the requests that send the bytes of uploads. `ttl_seconds` is the lifetime of presigned URLs."""

    def __init__(self, storage: Storage, now: Callable[[], datetime], ttl_seconds: int) -> None:
        self._storage = storage
        self._now = now
        self._ttl_seconds = ttl_seconds

    async def sign_new(self, upload: contract.Upload) -> SignedRequest | None:
        """Return the request that sends the bytes of a new upload, or None if it is in parts.

        The signing time is the creation time of the upload, so that a repeated request gets exactly the same response.
        """
        return await self._presign(upload, upload.created_at) if needs_url(upload) else None

    async def sign(self, upload: contract.Upload) -> SignedRequest | None:
        """Return the request that sends the bytes of an upload, or None if it is in parts or no longer pending."""
        return await self._presign(upload, self._now()) if needs_url(upload) else None

    async def sign_parts(
        self, upload: contract.Upload, part_intents: tuple[contract.PartIntent, ...]
    ) -> views.SignedParts:
        """Return the requests that send parts of an upload, after `open_parts` has recorded the parts."""
        layout = upload.parts
        if layout is None or layout.multipart_id is None:
            raise Internal("an upload with open parts has no multipart id")
        multipart = Multipart(layout.multipart_id, layout.checksummed)
        parts = tuple(
            PartSpec(
                part.number,
                layout.size_of(part.number, upload.size),
                part.sha256 if layout.checksummed else None,
            )
            for part in part_intents
        )
        ttl_seconds = url_lifetime(self._ttl_seconds, upload, self._now())
        signed = await self._storage.presign_parts(upload.key, multipart, parts, ttl_seconds)
        return views.signed_parts_view(parts, signed)

    async def _presign(self, upload: contract.Upload, signing_time: datetime) -> SignedRequest:
        return await self._storage.presign_put(
            put_spec(upload), signing_time, url_lifetime(self._ttl_seconds, upload, signing_time)
        )


class UploadResource:
    def __init__(self, files: contract.Files, urls: PublicUrls, signer: UploadSigner) -> None:
        self._files = files
        self._urls = urls
        self._signer = signer

    async def create_upload(self, req: Request, resp: Response) -> None:
        body = await read_json(req, _new_upload_decoder)
        upload = await self._files.begin_upload(req.access, parse_intent(body), idempotency_key(req))
        signed = await self._signer.sign_new(upload)
        location = self._urls.link(req.scope, f"/v1/uploads/{upload.id}{req.drive_query}")
        respond_json(resp, views.upload_view(upload, signed), 201, {"Location": location})

    async def get_upload(self, req: Request, resp: Response, id: str) -> None:
        await self._respond_upload(resp, await self._files.get_upload(req.access, parse_upload_id(id)))

    async def list_uploads(self, req: Request, resp: Response) -> None:
        status, sort = req.query_value("status"), req.query_value("sort")
        if status not in (None, contract.UploadStatus.PENDING.value):
            raise invalid_field_error("status", "must be pending")
        if sort not in (None, "created", "-created"):
            raise invalid_field_error("sort", "must be created or -created")
        limit, cursor = parse_limit(req.query_value("limit")), req.query_value("cursor")
        page = await self._files.list_pending_uploads(req.access, limit, cursor, sort == "created")
        respond_json(resp, views.pending_uploads_view(page))

    async def sign_parts(self, req: Request, resp: Response, id: str) -> None:
        body = await read_json(req, _new_parts_decoder)
        part_intents = tuple(contract.PartIntent(part.number, parse_sha256(part.sha256)) for part in body.parts)
        upload = await self._files.open_parts(req.access, parse_upload_id(id), part_intents)
        respond_json(resp, await self._signer.sign_parts(upload, part_intents))

    async def list_parts(self, req: Request, resp: Response, id: str) -> None:
        respond_json(resp, views.part_list_view(await self._files.list_parts(req.access, parse_upload_id(id))))

    async def get_timeline(self, req: Request, resp: Response, id: str) -> None:
        events = await self._files.list_upload_events(req.access, parse_upload_id(id))
        respond_json(resp, views.timeline_view(events))

    async def complete_upload(self, req: Request, resp: Response, id: str) -> None:
        await self._respond_upload(resp, await self._files.complete_upload(req.access, parse_upload_id(id)))

    async def abort_upload(self, req: Request, resp: Response, id: str) -> None:
        await self._files.abort_upload(req.access, parse_upload_id(id))
        respond_empty(resp, 204)

    async def _respond_upload(self, resp: Response, upload: contract.Upload) -> None:
        respond_json(resp, views.upload_view(upload, await self._signer.sign(upload)))


def parse_intent(body: views.NewUpload | views.BatchUpload) -> contract.UploadIntent:
    """Return the intent that a body describes. Raises InvalidRequest."""
    return contract.UploadIntent(
        name=body.name,
        size=body.size,
        content_type=body.content_type,
        parent=parse_file_id(body.parent_id, "parent_id"),
        on_conflict=body.on_conflict,
        sha256=parse_sha256(body.sha256),
        multipart=body.multipart,
        modified_at=body.modified_at,
    )


def needs_url(upload: contract.Upload) -> bool:
    """Return whether the upload is pending and gets its bytes with one PUT."""
    return upload.status is contract.UploadStatus.PENDING and upload.parts is None


def url_lifetime(max_seconds: int, upload: contract.Upload, signed_at: datetime) -> int:
    """Return the lifetime of a URL for an upload: `max_seconds`, or less if the upload expires earlier.

    It is at least one second.
    """
    seconds_left = int((upload.expires_at - signed_at).total_seconds())
    return max(1, min(max_seconds, seconds_left))  # guard: url-upload-deadline


def put_spec(upload: contract.Upload) -> PutSpec:
    return PutSpec(upload.key, upload.size, upload.content_type, upload.sha256, upload.metadata)
