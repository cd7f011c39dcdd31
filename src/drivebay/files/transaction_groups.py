"""Transaction groups: concurrent calls for one drive share a transaction.

A transaction that changes the entries of a drive locks the drive, and waits until it is written to disk. If each call
had its own transaction, only a few hundred calls a second could change one drive. So each call has a key, such as its
drive. While a transaction for the key runs, further calls with this key wait here, and the next transaction does the
work of all of them. If no transaction for the key runs, a call starts at once.

Only calls of one process share transactions. Transactions of different processes wait for the lock of the drive.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Hashable, Sequence
from contextvars import Context
from typing import Final, Generic, NamedTuple, TypeVar

from ..concurrency.timeout import Timeout
from ..errors import Error, Unavailable
from ..observability import tracing

Key = TypeVar("Key", bound=Hashable)
Item = TypeVar("Item")
Result = TypeVar("Result")

_GROUP_TIMEOUT: Final = 10.0
"""The maximum number of seconds of one transaction. A transaction continues even if all its callers are cancelled."""


class _WaitingCall(NamedTuple, Generic[Item, Result]):
    item: Item
    size: int
    future: asyncio.Future[Result]


class TransactionGroups(Generic[Key, Item, Result]):
    """Runs the calls of each key in transactions, one transaction after another.

    `run_alone` does the work of one item. `run_group` does the work of several items in one transaction, and returns a
    result or an error for each. `max_size` bounds the sum of the sizes in a group.
    """

    def __init__(
        self,
        run_alone: Callable[[Key, Item], Awaitable[Result]],
        run_group: Callable[[Key, Sequence[Item]], Awaitable[Sequence[Result | Error]]],
        max_size: int,
    ) -> None:
        self._run_alone = run_alone
        self._run_group = run_group
        self._max_size = max_size
        # The waiting calls by key. A key is in this dict only while one of its transactions runs.
        self._waiting: dict[Key, deque[_WaitingCall[Item, Result]]] = {}
        self._groups: set[asyncio.Task[None]] = set()

    async def run(self, key: Key, item: Item, size: int = 1) -> Result:
        """Return the result of an item, or raise its error. A cancelled call does not affect the others."""
        waiting = self._waiting.get(key)
        if waiting is None:
            self._waiting[key] = deque()
            try:
                return await self._run_alone(key, item)
            finally:
                self._start_next(key)
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        waiting.append(_WaitingCall(item, size, future))
        return await future

    def _start_next(self, key: Key) -> None:
        calls = self._take_group(key)
        if not calls:
            del self._waiting[key]
            return
        # The group gets a new context, so that it does not inherit the deadline of the call that started it.
        task = asyncio.get_running_loop().create_task(self._run_waiting_calls(key, calls), context=Context())
        self._groups.add(task)
        task.add_done_callback(self._groups.discard)

    def _take_group(self, key: Key) -> list[_WaitingCall[Item, Result]]:
        waiting = self._waiting[key]
        calls: list[_WaitingCall[Item, Result]] = []
        size = 0
        while waiting and (not calls or size + waiting[0].size <= self._max_size):  # guard: group-size
            call = waiting.popleft()
            if not call.future.done():  # guard: group-cancelled-call
                calls.append(call)
                size += call.size
        return calls

    async def _run_waiting_calls(self, key: Key, calls: Sequence[_WaitingCall[Item, Result]]) -> None:
        try:
            with tracing.tracer.start_as_current_span("files transaction group"):
                if len(calls) == 1 or not await self._run_in_one_transaction(key, calls):
                    for call in calls:
                        await self._run_one_call(key, call)
        finally:
            for call in calls:  # calls without a result: this task was cancelled
                _set_error(call.future, Unavailable("the files service stops"))
            self._start_next(key)

    async def _run_in_one_transaction(self, key: Key, calls: Sequence[_WaitingCall[Item, Result]]) -> bool:
        """Set the results of the calls from one transaction. Return False if it failed, perhaps because of one item."""
        try:
            with Timeout(_GROUP_TIMEOUT):
                results = await self._run_group(key, [call.item for call in calls])
        except (Unavailable, TimeoutError) as error:
            # The transaction may have been committed, so its items must not run again.
            detail = error.detail if isinstance(error, Unavailable) else "the database took too long; try again later"
            for call in calls:
                _set_error(call.future, Unavailable(detail))
            return True
        except Exception:  # noqa: BLE001 - each item then fails alone  # guard: group-failed-item
            return False
        for call, result in zip(calls, results, strict=True):
            if isinstance(result, Error):
                _set_error(call.future, result)
            elif not call.future.done():
                call.future.set_result(result)
        return True

    async def _run_one_call(self, key: Key, call: _WaitingCall[Item, Result]) -> None:
        if call.future.done():
            return
        try:
            with Timeout(_GROUP_TIMEOUT):
                result = await self._run_alone(key, call.item)
        except TimeoutError:
            _set_error(call.future, Unavailable("the database took too long; try again later"))
        except Exception as error:  # noqa: BLE001 - the caller gets it
            _set_error(call.future, error)
        else:
            if not call.future.done():
                call.future.set_result(result)


def _set_error(future: asyncio.Future[Result], error: Exception) -> None:
    if not future.done():
        future.set_exception(error)
