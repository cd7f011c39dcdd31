"""Uploads of one owner: record an intent and reserve its bytes before any URL is signed."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar
from uuid import UUID

import msgspec

from ...contract import files as contract
from ...contract.ids import ROOT, DriveId, UploadId
from ...errors import (
    Conflict,
    FieldError,
    IdempotencyKeyReused,
    InvalidRequest,
    NameTaken,
    NotFound,
    QuotaExceeded,
    RateLimited,
    TooLarge,
)
from ...postgres import Connection, Database
from ..commits.file_creation import FileCreation
from ..entries.free_names import Location, find_next_free_name, is_name_taken
from ..entries.store import EntryStore
from ..idempotency.replays import KeyedCall, fingerprint
from ..idempotency.store import IdempotencyStore
from ..multipart.part_sizes import MAX_PARTS
from ..permissions.access_scope import AccessScope
from ..settings import Settings
from ..upload_metrics import ENDED_UPLOADS
from ..usage.store import LockedUsage, UsageStore
from ..versions.store import StoredObject, VersionStore
from .intents import PendingUpload, fingerprint_fields, plan_upload
from .store import UploadEnd, UploadStore

T = TypeVar("T")


class UploadService:
    """Implements the methods of `contract.files.Uploads`, except those for parts and for completion.

    `begin_upload` is in `begin_groups`.
    """

    def __init__(self, db: Database, settings: Settings, creation: FileCreation, new_id: Callable[[], UUID]) -> None:
        self._db = db
        self._creation = creation
        self._versions = VersionStore()
        self._uploads = UploadStore()
        self._usage = UsageStore()
        self._entries = EntryStore()
        self._idempotency = IdempotencyStore()
        self._scope = AccessScope()
        self._settings = settings
        self._new_id = new_id

    async def begin_now(self, access: contract.Access, intent: contract.UploadIntent) -> contract.Upload:
        """Begin an upload with a valid intent, in its own transaction."""
        if intent.on_conflict is contract.OnConflict.RENAME and not access.grants:  # guard: scope-begin-now
            # For FAIL and REPLACE the name must not become taken meanwhile, and an access with grants must not lose the
            # folder meanwhile. Only the lock of the drive ensures that, so such an upload needs `lock_and_begin`.
            upload = plan_upload(access, UploadId(self._new_id()), intent, self._settings)
            settings = self._settings
            limits = (settings.quota, settings.max_pending_uploads, settings.max_entries, settings.max_purges)
            recorded = await self._uploads.insert_pending(self._db, upload, *limits)
            if recorded is not None:
                return recorded
        async with self._db.transaction() as tx:
            return await self.lock_and_begin(tx, access, intent, {})

    async def begin_once(
        self, access: contract.Access, intent: contract.UploadIntent, idempotency_key: str
    ) -> contract.Upload:
        """Begin an upload with a valid intent, or return the upload of the first call with this key."""
        request_hash = fingerprint("upload", fingerprint_fields(intent))
        call = KeyedCall(self._idempotency, access, idempotency_key, request_hash)
        async with self._db.transaction() as tx:
            await self._scope.require(tx, access, contract.Role.EDITOR, intent.parent)  # guard: scope-repeated-begin
            first = await call.lock_and_find_first(tx)
            if first is None:
                upload = await self.lock_and_begin(tx, access, intent, {})
                await call.record(tx, upload.id)
                return upload
            recorded = await self._uploads.select_upload(tx, access.drive, UploadId(first.resource))
        if recorded is None:
            raise IdempotencyKeyReused("the upload that this key created no longer exists; use a new key")
        return self.with_begun_state(recorded, intent)

    async def lock_and_begin(
        self, tx: Connection, access: contract.Access, intent: contract.UploadIntent, numbers: dict[Location, int]
    ) -> contract.Upload:
        """Lock the drive, check the limits, and record a valid intent. An error changes nothing in the transaction.

        All uploads that begin in one transaction share `numbers` (see `find_next_free_name`).

        If the drive has the bytes already, and the store has verified their checksum, the upload is complete at once,
        and its file shares the existing object.

        Raises NotFound (the parent), Forbidden, QuotaExceeded, RateLimited, NameTaken.
        """
        usage = await self._usage.lock_usage(tx, access.drive, self._settings.quota)
        await self._scope.require(tx, access, contract.Role.EDITOR, intent.parent)  # guard: scope-begin
        usage.check_bytes(intent.size)
        usage.check_entries(self._settings.max_entries)
        usage.check_purges(self._settings.max_purges)
        if usage.pending_uploads >= self._settings.max_pending_uploads:  # guard: begin-pending-uploads-locked
            limit = self._settings.max_pending_uploads
            raise RateLimited(
                f"{limit} uploads are pending; complete or abort some of them, or try again in 60 seconds",
                retry_after=60,
            )
        if intent.parent != ROOT and not await self._entries.select_ancestors(tx, access.drive, intent.parent):
            raise NotFound(f"no folder {intent.parent}")
        name = await self._choose_name(tx, access.drive, intent, numbers)
        await self._usage.reserve_bytes(tx, access.drive, intent.size)
        intent = msgspec.structs.replace(intent, name=name)
        id = UploadId(self._new_id())
        stored = await self._find_stored(tx, access, intent)
        if stored is None:
            return await self._uploads.insert_without_reserving(tx, plan_upload(access, id, intent, self._settings))
        upload = PendingUpload(access.drive, id, intent, None, self._settings.upload_ttl, access.actor)
        await self._uploads.insert_without_reserving(tx, upload)
        await self._creation.create_instantly(tx, contract.UploadRef(access.drive, id), stored)
        return _require_found(await self._uploads.select_upload(tx, access.drive, id), id)

    async def _find_stored(
        self, tx: Connection, access: contract.Access, intent: contract.UploadIntent
    ) -> StoredObject | None:
        """Return an object of the drive that has the bytes of the intent, or None.

        The lock of the drive keeps the object from being purged. An access with grants gets None, because it must not
        learn, or get, the other contents of the drive.
        """
        if intent.sha256 is None or access.grants:  # guard: instant-limited-access
            return None
        return await self._versions.select_object_by_content(tx, access.drive, intent.sha256, intent.size)

    async def _choose_name(
        self, tx: Connection, owner: DriveId, intent: contract.UploadIntent, numbers: dict[Location, int]
    ) -> str:
        if intent.on_conflict is contract.OnConflict.REPLACE:
            existing = await self._entries.select_entry_by_name(tx, owner, intent.parent, intent.name)
            if existing is not None and existing.kind is contract.Kind.FOLDER:
                raise NameTaken(f"{intent.name!r} is a folder")
            return intent.name
        location = Location(owner, intent.parent, intent.name)
        if intent.on_conflict is contract.OnConflict.FAIL:
            if await is_name_taken(self._entries, tx, location):
                raise NameTaken(f"the name {intent.name!r} is taken")
            return intent.name
        return await find_next_free_name(self._entries, tx, location, numbers)

    def with_begun_state(self, upload: contract.Upload, intent: contract.UploadIntent) -> contract.Upload:
        """Return the upload as `begin_upload` first returned it, even if its state has changed."""
        if upload.is_instant:
            return upload
        upload = msgspec.structs.replace(upload, status=contract.UploadStatus.PENDING, file=None, reason=None)
        if upload.parts is None:
            return upload
        # The length, the multipart id and the deadline of an upload in parts may have changed since.
        part_size = upload.parts.size
        return msgspec.structs.replace(
            upload,
            size=intent.size,
            deferred_length=intent.deferred_length,
            expires_at=upload.created_at + self._settings.parts_ttl,
            parts=contract.PartLayout(part_size, max(1, -(-intent.size // part_size))),
        )

    async def get_upload(self, access: contract.Access, id: UploadId) -> contract.Upload:
        upload = _require_found(await self._uploads.select_upload(self._db, access.drive, id), id)
        await self._scope.require_upload(self._db, access, upload)  # guard: scope-get-upload
        return upload

    async def resize_upload(self, access: contract.Access, id: UploadId, size: int, final: bool) -> contract.Upload:
        async with self._db.transaction() as tx:
            usage = await self._usage.lock_usage(tx, access.drive, self._settings.quota)
            upload = _require_found(await self._uploads.select_upload(tx, access.drive, id), id)
            await self._scope.require_upload(tx, access, upload)  # guard: scope-resize-upload
            if not upload.deferred_length or upload.status is not contract.UploadStatus.PENDING:
                if upload.size == size and not upload.deferred_length and upload.parts is not None:
                    return upload  # this call repeats the call that set the length
                raise Conflict(f"the length of upload {id} is already known")
            if not final and size <= upload.size:
                return upload
            self._check_growth(usage, upload, size)
            resized = await self._uploads.update_size(tx, contract.UploadRef(access.drive, id), size, final)
        return resized or upload

    def _check_growth(self, usage: LockedUsage, upload: contract.Upload, size: int) -> None:
        if size < 0:
            raise InvalidRequest("a size is not negative", errors=(FieldError("size", "is negative"),))
        max_size = self._settings.max_file_size
        if upload.parts is not None:
            max_size = min(max_size, MAX_PARTS * upload.parts.size)
        if size > max_size:
            raise TooLarge(f"files of deferred length are limited to {max_size} bytes")
        growth = size - upload.size
        if growth > usage.free_bytes:  # guard: resize-quota
            left = f"{usage.free_bytes} of {usage.quota_bytes} bytes are free"
            raise QuotaExceeded(f"{growth} more bytes do not fit in the quota: {left}")

    async def list_upload_events(self, access: contract.Access, id: UploadId) -> tuple[contract.UploadEvent, ...]:
        if access.grants:
            await self.get_upload(access, id)  # guard: scope-upload-events
        return _require_found(await self._uploads.select_events(self._db, access.drive, id) or None, id)

    async def abort_upload(self, access: contract.Access, id: UploadId) -> None:
        async with self._db.transaction() as tx:
            await self._usage.lock_usage(tx, access.drive, self._settings.quota)
            upload = _require_found(await self._uploads.select_upload(tx, access.drive, id), id)
            await self._scope.require_upload(tx, access, upload)  # guard: scope-abort-upload
            if upload.status is contract.UploadStatus.COMPLETE:  # guard: abort-complete-upload
                raise Conflict(f"upload {id} is complete; delete the file {upload.file} instead")
            end = UploadEnd(contract.UploadStatus.ABORTED, contract.Trigger.CLIENT)
            ended = await self._uploads.end_upload(tx, contract.UploadRef(access.drive, id), end)
        if ended:
            ENDED_UPLOADS.labels("aborted").inc()


def _require_found(value: T | None, id: UploadId) -> T:
    if value is None:
        raise NotFound(f"no upload {id}")
    return value
