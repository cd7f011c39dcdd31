"""Helpers of the ingest tests: a fake files service that records calls, and ingest as the node runs it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import nats
from nats.js import JetStreamContext
from uuid_utils.compat import uuid7

from drivebay.contract.files import Backlog, CommitOutcome, DeadLetter, Trigger, UploadRef
from drivebay.contract.ids import DriveId, UploadId
from drivebay.errors import Unavailable
from drivebay.ingest import service
from drivebay.ingest.event_endpoint import EventEndpoint
from drivebay.ingest.event_queue import Message
from drivebay.ingest.events import ObjectCreated, render_event
from drivebay.ingest.settings import Settings
from drivebay.rpc.server_stream import server_stream

Publish = Callable[[Sequence[Message]], Awaitable[None]]


class RecordingFiles:
    """The methods of Files that ingest calls.

    `commit_errors`, `dead_letter_errors`, `claim_errors` and `recheck_errors` are raised first, one for each call.
    After that `outcomes` gives the outcome of an upload. Without an entry the first commit completes it. A commit of an
    upload in `failing` raises a defect. Commits wait while `commit_gate` is closed.

    `claims` has the limit of each claim and whether the newest come first. `backlog` is the reported number of pending
    uploads if it is not 0.
    """

    def __init__(self) -> None:
        self.batches: list[tuple[UploadRef, ...]] = []
        self.completed: list[UploadRef] = []
        self.dead_letters: list[DeadLetter] = []
        self.due: list[UploadRef] = []
        self.pending: list[UploadRef] = []
        self.rechecks = 0
        self.claims: list[tuple[int, bool]] = []
        self.backlog = 0
        self.outcomes: dict[UploadRef, CommitOutcome] = {}
        self.failing: set[UploadRef] = set()
        self.commit_errors: list[Exception] = []
        self.dead_letter_errors: list[Exception] = []
        self.claim_errors: list[Exception] = []
        self.recheck_errors: list[Exception] = []
        self.commit_gate = asyncio.Event()
        self.commit_gate.set()

    def commit_count(self, ref: UploadRef) -> int:
        return sum(batch.count(ref) for batch in self.batches)

    async def commit_uploads(
        self, uploads: tuple[UploadRef, ...], trigger: Trigger | None = None
    ) -> tuple[CommitOutcome, ...]:
        self.batches.append(uploads)
        await self.commit_gate.wait()
        if self.commit_errors:
            raise self.commit_errors.pop(0)
        if self.failing.intersection(uploads):
            raise RuntimeError("a defect")
        outcomes = []
        for ref in uploads:
            default = CommitOutcome.ALREADY_ENDED if ref in self.completed else CommitOutcome.COMPLETED
            outcome = self.outcomes.get(ref, default)
            if outcome is CommitOutcome.COMPLETED:
                self.completed.append(ref)
            outcomes.append(outcome)
        return tuple(outcomes)

    async def claim_pending_uploads(
        self, limit: int, overdue: bool, newest_first: bool = False
    ) -> tuple[UploadRef, ...]:
        if self.claim_errors:
            raise self.claim_errors.pop(0)
        self.claims.append((limit, newest_first))
        claimed, self.due = tuple(self.due[:limit]), self.due[limit:]
        return () if overdue else claimed

    async def recheck_pending_uploads(self) -> int:
        self.rechecks += 1
        if self.recheck_errors:
            raise self.recheck_errors.pop(0)
        self.due, self.pending = self.due + self.pending, []
        return len(self.due)

    async def dead_letter(self, event: DeadLetter) -> None:
        if self.dead_letter_errors:
            raise self.dead_letter_errors.pop(0)
        self.dead_letters.append(event)

    async def get_backlog(self) -> Backlog:
        return Backlog(self.backlog or len(self.due), 0, 0, len(self.dead_letters))


def new_ref() -> UploadRef:
    return UploadRef(DriveId(uuid7()), UploadId(uuid7()))


def event_message(settings: Settings, ref: UploadRef, *, key: str | None = None, bucket: str | None = None) -> Message:
    """Return the event of an object as a store sends it. Each call gives a new message id."""
    payload = render_event(ObjectCreated(bucket or settings.bucket, key or f"{ref.owner}/{ref.id}", 5))
    return Message(str(uuid7()), payload)


@asynccontextmanager
async def running_ingest(
    files: RecordingFiles,
    settings: Settings,
    *,
    endpoint: EventEndpoint | None = None,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> AsyncIterator[asyncio.Task[None]]:
    """Run ingest as the node does, and cancel it at the end."""
    task = asyncio.create_task(service.run(files, settings, open_stream=server_stream, now=now, endpoint=endpoint))  # type: ignore[arg-type]
    try:
        yield task
        assert not task.done(), "ingest ended by itself"
    finally:
        task.cancel()
        started = time.monotonic()
        await asyncio.wait([task], timeout=10)
        assert task.done(), "ingest did not end after its cancellation"
        assert time.monotonic() - started < 5, "the cancellation took too long"


@asynccontextmanager
async def open_jetstream(settings: Settings) -> AsyncIterator[JetStreamContext]:
    """Connect to the broker past the code under test."""
    client = await nats.connect(settings.nats_url)
    try:
        yield client.jetstream()
    finally:
        await client.close()


async def wait_until(condition: Callable[[], bool], *, within: float = 15.0) -> None:
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, "the condition did not become true in time"
        await asyncio.sleep(0.01)


def unavailable_errors(count: int) -> list[Exception]:
    return [Unavailable("down") for _ in range(count)]
