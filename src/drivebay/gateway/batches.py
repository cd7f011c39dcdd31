"""Several at once: one request for what a hundred would do, each answered by itself."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import msgspec

from ..contract import files as contract
from ..contract.ids import FileId, UploadId
from ..contract.storage import Get, SignedRequest, Storage
from ..errors import InvalidRequest, NotFound
from . import request, views
from .answer import Answer, json
from .request import Call
from .settings import Settings
from .uploads import intent_of, put_of, seconds

_new_uploads = msgspec.json.Decoder(views.NewUploads)
_upload_ids = msgspec.json.Decoder(views.UploadIds)
_downloads = msgspec.json.Decoder(views.Downloads)


class Batches:
    def __init__(
        self, files: contract.Files, storage: Storage, settings: Settings, now: Callable[[], datetime]
    ) -> None:
        self._files = files
        self._storage = storage
        self._now = now
        self._upload_seconds = seconds(settings.upload_ttl)
        self._download_seconds = seconds(settings.download_ttl)

    async def begin(self, call: Call) -> Answer:
        body = await call.body(_new_uploads)
        key = call.idempotency_key()
        wanted = [_tried(one) for one in body.uploads]
        intents = tuple(one for one in wanted if isinstance(one, contract.Intent))
        begun = iter(await self._files.begin_many(call.user, intents, key) if intents else ())
        attempts = tuple(next(begun) if isinstance(one, contract.Intent) else one for one in wanted)
        uploads = [attempt.upload for attempt in attempts if attempt.upload is not None]
        # Signed as of their birth, which is of all the same, so that a repeated request is given the very same answer.
        born = uploads[0].created_at if uploads else self._now()
        return await self._shown(attempts, born)

    async def complete(self, call: Call) -> Answer:
        body = await call.body(_upload_ids)
        ids = tuple(UploadId(request.uuid(id, f"ids[{place}]")) for place, id in enumerate(body.ids))
        return await self._shown(await self._files.complete_many(call.user, ids), self._now())

    async def _shown(self, attempts: tuple[contract.Attempt, ...], at: datetime) -> Answer:
        """What became of each; the pending ones in one piece with a URL that is signed as of then."""
        pending = [attempt.upload for attempt in attempts if attempt.upload is not None and _wants_url(attempt.upload)]
        urls: dict[UploadId, SignedRequest] = {}
        if pending:
            puts = tuple(put_of(upload) for upload in pending)
            signed = await self._storage.presign_puts(puts, at, self._upload_seconds)
            urls = {upload.id: one for upload, one in zip(pending, signed, strict=True)}
        items = []
        for attempt in attempts:
            if attempt.upload is not None:
                items.append(views.UploadResult(views.upload(attempt.upload, urls.get(attempt.upload.id))))
            elif attempt.refusal is not None:
                items.append(views.UploadResult(error=views.refused(attempt.refusal)))
        return json(views.UploadResults(items))

    async def download(self, call: Call) -> Answer:
        body = await call.body(_downloads)
        ids = tuple(FileId(request.uuid(id, f"ids[{place}]")) for place, id in enumerate(body.ids))
        found = [one.content for one in await self._files.contents(call.user, ids)]
        gets = tuple(
            Get(content.key, content.name, content.content_type, body.disposition)
            for content in found
            if content is not None
        )
        signed = iter(await self._storage.presign_gets(gets, self._download_seconds))
        items = []
        for id, content in zip(ids, found, strict=True):
            if content is not None:
                items.append(views.DownloadResult(views.download(content, next(signed))))
            else:
                missing = NotFound(f"no file {id}")
                items.append(views.DownloadResult(error=views.refused(contract.Refusal(missing.code, missing.detail))))
        return json(views.DownloadResults(items))


def _tried(body: views.OneUpload) -> contract.Intent | contract.Attempt:
    try:
        return intent_of(body)
    except InvalidRequest as error:
        return contract.Attempt(refusal=contract.Refusal(error.code, error.detail, error.errors[0].field))


def _wants_url(upload: contract.Upload) -> bool:
    return upload.status is contract.UploadStatus.PENDING and upload.parts is None
