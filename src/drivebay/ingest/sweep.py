"""Finds what no event told us about: pending uploads are looked up in the store, in growing gaps.

With no events at all everything still becomes visible, only later. That is why nothing here waits for
the queue, and why a find is counted: many of them say that events are being lost.
"""

from __future__ import annotations

import asyncio
from typing import Final, NamedTuple

import structlog
from prometheus_client import Counter, Gauge

from ..contract.files import Cause, Files, Outcome
from ..crash import crash_point
from ..errors import Unavailable
from ..tracing import tracer
from .commit import Failed, commit
from .settings import Settings

log = structlog.get_logger(__name__)

CHECKS = Counter("drivebay_ingest_sweep_checks_total", "Look-ups by the sweeper by what they found", ["outcome"])
FINDS = Counter("drivebay_ingest_sweep_finds_total", "Uploads completed by the sweeper: their event never came")
QUEUES = Gauge("drivebay_ingest_queue_depth", "What waits: pending, overdue, due purges, dead letters", ["queue"])

# Claims run dry, unless there are more pending uploads than one sweep can look up before the first is due again.
_ROUNDS: Final = 200


class Swept(NamedTuple):
    looked: int
    completed: int


async def once(files: Files, settings: Settings) -> Swept:
    """Look up and commit everything that is due. Raises Unavailable; what was committed by then stays so."""
    looked = completed = 0
    with tracer.start_as_current_span("ingest.sweep"):
        for _ in range(_ROUNDS):
            async with asyncio.timeout(settings.deadline.total_seconds()):
                refs = await files.claim_checks(settings.batch, False)
            if not refs:
                break
            crash_point("sweep.claimed")
            outcomes = list((await commit(files, refs, settings, Cause.SWEEP)).values())
            crash_point("sweep.committed")
            found = outcomes.count(Outcome.COMPLETED)
            FINDS.inc(found)
            looked += len(refs)
            completed += found
            for outcome in outcomes:
                CHECKS.labels("failed" if isinstance(outcome, Failed) else outcome.value).inc()
    if completed:
        log.info("sweep_found", completed=completed, looked=looked)
    return Swept(looked, completed)


class Sweeper:
    """Sweeps each `sweep_interval`, and at once when woken."""

    def __init__(self, files: Files, settings: Settings) -> None:
        self._files = files
        self._settings = settings
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """Events may have been lost just now: look every pending upload up, at once."""
        self._woken.set()

    async def run(self) -> None:
        """Until cancelled. Whatever fails waits for the next round; a recheck that is owed, only a second."""
        while True:
            try:
                await self._round()
            except (Unavailable, TimeoutError) as error:
                log.warning("sweep_unavailable", reason=str(error) or "deadline passed")
                await asyncio.sleep(1)
            except Exception as error:
                log.error("sweep_failed", exc_info=error)
                await asyncio.sleep(1)
            try:
                async with asyncio.timeout(self._settings.sweep_interval.total_seconds()):
                    await self._woken.wait()
            except TimeoutError:
                continue

    async def _round(self) -> None:
        if self._woken.is_set():
            async with asyncio.timeout(self._settings.deadline.total_seconds()):
                pending = await self._files.recheck_pending()
            crash_point("sweep.rechecked")
            # Only now: a recheck that failed is still owed, and the next round makes up for it.
            self._woken.clear()
            log.info("recheck_pending", uploads=pending)
        await once(self._files, self._settings)
        async with asyncio.timeout(self._settings.deadline.total_seconds()):
            queues = await self._files.queues()
        for name in ("pending_uploads", "overdue_uploads", "due_purges", "dead_letters"):
            QUEUES.labels(name).set(getattr(queues, name))
