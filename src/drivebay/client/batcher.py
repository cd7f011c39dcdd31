"""Concurrent calls share requests: items that wait while a request runs are sent together in the next request."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Final, Generic, TypeVar

from .errors import ApiError, NetworkError

Item = TypeVar("Item")
Result = TypeVar("Result")

MAX_BATCH: Final = 100
"""The maximum number of items in one batch. The API accepts no more."""
_REFUSED_STATUSES: Final = (400, 413, 422)
"""The statuses with which the server refuses a whole request, because one of its items cannot be decoded or is too
large."""


class Batcher(Generic[Item, Result]):
    """Collects items into batches and calls `process_batch` with each batch.

    `process_batch` returns one result for each item, in order, with an exception for an item that failed. A batch that
    is refused because of its content is split and processed again, so that one invalid item does not make the others
    fail. At most `concurrency` batches run at once. An item waits only while a batch runs, and for `pause` seconds
    after a batch of several items. If the caller of an item is cancelled, `discard_result` is called with its result.
    """

    def __init__(
        self,
        process_batch: Callable[[Sequence[Item]], Awaitable[Sequence[Result | Exception]]],
        discard_result: Callable[[Result], Awaitable[None]] | None = None,
        concurrency: int = 1,
        pause: float = 0.0,
    ) -> None:
        self._process_batch = process_batch
        self._discard_result = discard_result
        self._queue: deque[tuple[Item, asyncio.Future[Result]]] = deque()
        self._concurrency = concurrency
        self._pause = pause
        self._workers: set[asyncio.Task[None]] = set()

    async def submit(self, item: Item) -> Result:
        """Return the result of this item. Raises the item's exception, or the exception of its whole batch."""
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._queue.append((item, future))
        if len(self._workers) < self._concurrency:
            self._workers.add(asyncio.create_task(self._run_worker(), name="batcher"))
        return await future

    async def close(self, timeout: float) -> None:
        """Wait up to `timeout` seconds for running batches, so that `discard_result` is called. Cancel the rest."""
        if self._workers:
            await asyncio.wait(self._workers, timeout=timeout)
        for task in tuple(self._workers):
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        for _, future in self._queue:
            future.cancel()

    async def _run_worker(self) -> None:
        try:
            await asyncio.sleep(0)  # calls that start in the same iteration of the event loop join this batch
            await self._process_queue()
        finally:
            # Remove the worker here. A done callback would run later, and an item that is submitted before it runs
            # would wait for a worker that has ended.
            self._workers.discard(asyncio.current_task())  # guard: batcher-worker-end

    async def _process_queue(self) -> None:
        while batch := self._next_batch():
            try:
                results = await self._results_of([item for item, _ in batch])
            except asyncio.CancelledError:
                for _, future in batch:
                    future.cancel()
                raise
            await self._set_results([future for _, future in batch], results)
            if self._pause and len(batch) > 1:
                await asyncio.sleep(self._pause)

    async def _results_of(self, items: Sequence[Item]) -> Sequence[Result | Exception]:
        """Return one result for each item. A refused batch is split in halves until each refused item is in its own
        batch."""
        try:
            results = await self._process_batch(items)
        except Exception as error:  # noqa: BLE001 - raised in the callers of the batch
            if len(items) == 1 or not _concerns_content(error):  # guard: batch-halving
                return [error] * len(items)
            middle = len(items) // 2
            return [*await self._results_of(items[:middle]), *await self._results_of(items[middle:])]
        if len(results) != len(items):
            return [NetworkError("the number of items in the response differs from the request")] * len(items)
        return results

    def _next_batch(self) -> list[tuple[Item, asyncio.Future[Result]]]:
        batch: list[tuple[Item, asyncio.Future[Result]]] = []
        while self._queue and len(batch) < MAX_BATCH:
            item, future = self._queue.popleft()
            if not future.done():
                batch.append((item, future))
        return batch

    async def _set_results(
        self, futures: Sequence[asyncio.Future[Result]], results: Sequence[Result | Exception]
    ) -> None:
        discards = []
        for future, result in zip(futures, results, strict=True):
            if not future.done():
                if isinstance(result, Exception):
                    future.set_exception(result)
                else:
                    future.set_result(result)
            elif self._discard_result is not None and not isinstance(result, Exception):
                discards.append(self._discard_result(result))
        # A failure of one call stops neither the other calls nor the next batches.
        await asyncio.gather(*discards, return_exceptions=True)


def _concerns_content(error: Exception) -> bool:
    """Return whether one item may have caused the error of its whole batch."""
    if isinstance(error, ApiError):
        return error.status in _REFUSED_STATUSES
    return isinstance(error, ValueError | TypeError)
