"""Uploads: intents, and what became of them. Nothing is signed before it is recorded."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import msgspec

from ..contract import files as contract
from ..contract.storage import Multipart, PartPut, Put, SignedRequest, Storage
from ..errors import Internal
from . import request, views
from .answer import Answer, json
from .request import Call
from .settings import Settings

_new_upload = msgspec.json.Decoder(views.NewUpload)
_new_parts = msgspec.json.Decoder(views.NewParts)


class Uploads:
    def __init__(
        self, files: contract.Files, storage: Storage, settings: Settings, now: Callable[[], datetime]
    ) -> None:
        self._files = files
        self._storage = storage
        self._now = now
        self._seconds = seconds(settings.upload_ttl)

    async def begin(self, call: Call) -> Answer:
        body = await call.body(_new_upload)
        intent = intent_of(body)
        upload = await self._files.begin(call.user, intent, call.idempotency_key())
        # Signed as of its birth, so that a repeated request is given the very same answer.
        signed = await self._sign(upload, upload.created_at) if upload.parts is None else None
        return json(views.upload(upload, signed), 201, {"Location": f"/v1/uploads/{upload.id}"})

    async def show(self, call: Call) -> Answer:
        return await self._shown(await self._files.upload(call.user, call.upload_id()))

    async def sign_parts(self, call: Call) -> Answer:
        body = await call.body(_new_parts)
        wanted = tuple(contract.PartIntent(part.number, request.sha256(part.sha256)) for part in body.parts)
        upload = await self._files.open_parts(call.user, call.upload_id(), wanted)
        parts = upload.parts
        if parts is None or parts.multipart is None:
            raise Internal("an upload whose parts are open has none")
        multipart = Multipart(parts.multipart, parts.checked)
        puts = tuple(
            PartPut(one.number, parts.bytes_of(one.number, upload.size), one.sha256 if parts.checked else None)
            for one in wanted
        )
        signed = await self._storage.presign_parts(upload.key, multipart, puts, self._seconds)
        return json(views.signed_parts([one.number for one in puts], [one.size for one in puts], signed))

    async def list_parts(self, call: Call) -> Answer:
        return json(views.part_list(await self._files.parts(call.user, call.upload_id())))

    async def timeline(self, call: Call) -> Answer:
        return json(views.timeline(await self._files.timeline(call.user, call.upload_id())))

    async def complete(self, call: Call) -> Answer:
        return await self._shown(await self._files.complete(call.user, call.upload_id()))

    async def abort(self, call: Call) -> Answer:
        await self._files.abort(call.user, call.upload_id())
        return Answer(204)

    async def _shown(self, upload: contract.Upload) -> Answer:
        if upload.status is not contract.UploadStatus.PENDING or upload.parts is not None:
            return json(views.upload(upload))
        return json(views.upload(upload, await self._sign(upload, self._now())))

    async def _sign(self, upload: contract.Upload, at: datetime) -> SignedRequest:
        return await self._storage.presign_put(put_of(upload), at, self._seconds)


def intent_of(body: views.NewUpload | views.OneUpload) -> contract.Intent:
    """Raises InvalidRequest."""
    return contract.Intent(
        name=body.name,
        size=body.size,
        content_type=body.content_type,
        parent=request.folder_id(body.parent_id, "parent_id"),
        on_conflict=body.on_conflict,
        sha256=request.sha256(body.sha256),
        multipart=body.multipart,
    )


def put_of(upload: contract.Upload) -> Put:
    return Put(upload.key, upload.size, upload.content_type, upload.sha256, upload.metadata)


def seconds(ttl: timedelta) -> int:
    """Whole seconds, at least one: what a signature can say."""
    return max(1, int(ttl.total_seconds()))
