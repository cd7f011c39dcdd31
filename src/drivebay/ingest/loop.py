"""Events in, files out: take what has arrived, commit it in one batch, and only then answer for it.

A single event is committed at once. While a batch is being committed the next one gathers, and where they come in
crowds it is given a moment longer; a backlog goes through in full batches.

What an answer means for the event:

- completed, already, rejected: done. Rejected is a verdict; the bytes are purged by others.
- absent, expired: the store may be a moment behind its own event. A few tries, then done: the upload
  goes on waiting and is the sweeper's.
- unknown, or nobody could be asked: tried again with growing gaps, for as long as the queue keeps it.
  A store that is down for an hour makes no event bad, so this never leads to a burial.
- no upload, a key that is not ours, another bucket: done, and counted. Whoever may write to the bucket
  can cause these, so they must leave nothing behind, not even a dead letter.
- not understood, or failing by a defect too often: stored as a dead letter, and only then given up.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

import structlog
from prometheus_client import Counter, Histogram

from ..contract.files import Cause, DeadLetter, Files, Outcome, UploadRef
from ..crash import crash_point
from ..errors import Error, Unavailable
from ..tracing import tracer
from .commit import Failed, commit
from .events import Delivery, Source, Unreadable, parse, ref
from .gaps import growing
from .settings import Settings

log = structlog.get_logger(__name__)

EVENTS = Counter("drivebay_ingest_events_total", "Events by what came of them", ["outcome"])
LAG = Histogram(
    "drivebay_ingest_lag_seconds",
    "From the store's event to the file",
    buckets=(0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 600),
)
BATCHES = Histogram("drivebay_ingest_batch_events", "Events in one batch", buckets=(1, 2, 5, 10, 50, 100, 250, 500))

_PAYLOAD_LIMIT = 64 * 1024
_CROWD = 4
_GATHERING = 0.02
"""Seconds."""
_ABSENT = frozenset({Outcome.ABSENT, Outcome.EXPIRED})


class Read(NamedTuple):
    """A delivery and the uploads it names. `at` is the earliest time it tells; `foreign` counts what is not ours."""

    delivery: Delivery
    refs: tuple[UploadRef, ...]
    at: datetime | None
    foreign: int


class Loop:
    """One consumer of one source. Any number may run on the same queue."""

    def __init__(self, files: Files, settings: Settings, now: Callable[[], datetime]) -> None:
        self._files = files
        self._settings = settings
        self._now = now

    async def run(self, source: Source) -> None:
        """Until cancelled, or until the source raises Unavailable; what is under way is finished then."""
        places = asyncio.Semaphore(self._settings.in_flight)
        came = 0
        async with asyncio.TaskGroup() as tasks:
            try:
                while True:
                    await places.acquire()
                    if _CROWD <= came < self._settings.batch:
                        # Where so many come there are more to come: together they cost less, and a listing answers
                        # for them. What comes alone is never kept waiting.
                        await asyncio.sleep(_GATHERING)
                    deliveries = await source.next()
                    came = len(deliveries)
                    tasks.create_task(self.handle(deliveries)).add_done_callback(lambda _: places.release())
            except Unavailable as error:
                lost = error
        raise lost

    async def handle(self, deliveries: Sequence[Delivery]) -> None:
        """Commit what the deliveries name and answer every one of them. Never raises for a dependency."""
        BATCHES.observe(len(deliveries))
        with tracer.start_as_current_span("ingest.batch", attributes={"events": len(deliveries)}):
            reads: list[Read] = []
            for delivery in deliveries:
                try:
                    reads.append(self._read(delivery))
                except Unreadable as error:
                    await self._bury(delivery, str(error))
                except Exception as error:  # whoever may write events must not be able to stop all others'
                    log.error("read_failed", message=delivery.id, exc_info=error)
                    await self._bury(delivery, f"{type(error).__name__}: {error}")
            refs = tuple({ref: None for read in reads for ref in read.refs})
            outcomes = await commit(self._files, refs, self._settings, Cause.EVENT)
            crash_point("event.before_ack")
            for read in reads:
                await self._answer(read, outcomes)

    def _read(self, delivery: Delivery) -> Read:
        refs: list[UploadRef] = []
        times: list[datetime] = []
        foreign = 0
        for event in parse(delivery.payload):
            upload = ref(event.key) if event.bucket == self._settings.bucket else None
            if upload is None:
                foreign += 1
                continue
            refs.append(upload)
            if event.at is not None:
                times.append(event.at)
        return Read(delivery, tuple(refs), min(times, default=None), foreign)

    async def _answer(self, read: Read, outcomes: Mapping[UploadRef, Outcome | Failed]) -> None:
        delivery = read.delivery
        found = [outcomes[ref] for ref in read.refs]
        failed = next((outcome for outcome in found if isinstance(outcome, Failed)), None)
        if failed is not None:
            if delivery.count >= self._settings.max_deliveries:
                await self._bury(delivery, failed.reason)
            else:
                await self._retry(delivery, "failed")
        elif Outcome.UNKNOWN in found:
            await self._retry(delivery, Outcome.UNKNOWN.value)
        elif _ABSENT.intersection(found) and delivery.count < self._settings.absent_deliveries:
            await self._retry(delivery, Outcome.ABSENT.value)
        else:
            await delivery.ack()
            crash_point("event.after_ack")
            self._count(read, found)

    def _count(self, read: Read, found: Sequence[Outcome | Failed]) -> None:
        if not found:
            EVENTS.labels("foreign" if read.foreign else "ignored").inc()
        for outcome in found:
            EVENTS.labels(str(outcome)).inc()
        if Outcome.COMPLETED in found and read.at is not None:
            # The store's clock and ours are two; a negative lag says only that.
            LAG.observe(max(0.0, (self._now() - read.at).total_seconds()))
        if Outcome.NO_UPLOAD in found:
            log.info("event_without_upload", message=read.delivery.id)

    async def _retry(self, delivery: Delivery, why: str) -> None:
        EVENTS.labels(f"retry_{why}").inc()
        delay = growing(self._settings.retry_first, self._settings.retry_longest, delivery.count - 1)
        await delivery.retry(delay)

    async def _bury(self, delivery: Delivery, reason: str) -> None:
        payload = delivery.payload[:_PAYLOAD_LIMIT]
        letter = DeadLetter(delivery.id, delivery.subject, reason[:1000], payload, delivery.count)
        try:
            async with asyncio.timeout(self._settings.deadline.total_seconds()):
                await self._files.bury(letter)
        except (Error, TimeoutError) as error:
            log.warning("bury_failed", message=delivery.id, reason=str(error) or "deadline passed")
            await self._retry(delivery, "unburied")
            return
        crash_point("event.buried")
        await delivery.drop()
        EVENTS.labels("buried").inc()
        log.warning("event_buried", message=delivery.id, subject=delivery.subject, reason=reason)
