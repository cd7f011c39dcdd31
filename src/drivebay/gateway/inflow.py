"""Bytes that go through the gateway into an upload's parts.

Nothing is written to disk, and no more than two parts are ever held: one that fills, and what is read meanwhile is
nothing, since whoever sends has to wait until a full one is in the store. What does not fill a part is kept there as
its tail. So what is kept is what the store has: full parts without a gap, and the tail of the next.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
from contextlib import suppress
from typing import Final, NamedTuple

import structlog

from ..contract import files as contract
from ..contract.files import PartIntent
from ..contract.storage import Multipart, PartPut, Storage, Tail
from ..errors import Conflict, Internal, Locked, NotFound, TooLarge, Unavailable

log = structlog.get_logger(__name__)

MOST: Final = 10_000 * 15 * 2**20
"""Bytes of the largest file that comes this way: a part has to fit into a message between services."""
_LAST_PART: Final = 10_000
_AT_ONCE: Final = 2**18


class Kept(NamedTuple):
    """What the store has of an upload: `whole` parts without a gap, then `tail`; `offset` bytes in all."""

    whole: int
    tail: Tail | None
    offset: int


async def kept(files: contract.Files, storage: Storage, upload: contract.Upload) -> Kept:
    """Raises Locked when it has ended meanwhile, Unavailable."""
    parts = parts_of(upload)
    # Tails first: one that has gone meanwhile has become a part, which is seen then. So it never becomes less.
    tails = {tail.number: tail for tail in await storage.tails(upload.key)}
    try:
        held = {part.number: part.size for part in await files.parts(upload.owner, upload.id)}
    except Conflict:
        # How, the next request finds. No client takes this for a reason to begin again from nothing.
        raise Locked(f"upload {upload.id} has ended just now") from None
    whole, offset = 0, 0
    while (size := _bytes_of(upload, parts, whole + 1)) and held.get(whole + 1) == size:
        whole, offset = whole + 1, offset + size
    tail = tails.get(whole + 1)
    if tail is None or tail.size > _bytes_of(upload, parts, whole + 1):
        return Kept(whole, None, offset)
    return Kept(whole, tail, offset + tail.size)


def parts_of(upload: contract.Upload) -> contract.Parts:
    if upload.parts is None:
        raise Conflict(f"upload {upload.id} comes in one piece")
    return upload.parts


def _bytes_of(upload: contract.Upload, parts: contract.Parts, number: int) -> int:
    """Bytes of a part, 0 of one that the upload does not have."""
    if upload.deferred:
        return parts.size if number <= _LAST_PART else 0
    return max(0, parts.bytes_of(number, upload.size))


class Inflow:
    """Takes bytes from an offset on. `offset` counts what it was given, `close` puts the rest away."""

    def __init__(self, files: contract.Files, storage: Storage, upload: contract.Upload, whole: int) -> None:
        self._files = files
        self._storage = storage
        self._parts = parts_of(upload)
        self._number = whole + 1
        self._buffer = io.BytesIO()
        self._filled = 0
        self._digest = hashlib.sha256()
        self._tail = 0
        self.upload = upload
        self.offset = whole * self._parts.size

    @classmethod
    async def open(cls, files: contract.Files, storage: Storage, upload: contract.Upload, at: Kept) -> Inflow:
        """Raises Locked when somebody else has gone on meanwhile, Unavailable."""
        inflow = cls(files, storage, upload, at.whole)
        if at.tail is not None:
            try:
                body = await storage.tail(upload.key, at.tail)
            except NotFound:
                raise Locked("more of this upload is kept by now: ask how much") from None
            await inflow._fill(memoryview(body))
            inflow._tail = len(body)
        inflow.offset = at.offset
        return inflow

    async def add(self, chunk: bytes | memoryview) -> None:
        """Raises TooLarge for more than the upload has, and what storing a full part can."""
        rest = memoryview(chunk)
        if not self.upload.deferred and self.offset + len(rest) > self.upload.size:
            raise TooLarge(f"upload {self.upload.id} has {self.upload.size} bytes and no more")
        while rest:
            room = _bytes_of(self.upload, self._parts, self._number) - self._filled
            if room <= 0:
                raise TooLarge(f"an upload has {_LAST_PART} parts at most")
            await self._fill(rest[:room])
            self.offset += min(room, len(rest))
            rest = rest[room:]
            if self._filled == _bytes_of(self.upload, self._parts, self._number):
                await self._store()

    async def close(self) -> None:
        """Keep what fills no part. Raises QuotaExceeded, Unavailable and what else storing can."""
        if self._filled > self._tail:
            await self._reserve()
            await self._storage.write_tail(self.upload.key, self._number, self._buffer.getvalue())
            self._tail = self._filled

    async def finish(self) -> contract.Upload:
        """Make the upload a file; all its bytes are here. Raises NotUploaded, Unavailable."""
        # The last part of a file is short, and the only one of an empty file is empty.
        if self._filled or not self.upload.size:
            await self._store()
        done = await self._files.complete(self.upload.owner, self.upload.id)
        await self._drop_tails(_LAST_PART)
        if done.status is not contract.UploadStatus.COMPLETE:
            raise Conflict(f"upload {done.id} is {done.status.value}: {done.reason or 'it has ended'}")
        return done

    async def _fill(self, bytes: memoryview) -> None:
        self._buffer.write(bytes)
        self._filled += len(bytes)
        if len(bytes) > _AT_ONCE:
            await asyncio.to_thread(self._digest.update, bytes)
        else:
            self._digest.update(bytes)

    async def _store(self) -> None:
        """The part that is full, recorded with its checksum before it is written."""
        await self._reserve()
        owner, id, sha256 = self.upload.owner, self.upload.id, self._digest.digest()
        opened = await self._files.open_parts(owner, id, (PartIntent(self._number, sha256),))
        parts = parts_of(opened)
        if parts.multipart is None:
            raise Internal("an upload whose parts are open has none")
        put = PartPut(self._number, self._filled, sha256 if parts.checked else None)
        multipart = Multipart(parts.multipart, parts.checked)
        try:
            await self._storage.write_part(opened.key, multipart, put, self._buffer.getvalue())
        except NotFound:
            raise Conflict(f"upload {id} has ended") from None
        self.upload = opened
        if self._tail:
            await self._drop_tails(self._number)
        self._number += 1
        self._buffer, self._filled, self._tail, self._digest = io.BytesIO(), 0, 0, hashlib.sha256()

    async def _reserve(self) -> None:
        if self.upload.deferred:
            size = (self._number - 1) * self._parts.size + self._filled
            self.upload = await self._files.resize(self.upload.owner, self.upload.id, size, False)

    async def _drop_tails(self, number: int) -> None:
        # What stays is of no use to anybody, and goes with the file.
        with suppress(Unavailable):
            await self._storage.delete_tails(self.upload.key, number)
