"""Handlers of uploads in batches: up to 100 items in one request, each with its own result."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from falcon.asgi import Response

from ...contract import files as contract
from ...contract.ids import UploadId
from ...contract.storage import SignedRequest, Storage
from ...errors import InvalidRequest, MalformedBody
from ..batch_items import UndecodedItems, decode_item, failed_item, parse_item_id, read_batch, refused_items
from ..http_request import Request, idempotency_key
from ..http_response import respond_json
from . import views
from .upload_resource import needs_url, parse_intent, put_spec, url_lifetime


class _NewUploads(msgspec.Struct, forbid_unknown_fields=True):
    """`NewUploads` whose items are not decoded yet."""

    uploads: UndecodedItems


class _UploadIds(msgspec.Struct, forbid_unknown_fields=True):
    """`UploadIds` whose items are not decoded yet."""

    ids: UndecodedItems


_new_uploads_decoder = msgspec.json.Decoder(_NewUploads)
_upload_decoder = msgspec.json.Decoder(views.BatchUpload)
_upload_ids_decoder = msgspec.json.Decoder(_UploadIds)


class BatchResource:
    """`ttl_seconds` is the lifetime of presigned URLs."""

    def __init__(self, files: contract.Files, storage: Storage, now: Callable[[], datetime], ttl_seconds: int) -> None:
        self._files = files
        self._storage = storage
        self._now = now
        self._ttl_seconds = ttl_seconds

    async def create_uploads(self, req: Request, resp: Response) -> None:
        _, items = await read_batch(req, "uploads", _new_uploads_decoder)
        key = idempotency_key(req)
        parsed = [_parse_item(item) for item in items]
        intents = tuple(item for item in parsed if isinstance(item, contract.UploadIntent))
        # A key identifies the whole request. So the service needs the refused items too, to recognize a repeat.
        refused = () if key is None else refused_items(items, parsed)
        needs_call = bool(intents or refused)  # guard: batch-refused-key
        begun_results = iter(await self._files.begin_uploads(req.access, intents, key, refused) if needs_call else ())
        results = tuple(next(begun_results) if isinstance(item, contract.UploadIntent) else item for item in parsed)
        # The signing time is the creation time of each upload, so that a repeated request gets the same URLs.
        await self._respond_results(resp, results, None)

    async def complete_uploads(self, req: Request, resp: Response) -> None:
        _, items = await read_batch(req, "ids", _upload_ids_decoder)
        parsed = [parse_item_id(item) for item in items]
        ids = tuple(UploadId(item) for item in parsed if isinstance(item, UUID))
        commit_results = iter(await self._files.complete_uploads(req.access, ids) if ids else ())
        results = tuple(next(commit_results) if isinstance(item, UUID) else item for item in parsed)
        await self._respond_results(resp, results, self._now())

    async def _respond_results(
        self, resp: Response, results: tuple[contract.BatchResult, ...], signed_at: datetime | None
    ) -> None:
        signed = await self._presign([result.upload for result in results if result.upload is not None], signed_at)
        items = []
        for result in results:
            if result.upload is not None:
                items.append(views.UploadResult(views.upload_view(result.upload, signed.get(result.upload.id))))
            elif result.error is not None:
                items.append(views.UploadResult(error=views.item_problem_view(result.error)))
        respond_json(resp, views.UploadResults(items))

    async def _presign(
        self, uploads: Sequence[contract.Upload], signed_at: datetime | None
    ) -> dict[UploadId, SignedRequest]:
        """Return the signed requests of the uploads that need one.

        `signed_at` is the signing time, and None stands for the creation time of each upload.
        """
        by_time: dict[datetime, list[contract.Upload]] = {}
        for upload in uploads:
            if needs_url(upload):
                by_time.setdefault(signed_at or upload.created_at, []).append(upload)
        signed: dict[UploadId, SignedRequest] = {}
        for signing_time, group in by_time.items():
            ttl_seconds = min(url_lifetime(self._ttl_seconds, upload, signing_time) for upload in group)
            requests = await self._storage.presign_puts(tuple(map(put_spec, group)), signing_time, ttl_seconds)
            signed |= {upload.id: request for upload, request in zip(group, requests, strict=True)}
        return signed


def _parse_item(item: bytes) -> contract.UploadIntent | contract.BatchResult:
    """Return the intent of one item, or the result of an item that is not valid."""
    try:
        return parse_intent(decode_item(item, _upload_decoder))
    except (InvalidRequest, MalformedBody) as error:  # guard: batch-item-error
        return failed_item(error)
