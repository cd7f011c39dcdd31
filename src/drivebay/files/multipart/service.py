"""Uploads in parts: which parts may be sent, which are stored, and their assembly.

The database decides which parts may be signed. The store decides which parts are stored. The checksum of a part is
recorded before its URL is signed, and never changes, so every stored part has its recorded checksum. The composite
checksum of the upload is computed from the recorded checksums, because stores report it in different ways.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final

from ...contract import files as contract
from ...contract.ids import DriveId, UploadId
from ...contract.storage import AssemblyStatus, PutSpec, Storage
from ...errors import Conflict, FieldError, InvalidRequest, NotFound, NotUploaded, Unavailable
from ...observability.crash_points import crash_point
from ...postgres import Database
from ..commits.service import CommitService
from ..permissions.access_scope import AccessScope
from ..settings import Settings
from ..uploads.store import UploadStore
from .store import MultipartStore, PartTimes

MAX_PARTS_PER_CALL: Final = 100
_SHA256_BYTES: Final = 32
_MAX_LISTED_NUMBERS: Final = 10
"""The maximum number of part numbers in the message of an error."""


class MultipartService:
    """Implements `open_parts` and `list_parts` of `contract.files.Uploads`, and the assembly for `complete_upload`."""

    def __init__(self, db: Database, storage: Storage, settings: Settings, commits: CommitService) -> None:
        self._db = db
        self._multiparts = MultipartStore()
        self._scope = AccessScope()
        self._uploads = UploadStore()
        self._storage = storage
        self._settings = settings
        self._times = PartTimes(settings.parts_ttl, settings.upload_ttl)
        self._commits = commits

    async def open_parts(
        self, access: contract.Access, id: UploadId, parts: tuple[contract.PartIntent, ...]
    ) -> contract.Upload:
        upload, layout = await self._select_pending(access, id)
        with_checksums = _check_parts(parts, layout)
        if layout.multipart_id is None:
            upload, layout = await self._begin_multipart(upload, with_checksums)
        else:
            upload = await self._multiparts.extend_deadline(self._db, access.drive, id, self._times) or upload
        if layout.checksummed and not with_checksums:  # guard: part-checksum-required
            raise _invalid_error("sha256", "is needed, because the first parts of this upload have one")
        # Record checksums only if the multipart upload is checksummed. The store does not verify them otherwise.
        if layout.checksummed:
            await self._record_checksums(access.drive, id, parts)
        return upload

    async def _begin_multipart(
        self, upload: contract.Upload, with_checksums: bool
    ) -> tuple[contract.Upload, contract.PartLayout]:
        put = PutSpec(upload.key, upload.size, upload.content_type, None, upload.metadata)
        multipart = await self._storage.begin_multipart(put, with_checksums)
        crash_point("parts.begun")
        updated = await self._multiparts.set_multipart_id(self._db, upload, multipart, self._times)
        if updated is None or _layout(updated).multipart_id != multipart.id:  # guard: multipart-id-second
            # Another call has set a multipart id first, or the upload has ended. If this abort fails, the janitor
            # aborts the multipart upload later.
            await self._storage.abort_multipart(upload.key, multipart.id)
        if updated is None:
            raise Conflict(f"upload {upload.id} has ended")
        return updated, _layout(updated)

    async def _record_checksums(self, owner: DriveId, id: UploadId, parts: Sequence[contract.PartIntent]) -> None:
        await self._multiparts.insert_part_checksums(self._db, owner, id, parts)
        recorded = await self._multiparts.select_part_checksums(self._db, owner, id)
        for part in parts:
            if recorded.get(part.number) != part.sha256:  # guard: part-checksum
                raise Conflict(
                    f"part {part.number} was requested with another checksum before; begin a new upload for new content"
                )

    async def list_parts(self, access: contract.Access, id: UploadId) -> tuple[contract.Part, ...]:
        upload, layout = await self._select_pending(access, id)
        if layout.multipart_id is None:
            return ()
        stored = await self._storage.list_parts(upload.key, layout.multipart_id)
        checksums: dict[int, bytes] = {}
        if layout.checksummed:
            checksums = await self._multiparts.select_part_checksums(self._db, access.drive, id)
        # Read the state after the parts were listed, because the assembly may begin meanwhile. The store lists no parts
        # of an assembled upload, so the list may be wrong then.
        assembly_begun = await self._multiparts.is_assembly_begun(self._db, access.drive, id)
        if assembly_begun and await self._commits.commit_for_client(contract.UploadRef(access.drive, id)):
            raise Conflict(f"the parts of upload {id} are assembled")
        return tuple(contract.Part(part.number, part.size, part.etag, checksums.get(part.number)) for part in stored)

    async def assemble(self, upload: contract.Upload) -> None:
        """Assemble the parts of a pending upload in the store. The caller commits the upload next.

        If the upload has ended, nothing happens. Raises NotUploaded (parts are missing), Unavailable.
        """
        layout = _layout(upload)
        if layout.multipart_id is None:
            raise NotUploaded(f"no part of upload {upload.id} was requested yet")
        checksums = await self._all_checksums(upload, layout)
        parts_sha256 = hashlib.sha256(b"".join(checksums)).digest() if checksums else None
        if not await self._multiparts.set_assembly_begun(self._db, upload, parts_sha256, self._settings.parts_ttl):
            return
        crash_point("parts.before_assembly")
        sizes = tuple(layout.size_of(number, upload.size) for number in range(1, layout.count + 1))
        assembled = await self._storage.assemble_parts(upload.key, layout.multipart_id, sizes, checksums)
        crash_point("parts.assembled")
        if assembled.status is AssemblyStatus.MISSING:
            raise NotUploaded(_describe_missing(assembled.missing))
        if assembled.status is AssemblyStatus.UNKNOWN:
            raise Unavailable("the store is still assembling the parts; try again later", retry_after=2)

    async def _all_checksums(self, upload: contract.Upload, layout: contract.PartLayout) -> tuple[bytes, ...]:
        if not layout.checksummed:
            return ()
        recorded = await self._multiparts.select_part_checksums(self._db, upload.owner, upload.id)
        numbers = range(1, layout.count + 1)
        if missing := [number for number in numbers if number not in recorded]:
            raise NotUploaded(_describe_missing(missing))
        return tuple(recorded[number] for number in numbers)

    async def _select_pending(
        self, access: contract.Access, id: UploadId
    ) -> tuple[contract.Upload, contract.PartLayout]:
        upload = await self._uploads.select_upload(self._db, access.drive, id)
        if upload is None:
            raise NotFound(f"no upload {id}")
        await self._scope.require_upload(self._db, access, upload)  # guard: scope-parts
        layout = _layout(upload)
        if upload.status is not contract.UploadStatus.PENDING:
            raise Conflict(f"upload {id} is {upload.status.value}")
        return upload, layout


def _layout(upload: contract.Upload) -> contract.PartLayout:
    if upload.parts is None:
        raise Conflict(f"upload {upload.id} is not an upload in parts")
    return upload.parts


def _check_parts(parts: Sequence[contract.PartIntent], layout: contract.PartLayout) -> bool:
    """Return whether all parts have a SHA-256. Raises InvalidRequest."""
    numbers = [part.number for part in parts]
    if not 1 <= len(numbers) <= MAX_PARTS_PER_CALL:
        raise _invalid_error("parts", f"must have 1 to {MAX_PARTS_PER_CALL} items")
    if len(set(numbers)) < len(numbers):
        raise _invalid_error("number", "is repeated")
    if min(numbers) < 1 or max(numbers) > layout.count:
        raise _invalid_error("number", f"must be 1 to {layout.count}")
    checksums = [part.sha256 for part in parts if part.sha256 is not None]
    if any(len(checksum) != _SHA256_BYTES for checksum in checksums):
        raise _invalid_error("sha256", f"does not have {_SHA256_BYTES} bytes")
    if checksums and len(checksums) < len(parts):
        raise _invalid_error("sha256", "is needed for every part or for none")
    return bool(checksums)


def _describe_missing(numbers: Sequence[int]) -> str:
    listed = ", ".join(map(str, numbers[:_MAX_LISTED_NUMBERS]))
    more = f" and {len(numbers) - _MAX_LISTED_NUMBERS} more" if len(numbers) > _MAX_LISTED_NUMBERS else ""
    return f"parts are missing or have another size: {listed}{more}"


def _invalid_error(field: str, problem: str) -> InvalidRequest:
    return InvalidRequest(f"{field} {problem}", errors=(FieldError(field, problem),))
