"""Events that arrive quickly are committed in batches."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from ingest_helpers import RecordingFiles, event_message, new_ref, wait_until

from drivebay.ingest.event_consumer import EventConsumer
from drivebay.ingest.event_queue import Delivery
from drivebay.ingest.settings import Settings


class FakeDelivery:
    """A `Delivery` whose answers are ignored."""

    count = 1
    subject = "drivebay.events"

    def __init__(self, payload: bytes) -> None:
        self.payload = payload
        self.id = ""

    async def ack(self) -> None:
        pass

    async def retry(self, delay: timedelta) -> None:
        pass


class FakeQueue:
    """A `QueueReader` that returns everything that has arrived."""

    def __init__(self) -> None:
        self.waiting: asyncio.Queue[Delivery] = asyncio.Queue()
        self.first_batch_taken = asyncio.Event()

    async def next_deliveries(self) -> Sequence[Delivery]:
        deliveries = [await self.waiting.get()]
        while not self.waiting.empty():
            deliveries.append(self.waiting.get_nowait())
        self.first_batch_taken.set()
        return deliveries


async def test_events_that_arrive_quickly_are_committed_in_few_batches() -> None:
    """After a batch of ten events, thirty more arrive one after another. They need far fewer than thirty commits."""
    files, settings, queue = RecordingFiles(), Settings(bucket="drivebay"), FakeQueue()
    consumer = EventConsumer(files, settings, now=lambda: datetime.now(UTC))  # type: ignore[arg-type]

    def put_event() -> None:
        queue.waiting.put_nowait(FakeDelivery(event_message(settings, new_ref()).payload))

    async def put_events_after_the_first_batch() -> None:
        await queue.first_batch_taken.wait()
        for number in range(30):
            put_event()
            # After the first few, a consumer that does not wait takes each event alone.
            for _ in range(5 if number >= 4 else 0):
                await asyncio.sleep(0)

    for _ in range(10):
        put_event()
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(consumer.run(queue))
        tasks.create_task(put_events_after_the_first_batch())
        await wait_until(lambda: len(files.completed) == 40)
        task.cancel()
    assert len(files.batches) <= 10
