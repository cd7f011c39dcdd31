"""Deletes objects whose time has come, leased in batches.

Three steps, and each may be the last: claiming commits that they are to be deleted, then they are deleted,
then their rows are finished. The row goes last: an object without a row would be found by nobody. Who is
stopped between two steps loses the lease, and somebody else does it all again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, NamedTuple
from uuid import UUID

import structlog
from prometheus_client import Counter

from ..contract.files import Files, Purge, UploadRef
from ..contract.ids import LeaseId
from ..contract.storage import Storage, upload_key
from ..crash import crash_point
from ..errors import Error, Unavailable
from ..tracing import tracer
from .settings import Settings

log = structlog.get_logger(__name__)

PURGES = Counter("drivebay_janitor_purges_total", "Objects by what became of their purge", ["outcome"])

_LAST_PART: Final = 10_000
_ABORTS: Final = 16
"""Writes in parts that are ended at once: each is a call of its own."""


class Purged(NamedTuple):
    """`claimed` objects were taken, `gone` are deleted, `finished` had their rows ended by us; the rest of
    `gone` was no longer ours."""

    claimed: int = 0
    gone: int = 0
    finished: int = 0


async def once(files: Files, storage: Storage, settings: Settings, *, new_id: Callable[[], UUID]) -> Purged:
    """Purge until nothing is due. Raises Unavailable; what is finished by then stays so."""
    results: list[Purged] = []
    failures: list[Exception] = []

    async def work() -> None:
        try:
            await _until_none(files, storage, settings, new_id, results)
        except (Error, TimeoutError) as error:
            failures.append(error)

    async with asyncio.TaskGroup() as tasks:
        # Several, so that one claims while another deletes.
        for _ in range(settings.in_flight):
            tasks.create_task(work())
    total = Purged(*(sum(column) for column in zip(*results, strict=True))) if results else Purged()
    if total.claimed:
        log.info("purged", claimed=total.claimed, gone=total.gone, finished=total.finished)
    if failures:
        raise failures[0]
    return total


async def _until_none(
    files: Files, storage: Storage, settings: Settings, new_id: Callable[[], UUID], results: list[Purged]
) -> None:
    while True:
        lease = LeaseId(new_id())
        async with asyncio.timeout(settings.deadline.total_seconds()):
            purges = await files.claim_purges(lease, settings.batch)
        if not purges:
            return
        with tracer.start_as_current_span("janitor.purge", attributes={"objects": len(purges)}):
            done = await _batch(files, storage, settings, lease, purges)
        results.append(done)
        if not done.gone:
            # Every single one failed, so the store is ill. The rest would fail too and only burn leases.
            raise Unavailable("the store deletes nothing")


async def _end_parts(storage: Storage, purges: tuple[Purge, ...]) -> dict[UploadRef, str]:
    """End the writes in parts among these, and delete their tails; why it failed for those where it did."""
    held: dict[UploadRef, str] = {}
    gate = asyncio.Semaphore(_ABORTS)

    async def end(purge: Purge) -> None:
        async with gate:
            try:
                if purge.multipart is not None:
                    await storage.abort_parts(purge.key, purge.multipart)
                if purge.tails:
                    await storage.delete_tails(upload_key(purge.key), _LAST_PART)
            except Unavailable as error:
                held[purge.ref] = error.detail

    async with asyncio.TaskGroup() as tasks:
        for purge in purges:
            if purge.multipart is not None or purge.tails:
                tasks.create_task(end(purge))
    return held


async def _batch(
    files: Files, storage: Storage, settings: Settings, lease: LeaseId, purges: tuple[Purge, ...]
) -> Purged:
    crash_point("purge.before_delete")
    async with asyncio.timeout(settings.deadline.total_seconds()):
        # Parts first: after them nothing can make the object any more.
        held = await _end_parts(storage, purges)
        deletions = await storage.delete(tuple(purge.key for purge in purges))
    crash_point("purge.after_delete")
    gone = []
    for purge, deletion in zip(purges, deletions, strict=True):
        if purge.ref in held:
            log.warning("purge_refused", upload=str(purge.ref.id), reason=held[purge.ref])
        elif deletion.error is None:
            gone.append(purge.ref)
        else:
            # It stays leased to us, the lease ends, and the next one who claims it tries again.
            log.warning("purge_refused", upload=str(purge.ref.id), reason=deletion.error)
    finished = 0
    if gone:
        async with asyncio.timeout(settings.deadline.total_seconds()):
            finished = await files.finish_purges(lease, tuple(gone))
    if finished < len(gone):
        log.warning("purge_fenced", objects=len(gone) - finished)
    PURGES.labels("finished").inc(finished)
    PURGES.labels("fenced").inc(len(gone) - finished)
    PURGES.labels("refused").inc(len(purges) - len(gone))
    return Purged(len(purges), len(gone), finished)
