"""The sweeper: finds uploads that no event reported, by looking up pending uploads.

A round runs every `sweep_interval`. Each upload is looked up again with exponential backoff. The sweeper does not
depend on the event queue. If all events are lost, uploads still become files, but later. The sweeper counts the uploads
that it completes: a high number means that events are lost.

While events arrive, a round looks up at most `sweep_rate` uploads for each second of the interval. If more uploads are
pending, a round looks up only the newest uploads, as a sample. If too many uploads of the sample are stored without an
event, events are being lost. In this case, and after each interruption of the events, all pending uploads are looked up
immediately.
"""

from __future__ import annotations

import asyncio
from typing import Final, NamedTuple

import structlog
from prometheus_client import Counter, Gauge

from ..contract.files import CommitOutcome, Files, Trigger
from ..errors import Unavailable
from ..observability.crash_points import crash_point
from ..observability.tracing import tracer
from .batch_commit import CommitFailure, commit_batch
from .event_health import EventHealth
from .settings import Settings

log = structlog.get_logger(__name__)

CHECKS = Counter("drivebay_ingest_sweep_checks_total", "Uploads looked up by the sweeper, by outcome", ["outcome"])
COMPLETIONS = Counter("drivebay_ingest_sweep_finds_total", "Uploads completed by the sweeper without an event")
BACKLOG = Gauge(
    "drivebay_ingest_queue_depth",
    "Pending uploads, overdue uploads, due purges and dead letters",
    ["queue"],
    multiprocess_mode="livemax",
)

_MAX_BATCHES: Final = 200
"""The maximum number of batches of one round. A round normally ends when no upload is due. With very many pending
uploads, the first uploads may be due again before the last were looked up, so the round needs this limit."""
_RETRY_SECONDS: Final = 1.0
"""The number of seconds of the pause after a failed round, in addition to the usual pause."""
_LOST_SHARE: Final = 0.05
"""If more than this share of the looked-up uploads is stored without an event, events are being lost. A few uploads are
always looked up between the write of their bytes and the arrival of their event."""


class SweepResult(NamedTuple):
    """The numbers of uploads that were looked up, and that became files."""

    checked: int
    completed: int


async def sweep_once(files: Files, settings: Settings, budget: int | None = None) -> SweepResult:
    """Look up and commit the pending uploads that are due: all of them, or the newest `budget` uploads.

    Raises Unavailable or TimeoutError. Finished commits stay committed.
    """
    checked = completed = 0
    with tracer.start_as_current_span("ingest.sweep"):
        for _ in range(_MAX_BATCHES):
            limit = settings.batch if budget is None else min(settings.batch, budget - checked)  # guard: sweep-budget
            if limit == 0:
                break
            async with asyncio.timeout(settings.deadline.total_seconds()):
                refs = await files.claim_pending_uploads(limit, overdue=False, newest_first=budget is not None)
            if not refs:
                break
            crash_point("sweep.claimed")
            outcomes = list((await commit_batch(files, refs, settings, Trigger.SWEEP)).values())
            crash_point("sweep.committed")
            completed_in_batch = outcomes.count(CommitOutcome.COMPLETED)
            COMPLETIONS.inc(completed_in_batch)
            checked += len(refs)
            completed += completed_in_batch
            for outcome in outcomes:
                CHECKS.labels("failed" if isinstance(outcome, CommitFailure) else outcome.value).inc()
    if completed:
        log.info("sweep_completed_uploads", completed=completed, checked=checked)
    return SweepResult(checked, completed)


class Sweeper:
    """Sweeps after each `sweep_interval`, and immediately after `request_recheck`."""

    def __init__(self, files: Files, settings: Settings, health: EventHealth) -> None:
        self._files = files
        self._settings = settings
        self._health = health
        self._recheck_requested = asyncio.Event()
        self._pending = 0
        self._was_limited = False

    def request_recheck(self) -> None:
        """Look up every pending upload now, because events may have been lost."""
        self._recheck_requested.set()

    async def run(self) -> None:
        """Run until cancelled. A failed recheck is repeated after a second, another failed round after `sweep_interval`
        and a second."""
        while True:
            try:
                await self._run_round()
            except (Unavailable, TimeoutError) as error:
                log.warning("sweep_unavailable", reason=str(error) or "no response within the call timeout")
                await asyncio.sleep(_RETRY_SECONDS)
            except Exception as error:  # guard: sweep-defect
                log.error("sweep_failed", exc_info=error)
                await asyncio.sleep(_RETRY_SECONDS)
            try:
                async with asyncio.timeout(self._settings.sweep_interval.total_seconds()):
                    await self._recheck_requested.wait()
            except TimeoutError:
                continue

    async def _run_round(self) -> None:
        deadline = self._settings.deadline.total_seconds()
        budget = self._choose_budget()
        if self._recheck_requested.is_set():
            async with asyncio.timeout(deadline):
                pending = await self._files.recheck_pending_uploads()  # guard: recheck-repeated
            crash_point("sweep.rechecked")
            # Clear the flag only after the call has succeeded, so that the next round repeats a failed recheck. The
            # call stores the due times in the database, so the flag can be cleared before the look-ups.
            self._recheck_requested.clear()
            log.info("recheck_pending", uploads=pending)
            budget = None
        result = await sweep_once(self._files, self._settings, budget)
        if budget is not None and result.completed > _LOST_SHARE * result.checked:  # guard: sweep-lost-events
            log.warning("events_lost", completed=result.completed, checked=result.checked)
            self.request_recheck()
        async with asyncio.timeout(deadline):
            backlog = await self._files.get_backlog()
        self._pending = backlog.pending_uploads
        for name in ("pending_uploads", "overdue_uploads", "due_purges", "dead_letters"):
            BACKLOG.labels(name).set(getattr(backlog, name))

    def _choose_budget(self) -> int | None:
        """Return the number of uploads to look up in this round. None: all uploads that are due."""
        round_limit = max(1, int(self._settings.sweep_rate * self._settings.sweep_interval.total_seconds()))
        is_limited = self._health.events_arrive and self._pending > round_limit  # guard: sweep-without-events
        if self._was_limited and not is_limited:  # guard: sweep-after-limit
            # During the limited rounds, the next checks of some uploads were postponed by minutes.
            self.request_recheck()
        self._was_limited = is_limited
        return round_limit if is_limited else None
