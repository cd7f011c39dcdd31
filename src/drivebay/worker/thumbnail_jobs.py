"""Makes the thumbnails that users have asked for, one object at a time.

The worker reads the bytes through the storage service, so it needs no connection to the store. A file that no library
can read gets no preview. If a file needs too much time or memory, the attempt fails, and a later attempt may succeed.
Neither is an error of the worker.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final
from uuid import UUID

import structlog
from prometheus_client import Counter

from ..contract.files import Files, ThumbnailOutcome, ThumbnailTask
from ..contract.ids import LeaseId
from ..contract.storage import Storage
from ..errors import NotFound, Unavailable
from .settings import Settings
from .thumbnail_subprocess import FileTail, NotReadable, ProcessFailed, has_video_library, make_thumbnails, may_be_video

log = structlog.get_logger(__name__)

THUMBNAILS: Final = Counter(
    "drivebay_worker_thumbnails_total", "Attempts to make the thumbnails of a file", ["outcome"]
)
_CHUNK: Final = 8 * 2**20
"""The maximum number of bytes that one call reads."""
_VIDEO_START: Final = 24 * 2**20
"""The number of bytes that are read at the beginning of a large video. They contain the first frames."""
_VIDEO_END: Final = 8 * 2**20
"""The number of bytes that are read at the end of a large video. The index of the video is often there."""


class ThumbnailJobs:
    """Claims objects and makes their thumbnails."""

    def __init__(self, files: Files, storage: Storage, settings: Settings, *, new_id: Callable[[], UUID]) -> None:
        self._files = files
        self._storage = storage
        self._settings = settings
        self._new_id = new_id

    async def make_next(self) -> int:
        """Claim one object and make its thumbnails. Return the number of claimed objects, 0 or 1. Raises Unavailable
        and TimeoutError."""
        lease = LeaseId(self._new_id())
        async with asyncio.timeout(self._settings.deadline.total_seconds()):
            tasks = await self._files.claim_thumbnails(lease, 1)
        for task in tasks:
            try:
                outcome = await self._make(task)
            except (Unavailable, TimeoutError):  # the caller waits before it tries again
                await self._finish(lease, task, ThumbnailOutcome.POSTPONED)
                raise
            await self._finish(lease, task, outcome)
        return len(tasks)

    async def _finish(self, lease: LeaseId, task: ThumbnailTask, outcome: ThumbnailOutcome) -> None:
        THUMBNAILS.labels(outcome.value).inc()
        async with asyncio.timeout(self._settings.deadline.total_seconds()):
            await self._files.finish_thumbnail(lease, task.ref, outcome)

    async def _make(self, task: ThumbnailTask) -> ThumbnailOutcome:
        try:
            async with asyncio.timeout(self._settings.read_time.total_seconds()):
                body, end = await self._read(task)
            images = await make_thumbnails(body, self._settings.thumbnail_limits, end)
            async with asyncio.timeout(self._settings.deadline.total_seconds()):
                await self._storage.write_thumbnails(task.key, images)
        except (NotReadable, NotFound):  # the object may have been deleted since the claim
            log.info("no_preview", upload=str(task.ref.id), bytes=task.size)
            return ThumbnailOutcome.NO_PREVIEW
        except ProcessFailed as error:
            log.warning("thumbnail_failed", upload=str(task.ref.id), bytes=task.size, reason=str(error))
            return ThumbnailOutcome.FAILED
        return ThumbnailOutcome.MADE

    async def _read(self, task: ThumbnailTask) -> tuple[bytes, FileTail | None]:
        """Return the bytes of an object, or the beginning and the end of a large video. Raises NotReadable."""
        if task.size <= self._settings.max_thumbnail_source:  # guard: thumbnail-read-size
            return await self._read_range(task, 0, task.size), None
        start = await self._read_range(task, 0, _CHUNK)
        if not (has_video_library() and may_be_video(start)):
            raise NotReadable
        start += await self._read_range(task, _CHUNK, _VIDEO_START)
        offset = task.size - _VIDEO_END
        return start, FileTail(offset, await self._read_range(task, offset, task.size))

    async def _read_range(self, task: ThumbnailTask, first: int, end: int) -> bytes:
        body = bytearray()
        for offset in range(first, end, _CHUNK):
            body += await self._storage.read_object(task.key, offset, min(_CHUNK, end - offset))
        return bytes(body)
