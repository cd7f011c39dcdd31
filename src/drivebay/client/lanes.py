"""Things that are done together: what is asked for while others are served goes in one request, or to one thread."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Final, Generic, TypeVar

from .errors import NetworkError

A = TypeVar("A")
B = TypeVar("B")

MOST: Final = 100
"""Things that one request asks for."""


class Lane(Generic[A, B]):
    """`ask` serves all it is given, and answers in order with an error in the place of what failed.

    No more than `at_once` of its calls are under way, so nobody waits for others who might come: they wait while
    somebody is served, and for `pause` seconds after several were. An answer whose asker has gone is given to
    `orphaned`.
    """

    def __init__(
        self,
        ask: Callable[[Sequence[A]], Awaitable[Sequence[B | Exception]]],
        orphaned: Callable[[B], Awaitable[None]] | None = None,
        at_once: int = 1,
        pause: float = 0.0,
    ) -> None:
        self._ask = ask
        self._orphaned = orphaned
        self._waiting: deque[tuple[A, asyncio.Future[B]]] = deque()
        self._at_once = at_once
        self._pause = pause
        self._serving: set[asyncio.Task[None]] = set()

    async def __call__(self, item: A) -> B:
        answer: asyncio.Future[B] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, answer))
        if len(self._serving) < self._at_once:
            self._serving.add(asyncio.create_task(self._serve(), name="things done together"))
        return await answer

    async def close(self, seconds: float) -> None:
        """Let what is under way end within so many seconds, for the sake of `orphaned`; then stop."""
        if self._serving:
            await asyncio.wait(self._serving, timeout=seconds)
        for task in tuple(self._serving):
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        for _, answer in self._waiting:
            answer.cancel()

    async def _serve(self) -> None:
        try:
            await asyncio.sleep(0)  # whoever asks in the same moment comes along
            await self._serve_all()
        finally:
            # Here and not when the task is seen to have ended: who asks in between would wait for nobody.
            self._serving.discard(asyncio.current_task())

    async def _serve_all(self) -> None:
        while batch := self._next():
            try:
                answers = await self._ask([item for item, _ in batch])
            except asyncio.CancelledError:
                for _, answer in batch:
                    answer.cancel()
                raise
            except Exception as error:  # noqa: BLE001 - whoever asked hears of it
                answers = [error] * len(batch)
            if len(answers) != len(batch):
                answers = [NetworkError("the answer is not of what was asked")] * len(batch)
            await self._give([answer for _, answer in batch], answers)
            if self._pause and len(batch) > 1:
                await asyncio.sleep(self._pause)

    def _next(self) -> list[tuple[A, asyncio.Future[B]]]:
        batch: list[tuple[A, asyncio.Future[B]]] = []
        while self._waiting and len(batch) < MOST:
            item, answer = self._waiting.popleft()
            if not answer.done():
                batch.append((item, answer))
        return batch

    async def _give(self, askers: Sequence[asyncio.Future[B]], answers: Sequence[B | Exception]) -> None:
        orphans = []
        for asker, answer in zip(askers, answers, strict=True):
            if not asker.done():
                if isinstance(answer, Exception):
                    asker.set_exception(answer)
                else:
                    asker.set_result(answer)
            elif self._orphaned is not None and not isinstance(answer, Exception):
                orphans.append(self._orphaned(answer))
        await asyncio.gather(*orphans)
