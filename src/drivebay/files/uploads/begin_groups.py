"""Concurrent calls of `begin_upload` for one access share transactions (see `transaction_groups`)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from ...contract.files import Access, Upload, UploadIntent
from ...errors import Error
from ...postgres import Database
from ..batch_results import MAX_ITEMS
from ..settings import Settings
from ..transaction_groups import TransactionGroups
from .intents import check_intent
from .service import UploadService
from .upload_batches import UploadBatchService


class BeginGroupService:
    """Implements `begin_upload` of `contract.files.Uploads`."""

    def __init__(
        self,
        db: Database,
        uploads: UploadService,
        batches: UploadBatchService,
        settings: Settings,
        now: Callable[[], datetime],
    ) -> None:
        self._db = db
        self._uploads = uploads
        self._batches = batches
        self._settings = settings
        self._now = now
        self._groups = TransactionGroups(uploads.begin_now, self._begin_group, MAX_ITEMS)

    async def begin_upload(self, access: Access, intent: UploadIntent, idempotency_key: str | None = None) -> Upload:
        intent = check_intent(intent, self._settings, self._now())
        if idempotency_key is not None:
            # A call with a key locks the key in its transaction. Calls with the same key must not share one.
            return await self._uploads.begin_once(access, intent, idempotency_key)
        return await self._groups.run(access, intent)

    async def _begin_group(self, access: Access, intents: Sequence[UploadIntent]) -> list[Upload | Error]:
        async with self._db.transaction() as tx:
            return await self._batches.begin_checked(tx, access, intents)
