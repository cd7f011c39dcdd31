"""Handlers of tus 1.0.

A tus upload is an upload in parts with the same id. The gateway keeps no state: it asks the store for the stored offset
(see `part_writer.py`). So the next request may reach any process, and the process that handled a request may die.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator
from typing import Final, NamedTuple

import msgspec
from falcon.asgi import Response

from ...contract import files as contract
from ...contract.files import Access, UploadRef, UploadStatus
from ...contract.storage import Storage
from ...errors import (
    ChecksumMismatch,
    Conflict,
    Error,
    IdempotencyKeyReused,
    MethodNotAllowed,
    NotFound,
    TooLarge,
)
from ..http_request import Request, body_length, idempotency_key, invalid_field_error, parse_upload_id
from ..http_response import respond_empty
from ..public_url import PublicUrls
from ..settings import Settings
from . import tus_headers
from .folders import create_folder_path
from .part_writer import MAX_FILE_SIZE, PartWriter, StoredState, UploadServices, part_layout, read_stored_state
from .tus_headers import ALGORITHMS, EXTENSIONS, Checksum, UploadMetadata
from .upload_lock import UploadLock, UploadLocks

MAX_REQUEST_SECONDS: Final = 3600.0
"""The longest duration of a request. A client that has more bytes to send resumes with another request."""
_NOTHING_STORED: Final = StoredState(0, None, 0)


class Body(NamedTuple):
    """The bytes of a request, and their checksum if the client sends one."""

    req: Request
    checksum: Checksum | None


class TusResource:
    def __init__(self, files: contract.Files, storage: Storage, urls: PublicUrls, settings: Settings) -> None:
        self._files = files
        self._storage = storage
        self._urls = urls
        self._max_file_size = min(MAX_FILE_SIZE, settings.max_file_size)
        self._locks = UploadLocks(settings.body_timeout.total_seconds(), MAX_REQUEST_SECONDS)

    async def get_options(self, req: Request, resp: Response, **params: str) -> None:
        headers = {
            "Tus-Extension": EXTENSIONS,
            "Tus-Max-Size": str(self._max_file_size),
            "Tus-Checksum-Algorithm": ",".join(ALGORITHMS),
        }
        respond_empty(resp, 204, headers)

    async def create_tus_upload(self, req: Request, resp: Response) -> None:
        tus_headers.check_version(req)
        length, checksum = tus_headers.parse_creation_length(req), tus_headers.parse_checksum(req)
        metadata = tus_headers.parse_metadata(req)
        intent = self._make_intent(metadata, length)
        has_body = body_length(req) != 0
        if has_body:
            tus_headers.check_media_type(req)
        key = idempotency_key(req)
        if metadata.folders:
            parent = await create_folder_path(self._files, req.access, intent.parent, metadata.folders)
            intent = msgspec.structs.replace(intent, parent=parent)
        upload = await self._files.begin_upload(req.access, intent, key)
        location = {"Location": self._urls.link(req.scope, f"/v1/tus/{upload.id}{req.drive_query}")}
        async with self._locks.hold(UploadRef(upload.owner, upload.id)) as lock:
            stored = _NOTHING_STORED
            if key is not None:  # an earlier request with this key may have created the upload and sent bytes
                upload = await self._reload_created(req.access, upload)
                stored = await self._read_stored(req.access, upload)
            if stored.offset and not _needs_commit(upload, stored.offset):
                respond_empty(resp, 201, location | tus_headers.state_headers(upload, stored.offset))
                return
            body = Body(req, checksum) if has_body and not stored.offset else None
            try:
                upload, offset = await self._write_body(req, lock, upload, stored, body)
            except ChecksumMismatch:
                await self._files.abort_upload(req.access, upload.id)
                raise
        respond_empty(resp, 201, location | tus_headers.state_headers(upload, offset))

    async def get_offset(self, req: Request, resp: Response, id: str) -> None:
        tus_headers.check_version(req)
        upload = await self._get_tus_upload(req, id)
        async with self._locks.hold(UploadRef(upload.owner, upload.id)) as lock:
            upload = await self._get_tus_upload(req, id)
            stored = await self._read_stored(req.access, upload)
            if _needs_commit(upload, stored.offset):
                # A client that reads the full offset sends no more requests. So commit before the response.
                upload, _ = await self._write_body(req, lock, upload, stored, None)
        respond_empty(resp, 200, tus_headers.head_headers(upload, stored.offset))

    async def append_bytes(self, req: Request, resp: Response, id: str) -> None:
        tus_headers.check_version(req)
        tus_headers.check_media_type(req)
        offset = tus_headers.parse_byte_count(req, "Upload-Offset")
        length = tus_headers.parse_byte_count(req, "Upload-Length")
        checksum = tus_headers.parse_checksum(req)
        if offset is None:
            raise invalid_field_error("Upload-Offset", "is required")
        upload = await self._get_tus_upload(req, id)
        async with self._locks.hold(UploadRef(upload.owner, upload.id)) as lock:
            upload = await self._get_tus_upload(req, id)
            stored = await self._read_stored(req.access, upload)
            if offset != stored.offset:
                raise Conflict(f"the stored offset is {stored.offset}, not {offset}; resume at {stored.offset}")
            if length is not None:
                upload = await self._set_length(req.access, upload, length, stored)
            upload, offset = await self._write_body(req, lock, upload, stored, Body(req, checksum))
        respond_empty(resp, 204, tus_headers.state_headers(upload, offset))

    async def abort_tus_upload(self, req: Request, resp: Response, id: str) -> None:
        tus_headers.check_version(req)
        upload = await self._get_tus_upload(req, id)
        async with self._locks.hold(UploadRef(upload.owner, upload.id)):
            await self._files.abort_upload(req.access, upload.id)
        respond_empty(resp, 204)

    async def override_method(self, req: Request, resp: Response, id: str) -> None:
        """Handle POST with `X-HTTP-Method-Override`, for clients that can send only GET and POST."""
        handlers = {"PATCH": self.append_bytes, "HEAD": self.get_offset, "DELETE": self.abort_tus_upload}
        handler = handlers.get((req.get_header("X-HTTP-Method-Override") or "").upper())
        if handler is None:
            raise MethodNotAllowed(f"X-HTTP-Method-Override must be one of {', '.join(handlers)}")
        await handler(req, resp, id)

    def _make_intent(self, metadata: UploadMetadata, length: int | None) -> contract.UploadIntent:
        if length is not None and length > self._max_file_size:
            raise TooLarge(
                f"tus uploads are limited to {self._max_file_size} bytes. Use POST /v1/uploads for a larger file."
            )
        return contract.UploadIntent(
            name=metadata.name,
            size=length or 0,
            content_type=metadata.content_type,
            parent=metadata.parent,
            on_conflict=metadata.on_conflict,
            multipart=True,
            deferred_length=length is None,
            client_note=metadata.header,
            modified_at=metadata.modified_at,
        )

    async def _get_tus_upload(self, req: Request, id: str) -> contract.Upload:
        upload = await self._files.get_upload(req.access, parse_upload_id(id))
        if upload.parts is None or upload.status not in (UploadStatus.PENDING, UploadStatus.COMPLETE):
            raise NotFound(f"no tus upload {upload.id}")
        return upload

    async def _reload_created(self, access: Access, created: contract.Upload) -> contract.Upload:
        """Return the current state of the upload that an idempotency key created.

        Raises IdempotencyKeyReused if it has ended without a file.
        """
        upload = await self._files.get_upload(access, created.id)
        if upload.status not in (UploadStatus.PENDING, UploadStatus.COMPLETE):
            raise IdempotencyKeyReused("the upload that this key created has ended; use a new key")
        return upload

    async def _read_stored(self, access: Access, upload: contract.Upload) -> StoredState:
        if upload.status is not UploadStatus.PENDING:
            return StoredState(0, None, upload.size)
        return await read_stored_state(UploadServices(self._files, self._storage, access), upload)

    async def _set_length(
        self, access: Access, upload: contract.Upload, length: int, stored: StoredState
    ) -> contract.Upload:
        """Set the deferred length. A repeat with the same length has no effect."""
        if length > self._max_file_size:
            raise TooLarge(f"tus uploads are limited to {self._max_file_size} bytes")
        if length < stored.offset:
            raise invalid_field_error("Upload-Length", f"is less than the {stored.offset} stored bytes")
        if not upload.deferred_length:
            if length != upload.size:
                raise Conflict(f"upload {upload.id} already has a length of {upload.size} bytes")
            return upload
        return await self._files.resize_upload(access, upload.id, length, True)

    async def _write_body(
        self,
        req: Request,
        lock: UploadLock,
        upload: contract.Upload,
        stored: StoredState,
        body: Body | None,
    ) -> tuple[contract.Upload, int]:
        """Store the body of a request, and commit the upload when it is complete.

        `body` is None for a request without one. Returns the upload and its new offset.
        """
        if upload.status is not UploadStatus.PENDING:
            return upload, stored.offset
        missing = upload.size - stored.offset
        if body is not None and not upload.deferred_length and (body_length(body.req) or 0) > missing:
            raise TooLarge(f"upload {upload.id} accepts only {missing} more bytes")
        services = UploadServices(self._files, self._storage, req.access)
        writer = await PartWriter.open(services, req.recheck_session, upload, stored)
        if body is not None and body.checksum is not None:
            await _write_checked(body.req, lock, writer, body.checksum)
        elif body is not None:
            await _write_streamed(body.req, lock, writer)
        if _needs_commit(writer.upload, writer.offset):
            return await writer.finish(), writer.offset
        await writer.close()
        return writer.upload, writer.offset


def _needs_commit(upload: contract.Upload, offset: int) -> bool:
    """Return whether a pending upload has all its bytes, so that it can be committed."""
    return not upload.deferred_length and offset == upload.size and upload.status is UploadStatus.PENDING


async def _write_streamed(req: Request, lock: UploadLock, writer: PartWriter) -> None:
    chunks: AsyncIterator[bytes] = aiter(req.stream)
    while True:
        try:
            chunk = await lock.read_chunk(chunks)
        except Error:
            # The connection is lost or too slow, or a newer request has preempted this one. The bytes that arrived are
            # stored anyway.
            await writer.close()
            raise
        if chunk is None:
            return
        await writer.write(chunk)


async def _write_checked(req: Request, lock: UploadLock, writer: PartWriter, checksum: Checksum) -> None:
    """Store a body after its checksum was verified. The whole body is held in memory until then."""
    # Memory holds the buffered part and this whole body. The limit keeps the sum below two parts.
    max_size = part_layout(writer.upload).size * 3 // 4
    too_large = TooLarge(f"a request with a checksum is limited to {max_size} bytes; send less per request")
    if (body_length(req) or 0) > max_size:
        raise too_large
    received: deque[bytes] = deque()
    size, digest = 0, ALGORITHMS[checksum.algorithm]()
    chunks: AsyncIterator[bytes] = aiter(req.stream)
    while (chunk := await lock.read_chunk(chunks)) is not None:
        size += len(chunk)
        if size > max_size:
            raise too_large
        received.append(chunk)
        digest.update(chunk)
    checksum.verify(digest.digest())
    # Each chunk is released once it is written. Otherwise memory would exceed two parts.
    while received:
        await writer.write(received.popleft())
