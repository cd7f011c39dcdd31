"""The begin of uploads, with a hint and a metric for the instant ones.

An instant upload has bytes that the drive has already. It is complete at once, so no commit announces it later.
"""

from __future__ import annotations

from collections.abc import Iterable

from ...contract.files import Access, BatchResult, RefusedItem, Upload, UploadIntent
from ...hints import HintChannel
from ..upload_metrics import ENDED_UPLOADS
from .begin_groups import BeginGroupService
from .upload_batches import UploadBatchService


class InstantUploads:
    """Begins uploads. If some of them are instant, a hint is published after the transaction, and a metric counts them.

    A repeated call with an idempotency key counts the same uploads again.
    """

    def __init__(self, groups: BeginGroupService, batches: UploadBatchService, hints: HintChannel) -> None:
        self._groups = groups
        self._batches = batches
        self._hints = hints

    async def begin_upload(self, access: Access, intent: UploadIntent, idempotency_key: str | None = None) -> Upload:
        upload = await self._groups.begin_upload(access, intent, idempotency_key)
        self._announce(access, (upload,))
        return upload

    async def begin_uploads(
        self,
        access: Access,
        intents: tuple[UploadIntent, ...],
        idempotency_key: str | None = None,
        refused: tuple[RefusedItem, ...] = (),
    ) -> tuple[BatchResult, ...]:
        results = await self._batches.begin_uploads(access, intents, idempotency_key, refused)
        self._announce(access, (result.upload for result in results if result.upload is not None))
        return results

    def _announce(self, access: Access, uploads: Iterable[Upload]) -> None:
        if instant := sum(upload.is_instant for upload in uploads):
            self._hints.publish(access.drive)  # guard: hint-after-instant
            ENDED_UPLOADS.labels("complete").inc(instant)
