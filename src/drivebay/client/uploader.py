"""Uploads of one file: in one request, or in parts that are sent in parallel and can be resumed.

The bytes are hashed before they are sent, and the store verifies the hash. A failed upload is aborted on the server,
unless a later process can resume it: an upload in parts with a resume record is aborted only if its content has
changed, or if the server has ended it.
"""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

from .api_client import ApiClient, ApiRequest
from .api_models import OnConflict, Upload
from .errors import ApiError, Conflict, ContentChanged, UploadFailed
from .part_uploads import PartsMismatch, PartUploader
from .resume_store import ResumeStore, UnfinishedUpload, resume_key
from .retry_policy import RetryPolicy, is_temporary
from .store_client import Progress, ProgressCounter, PutRequest, SignedRequest, StoreClient
from .upload_batcher import UploadBatcher
from .upload_sources import Source, sha256_of

MAX_SINGLE_REQUEST: Final = 16 * 2**20
"""Files up to this many bytes are sent in one request."""

_COMPLETE_POLICY: Final = RetryPolicy(timeout=900.0)
"""The retry policy of the request that completes an upload in parts. The store may take minutes to assemble a large
file."""
_MAX_SEND_ROUNDS: Final = 3
"""How often parts are sent before the upload fails because the store misses some parts."""
_MAX_STARTS: Final = 2
"""The maximum number of attempts of a large upload. The second attempt begins a new upload, because the stored parts
belong to other content."""
_EARLIEST: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MAX_AHEAD: Final = timedelta(hours=23)
"""A modification time is sent only if it is at most this far in the future. The server accepts one day, and its clock
may differ from the clock here."""


@dataclass(frozen=True)
class Target:
    """The folder, the name and the type of a new file. `modified_at` replaces the modification time of the source."""

    parent_id: str
    name: str
    content_type: str
    on_conflict: OnConflict
    modified_at: datetime | None = None


class Uploader:
    """Uploads sources to the drive."""

    def __init__(
        self,
        api: ApiClient,
        store: StoreClient,
        batcher: UploadBatcher,
        resume_store: ResumeStore | None,
        now: Callable[[], datetime],
    ) -> None:
        self._api = api
        self._store = store
        self._batcher = batcher
        self._resume_store = resume_store
        self._now = now
        self._parts = PartUploader(api, store)

    async def send(self, source: Source, target: Target, progress: Progress | None = None) -> Upload:
        """Upload the source and return the complete upload.

        Raises ContentChanged, UploadFailed, ApiError, NetworkError, StoreError.
        """
        if source.size <= MAX_SINGLE_REQUEST:
            return await self._send_small(source, target, progress)
        return await self._send_large(source, target, progress)

    async def _send_small(self, source: Source, target: Target, progress: Progress | None) -> Upload:
        sha256 = source.sha256
        if sha256 is None:
            sha256 = await asyncio.to_thread(sha256_of, source)
            source.check()
        upload = await self._batcher.begin(self._intent(source, target) | {"sha256": b64encode(sha256).decode()})
        counter = ProgressCounter(source.size, progress)
        if upload.status == "complete":  # an instant upload: the drive has these bytes already
            await self._batcher.mark_ended(upload)
            counter.add(source.size)
            return upload
        if upload.part_size is not None:
            return await self._send_parts(upload, source, counter, None)
        return await self._send_single(upload, source, counter)

    async def _send_large(self, source: Source, target: Target, progress: Progress | None) -> Upload:
        key = self._resume_key(source, target)
        for _ in range(_MAX_STARTS):
            upload = await self._find_unfinished(source, target, key) or await self._begin_multipart(
                source, target, key
            )
            if upload.status == "complete":
                await self._remove_record(key)
                return upload
            try:
                return await self._send_parts(upload, source, ProgressCounter(source.size, progress), key)
            except PartsMismatch:
                current = await self._get_upload(upload.id)
                if current.status == "complete":  # another process uploaded the same file at the same time
                    await self._remove_record(key)
                    return current
                # The stored parts belong to earlier content of the file: start a new upload.
                await self._abort(upload, key)
        raise ContentChanged(f"{source.path or 'the file'} changes while it is read: upload it again")

    async def _send_single(self, upload: Upload, source: Source, progress: ProgressCounter) -> Upload:
        async def sign() -> SignedRequest | None:
            current = await self._get_upload(upload.id)
            return None if current.status == "complete" else _signed_request(current)

        try:
            request = PutRequest(upload.name, _signed_request(upload), sign, source, 0, source.size)
            await self._store.put(request, progress)
            return _require_complete(await self._batcher.complete(upload))
        except BaseException:
            await self._batcher.abort(upload)
            raise

    async def _send_parts(self, upload: Upload, source: Source, progress: ProgressCounter, key: str | None) -> Upload:
        try:
            completed = await self._send_until_complete(upload, source, progress)
        except (ContentChanged, UploadFailed):
            await self._abort(upload, key)
            raise
        except BaseException:
            if key is None:
                await self._abort(upload, None)
            raise
        await self._batcher.mark_ended(upload)
        await self._remove_record(key)
        return completed

    async def _send_until_complete(self, upload: Upload, source: Source, progress: ProgressCounter) -> Upload:
        """Send the parts and complete the upload. If the store reports missing parts, send them again."""
        path = f"/v1/uploads/{upload.id}/complete"
        request = ApiRequest(Upload, "POST", path, idempotent=True, retry_policy=_COMPLETE_POLICY, is_slow=True)
        for rounds_left in reversed(range(_MAX_SEND_ROUNDS)):
            await self._parts.send(upload, source, progress)
            source.check()
            try:
                return _require_complete(await self._api.call(request))
            except Conflict as error:
                if error.code != "not_uploaded" or not rounds_left:
                    raise
                progress = ProgressCounter(source.size, None)  # these bytes are counted already
        raise AssertionError("the last round returns or raises")

    def _intent(self, source: Source, target: Target) -> dict[str, object]:
        intent: dict[str, object] = {
            "name": target.name,
            "size": source.size,
            "content_type": target.content_type,
            "parent_id": target.parent_id,
            "on_conflict": target.on_conflict,
        }
        modified_at = source.modified_at
        if target.modified_at is not None:
            intent["modified_at"] = target.modified_at
        elif modified_at is not None and _EARLIEST <= modified_at <= self._now() + _MAX_AHEAD:
            # The server refuses times out of this range. A wrong clock must not make the upload fail.
            intent["modified_at"] = modified_at
        return intent

    async def _abort(self, upload: Upload, key: str | None) -> None:
        await self._batcher.abort(upload)
        await self._remove_record(key)

    async def _get_upload(self, id: str) -> Upload:
        return await self._api.call(ApiRequest(Upload, "GET", f"/v1/uploads/{id}"))

    def _resume_key(self, source: Source, target: Target) -> str | None:
        """Return the key of the resume record, or None if the upload cannot be resumed."""
        if self._resume_store is None or source.identity is None:
            return None
        return resume_key(
            self._api.server_and_drive, source.identity, target.parent_id, target.name, target.on_conflict
        )

    async def _find_unfinished(self, source: Source, target: Target, key: str | None) -> Upload | None:
        """Return the recorded upload if the server still has it and it is pending or complete, else None."""
        if key is None or self._resume_store is None:
            return None
        record = await asyncio.to_thread(self._resume_store.find_upload, key)
        if record is None:
            return None
        try:
            upload_id = record.upload_id
            if not upload_id:
                # The earlier process ended after it saved the record and before it read the response.
                upload_id = (await self._send_begin(self._intent(source, target) | {"multipart": True}, record)).id
            upload = await self._get_upload(upload_id)
        except ApiError as error:
            # 422: the content type of the file is another one now, so the idempotency key belongs to another request.
            if error.status not in (404, 422):
                raise
            return None
        return upload if upload.status in ("pending", "complete") else None

    async def _begin_multipart(self, source: Source, target: Target, key: str | None) -> Upload:
        """Begin an upload in parts. The record is saved first, so that every upload can be resumed."""
        record = None
        if key is not None and self._resume_store is not None:
            path = _printable_path(source)
            server, idempotency_key = self._api.server_and_drive, self._api.new_key()
            record = UnfinishedUpload(
                key, "", server, path, source.size, target.name, self._now(), idempotency_key=idempotency_key
            )
            await asyncio.to_thread(self._resume_store.save_upload, record)  # guard: record-before-begin
        return await self._send_begin(self._intent(source, target) | {"multipart": True}, record)

    async def _send_begin(self, intent: dict[str, object], record: UnfinishedUpload | None) -> Upload:
        key = self._api.new_key() if record is None else record.idempotency_key
        try:
            upload = await self._api.call(ApiRequest(Upload, "POST", "/v1/uploads", intent, idempotency_key=key))
        except ApiError as error:
            if record is not None and not is_temporary(error):
                await self._remove_record(record.key)  # nothing was begun
            raise
        if record is not None and self._resume_store is not None:
            complete_record = msgspec.structs.replace(record, upload_id=upload.id)
            try:
                await asyncio.to_thread(self._resume_store.save_upload, complete_record)
            except BaseException:
                await self._abort(upload, record.key)
                raise
        return upload

    async def _remove_record(self, key: str | None) -> None:
        if key is not None and self._resume_store is not None:
            # A record that stays is harmless: the next process finds that the upload has ended.
            with suppress(OSError):
                await asyncio.to_thread(self._resume_store.remove_upload, key)


def _printable_path(source: Source) -> str:
    # The record is text, and a local path can contain other bytes.
    return str(source.path or "").encode("utf-8", "backslashreplace").decode()


def _require_complete(upload: Upload) -> Upload:
    """Return the upload if it is complete. Raises Conflict, UploadFailed."""
    if upload.status == "failed" and upload.reason == "name_taken":
        raise Conflict(409, "name_taken", f"{upload.name!r} exists already")
    if upload.status != "complete":
        raise UploadFailed(upload.id, upload.status, upload.reason)
    return upload


def _signed_request(upload: Upload) -> SignedRequest:
    if upload.url is None:
        raise UploadFailed(upload.id, upload.status, upload.reason)
    return SignedRequest(upload.method or "PUT", upload.url, upload.headers or {})
