"""tus 1.0 (https://tus.io/protocols/resumable-upload): bytes through the gateway, for clients that speak it.

An upload of tus is an upload in parts like any other, under the same id. Nothing is kept here: how far an upload is
says the store (see `inflow.py`), so any process may be asked next, and the one that was sending may die.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from ..contract import files as contract
from ..contract.files import UploadRef, UploadStatus
from ..contract.storage import Storage
from ..errors import ChecksumMismatch, Conflict, Error, IdempotencyKeyReused, MethodNotAllowed, NotFound, TooLarge
from . import tus_headers
from .answer import Answer
from .inflow import MOST, Inflow, Kept, kept, parts_of
from .request import Call, invalid
from .settings import Settings
from .turns import Turn, Turns
from .tus_headers import ALGORITHMS, EXTENSIONS, VERSION, Promise

LONGEST: Final = 3600.0
"""Seconds that one request may take: whoever has more to send comes again."""
_NOTHING: Final = Kept(0, None, 0)


class Tus:
    def __init__(self, files: contract.Files, storage: Storage, settings: Settings) -> None:
        self._files = files
        self._storage = storage
        self._most = min(MOST, settings.max_file_size)
        self._turns = Turns(settings.body_within.total_seconds(), LONGEST)

    async def options(self, _: Call) -> Answer:
        told = {
            "Tus-Extension": EXTENSIONS,
            "Tus-Max-Size": str(self._most),
            "Tus-Checksum-Algorithm": ",".join(ALGORITHMS),
        }
        return Answer(204, headers=told)

    async def create(self, call: Call) -> Answer:
        tus_headers.check_version(call)
        length, told, promise = tus_headers.length(call), tus_headers.metadata(call), tus_headers.promise(call)
        brings = call.content_length() != 0
        if brings:
            tus_headers.check_type(call)
        if length is not None and length > self._most:
            raise TooLarge(f"a file has at most {self._most} bytes here: send a larger one in parts")
        intent = contract.Intent(
            name=told.name,
            size=length or 0,
            content_type=told.content_type,
            parent=told.parent,
            on_conflict=told.on_conflict,
            multipart=True,
            deferred=length is None,
            note=told.note,
        )
        key = call.idempotency_key()
        upload = await self._files.begin(call.user, intent, key)
        where = {"Location": f"/v1/tus/{upload.id}"}
        async with self._turns.take(UploadRef(upload.owner, upload.id)) as turn:
            at = _NOTHING
            if key is not None:  # it may be the one that this key made before, and further than its beginning
                upload = await self._made(upload)
                at = await self._at(upload)
            if at.offset and not _is_all(upload, at.offset):
                return Answer(201, headers=where | tus_headers.state(upload, at.offset))
            # Whoever hears that all is there will not come again: so it is a file before that is said.
            body = call if brings and not at.offset else None
            try:
                upload, offset = await self._take(body, turn, upload, at, promise)
            except ChecksumMismatch:
                await self._files.abort(upload.owner, upload.id)
                raise
        return Answer(201, headers=where | tus_headers.state(upload, offset))

    async def head(self, call: Call) -> Answer:
        tus_headers.check_version(call)
        upload = await self._found(call)
        async with self._turns.take(UploadRef(upload.owner, upload.id)) as turn:
            upload = await self._found(call)
            at = await self._at(upload)
            if _is_all(upload, at.offset):
                # Whoever hears that all is there will not come again: so it is a file before that is said.
                upload, _ = await self._take(None, turn, upload, at, None)
        return Answer(200, headers=tus_headers.of_head(upload, at.offset))

    async def patch(self, call: Call) -> Answer:
        tus_headers.check_version(call)
        tus_headers.check_type(call)
        claimed, length = tus_headers.number(call, "Upload-Offset"), tus_headers.number(call, "Upload-Length")
        promise = tus_headers.promise(call)
        if claimed is None:
            raise invalid("Upload-Offset", "is needed")
        upload = await self._found(call)
        async with self._turns.take(UploadRef(upload.owner, upload.id)) as turn:
            upload = await self._found(call)
            at = await self._at(upload)
            if claimed != at.offset:
                raise Conflict(f"{at.offset} bytes of upload {upload.id} are kept, and not {claimed}")
            if length is not None:
                upload = await self._told(upload, length, at)
            upload, offset = await self._take(call, turn, upload, at, promise)
        return Answer(204, headers=tus_headers.state(upload, offset))

    async def delete(self, call: Call) -> Answer:
        tus_headers.check_version(call)
        upload = await self._found(call)
        async with self._turns.take(UploadRef(upload.owner, upload.id)):
            await self._files.abort(upload.owner, upload.id)
        return Answer(204)

    async def override(self, call: Call) -> Answer:
        """For clients that can send nothing but GET and POST."""
        methods = {"PATCH": self.patch, "HEAD": self.head, "DELETE": self.delete}
        meant = methods.get((call.header(b"x-http-method-override") or "").upper())
        if meant is None:
            raise MethodNotAllowed(f"X-HTTP-Method-Override must be one of {', '.join(methods)}")
        return await meant(call)

    async def _found(self, call: Call) -> contract.Upload:
        upload = await self._files.upload(call.user, call.upload_id())
        if upload.parts is None or upload.status not in (UploadStatus.PENDING, UploadStatus.COMPLETE):
            raise NotFound(f"no upload {upload.id} that comes this way")
        return upload

    async def _made(self, begun: contract.Upload) -> contract.Upload:
        """What has become of the upload that a key made. Raises IdempotencyKeyReused if it has ended without a file."""
        upload = await self._files.upload(begun.owner, begun.id)
        if upload.status not in (UploadStatus.PENDING, UploadStatus.COMPLETE):
            raise IdempotencyKeyReused("the upload this key made has ended; use a new key")
        return upload

    async def _at(self, upload: contract.Upload) -> Kept:
        if upload.status is not UploadStatus.PENDING:
            return Kept(0, None, upload.size)
        return await kept(self._files, self._storage, upload)

    async def _told(self, upload: contract.Upload, length: int, at: Kept) -> contract.Upload:
        """The upload, now that its length is told; the same length may be told again."""
        if length > self._most:
            raise TooLarge(f"a file has at most {self._most} bytes here")
        if length < at.offset:
            raise invalid("Upload-Length", f"is less than the {at.offset} bytes that are kept")
        if not upload.deferred:
            if length != upload.size:
                raise Conflict(f"upload {upload.id} has {upload.size} bytes, as was told before")
            return upload
        return await self._files.resize(upload.owner, upload.id, length, True)

    async def _take(
        self, call: Call | None, turn: Turn, upload: contract.Upload, at: Kept, promise: Promise | None
    ) -> tuple[contract.Upload, int]:
        """Take a request's bytes in, from where it is. The upload as it is then, and how much of it is kept."""
        if upload.status is not UploadStatus.PENDING:
            return upload, at.offset
        if call is not None and not upload.deferred and (call.content_length() or 0) > upload.size - at.offset:
            raise TooLarge(f"of upload {upload.id} no more than {upload.size - at.offset} bytes are to come")
        inflow = await Inflow.open(self._files, self._storage, upload, at)
        if call is not None and promise is not None:
            await _promised(call, turn, inflow, promise)
        elif call is not None:
            await _streamed(call, turn, inflow)
        if _is_all(inflow.upload, inflow.offset):
            return await inflow.finish(), inflow.offset
        await inflow.close()
        return inflow.upload, inflow.offset


def _is_all(upload: contract.Upload, offset: int) -> bool:
    return not upload.deferred and offset == upload.size and upload.status is UploadStatus.PENDING


async def _streamed(call: Call, turn: Turn, inflow: Inflow) -> None:
    more = True
    while more:
        try:
            chunk, more = await turn.chunk(call)
        except Error:
            # The client is gone, or too slow, or has come anew: what it sent is kept all the same.
            await inflow.close()
            raise
        await inflow.add(chunk)


async def _promised(call: Call, turn: Turn, inflow: Inflow, promise: Promise) -> None:
    """As above, of a body of which nothing is stored before its checksum is seen to be right."""
    # All of it is held, beside a part that may be full but for a byte and grows ahead of its bytes: two parts at most.
    most = parts_of(inflow.upload).size * 3 // 4
    if (call.content_length() or 0) > most:
        raise TooLarge(f"a request with a checksum has at most {most} bytes")
    held: deque[bytes] = deque()
    size, digest, more = 0, ALGORITHMS[promise.algorithm](), True
    while more:
        chunk, more = await turn.chunk(call)
        size += len(chunk)
        if size > most:
            raise TooLarge(f"a request with a checksum has at most {most} bytes")
        held.append(chunk)
        digest.update(chunk)
    promise.hold(digest.digest())
    # Given over bit by bit, so that with what is in the part already it is never more than two.
    while held:
        await inflow.add(held.popleft())


HEADERS: Final = {"Tus-Resumable": VERSION, "Tus-Version": VERSION}
"""Of every answer."""
