"""Events that come in crowds are committed together."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from ingest_fakes import RecordingFiles, event, some_ref

from drivebay.ingest.events import Delivery
from drivebay.ingest.loop import Loop
from drivebay.ingest.settings import Settings


class Delivered:
    """Implements `Delivery` for a message that nobody minds about."""

    count = 1
    subject = "drivebay.events"

    def __init__(self, payload: bytes) -> None:
        self.payload = payload
        self.id = ""

    async def ack(self) -> None:
        pass

    async def retry(self, delay: timedelta) -> None:
        pass


class Queue:
    """Implements `Source`: gives all that has come, as soon as anything has."""

    def __init__(self) -> None:
        self.waiting: asyncio.Queue[Delivery] = asyncio.Queue()

    async def next(self) -> Sequence[Delivery]:
        found = [await self.waiting.get()]
        while not self.waiting.empty():
            found.append(self.waiting.get_nowait())
        return found


async def test_what_comes_in_crowds_is_committed_together() -> None:
    """Thirty events, one every two milliseconds, after ten at once: not thirty commits."""
    files, settings, queue = RecordingFiles(), Settings(bucket="drivebay"), Queue()
    task = asyncio.create_task(Loop(files, settings, now=lambda: datetime.now(UTC)).run(queue))  # type: ignore[arg-type]
    for number in range(40):
        queue.waiting.put_nowait(Delivered(event(settings, some_ref()).payload))
        if number >= 9:
            await asyncio.sleep(0.002)
    async with asyncio.timeout(10):
        while len(files.completed) < 40:
            await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.wait([task])
    assert len(files.batches) <= 12
