"""Begins several uploads in one call and one transaction. Each upload has its own result.

One statement records all simple intents (see `_plan_simple`). The other intents are recorded one at a time, with the
rules of `begin_upload`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from ...contract.files import Access, BatchResult, ItemError, OnConflict, RefusedItem, Role, Upload, UploadIntent
from ...contract.ids import DriveId, FileId, UploadId
from ...errors import Error, IdempotencyKeyReused
from ...postgres import Connection, Database
from ..batch_results import TEMPORARY_ERRORS, check_batch_size, failed_item, refused_digests
from ..entries.free_names import Location
from ..idempotency.replays import KeyedCall, fingerprint
from ..idempotency.store import IdempotencyStore
from ..permissions.access_scope import AccessScope
from ..settings import Settings
from ..usage.store import UsageStore
from .intents import PendingUpload, check_intent, fingerprint_fields, is_multipart, plan_upload
from .service import UploadService
from .store import UploadStore

_results_decoder = msgspec.msgpack.Decoder(list[UUID | ItemError])


class UploadBatchService:
    """Implements `begin_uploads` of `contract.files.Uploads`."""

    def __init__(
        self,
        db: Database,
        uploads: UploadService,
        settings: Settings,
        new_id: Callable[[], UUID],
        now: Callable[[], datetime],
    ) -> None:
        self._db = db
        self._single = uploads
        self._uploads = UploadStore()
        self._scope = AccessScope()
        self._usage = UsageStore()
        self._idempotency = IdempotencyStore()
        self._settings = settings
        self._new_id = new_id
        self._now = now

    async def begin_uploads(
        self,
        access: Access,
        intents: tuple[UploadIntent, ...],
        idempotency_key: str | None = None,
        refused: tuple[RefusedItem, ...] = (),
    ) -> tuple[BatchResult, ...]:
        check_batch_size((*intents, *refused), "intents")
        checked = [self._check(intent) for intent in intents]
        if idempotency_key is None:
            async with self._db.transaction() as tx:
                return await self._begin(tx, access, checked)
        # Fingerprint the names in NFC, so that a repeat with another Unicode form is the same request.
        normalized = [
            intent if isinstance(check, Error) else check for intent, check in zip(intents, checked, strict=True)
        ]
        request = fingerprint("uploads", *_request_items(normalized, refused))
        call = KeyedCall(self._idempotency, access, idempotency_key, request)
        async with self._db.transaction() as tx:
            hidden = await self._scope.find_errors(tx, access, Role.EDITOR, {intent.parent for intent in intents})
            first = await call.lock_and_find_first(tx)
            if first is not None:
                replayed = await self._replay(tx, access.drive, intents, first.encoded_result or b"")
                reachable = [hidden.get(intent.parent, check) for intent, check in zip(intents, checked, strict=True)]
                results = await self._retry(tx, access, call, reachable, replayed)
                # The access may have reached these folders at the time of the first call, and may reach them again.
                return tuple(
                    failed_item(hidden[intent.parent]) if intent.parent in hidden else result  # guard: scope-replay
                    for intent, result in zip(intents, results, strict=True)
                )
            results = await self._begin(tx, access, checked)
            await call.record(tx, _encode_results(results))
            return results

    async def _retry(
        self,
        tx: Connection,
        access: Access,
        call: KeyedCall,
        checked: Sequence[UploadIntent | Error],
        replayed: tuple[BatchResult, ...],
    ) -> tuple[BatchResult, ...]:
        """Begin the items again that failed with a temporary error, and record their results."""
        indexes = [
            index
            for index, result in enumerate(replayed)
            if result.error is not None
            and result.error.code in TEMPORARY_ERRORS  # guard: batch-passing-error
            and not isinstance(checked[index], Error)
        ]
        if not indexes:
            return replayed
        retried = await self._begin(tx, access, [checked[index] for index in indexes])
        results = list(replayed)
        for index, result in zip(indexes, retried, strict=True):
            results[index] = result
        await call.update(tx, _encode_results(results))
        return tuple(results)

    async def _begin(
        self, tx: Connection, access: Access, checked: Sequence[UploadIntent | Error]
    ) -> tuple[BatchResult, ...]:
        results = await self.begin_checked(tx, access, checked)
        return tuple(failed_item(result) if isinstance(result, Error) else BatchResult(result) for result in results)

    async def begin_checked(
        self, tx: Connection, access: Access, checked: Sequence[UploadIntent | Error]
    ) -> list[Upload | Error]:
        """Begin the uploads of valid intents. Return an upload or an error for each item."""
        # If the access has grants, `lock_and_begin` checks each folder under the lock of the drive.
        begun = {} if access.grants else await self._begin_simple(tx, access, checked)  # guard: scope-begin-simple
        results: list[Upload | Error] = []
        numbers: dict[Location, int] = {}
        for index, intent in enumerate(checked):
            if isinstance(intent, Error):
                results.append(intent)
                continue
            try:
                results.append(begun.get(index) or await self._single.lock_and_begin(tx, access, intent, numbers))
            except Error as error:
                results.append(error)
        return results

    def _check(self, intent: UploadIntent) -> UploadIntent | Error:
        try:
            return check_intent(intent, self._settings, self._now())
        except Error as error:
            return error

    async def _begin_simple(
        self, tx: Connection, access: Access, intents: Sequence[UploadIntent | Error]
    ) -> dict[int, Upload]:
        """Lock the drive, and record the simple intents with one statement. Return their uploads by index.

        Record nothing if the whole batch would exceed a limit. Then the caller records the items one at a time, so that
        an earlier item does not fail because of a later item.
        """
        usage = await self._usage.lock_usage(tx, access.drive, self._settings.quota)
        valid = {index: intent for index, intent in enumerate(intents) if not isinstance(intent, Error)}
        if not usage.fits(sum(intent.size for intent in valid.values())):  # guard: batch-quota
            return {}
        if not usage.allows_entries(len(valid), self._settings.max_entries):  # guard: batch-entry-limit
            return {}
        if not usage.allows_uploads(len(valid), self._settings.max_purges):  # guard: batch-purges
            return {}
        if usage.pending_uploads + len(valid) > self._settings.max_pending_uploads:  # guard: batch-pending-uploads
            return {}
        planned = self._plan_simple(access, valid)
        uploads = await self._uploads.insert_batch(tx, tuple(planned.values()))
        return {index: uploads[upload.id] for index, upload in planned.items() if upload.id in uploads}

    def _plan_simple(self, access: Access, intents: Mapping[int, UploadIntent]) -> dict[int, PendingUpload]:
        """Return the simple uploads by index.

        A simple upload is sent in one piece, has no client note and does not replace a file. The items that are not
        simple, and those that may be instant uploads, are recorded after the simple uploads. A later item with the same
        name as one of these items is not simple either, so that the earlier item gets the name.
        """
        planned: dict[int, PendingUpload] = {}
        later_locations: set[tuple[FileId, str]] = set()
        for index, intent in intents.items():
            location = (intent.parent, intent.name)
            # guard: batch-item-order
            if intent.on_conflict is OnConflict.REPLACE or location in later_locations:
                continue
            is_simple = intent.client_note is None and not is_multipart(intent, self._settings)
            if is_simple:
                planned[index] = plan_upload(access, UploadId(self._new_id()), intent, self._settings)
            if not is_simple or intent.sha256 is not None:  # guard: batch-instant-order
                later_locations.add(location)
        return planned

    async def _replay(
        self, tx: Connection, owner: DriveId, intents: Sequence[UploadIntent], batch_results: bytes
    ) -> tuple[BatchResult, ...]:
        """Return the results of the first call again."""
        recorded = _results_decoder.decode(batch_results)
        ids = [UploadId(upload_id) for upload_id in recorded if isinstance(upload_id, UUID)]
        uploads = await self._uploads.select_uploads(tx, owner, ids)
        if len(uploads) < len(ids):
            raise IdempotencyKeyReused("an upload that this key created no longer exists; use a new key")
        return tuple(
            BatchResult(self._single.with_begun_state(uploads[UploadId(upload_id)], intent))
            if isinstance(upload_id, UUID)
            else BatchResult(None, upload_id)
            for upload_id, intent in zip(recorded, intents, strict=True)
        )


def _request_items(intents: Sequence[UploadIntent], refused: Sequence[RefusedItem]) -> list[object]:
    """Return the items of the caller's request in their order. Raises InvalidRequest."""
    digests = refused_digests(refused, len(intents))
    positions = range(len(intents) + len(refused))
    valid = iter(intents)
    return [digests[position] if position in digests else fingerprint_fields(next(valid)) for position in positions]


def _encode_results(results: Sequence[BatchResult]) -> bytes:
    return msgspec.msgpack.encode([result.upload.id if result.upload else result.error for result in results])
