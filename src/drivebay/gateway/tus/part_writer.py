"""Writes a stream of bytes into the parts of an upload.

Nothing is written to disk. The buffer holds one part, and nothing is read from the client while a full part is
written to the store. Bytes that do not fill a part are stored as a partial part. The stored offset is the number of
bytes in the store: the full parts without a gap, and the partial part that follows them.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final, NamedTuple

from ...contract import files as contract
from ...contract.files import Access, PartIntent
from ...contract.storage import Multipart, PartialPart, PartSpec, Storage
from ...errors import Conflict, Internal, Locked, NotFound, TooLarge, Unavailable

MAX_PARTS: Final = 10_000
"""The maximum number of parts of an upload. S3 accepts no more."""
MAX_FILE_SIZE: Final = MAX_PARTS * 15 * 2**20
"""The maximum number of bytes of a file. A part has at most 15 MiB, because it must fit into one message between
services."""
_HASH_IN_THREAD: Final = 2**18
"""The number of bytes above which a chunk is hashed in a thread, so that the event loop stays responsive."""


class UploadServices(NamedTuple):
    """The services that hold the record and the bytes of an upload, and the access of the request to its drive."""

    files: contract.Files
    storage: Storage
    access: Access


class StoredState(NamedTuple):
    """The stored bytes of an upload: `full_parts` parts without a gap, then `partial`. `offset` counts the bytes."""

    full_parts: int
    partial: PartialPart | None
    offset: int


async def read_stored_state(uploads: UploadServices, upload: contract.Upload) -> StoredState:
    """Return the `StoredState` of a pending upload.

    Raises Conflict (the upload is not in parts), Locked (it has just ended), Unavailable.
    """
    layout = part_layout(upload)
    # List partial parts first. If one disappears after that, it has become a full part, and the list of parts contains
    # it. So the offset never decreases.
    partials = {partial.number: partial for partial in await uploads.storage.list_partial_parts(upload.key)}
    try:
        sizes = {part.number: part.size for part in await uploads.files.list_parts(uploads.access, upload.id)}
    except Conflict:
        # The next request returns the final state. Locked makes a client retry. Other errors make it start again.
        raise Locked(f"upload {upload.id} has just ended; repeat the request") from None
    full_parts, offset = 0, 0
    while (size := _part_size_of(upload, layout, full_parts + 1)) and sizes.get(full_parts + 1) == size:
        full_parts, offset = full_parts + 1, offset + size
    partial = partials.get(full_parts + 1)
    if partial is None or partial.size > _part_size_of(upload, layout, full_parts + 1):
        return StoredState(full_parts, None, offset)
    return StoredState(full_parts, partial, offset + partial.size)


def part_layout(upload: contract.Upload) -> contract.PartLayout:
    """Return the layout of the parts of an upload. Raises Conflict if the upload is not in parts."""
    if upload.parts is None:
        raise Conflict(f"upload {upload.id} has no parts")
    return upload.parts


def _part_size_of(upload: contract.Upload, layout: contract.PartLayout, number: int) -> int:
    """Return the size of a part, or 0 if the upload has no such part."""
    if upload.deferred_length:
        return layout.size if number <= MAX_PARTS else 0
    return max(0, layout.size_of(number, upload.size))


class PartWriter:
    """Writes bytes from the stored offset on. Call `close` at the end.

    `offset` is the number of bytes of the upload that were written so far, by this and earlier requests. A request may
    take an hour. So `check` is called before each write to the store and before the commit. It raises an error if the
    session or the access has ended.
    """

    def __init__(
        self, uploads: UploadServices, check: Callable[[], Awaitable[None]], upload: contract.Upload, full_parts: int
    ) -> None:
        self._files, self._storage, self._access = uploads
        self._check = check
        self._layout = part_layout(upload)
        self._number = full_parts + 1
        self._buffer = io.BytesIO()
        self._buffered = 0
        self._digest = hashlib.sha256()
        self._partial_size = 0
        self.upload = upload
        self.offset = full_parts * self._layout.size

    @classmethod
    async def open(
        cls, uploads: UploadServices, check: Callable[[], Awaitable[None]], upload: contract.Upload, stored: StoredState
    ) -> PartWriter:
        """Return a writer that continues at the stored offset.

        Raises Locked if another process has continued the upload, Unavailable.
        """
        writer = cls(uploads, check, upload, stored.full_parts)
        if stored.partial is not None:
            try:
                body = await uploads.storage.read_partial_part(upload.key, stored.partial)
            except NotFound:
                raise Locked("more bytes of this upload are stored now; request the offset again") from None
            await writer._fill(memoryview(body))
            writer._partial_size = len(body)
        writer.offset = stored.offset
        return writer

    async def write(self, chunk: bytes | memoryview) -> None:
        """Add bytes, and store each part that they fill.

        Raises TooLarge (more bytes than the upload has), QuotaExceeded, Conflict, Unavailable, and the errors of
        `check`.
        """
        rest = memoryview(chunk)
        if not self.upload.deferred_length and self.offset + len(rest) > self.upload.size:
            raise TooLarge(f"upload {self.upload.id} has only {self.upload.size} bytes")
        while rest:
            capacity = _part_size_of(self.upload, self._layout, self._number) - self._buffered
            if capacity <= 0:
                raise TooLarge(f"uploads are limited to {MAX_PARTS} parts")
            await self._fill(rest[:capacity])
            self.offset += min(capacity, len(rest))
            rest = rest[capacity:]
            if self._buffered == _part_size_of(self.upload, self._layout, self._number):
                await self._store_part()

    async def close(self) -> None:
        """Store the last bytes as a partial part.

        Raises QuotaExceeded, Conflict (the upload has ended), Unavailable, and the errors of `check`.
        """
        if self._buffered > self._partial_size:
            await self._check()  # guard: tus-partial-access
            await self._reserve()
            await self._storage.write_partial_part(self.upload.key, self._number, self._buffer.getvalue())
            self._partial_size = self._buffered

    async def finish(self) -> contract.Upload:
        """Commit the upload after all its bytes were written.

        Raises NotUploaded, Conflict, Unavailable, and the errors of `check`.
        """
        # The last part of a file may be short, and the only part of an empty file is empty.
        if self._buffered or not self.upload.size:
            await self._store_part()
        await self._check()  # guard: tus-commit-access
        upload = await self._files.complete_upload(self._access, self.upload.id)
        await self._delete_partial_parts(MAX_PARTS)
        if upload.status is not contract.UploadStatus.COMPLETE:
            raise Conflict(f"upload {upload.id} is {upload.status.value}: {upload.reason or 'it has ended'}")
        return upload

    async def _fill(self, data: memoryview) -> None:
        self._buffer.write(data)
        self._buffered += len(data)
        if len(data) > _HASH_IN_THREAD:
            await asyncio.to_thread(self._digest.update, data)
        else:
            self._digest.update(data)

    async def _store_part(self) -> None:
        """Write the buffered bytes as a part. Its checksum is recorded before its bytes are stored."""
        await self._check()  # guard: tus-part-access
        await self._reserve()
        id, sha256 = self.upload.id, self._digest.digest()
        upload = await self._files.open_parts(self._access, id, (PartIntent(self._number, sha256),))
        layout = part_layout(upload)
        if layout.multipart_id is None:
            raise Internal("an upload with open parts has no multipart id")
        part = PartSpec(self._number, self._buffered, sha256 if layout.checksummed else None)
        multipart = Multipart(layout.multipart_id, layout.checksummed)
        try:
            await self._storage.write_part(upload.key, multipart, part, self._buffer.getvalue())
        except NotFound:
            raise Conflict(f"upload {id} has ended") from None
        self.upload = upload
        if self._partial_size:
            await self._delete_partial_parts(self._number)
        self._number += 1
        self._buffer, self._buffered, self._partial_size = io.BytesIO(), 0, 0
        self._digest = hashlib.sha256()

    async def _reserve(self) -> None:
        """Reserve quota for an upload of deferred length before more of it is stored."""
        if self.upload.deferred_length:
            size = (self._number - 1) * self._layout.size + self._buffered
            self.upload = await self._files.resize_upload(self._access, self.upload.id, size, False)  # not final

    async def _delete_partial_parts(self, last_number: int) -> None:
        """Delete the partial parts up to this number."""
        # An error does no harm, because remaining partial parts are deleted together with the upload.
        with suppress(Unavailable):
            await self._storage.delete_partial_parts(self.upload.key, last_number)
