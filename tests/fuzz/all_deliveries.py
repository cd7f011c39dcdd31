"""One call over all deliveries, whose results must be documented and equal."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Callable, Collection, Coroutine, Mapping
from contextlib import AsyncExitStack
from typing import Any, TypeVar

import msgspec
from google.protobuf.descriptor import ServiceDescriptor

from drivebay.errors import BY_CODE, Error, Internal, InvalidRequest, Unavailable
from drivebay.rpc.codec import RpcMethod, rpc_methods
from drivebay.rpc.type_hints import contract_methods, split_hints
from drivebay.testing.deliveries import deliver
from drivebay.testing.type_check import type_mismatch

T = TypeVar("T")
CALL_TIMEOUT = 30.0
"""Seconds, for a busy machine. A call takes a few milliseconds."""
Normalize = Callable[[str, str], str]
"""Takes a delivery and the text of its result, and returns the text that must be equal for all deliveries."""
_ERRORS = {kind.__name__: kind for kind in BY_CODE.values()}


class Loop:
    """One event loop for a whole test. The functions that Hypothesis calls are not asynchronous and use `run`."""

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


class AllDeliveries:
    """A contract over each delivery. `services` has a service for each delivery; it may be the same one."""

    def __init__(self, contract: type, descriptor: ServiceDescriptor, services: Mapping[str, Any]) -> None:
        self._contract = contract
        self._descriptor = descriptor
        self._services = services
        self._clients: dict[str, Any] = {}
        self.outcomes: Counter[str] = Counter()
        """The number of calls by outcome: `value`, or the code of an error."""

    async def open(self, stack: AsyncExitStack) -> None:
        """Open all deliveries. `stack` closes them."""
        for delivery, service in self._services.items():
            call = deliver(delivery, self._contract, self._descriptor, service)
            self._clients[delivery] = await stack.enter_async_context(call)

    async def call(self, name: str, arguments: Mapping[str, tuple[Any, ...]], normalize: Normalize) -> None:
        """Call a method over each delivery with its own arguments and compare the results.

        Raises AssertionError if a result is not documented, or if results differ.
        """
        method = next(found for found in rpc_methods(self._contract, self._descriptor) if found.name == name)
        results: dict[str, str] = {}
        for delivery, client in self._clients.items():
            result = await _result(getattr(client, name), arguments[delivery])
            if delivery in ("grpc", "stream") and isinstance(result, Unavailable):
                continue  # a connection failed on a busy machine; an error of the service shows in all deliveries
            encodable = _is_encodable(method, arguments[delivery])
            self._check_documented(name, delivery, result, encodable)
            # Arguments that no message can hold are refused by a delivery with messages. Others may return anything
            # that is documented.
            if encodable:
                results[delivery] = normalize(delivery, _text(result))
            elif delivery in ("encoded", "grpc", "stream"):
                assert isinstance(result, InvalidRequest), (delivery, result)
        assert len(set(results.values())) <= 1, results

    def _check_documented(self, name: str, delivery: str, result: Any, encodable: bool) -> None:
        function = contract_methods(self._contract)[name]
        if isinstance(result, Error):
            self.outcomes[result.code] += 1
            assert isinstance(result, documented_errors(function)), f"{delivery} {name}: {result!r} is not documented"
            return
        self.outcomes["value"] += 1
        _, hint = split_hints(function)
        problem = type_mismatch(result, hint) if encodable else None
        assert problem is None, f"{delivery} {name}: {problem}"


async def _result(function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    try:
        async with asyncio.timeout(CALL_TIMEOUT):
            return await function(*arguments)
    except Error as error:
        return error


def _text(result: Any) -> str:
    if isinstance(result, Error):
        return f"{type(result).__name__}: {result.detail}"
    return msgspec.json.encode(result, order="deterministic").decode()


def _is_encodable(method: RpcMethod, arguments: tuple[Any, ...]) -> bool:
    try:
        method.encode_request(arguments)
    except InvalidRequest:
        return False
    return True


def documented_errors(function: Callable[..., Any]) -> tuple[type[Error], ...]:
    """Return the errors that the docstring of a method names, and InvalidRequest.

    Unavailable and Internal are not accepted, because nothing is down in these tests.
    """
    named = re.findall(r"\b[A-Z][A-Za-z]+\b", function.__doc__ or "")
    return (
        InvalidRequest,
        *(_ERRORS[word] for word in named if word in _ERRORS and _ERRORS[word] not in (Unavailable, Internal)),
    )


_NEW = re.compile(
    r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|\b[0-9a-f]{32}\b|\d{4}-\d\d-\d\dT[\d:.]+Z|(?<=cursor\":)\"[^\"]*\""
)


def masked(text: str, known: Collection[str] = ()) -> str:
    """Replace what differs in each call: times, cursors, and all ids but the known ones."""
    return _NEW.sub(lambda found: found[0] if found[0] in known else "<new>", text)
