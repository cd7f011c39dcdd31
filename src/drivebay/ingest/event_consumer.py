"""Consumes events: takes the deliveries that have arrived, commits their uploads in one batch, and settles them.

A single event is committed immediately. A few batches are committed at the same time. While all of them are busy,
events collect for the next batch. Under load, a batch waits a little longer to collect more. A backlog is processed in
full batches.

A delivery is settled by the outcome of its commit:

- completed, already ended, rejected: acknowledged. The bytes of a rejected upload are purged later.
- absent: retried a few times, because the store may send an event before its object is visible. Then acknowledged. The
  upload stays pending, and the sweeper finds it.
- expired: retried a few times and then acknowledged. The upload has ended. If its bytes arrive during the watch, the
  upload still becomes a file.
- unknown: retried with exponential backoff until the queue deletes the event. The event is valid: the store or the
  files service did not respond, or the drive was locked. So the event never becomes a dead letter.
- no such upload, or a key or bucket that is not ours: acknowledged and counted. Other applications that write to the
  bucket cause such events, so nothing is stored about them.
- unreadable, or failed too often because of a defect: stored as a dead letter, and then dropped. A failure
  counts only if a defect caused it. Deliveries while the store or the files service did not respond do not count.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Final, NamedTuple

import structlog
from prometheus_client import Counter, Histogram

from ..contract.files import CommitOutcome, DeadLetter, Files, Trigger, UploadRef
from ..errors import Error, Unavailable
from ..observability.crash_points import crash_point
from ..observability.tracing import tracer
from .backoff import exponential_backoff
from .batch_commit import CommitFailure, commit_batch
from .event_queue import Delivery, QueueReader
from .events import UnreadableEvent, parse_events, upload_ref
from .settings import Settings

log = structlog.get_logger(__name__)

# Dashboards and alerts use the names and label values of these released metrics, so they never change. `buried` means
# that a dead letter was stored, and `retry_unburied` that it could not be stored.
EVENTS = Counter("drivebay_ingest_events_total", "Events by outcome", ["outcome"])
LAG = Histogram(
    "drivebay_ingest_lag_seconds",
    "Time from the store's event to the file",
    buckets=(0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 600),
)
BATCHES = Histogram("drivebay_ingest_batch_events", "Events in one batch", buckets=(1, 2, 5, 10, 50, 100, 250, 500))

_MAX_DEAD_LETTER_PAYLOAD: Final = 64 * 1024
"""The maximum number of bytes of the payload of a dead letter. The rest is cut off."""
_MAX_DEAD_LETTER_REASON: Final = 1000
"""The maximum number of characters of the reason of a dead letter. The rest is cut off."""
_LOAD_THRESHOLD: Final = 4
"""After a batch of at least this number of events, the next batch waits for `_COLLECT_SECONDS`."""
_COLLECT_SECONDS: Final = 0.02
"""The number of seconds for which a batch collects events under load."""
_MAX_FAILING_MESSAGES: Final = 10_000
"""The maximum number of messages whose failures are counted. If there are more, the count of the oldest message is
forgotten and begins again."""
_ABSENT_OUTCOMES: Final = frozenset({CommitOutcome.ABSENT, CommitOutcome.EXPIRED})


class ParsedDelivery(NamedTuple):
    """A delivery and the uploads that it names.

    `earliest_at` is the earliest time in its events. `foreign_count` is the number of its events that are not about our
    uploads.
    """

    delivery: Delivery
    refs: tuple[UploadRef, ...]
    earliest_at: datetime | None
    foreign_count: int


class EventConsumer:
    """Consumes one queue. Any number of consumers may run on the same queue.

    A consumer counts the failed commits of each event. So use one consumer for all connections of a process.
    """

    def __init__(self, files: Files, settings: Settings, now: Callable[[], datetime]) -> None:
        self._files = files
        self._settings = settings
        self._now = now
        self._failures: dict[str, int] = {}
        """The number of failed commits of each message that will be delivered again, by its id."""

    async def run(self, queue: QueueReader) -> None:
        """Run until cancelled. Raises Unavailable when the queue fails, after the current batches are finished."""
        slots = asyncio.Semaphore(self._settings.concurrent_commits)
        last_batch_size = 0
        async with asyncio.TaskGroup() as tasks:
            try:
                while True:
                    await slots.acquire()
                    if _LOAD_THRESHOLD <= last_batch_size < self._settings.batch:
                        # Under load, more events follow soon. A larger batch costs less, because one LIST request to
                        # the store finds the objects of many uploads. A single event is never delayed.
                        await asyncio.sleep(_COLLECT_SECONDS)
                    deliveries = await queue.next_deliveries()
                    last_batch_size = len(deliveries)
                    tasks.create_task(self.handle(deliveries)).add_done_callback(lambda _: slots.release())
            except Unavailable as error:
                queue_error = error
        raise queue_error

    async def handle(self, deliveries: Sequence[Delivery]) -> None:
        """Commit the uploads of the deliveries, and settle every delivery. A failed dependency raises no error."""
        BATCHES.observe(len(deliveries))
        with tracer.start_as_current_span("ingest.batch", attributes={"events": len(deliveries)}):
            parsed = await self._parse_all(deliveries)
            refs = tuple({ref: None for each in parsed for ref in each.refs})
            # guard: event-ack-after-commit
            outcomes = await commit_batch(self._files, refs, self._settings, Trigger.EVENT)
            crash_point("event.before_ack")
            for each in parsed:
                await self._settle(each, outcomes)

    async def _parse_all(self, deliveries: Sequence[Delivery]) -> list[ParsedDelivery]:
        parsed: list[ParsedDelivery] = []
        for delivery in deliveries:
            try:
                parsed.append(self._parse(delivery))
            except UnreadableEvent as error:
                await self._dead_letter(delivery, str(error))
            except Exception as error:  # guard: event-parse-error
                # One bad event must not stop all others.
                log.error("event_parse_failed", message=delivery.id, exc_info=error)
                await self._dead_letter(delivery, f"{type(error).__name__}: {error}")
        return parsed

    def _parse(self, delivery: Delivery) -> ParsedDelivery:
        refs: list[UploadRef] = []
        times: list[datetime] = []
        foreign_count = 0
        for event in parse_events(delivery.payload):
            ref = upload_ref(event.key) if event.bucket == self._settings.bucket else None  # guard: event-bucket
            if ref is None:
                foreign_count += 1
                continue
            refs.append(ref)
            if event.at is not None:
                times.append(event.at)
        return ParsedDelivery(delivery, tuple(refs), min(times, default=None), foreign_count)

    async def _settle(
        self, parsed: ParsedDelivery, outcomes_by_ref: Mapping[UploadRef, CommitOutcome | CommitFailure]
    ) -> None:
        delivery = parsed.delivery
        outcomes = [outcomes_by_ref[ref] for ref in parsed.refs]
        failure = next((outcome for outcome in outcomes if isinstance(outcome, CommitFailure)), None)
        if failure is not None:
            if self._count_failure(delivery) >= self._settings.max_deliveries:  # guard: dead-letter-limit
                await self._dead_letter(delivery, failure.reason)
            else:
                await self._retry(delivery, "failed")
        elif CommitOutcome.UNKNOWN in outcomes:  # guard: event-unknown-outcome
            await self._retry(delivery, CommitOutcome.UNKNOWN.value)
        # guard: event-absent-limit
        elif _ABSENT_OUTCOMES.intersection(outcomes) and delivery.count < self._settings.absent_deliveries:
            await self._retry(delivery, CommitOutcome.ABSENT.value)
        else:
            self._failures.pop(delivery.id, None)
            await delivery.ack()
            crash_point("event.after_ack")
            self._record_metrics(parsed, outcomes)

    def _count_failure(self, delivery: Delivery) -> int:
        """Count one more failure of a message because of a defect, and return the number of its failures."""
        # At the first delivery, a count under this id belongs to another message, because a new stream numbers its
        # messages from 1 again. Ignore this count.
        earlier = self._failures.pop(delivery.id, 0) if delivery.count > 1 else 0  # guard: dead-letter-failures
        self._failures[delivery.id] = earlier + 1
        if len(self._failures) > _MAX_FAILING_MESSAGES:
            del self._failures[next(iter(self._failures))]
        return earlier + 1

    def _record_metrics(self, parsed: ParsedDelivery, outcomes: Sequence[CommitOutcome | CommitFailure]) -> None:
        if not outcomes:
            EVENTS.labels("foreign" if parsed.foreign_count else "ignored").inc()
        for outcome in outcomes:
            EVENTS.labels(str(outcome)).inc()
        if CommitOutcome.COMPLETED in outcomes and parsed.earliest_at is not None:
            # The lag can be negative, because the clocks of the store and this process differ.
            LAG.observe(max(0.0, (self._now() - parsed.earliest_at).total_seconds()))
        if CommitOutcome.NO_UPLOAD in outcomes:
            log.info("event_without_upload", message=parsed.delivery.id)

    async def _retry(self, delivery: Delivery, reason: str) -> None:
        EVENTS.labels(f"retry_{reason}").inc()
        settings = self._settings
        delay = exponential_backoff(settings.first_retry_delay, settings.max_retry_delay, delivery.count - 1)
        await delivery.retry(delay)

    async def _dead_letter(self, delivery: Delivery, reason: str) -> None:
        dead_letter = DeadLetter(
            delivery.id,
            delivery.subject,
            reason[:_MAX_DEAD_LETTER_REASON],
            delivery.payload[:_MAX_DEAD_LETTER_PAYLOAD],
            delivery.count,
        )
        try:
            async with asyncio.timeout(self._settings.deadline.total_seconds()):
                await self._files.dead_letter(dead_letter)  # guard: dead-letter-before-drop
        except (Error, TimeoutError) as error:
            log.warning(
                "dead_letter_failed", message=delivery.id, reason=str(error) or "no response within the call timeout"
            )
            await self._retry(delivery, "unburied")
            return
        crash_point("event.dead_lettered")
        self._failures.pop(delivery.id, None)
        await delivery.drop()
        EVENTS.labels("buried").inc()
        log.warning("event_dead_lettered", message=delivery.id, subject=delivery.subject, reason=reason)
