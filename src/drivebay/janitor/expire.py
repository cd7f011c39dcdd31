"""Ends uploads whose deadline has passed, after one last look into the store.

The look-up decides, so bytes that came in the last moment still become a file.
"""

from __future__ import annotations

import asyncio
from collections import Counter as Tally
from typing import Final

import structlog
from prometheus_client import Counter

from ..contract.files import Cause, Files, Outcome, UploadRef
from ..crash import crash_point
from ..errors import Internal
from .settings import Settings

log = structlog.get_logger(__name__)

OVERDUE = Counter("drivebay_janitor_overdue_total", "Overdue uploads by what their last look-up found", ["outcome"])

# A claim puts the next look-up off, so claims run dry.
_ROUNDS: Final = 10_000


async def once(files: Files, settings: Settings) -> dict[Outcome, int]:
    """Settle every overdue upload; how many ended how. Raises Unavailable."""
    tally: Tally[Outcome] = Tally()
    for _ in range(_ROUNDS):
        async with asyncio.timeout(settings.deadline.total_seconds()):
            refs = await files.claim_checks(settings.batch, True)
        if not refs:
            break
        crash_point("expire.claimed")
        outcomes = await _commit(files, refs, settings)
        tally.update(outcomes)
        for outcome in outcomes:
            OVERDUE.labels(outcome.value).inc()
    if tally:
        log.info("overdue_settled", **{outcome.value: count for outcome, count in tally.items()})
    return dict(tally)


async def _commit(files: Files, refs: tuple[UploadRef, ...], settings: Settings) -> tuple[Outcome, ...]:
    try:
        async with asyncio.timeout(settings.deadline.total_seconds()):
            return await files.commit(refs, Cause.SWEEP)
    except Internal as error:
        if len(refs) == 1:
            log.error("overdue_failed", upload=str(refs[0].id), exc_info=error)
            return ()
        # One bad upload must not keep the others open: halve until it stands alone.
        half = len(refs) // 2
        return await _commit(files, refs[:half], settings) + await _commit(files, refs[half:], settings)
