"""Begins and completes small uploads in batches, and aborts uploads that fail.

The name of an upload is reserved until the upload ends. So each batch request is recorded in the resume store before it
is sent. When a process dies, the next process sends the same request with the same key, receives the same uploads, and
aborts the uploads that are still pending.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Final, TypeAlias

import msgspec

from .api_client import ApiClient, ApiRequest, item_result
from .api_models import Upload, UploadResult, UploadResults
from .batcher import Batcher
from .errors import ApiError, Unauthenticated
from .resume_store import PendingBatch, ResumeStore
from .retry_policy import Retries, RetryPolicy, is_temporary
from .task_groups import run_all, run_cleanup

NewUpload: TypeAlias = dict[str, object]
"""The intent of an upload, as the API expects it."""
_ABORT_TIMEOUT: Final = 5.0
"""The maximum number of seconds for the abort of an upload, and for uploads that are being begun when the client
closes."""
_EVENT_DELAY: Final = 0.03
"""The number of seconds between two batches of completions. In this time the event of the store completes most uploads,
and they need no request."""


class UploadBatcher:
    """Begins, completes and aborts uploads that are sent in one request each."""

    def __init__(self, api: ApiClient, resume_store: ResumeStore | None, retry_policy: RetryPolicy) -> None:
        self._api = api
        self._resume_store = resume_store
        self._retry_policy = retry_policy
        self._batch_key: dict[str, str] = {}
        """The batch key of each pending upload, by upload id."""
        self._pending_count: dict[str, int] = {}
        """The number of pending uploads of each recorded batch."""
        self._abandoned: list[PendingBatch] | None = None
        self._begin_batcher: Batcher[msgspec.Raw, Upload] = Batcher(self._begin_batch, self.abort)
        self._complete_batcher: Batcher[str, Upload] = Batcher(self._complete_batch, pause=_EVENT_DELAY)

    async def begin(self, intent: NewUpload) -> Upload:
        """Begin an upload. Raises ValueError if the intent cannot be JSON, OSError, ApiError, NetworkError."""
        # Encode the intent before it joins a batch: a name that is not valid text must not make other uploads fail.
        encoded = msgspec.Raw(msgspec.json.encode(intent))
        return await self._retry(lambda: self._begin_batcher.submit(encoded))

    async def complete(self, upload: Upload) -> Upload:
        """Complete an upload and return its final state. Raises ApiError, NetworkError."""
        completed = await self._retry(lambda: self._complete_batcher.submit(upload.id))
        await self.mark_ended(upload)
        return completed

    async def mark_ended(self, upload: Upload) -> None:
        """Record that the upload has ended, so that no later process aborts it.

        Do nothing for an upload without a batch.
        """
        key = self._batch_key.pop(upload.id, None)
        if key is None:
            return
        self._pending_count[key] -= 1
        if not self._pending_count[key]:
            await self._remove_batch(key)

    async def abort(self, upload: Upload) -> None:
        """Abort an upload within some seconds. After a failure its batch stays recorded for the next process."""

        async def abort() -> None:
            await self._abort_by_id(upload.id)
            await self.mark_ended(upload)

        await run_cleanup(abort, _ABORT_TIMEOUT)

    async def close(self) -> None:
        """Finish the batches that begin uploads, and abort uploads whose caller was cancelled."""
        await self._begin_batcher.close(_ABORT_TIMEOUT)
        await self._complete_batcher.close(0)

    async def _retry(self, operation: Callable[[], Awaitable[Upload]]) -> Upload:
        """Repeat an operation while its item of the batch has a temporary error. `ApiClient` repeats a request that
        fails as a whole."""
        retries = Retries(self._retry_policy)
        while True:
            try:
                return await operation()
            except ApiError as error:
                await retries.wait(error)

    async def _begin_batch(self, intents: Sequence[msgspec.Raw]) -> Sequence[Upload | Exception]:
        await self._abort_abandoned()
        batch = PendingBatch(self._api.new_key(), self._api.server_and_drive, msgspec.json.encode({"uploads": intents}))
        if self._resume_store is not None:
            await asyncio.to_thread(self._resume_store.record_batch, batch)
        try:
            results = await self._send_batch(batch)
        except ApiError as error:
            if _is_refusal(error):
                await self._remove_batch(batch.key)  # none of its uploads was begun
            raise
        ids = [result.upload.id for result in results if result.upload is not None]
        if self._resume_store is not None:
            self._pending_count[batch.key] = len(ids)
            self._batch_key.update(dict.fromkeys(ids, batch.key))
            if not ids:
                await self._remove_batch(batch.key)
        return [item_result(result.upload, result.error) for result in results]

    async def _send_batch(self, batch: PendingBatch) -> list[UploadResult]:
        body = msgspec.Raw(batch.body)
        request = ApiRequest(UploadResults, "POST", "/v1/uploads/batch", body, idempotency_key=batch.key)
        return (await self._api.call(request)).items

    async def _complete_batch(self, ids: Sequence[str]) -> Sequence[Upload | Exception]:
        request = ApiRequest(UploadResults, "POST", "/v1/uploads/batch/complete", {"ids": ids}, idempotent=True)
        results = (await self._api.call(request)).items
        return [item_result(result.upload, result.error) for result in results]

    async def _remove_batch(self, key: str) -> None:
        self._pending_count.pop(key, None)
        if self._resume_store is not None:
            # A record that stays is harmless: the next process finds that its uploads have ended.
            with suppress(OSError):
                await asyncio.to_thread(self._resume_store.remove_batch, key)

    async def _abort_abandoned(self) -> None:
        """Abort the pending uploads of processes that have died."""
        if self._resume_store is None:
            return
        if self._abandoned is None:
            self._abandoned = await asyncio.to_thread(
                self._resume_store.take_abandoned_batches, self._api.server_and_drive
            )
        while self._abandoned:
            batch = self._abandoned[-1]
            try:
                results = await self._send_batch(batch)
                await run_all(*(self._abort_by_id(result.upload.id) for result in results if result.upload is not None))
            except ApiError as error:
                if is_temporary(error) or isinstance(error, Unauthenticated):
                    raise
                if _is_refusal(error):
                    # The server no longer accepts this batch, so no upload of it is pending.
                    await self._remove_batch(batch.key)
                # Any other error must not stop new uploads. The record stays for the next process.
            else:
                await self._remove_batch(batch.key)
            self._abandoned.pop()

    async def _abort_by_id(self, id: str) -> None:
        try:
            await self._api.call(ApiRequest(type(None), "DELETE", f"/v1/uploads/{id}"))
        except ApiError as error:
            if error.status not in (404, 409):  # it does not exist any more, or it is complete
                raise


def _is_refusal(error: ApiError) -> bool:
    """Return whether the server refused a request and will refuse each repeat, so that no upload was begun."""
    return error.status in (400, 404, 413, 422)
