"""One call by every way there is, and what all of its answers have to be."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Callable, Collection, Coroutine, Mapping
from contextlib import AsyncExitStack
from typing import Any, TypeVar, get_type_hints

import msgspec
from google.protobuf.descriptor import ServiceDescriptor

from drivebay.errors import BY_CODE, Error, Internal, InvalidRequest, Unavailable
from drivebay.testing.deliveries import deliver
from drivebay.testing.promised import misfit
from drivebay.wire.shape import Method, methods, promised

T = TypeVar("T")
WITHIN = 30.0
"""Seconds, on a busy machine; a call takes a few milliseconds."""
Same = Callable[[str, str], str]
"""What has to be the same by every way, out of the text of the answer that a way gave."""
_KINDS = {kind.__name__: kind for kind in BY_CODE.values()}


class Loop:
    """One event loop for a whole test, driven from Hypothesis's plain functions."""

    def __init__(self) -> None:
        self._runner = asyncio.Runner()
        self.stack = AsyncExitStack()

    def run(self, call: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(call)

    def __enter__(self) -> Loop:
        return self

    def __exit__(self, *_: object) -> None:
        self.run(self.stack.aclose())
        self._runner.close()


class Ways:
    """A contract by each way. `services` has one for each way; it may be the same one."""

    def __init__(self, contract: type, descriptor: ServiceDescriptor, services: Mapping[str, Any]) -> None:
        self._contract = contract
        self._descriptor = descriptor
        self._services = services
        self._delivered: dict[str, Any] = {}
        self.seen: Counter[str] = Counter()
        """How often what came of a call: `value`, or the code of an error."""

    async def open(self, stack: AsyncExitStack) -> None:
        for way, service in self._services.items():
            call = deliver(way, self._contract, self._descriptor, service)
            self._delivered[way] = await stack.enter_async_context(call)

    async def call(self, name: str, arguments: Mapping[str, tuple[Any, ...]], same: Same) -> None:
        """Call by every way, with the arguments for each: every answer is promised, and they agree."""
        method = next(found for found in methods(self._contract, self._descriptor) if found.name == name)
        answers: dict[str, str] = {}
        for way, delivered in self._delivered.items():
            answer = await _answer(getattr(delivered, name), arguments[way])
            if way == "grpc" and isinstance(answer, Unavailable):
                continue  # a busy machine lost a connection; of the service itself the other ways would have heard
            sendable = _sendable(method, arguments[way])
            self._promised(name, way, answer, sendable)
            # What no message can hold is refused where there are messages; near it is any documented answer.
            if sendable:
                answers[way] = same(way, _text(answer))
            elif way in ("encoded", "grpc"):
                assert isinstance(answer, InvalidRequest), (way, answer)
        assert len(set(answers.values())) <= 1, answers

    def _promised(self, name: str, way: str, answer: Any, sendable: bool) -> None:
        function = promised(self._contract)[name]
        if isinstance(answer, Error):
            self.seen[answer.code] += 1
            assert isinstance(answer, documented(function)), f"{way} {name}: {answer!r} is not what it promises"
            return
        self.seen["value"] += 1
        problem = misfit(answer, get_type_hints(function)["return"]) if sendable else None
        assert problem is None, f"{way} {name}: {problem}"


async def _answer(function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    try:
        async with asyncio.timeout(WITHIN):
            return await function(*arguments)
    except Error as error:
        return error


def _text(answer: Any) -> str:
    if isinstance(answer, Error):
        return f"{type(answer).__name__}: {answer.detail}"
    return msgspec.json.encode(answer, order="deterministic").decode()


def _sendable(method: Method, arguments: tuple[Any, ...]) -> bool:
    try:
        method.encode_request(arguments)
    except InvalidRequest:
        return False
    return True


def documented(function: Callable[..., Any]) -> tuple[type[Error], ...]:
    """The failures that a method's docstring names, and what `contract/__init__.py` allows all of them.

    Unavailable and Internal are allowed to none here, where nothing is down.
    """
    named = re.findall(r"\b[A-Z][A-Za-z]+\b", function.__doc__ or "")
    return (
        InvalidRequest,
        *(_KINDS[word] for word in named if word in _KINDS and _KINDS[word] not in (Unavailable, Internal)),
    )


_NEW = re.compile(
    r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|\b[0-9a-f]{32}\b|\d{4}-\d\d-\d\dT[\d:.]+Z|(?<=next_cursor\":)\"[^\"]*\""
)


def masked(text: str, known: Collection[str] = ()) -> str:
    """An answer without what is new at each call: ids but for the known ones, times, and cursors."""
    return _NEW.sub(lambda found: found[0] if found[0] in known else "<new>", text)
