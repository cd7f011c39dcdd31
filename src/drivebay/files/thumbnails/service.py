"""Thumbnails of the contents of files, and the queue of those that the worker makes.

Nothing is queued when a file is uploaded: most files are never viewed. The first request for a thumbnail queues the
object, and the worker makes all sizes at once.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from ...contract.files import (
    Access,
    Kind,
    ThumbnailInfo,
    ThumbnailOutcome,
    ThumbnailState,
    ThumbnailTask,
    UploadRef,
)
from ...contract.ids import FileId, LeaseId
from ...errors import InvalidRequest, NotFound, RateLimited
from ...postgres import Database
from ..permissions.access_scope import AccessScope
from ..settings import Settings
from .store import StoredThumbnail, ThumbnailStore
from .thumbnail_types import is_video, may_have_thumbnail

MAX_ATTEMPTS: Final = 3
"""The maximum number of attempts to make the thumbnails of one object."""
_MAX_TASKS: Final = 100
"""The maximum number of objects in one claim."""
_PAUSE: Final = timedelta(seconds=30)
"""The time between a failed attempt and the next attempt."""
_SOON: Final = 1
"""If the object of a caller is queued, the caller asks again after this number of seconds."""
_LATER: Final = 5
"""If the queue is full, the caller asks again after this number of seconds."""
_RATE_RETRY: Final = 60
"""The number of seconds until a user with too many new thumbnails may try again."""
_STATES: Final = {
    ThumbnailOutcome.MADE: ThumbnailState.READY,
    ThumbnailOutcome.NO_PREVIEW: ThumbnailState.NONE,
    ThumbnailOutcome.FAILED: ThumbnailState.QUEUED,
    ThumbnailOutcome.POSTPONED: ThumbnailState.QUEUED,
}


class ThumbnailService:
    """Implements `contract.files.Thumbnails` and `contract.files.ThumbnailJobs`."""

    def __init__(self, db: Database, settings: Settings) -> None:
        self._db = db
        self._settings = settings
        self._scope = AccessScope()
        self._thumbnails = ThumbnailStore()

    async def get_thumbnail(self, access: Access, id: FileId, is_lost: bool = False) -> ThumbnailInfo:
        async with self._scope.reading(self._db, access, id) as (db, _):
            found = await self._thumbnails.select_thumbnail(db, access.drive, id)
        if found is None:
            raise NotFound(f"no file {id}")
        if found.ref is None or not self._is_eligible(found):
            return ThumbnailInfo(ThumbnailState.NONE, found.key, found.name)
        if found.state is ThumbnailState.QUEUED:
            return ThumbnailInfo(ThumbnailState.QUEUED, found.key, found.name, _SOON)
        if found.state is None or (is_lost and found.state is ThumbnailState.READY):
            return await self._queue(access, found, found.ref, is_lost=is_lost)
        return ThumbnailInfo(found.state, found.key, found.name)

    async def claim_thumbnails(self, lease: LeaseId, limit: int) -> tuple[ThumbnailTask, ...]:
        if not 1 <= limit <= _MAX_TASKS:
            raise InvalidRequest(f"limit must be 1 to {_MAX_TASKS}")
        await self._thumbnails.end_failing(self._db, MAX_ATTEMPTS)
        return await self._thumbnails.lease_thumbnails(self._db, lease, limit, self._settings.thumbnail_lease)

    async def finish_thumbnail(self, lease: LeaseId, ref: UploadRef, outcome: ThumbnailOutcome) -> None:
        counts = outcome is not ThumbnailOutcome.POSTPONED  # guard: thumbnail-postponed
        await self._thumbnails.finish_thumbnail(self._db, lease, ref, _STATES[outcome], _PAUSE, counts=counts)

    def _is_eligible(self, found: StoredThumbnail) -> bool:
        # guard: thumbnails-off, thumbnail-source-size, thumbnail-types
        return (
            self._settings.thumbnails
            and found.kind is Kind.FILE
            and 0 < found.size <= self._max_size(found.content_type)
            and may_have_thumbnail(found.content_type)
        )

    def _max_size(self, content_type: str) -> int:
        settings = self._settings
        return settings.max_video_source if is_video(content_type) else settings.max_thumbnail_source

    async def _queue(self, access: Access, found: StoredThumbnail, ref: UploadRef, *, is_lost: bool) -> ThumbnailInfo:
        settings, user = self._settings, access.actor or access.drive
        async with self._db.transaction() as tx:
            await self._thumbnails.lock_thumbnails_of(tx, user)
            counts = await self._thumbnails.count_thumbnails(tx, user, settings.max_queued_thumbnails)
            if counts.recent >= settings.user_thumbnails_per_hour:  # guard: thumbnail-rate
                problem = f"you requested too many new thumbnails: try again in {_RATE_RETRY} seconds"
                raise RateLimited(problem, retry_after=_RATE_RETRY)
            # guard: thumbnail-user-queue, thumbnail-queue
            if counts.of_user >= settings.max_user_thumbnails or counts.total >= settings.max_queued_thumbnails:
                return ThumbnailInfo(ThumbnailState.QUEUED, found.key, found.name, _LATER)
            await self._thumbnails.queue_thumbnail(tx, ref, user, is_lost=is_lost)
        return ThumbnailInfo(ThumbnailState.QUEUED, found.key, found.name, _SOON)
