"""Ends uploads whose deadline has passed, after a last look-up.

If the object exists, the upload becomes a file, even if the bytes arrived just before the deadline or after it.
"""

from __future__ import annotations

import asyncio
from collections import Counter as Tally
from typing import Final

import structlog
from prometheus_client import Counter

from ..contract.files import CommitOutcome, Files, Trigger, UploadRef
from ..errors import Internal
from ..observability.crash_points import crash_point
from .settings import Settings

log = structlog.get_logger(__name__)

OVERDUE = Counter("drivebay_janitor_overdue_total", "Overdue uploads by the outcome of their last look-up", ["outcome"])

_MAX_BATCHES: Final = 10_000
"""The maximum number of batches in one round. A claim postpones the next look-up of its uploads, so a round normally
ends long before this limit."""


async def expire_uploads(files: Files, settings: Settings) -> dict[CommitOutcome, int]:
    """Commit every overdue upload and return the number of uploads by outcome.

    Raises Unavailable or TimeoutError.
    """
    tally: Tally[CommitOutcome] = Tally()
    for _ in range(_MAX_BATCHES):
        async with asyncio.timeout(settings.deadline.total_seconds()):
            refs = await files.claim_pending_uploads(settings.batch, True)
        if not refs:
            break
        crash_point("expire.claimed")
        outcomes = await _commit(files, refs, settings)
        tally.update(outcomes)
        for outcome in outcomes:
            OVERDUE.labels(outcome.value).inc()
    if tally:
        log.info("overdue_uploads_ended", **{outcome.value: count for outcome, count in tally.items()})
    return dict(tally)


async def _commit(files: Files, refs: tuple[UploadRef, ...], settings: Settings) -> tuple[CommitOutcome, ...]:
    try:
        async with asyncio.timeout(settings.deadline.total_seconds()):
            return await files.commit_uploads(refs, Trigger.SWEEP)
    except Internal as error:
        if len(refs) == 1:
            log.error("overdue_upload_failed", upload=str(refs[0].id), exc_info=error)
            return ()
        # Split the batch until the failing upload is alone, so that it does not fail the others.
        half = len(refs) // 2
        return await _commit(files, refs[:half], settings) + await _commit(files, refs[half:], settings)
