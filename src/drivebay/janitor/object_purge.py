"""Deletes objects that are due for purging, in leased batches.

A purge has three steps, and the process may be killed after each step. First, a claim records in the database that the
objects will be deleted. Then the objects are deleted. Then their rows become tombstones, or are deleted if they are
tombstones already. The rows are updated last, because otherwise an object could remain without a row. If a process is
killed between two steps, its lease ends, and another process repeats the batch.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final, NamedTuple
from uuid import UUID

import structlog
from prometheus_client import Counter

from ..contract.files import Files, PurgeTask, UploadRef
from ..contract.ids import LeaseId
from ..contract.storage import Storage, upload_key
from ..errors import Error, Unavailable
from ..observability.crash_points import crash_point
from ..observability.tracing import tracer
from .settings import Settings

log = structlog.get_logger(__name__)

PURGES = Counter("drivebay_janitor_purges_total", "Objects by the outcome of their purge", ["outcome"])

_MAX_PART_NUMBER: Final = 10_000
MAX_FAILED_BATCHES: Final = 5
"""The round ends after this many consecutive batches in which the store deleted no object."""
_LONG_CLAIM: Final = 5.0
"""A claim that took more than this number of seconds and returned no object has used its time to delete folders and
copies. There may be more folders and copies, so another claim follows."""
_MAX_CONCURRENT_ABORTS: Final = 16
"""The maximum number of concurrent aborts. The store has no call that aborts several multipart uploads."""


class PurgeCounts(NamedTuple):
    """The numbers of objects that were claimed, deleted in the store, and finished: their rows were updated.

    The row of a deleted object is not updated if the lease has ended and another process has claimed the row, or if the
    drive of the object stayed locked.
    """

    claimed: int = 0
    deleted: int = 0
    finished: int = 0


async def purge_objects(
    files: Files,
    storage: Storage,
    settings: Settings,
    *,
    new_id: Callable[[], UUID],
    clock: Callable[[], float] = time.monotonic,
) -> PurgeCounts:
    """Purge until nothing is due.

    Raises the first Error or TimeoutError. The batches that were finished before stay finished.
    """
    results: list[PurgeCounts] = []
    errors: list[Exception] = []

    async def purge() -> None:
        try:
            await _purge_batches(files, storage, settings, _Round(new_id, clock, results))
        except (Error, TimeoutError) as error:
            errors.append(error)

    async with asyncio.TaskGroup() as tasks:
        # With several tasks, one task claims a batch while another task deletes objects.
        for _ in range(settings.concurrent_batches):
            tasks.create_task(purge())
    total = PurgeCounts(*(sum(column) for column in zip(*results, strict=True))) if results else PurgeCounts()
    if total.claimed:
        log.info("purged", claimed=total.claimed, deleted=total.deleted, finished=total.finished)
    if errors:
        raise errors[0]
    return total


class _Round(NamedTuple):
    """The values that the tasks of one round share. `clock` returns seconds."""

    new_id: Callable[[], UUID]
    clock: Callable[[], float]
    results: list[PurgeCounts]


async def _purge_batches(files: Files, storage: Storage, settings: Settings, round: _Round) -> None:
    failed_batches = 0
    while True:
        lease = LeaseId(round.new_id())
        began = round.clock()
        async with asyncio.timeout(settings.deadline.total_seconds()):
            purges = await files.claim_purges(lease, settings.batch)
        if not purges:
            if round.clock() - began > _LONG_CLAIM:  # guard: purge-long-claim
                continue
            return
        with tracer.start_as_current_span("janitor.purge", attributes={"objects": len(purges)}):
            counts = await _purge_batch(files, storage, settings, lease, purges)
        round.results.append(counts)
        failed_batches = 0 if counts.deleted else failed_batches + 1
        if failed_batches >= MAX_FAILED_BATCHES:  # guard: purge-round-end
            # The store has a problem, so more batches would fail too. A single failed batch does not end the round: it
            # may have only objects that cannot be deleted, and the claim has postponed these objects.
            raise Unavailable(f"the store deleted no object of {failed_batches} batches")


async def _purge_batch(
    files: Files, storage: Storage, settings: Settings, lease: LeaseId, purges: tuple[PurgeTask, ...]
) -> PurgeCounts:
    crash_point("purge.before_delete")
    async with asyncio.timeout(settings.deadline.total_seconds()):
        # Abort multipart uploads first, so that no assembly can create the objects again.
        part_errors = await _delete_parts(storage, purges)  # guard: purge-parts-before-object
        part_errors |= await _delete_thumbnails(storage, purges)
        deletions = await storage.delete_objects(tuple(purge.key for purge in purges))  # guard: purge-row-last
    crash_point("purge.after_delete")
    deleted: list[UploadRef] = []
    for purge, deletion in zip(purges, deletions, strict=True):
        error = part_errors.get(purge.ref, deletion.error)  # guard: purge-failed-abort
        if error is None:  # guard: purge-failed-deletion
            deleted.append(purge.ref)
        else:
            # The claim has scheduled the next attempt, with exponential backoff.
            log.warning("purge_failed", upload=str(purge.ref.id), reason=error)
    finished = 0
    if deleted:
        async with asyncio.timeout(settings.deadline.total_seconds()):
            finished = await files.finish_purges(lease, tuple(deleted))
    if finished < len(deleted):
        log.warning("purges_unfinished", objects=len(deleted) - finished)
    PURGES.labels("finished").inc(finished)
    PURGES.labels("fenced").inc(len(deleted) - finished)
    # The label of failed deletions is `refused`, because dashboards use this metric.
    PURGES.labels("refused").inc(len(purges) - len(deleted))
    return PurgeCounts(len(purges), len(deleted), finished)


async def _delete_parts(storage: Storage, purges: tuple[PurgeTask, ...]) -> dict[UploadRef, str]:
    """Abort the multipart uploads and delete the partial parts of a batch. Return the errors of the uploads that
    failed."""
    errors: dict[UploadRef, str] = {}
    slots = asyncio.Semaphore(_MAX_CONCURRENT_ABORTS)

    async def delete(purge: PurgeTask) -> None:
        async with slots:
            try:
                if purge.multipart_id is not None:
                    await storage.abort_multipart(purge.key, purge.multipart_id)
                if purge.has_partial_parts:
                    await storage.delete_partial_parts(upload_key(purge.key), _MAX_PART_NUMBER)
            except Unavailable as error:
                errors[purge.ref] = error.detail

    async with asyncio.TaskGroup() as tasks:
        for purge in purges:
            if purge.multipart_id is not None or purge.has_partial_parts:
                tasks.create_task(delete(purge))
    return errors


async def _delete_thumbnails(storage: Storage, purges: tuple[PurgeTask, ...]) -> dict[UploadRef, str]:
    """Delete the thumbnails of a batch. Return the errors of the uploads whose thumbnails could not be deleted."""
    with_thumbnails = [purge for purge in purges if purge.has_thumbnails]
    if not with_thumbnails:
        return {}
    deletions = await storage.delete_thumbnails(
        tuple(purge.key for purge in with_thumbnails)
    )  # guard: purge-thumbnails
    pairs = zip(with_thumbnails, deletions, strict=True)
    return {purge.ref: deletion.error for purge, deletion in pairs if deletion.error is not None}
