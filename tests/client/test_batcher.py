"""The batcher: which items share a batch, who gets which error, and what happens to results without a caller."""

import asyncio
from collections.abc import Sequence

import pytest

from drivebay.client import ApiError, NetworkError
from drivebay.client.batcher import MAX_BATCH, Batcher


class Processor:
    """Multiplies items by ten when `allowed` is set. Records the batches that it gets."""

    def __init__(self) -> None:
        self.allowed = asyncio.Event()
        self.batches: list[list[int]] = []

    async def process(self, items: Sequence[int]) -> list[int | Exception]:
        self.batches.append(list(items))
        await self.allowed.wait()
        if 13 in items:
            raise ConnectionError("the whole batch failed")
        return [ValueError(item) if item < 0 else item * 10 for item in items]


@pytest.fixture
def processor() -> Processor:
    return Processor()


async def until_batches(processor: Processor, count: int) -> None:
    async with asyncio.timeout(5):
        while len(processor.batches) < count:
            await asyncio.sleep(0)


async def test_items_submitted_while_a_batch_runs_share_the_next_batch(processor: Processor) -> None:
    batcher = Batcher(processor.process)
    first = [asyncio.create_task(batcher.submit(item)) for item in (1, 2)]
    await until_batches(processor, 1)
    later = [asyncio.create_task(batcher.submit(item)) for item in (3, 4, 5)]
    await asyncio.sleep(0.01)
    assert processor.batches == [[1, 2]]
    processor.allowed.set()
    assert await asyncio.gather(*first, *later) == [10, 20, 30, 40, 50]
    assert processor.batches == [[1, 2], [3, 4, 5]]


async def test_an_item_submitted_right_after_a_batch_is_processed(processor: Processor) -> None:
    processor.allowed.set()
    batcher = Batcher(processor.process)
    async with asyncio.timeout(5):
        assert [await batcher.submit(item) for item in (1, 2, 3)] == [10, 20, 30]


async def test_a_batch_has_at_most_the_maximum_number_of_items(processor: Processor) -> None:
    processor.allowed.set()
    batcher = Batcher(processor.process)
    await asyncio.gather(*(batcher.submit(item) for item in range(100, 100 + MAX_BATCH + 1)))
    assert [len(items) for items in processor.batches] == [MAX_BATCH, 1]


async def test_an_item_error_reaches_its_caller_and_a_batch_error_reaches_all(processor: Processor) -> None:
    processor.allowed.set()
    batcher = Batcher(processor.process)
    results = await asyncio.gather(*(batcher.submit(item) for item in (1, -2, 3)), return_exceptions=True)
    assert (results[0], repr(results[1]), results[2]) == (10, "ValueError(-2)", 30)
    results = await asyncio.gather(batcher.submit(1), batcher.submit(13), return_exceptions=True)
    assert [type(result) for result in results] == [ConnectionError, ConnectionError]
    assert await batcher.submit(4) == 40


async def test_a_result_list_of_the_wrong_length_fails_every_item() -> None:
    async def drop_first(items: Sequence[int]) -> list[int | Exception]:
        return list(items[1:])

    batcher = Batcher(drop_first)
    async with asyncio.timeout(5):
        results = await asyncio.gather(batcher.submit(1), batcher.submit(2), return_exceptions=True)
    assert [type(result) for result in results] == [NetworkError, NetworkError]


async def test_the_result_of_a_cancelled_caller_is_discarded_explicitly(processor: Processor) -> None:
    discarded: list[int] = []

    async def discard(result: int) -> None:
        discarded.append(result)

    batcher = Batcher(processor.process, discard)
    cancelled, running = asyncio.create_task(batcher.submit(1)), asyncio.create_task(batcher.submit(2))
    await until_batches(processor, 1)
    queued = asyncio.create_task(batcher.submit(3))
    await asyncio.sleep(0.01)
    cancelled.cancel()
    queued.cancel()
    processor.allowed.set()
    assert await running == 20
    await batcher.close(5)
    assert (discarded, processor.batches) == ([10], [[1, 2]])


async def test_closing_cancels_waiting_callers(processor: Processor) -> None:
    batcher = Batcher(processor.process)
    waiting = asyncio.create_task(batcher.submit(1))
    await until_batches(processor, 1)
    await batcher.close(0.01)
    with pytest.raises(asyncio.CancelledError):
        await waiting


async def test_at_most_concurrency_batches_run_at_once(processor: Processor) -> None:
    batcher = Batcher(processor.process, concurrency=2)
    tasks = []
    for item in range(5):
        tasks.append(asyncio.create_task(batcher.submit(item)))
        await asyncio.sleep(0.01)
    assert processor.batches == [[0], [1]]
    processor.allowed.set()
    assert await asyncio.gather(*tasks) == [0, 10, 20, 30, 40]


async def test_an_item_that_makes_the_server_refuse_the_batch_fails_alone() -> None:
    batches: list[list[int]] = []

    async def process(items: Sequence[int]) -> list[int | Exception]:
        batches.append(list(items))
        if 13 in items:
            raise ApiError(413, "too_large", "the body is too large")
        return [item * 10 for item in items]

    batcher = Batcher(process)
    async with asyncio.timeout(5):
        results = await asyncio.gather(*(batcher.submit(item) for item in range(100)), return_exceptions=True)
    assert [item for item, result in enumerate(results) if isinstance(result, ApiError)] == [13]
    assert [result for result in results if not isinstance(result, ApiError)] == [n * 10 for n in range(100) if n != 13]
    assert len(batches) <= 1 + 2 * 7


async def test_a_failed_discard_does_not_stop_the_batches_that_follow(processor: Processor) -> None:
    async def discard(result: int) -> None:
        raise OSError("cannot discard")

    batcher = Batcher(processor.process, discard)
    cancelled = asyncio.create_task(batcher.submit(1))
    await until_batches(processor, 1)
    waiting = asyncio.create_task(batcher.submit(2))
    await asyncio.sleep(0.01)
    cancelled.cancel()
    processor.allowed.set()
    async with asyncio.timeout(5):
        assert await waiting == 20
