"""The ways a call may reach a service. A contract's suite runs over all of them, and none may matter.

- `direct`: through the near door.
- `encoded`: arguments, answers and errors made into bytes and back, without a network.
- `grpc`: a real server on a Unix socket.
- `twice`: each call that succeeded is delivered once more with the same arguments, as when a reply was lost
  and the caller's side tried again. Where the contract promises something of repeating (a method of
  `REPEATABLE`, any call with an idempotency key), the caller gets the second answer or its error. Elsewhere
  the second answer is thrown away: it may fail (`trash` says NotFound) or make another thing (`begin`
  without a key, `log_in`), and what it does must not show.
"""

from __future__ import annotations

import inspect
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final, TypeVar, cast

from google.protobuf.descriptor import ServiceDescriptor

from ..errors import Error
from ..wire import local, rpc
from ..wire.failure import pack, unpack
from ..wire.shape import Method, methods, promised

T = TypeVar("T")
WAYS: Final = ("direct", "encoded", "grpc", "twice")
REPEATABLE: Final = frozenset({"abort", "bury", "complete", "delete", "log_out"})
"""Methods whose contracts say what repeating does: the same answer, and no error."""


@asynccontextmanager
async def deliver(how: str, contract: type[T], descriptor: ServiceDescriptor, service: T) -> AsyncIterator[T]:
    """The service as its callers see it when calls travel this way."""
    near = local.connect(contract, service)
    if how == "direct":
        yield near
    elif how == "encoded":
        yield _each(contract, lambda name: _encoded(_method(contract, descriptor, name), getattr(near, name)))
    elif how == "twice":
        yield _each(contract, lambda name: _twice(name, inspect.signature(getattr(service, name)), getattr(near, name)))
    elif how == "grpc":
        with tempfile.TemporaryDirectory(prefix="drivebay-") as folder:
            address = f"unix:{Path(folder) / 'service.sock'}"
            async with (
                rpc.serve(address, [(contract, descriptor, service)]),
                rpc.connect(contract, descriptor, address) as far,
            ):
                yield far
    else:
        raise ValueError(f"no way {how!r}; there are {WAYS}")


def _each(contract: type[T], make: Callable[[str], Callable[..., Any]]) -> T:
    delivered = type(f"Delivered{contract.__name__}", (), {})()
    for name in promised(contract):
        setattr(delivered, name, make(name))
    return cast("T", delivered)


def _method(contract: type, descriptor: ServiceDescriptor, name: str) -> Method:
    return next(method for method in methods(contract, descriptor) if method.name == name)


def _encoded(method: Method, function: Callable[..., Any]) -> Callable[..., Any]:
    async def call(*positional: Any, **named: Any) -> Any:
        bound = method.signature.bind(None, *positional, **named)
        bound.apply_defaults()
        try:
            answer = await function(*method.decode_request(method.encode_request(bound.args[1:])))
        except Error as error:
            raise unpack(pack(error)) from error
        return method.decode_response(method.encode_response(answer))

    return call


def _twice(name: str, signature: inspect.Signature, function: Callable[..., Any]) -> Callable[..., Any]:
    def promised_again(*positional: Any, **named: Any) -> bool:
        return name in REPEATABLE or signature.bind(*positional, **named).arguments.get("idempotency_key") is not None

    async def call(*positional: Any, **named: Any) -> Any:
        answer = await function(*positional, **named)
        if promised_again(*positional, **named):
            return await function(*positional, **named)
        with suppress(Error):
            await function(*positional, **named)
        return answer

    return call
