"""Uploads in parts: which parts may be sent, which are there, and how they are put together.

The rows say what may be signed, and the store says what has come. A part's checksum is written down before its URL
is signed and never changes, so that whatever part the store holds was held against it; that is how the checksum of
all of them is known, which no store tells in the same way.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final

from ..contract import files as contract
from ..contract.ids import UploadId, UserId
from ..contract.storage import Assembly, Put, Storage
from ..crash import crash_point
from ..db import Database
from ..errors import Conflict, FieldError, InvalidRequest, NotFound, NotUploaded, Unavailable
from .settings import Settings
from .store import Store, upload_of

MOST: Final = 10_000
MOST_A_CALL: Final = 100
_SMALLEST: Final = 8 * 2**20
_STEP: Final = 2**20
_TOLD: Final = 10


def part_size(size: int) -> int:
    """Bytes of each part of a file: whole MiB, at least 8 of them, so that 10,000 parts are enough."""
    return max(_SMALLEST, -(-size // (MOST * _STEP)) * _STEP)


class Parts:
    def __init__(self, db: Database, store: Store, storage: Storage, settings: Settings) -> None:
        self._db = db
        self._store = store
        self._storage = storage
        self._settings = settings

    async def open(self, owner: UserId, id: UploadId, wanted: Sequence[contract.PartIntent]) -> contract.Upload:
        upload, parts = await self._pending(owner, id)
        checked = _checked(wanted, parts)
        if parts.multipart is None:
            upload, parts = await self._begin(upload, checked)
        elif (row := await self._store.prolong(self._db, owner, id, self._settings.parts_ttl)) is not None:
            upload = upload_of(row)
        if parts.checked and not checked:
            raise _invalid("sha256", "is needed, since the first parts came with one")
        # Without: the first parts came without, or the store checks nothing. Then it is of no use.
        if parts.checked:
            await self._pin(owner, id, wanted)
        return upload

    async def _begin(self, upload: contract.Upload, checked: bool) -> tuple[contract.Upload, contract.Parts]:
        put = Put(upload.key, upload.size, upload.content_type, None, upload.metadata)
        begun = await self._storage.begin_parts(put, checked)
        crash_point("parts.begun")
        row = await self._store.begin_parts(self._db, upload.owner, upload.id, begun, self._settings.parts_ttl)
        if row is None or row["multipart"] != begun.id:
            # Somebody was faster, or the upload has ended. Should this fail, the janitor finds it.
            await self._storage.abort_parts(upload.key, begun.id)
        if row is None:
            raise Conflict(f"upload {upload.id} has ended")
        upload = upload_of(row)
        return upload, _parts_of(upload)

    async def _pin(self, owner: UserId, id: UploadId, wanted: Sequence[contract.PartIntent]) -> None:
        numbers = [part.number for part in wanted]
        await self._store.claim_parts(self._db, owner, id, numbers, [part.sha256 or b"" for part in wanted])
        pinned = {row["number"]: row["sha256"] for row in await self._store.parts(self._db, owner, id)}
        if other := [part.number for part in wanted if pinned.get(part.number) != part.sha256]:
            raise Conflict(f"part {other[0]} was to have other bytes before: begin a new upload for a new content")

    async def held(self, owner: UserId, id: UploadId) -> tuple[tuple[contract.Part, ...], bool]:
        """The parts that are there, and whether that may be too few, since the store has begun to put them together."""
        upload, parts = await self._pending(owner, id)
        if parts.multipart is None:
            return (), False
        there = await self._storage.parts(upload.key, parts.multipart)
        rows = await self._store.parts(self._db, owner, id) if parts.checked else ()
        pinned = {row["number"]: row["sha256"] for row in rows}
        held = tuple(contract.Part(part.number, part.size, part.etag, pinned.get(part.number)) for part in there)
        # Looked at after the listing: it may have begun meanwhile.
        row = await self._store.upload(self._db, owner, id)
        return held, row is None or row["assembled_at"] is not None

    async def assemble(self, upload: contract.Upload) -> None:
        """Have the store put the parts together; a commit must follow. Raises NotUploaded, Unavailable."""
        parts = _parts_of(upload)
        if parts.multipart is None:
            raise NotUploaded(f"no part of upload {upload.id} has been asked for")
        digests = await self._digests(upload, parts)
        whole = hashlib.sha256(b"".join(digests)).digest() if digests else None
        if not await self._store.begin_assembly(self._db, upload.owner, upload.id, whole, self._settings.parts_ttl):
            return  # it ended meanwhile; the commit tells how
        crash_point("parts.before_assembly")
        sizes = tuple(parts.bytes_of(number, upload.size) for number in range(1, parts.count + 1))
        assembled = await self._storage.assemble(upload.key, parts.multipart, sizes, digests)
        crash_point("parts.assembled")
        if assembled.assembly is Assembly.MISSING:
            raise NotUploaded(_told(assembled.missing))
        if assembled.assembly is Assembly.UNKNOWN:
            raise Unavailable("the store is putting the parts together; ask again", retry_after=2)

    async def _digests(self, upload: contract.Upload, parts: contract.Parts) -> tuple[bytes, ...]:
        if not parts.checked:
            return ()
        rows = await self._store.parts(self._db, upload.owner, upload.id)
        pinned = {row["number"]: row["sha256"] for row in rows}
        if missing := tuple(number for number in range(1, parts.count + 1) if number not in pinned):
            raise NotUploaded(_told(missing))
        return tuple(pinned[number] for number in range(1, parts.count + 1))

    async def _pending(self, owner: UserId, id: UploadId) -> tuple[contract.Upload, contract.Parts]:
        row = await self._store.upload(self._db, owner, id)
        if row is None:
            raise NotFound(f"no upload {id}")
        upload = upload_of(row)
        if upload.parts is None:
            raise Conflict(f"upload {id} comes in one piece")
        if upload.status is not contract.UploadStatus.PENDING:
            raise Conflict(f"upload {id} is {upload.status.value}")
        return upload, upload.parts


def _parts_of(upload: contract.Upload) -> contract.Parts:
    if upload.parts is None:
        raise Conflict(f"upload {upload.id} comes in one piece")
    return upload.parts


def _checked(wanted: Sequence[contract.PartIntent], parts: contract.Parts) -> bool:
    """Whether these come with a SHA-256. Raises InvalidRequest."""
    numbers = [part.number for part in wanted]
    if not 1 <= len(numbers) <= MOST_A_CALL:
        raise _invalid("parts", f"must be 1 to {MOST_A_CALL}")
    if len(set(numbers)) < len(numbers):
        raise _invalid("number", "is there twice")
    if min(numbers) < 1 or max(numbers) > parts.count:
        raise _invalid("number", f"must be 1 to {parts.count}")
    given = [part.sha256 for part in wanted if part.sha256 is not None]
    if any(len(sha256) != 32 for sha256 in given):
        raise _invalid("sha256", "has not 32 bytes")
    if given and len(given) < len(wanted):
        raise _invalid("sha256", "is given for every part or for none")
    return bool(given)


def _told(missing: Sequence[int]) -> str:
    more = f" and {len(missing) - _TOLD} more" if len(missing) > _TOLD else ""
    return f"parts are missing, or of another size: {', '.join(map(str, missing[:_TOLD]))}{more}"


def _invalid(field: str, problem: str) -> InvalidRequest:
    return InvalidRequest(f"{field} {problem}", errors=(FieldError(field, problem),))
