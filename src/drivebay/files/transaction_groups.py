"""Transaction groups: concurrent calls for one owner share a transaction.

A transaction that changes an owner's rows locks the owner and waits for its own write to disk. One after the other,
that bounds an owner to a few hundred calls a second. So while a transaction for a key runs here, further calls for
the key wait, and the next transaction does the work of all of them. A call for an idle key starts at once.

Only calls of one process share transactions. Between processes, the lock on the owner's row decides, as always.
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
"""Seconds. Callers have deadlines of their own; this one ends a group that every caller may have left."""


class _WaitingCall(NamedTuple, Generic[Item, Result]):
    item: Item
    size: int
    answer: asyncio.Future[Result]


class TransactionGroups(Generic[Key, Item, Result]):
    """Runs the calls of each key one transaction after the other.

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
        # The calls that wait, by key. A key is here exactly while one of its transactions runs.
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
        answer: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        waiting.append(_WaitingCall(item, size, answer))
        return await answer

    def _start_next(self, key: Key) -> None:
        calls = self._take_group(key)
        if not calls:
            del self._waiting[key]
            return
        # The group has a context of its own: it must not inherit the deadline of the call that started it.
        task = asyncio.get_running_loop().create_task(self._answer_group(key, calls), context=Context())
        self._groups.add(task)
        task.add_done_callback(self._groups.discard)

    def _take_group(self, key: Key) -> list[_WaitingCall[Item, Result]]:
        waiting = self._waiting[key]
        calls: list[_WaitingCall[Item, Result]] = []
        size = 0
        while waiting and (not calls or size + waiting[0].size <= self._max_size):  # guard: group-size
            call = waiting.popleft()
            if not call.answer.done():  # guard: group-cancelled-call
                calls.append(call)
                size += call.size
        return calls

    async def _answer_group(self, key: Key, calls: Sequence[_WaitingCall[Item, Result]]) -> None:
        try:
            with tracing.tracer.start_as_current_span("files transaction group"):
                if len(calls) == 1 or not await self._try_together(key, calls):
                    for call in calls:
                        await self._answer_alone(key, call)
        finally:
            for call in calls:  # only if this task was cancelled
                _set_error(call.answer, Unavailable("the files service stops"))
            self._start_next(key)

    async def _try_together(self, key: Key, calls: Sequence[_WaitingCall[Item, Result]]) -> bool:
        """Answer the calls from one transaction. Return False if it failed for a reason that may be one item's."""
        try:
            with Timeout(_GROUP_TIMEOUT):
                results = await self._run_group(key, [call.item for call in calls])
        except (Unavailable, TimeoutError) as error:
            # The transaction may have been committed, so its items must not run again.
            detail = error.detail if isinstance(error, Unavailable) else "the database took too long; try again later"
            for call in calls:
                _set_error(call.answer, Unavailable(detail))
            return True
        except Exception:  # noqa: BLE001 - each item then fails alone  # guard: group-failed-item
            return False
        for call, result in zip(calls, results, strict=True):
            if isinstance(result, Error):
                _set_error(call.answer, result)
            elif not call.answer.done():
                call.answer.set_result(result)
        return True

    async def _answer_alone(self, key: Key, call: _WaitingCall[Item, Result]) -> None:
        if call.answer.done():
            return
        try:
            with Timeout(_GROUP_TIMEOUT):
                result = await self._run_alone(key, call.item)
        except TimeoutError:
            _set_error(call.answer, Unavailable("the database took too long; try again later"))
        except Exception as error:  # noqa: BLE001 - the caller gets it
            _set_error(call.answer, error)
        else:
            if not call.answer.done():
                call.answer.set_result(result)


def _set_error(answer: asyncio.Future[Result], error: Exception) -> None:
    if not answer.done():
        answer.set_exception(error)
