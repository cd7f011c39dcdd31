"""What ingest is tried against: a Files that remembers what it was asked, and a way to run the real thing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

from uuid_utils.compat import uuid7

from drivebay.contract.files import Cause, DeadLetter, Outcome, Queues, UploadRef
from drivebay.contract.ids import UploadId, UserId
from drivebay.errors import Unavailable
from drivebay.ingest import service
from drivebay.ingest.events import Created, Message, render
from drivebay.ingest.settings import Settings
from drivebay.ingest.webhook import Webhook
from drivebay.wire.stream import server_stream

Publish = Callable[[Sequence[Message]], Awaitable[None]]


class RecordingFiles:
    """The calls of Files that ingest makes. `answers` are used up first, call by call; then `outcome` holds."""

    def __init__(self) -> None:
        self.batches: list[tuple[UploadRef, ...]] = []
        self.completed: list[UploadRef] = []
        self.buried: list[DeadLetter] = []
        self.due: list[UploadRef] = []
        self.pending: list[UploadRef] = []
        self.rechecks = 0
        self.outcome: dict[UploadRef, Outcome] = {}
        self.broken: set[UploadRef] = set()
        self.failures: list[Exception] = []
        self.bury_failures: list[Exception] = []
        self.sweep_failures: list[Exception] = []
        self.recheck_failures: list[Exception] = []
        self.gate = asyncio.Event()
        self.gate.set()

    def tries(self, ref: UploadRef) -> int:
        return sum(batch.count(ref) for batch in self.batches)

    async def commit(self, uploads: tuple[UploadRef, ...], cause: Cause | None = None) -> tuple[Outcome, ...]:
        self.batches.append(uploads)
        await self.gate.wait()
        if self.failures:
            raise self.failures.pop(0)
        if self.broken.intersection(uploads):
            raise RuntimeError("a defect")
        answers = []
        for ref in uploads:
            answer = self.outcome.get(ref, Outcome.ALREADY if ref in self.completed else Outcome.COMPLETED)
            if answer is Outcome.COMPLETED:
                self.completed.append(ref)
            answers.append(answer)
        return tuple(answers)

    async def claim_checks(self, limit: int, overdue: bool) -> tuple[UploadRef, ...]:
        if self.sweep_failures:
            raise self.sweep_failures.pop(0)
        claimed, self.due = tuple(self.due[:limit]), self.due[limit:]
        return () if overdue else claimed

    async def recheck_pending(self) -> int:
        self.rechecks += 1
        if self.recheck_failures:
            raise self.recheck_failures.pop(0)
        self.due, self.pending = self.due + self.pending, []
        return len(self.due)

    async def bury(self, letter: DeadLetter) -> None:
        if self.bury_failures:
            raise self.bury_failures.pop(0)
        self.buried.append(letter)

    async def queues(self) -> Queues:
        return Queues(len(self.due), 0, 0, len(self.buried))


def some_ref() -> UploadRef:
    return UploadRef(UserId(uuid7()), UploadId(uuid7()))


def event(settings: Settings, ref: UploadRef, *, key: str | None = None, bucket: str | None = None) -> Message:
    """As a store would send it, each time anew."""
    payload = render(Created(bucket or settings.bucket, key or f"{ref.owner}/{ref.id}", 5))
    return Message(str(uuid7()), payload)


@asynccontextmanager
async def running(
    files: RecordingFiles, settings: Settings, *, webhook: Webhook | None = None
) -> AsyncIterator[asyncio.Task[None]]:
    """Ingest as the node runs it, cancelled at the end as the node does it."""
    task = asyncio.create_task(service.run(files, settings, open_stream=server_stream, webhook=webhook))
    try:
        yield task
        assert not task.done(), "ingest ended by itself"
    finally:
        task.cancel()
        began = time.monotonic()
        await asyncio.wait([task], timeout=5)
        assert time.monotonic() - began < 2, "cancelling took too long"


async def until(condition: Callable[[], bool], *, within: float = 15.0) -> None:
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, "it did not come true in time"
        await asyncio.sleep(0.01)


def unavailable(times: int) -> list[Exception]:
    return [Unavailable("down") for _ in range(times)]
