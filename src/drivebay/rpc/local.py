"""Calls of a service in the same process, behind the same guard as calls over gRPC."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar, cast

from .call_guard import CallGuard, Side, method_timeout
from .type_hints import contract_methods

T = TypeVar("T")


def connect(contract: type[T], service: T, *, timeouts: Mapping[str, float] | None = None) -> T:
    """Return the contract's methods, each of which calls the service object through its guard.

    `timeouts` are seconds by method. Other methods have `DEFAULT_TIMEOUT`.
    """
    client = type(f"Local{contract.__name__}", (), {})()
    for name in contract_methods(contract):
        guard = CallGuard(Side.LOCAL, contract.__name__, name, method_timeout(timeouts, name))
        setattr(client, name, _guarded(guard, getattr(service, name)))
    return cast("T", client)


def _guarded(guard: CallGuard, method: Callable[..., Any]) -> Callable[..., Any]:
    async def call(*arguments: Any, **named: Any) -> Any:
        return await guard.run(lambda: method(*arguments, **named))

    return call
