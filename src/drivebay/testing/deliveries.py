"""The ways in which a call can reach a service. The tests of a contract must give the same results with each of them.

- `direct`: a call in the same process, through the call guard of `rpc.call_guard`.
- `encoded`: arguments, results and errors are encoded and decoded, without a network.
- `grpc`: unary RPCs to a real server on a Unix socket.
- `stream`: a stream that all calls share, to a real server on a Unix socket.
- `twice`: each successful call is repeated with the same arguments, as after a lost response. If the contract says what
  a repeat returns (a method of `REPEATABLE`, or any call with an idempotency key), the caller gets the result or the
  error of the second call. Otherwise the caller gets the first result: the second call may fail (`trash_entry` raises
  NotFound) or create something new (`log_in`).
"""

from __future__ import annotations

import inspect
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final, TypeVar, cast

from google.protobuf.descriptor import ServiceDescriptor

from .. import rpc
from ..errors import Error
from ..rpc import local
from ..rpc.codec import RpcMethod, rpc_methods
from ..rpc.error_codec import decode_error, encode_error
from ..rpc.type_hints import contract_methods

T = TypeVar("T")
DELIVERIES: Final = ("direct", "encoded", "grpc", "stream", "twice")
REPEATABLE: Final = frozenset(
    {
        "abort_multipart",
        "abort_upload",
        "assemble_parts",
        "clean_staging",
        "complete_upload",
        "complete_uploads",
        "dead_letter",
        "delete_objects",
        "delete_partial_parts",
        "empty_drive",
        "end_sessions",
        "log_out",
        "open_parts",
        "resize_upload",
        "write_part",
    }
)
"""Methods whose contract says that a repeat returns the same result and no error."""


@asynccontextmanager
async def deliver(delivery: str, contract: type[T], descriptor: ServiceDescriptor, service: T) -> AsyncIterator[T]:
    """Yield an object with the methods of a contract. Its calls reach `service` by this `delivery`."""
    direct = local.connect(contract, service)
    if delivery == "direct":
        yield direct
    elif delivery == "encoded":
        encoded = {method.name: method for method in rpc_methods(cast("type", contract), descriptor)}
        yield _client(contract, lambda name: _call_encoded(encoded[name], getattr(direct, name)))
    elif delivery == "twice":
        signatures = {name: inspect.signature(getattr(service, name)) for name in contract_methods(contract)}
        yield _client(contract, lambda name: _call_twice(name, signatures[name], getattr(direct, name)))
    elif delivery in ("grpc", "stream"):
        connect = rpc.connect if delivery == "stream" else rpc.connect_unary
        with tempfile.TemporaryDirectory(prefix="drivebay-") as folder:
            address = f"unix:{Path(folder) / 'service.sock'}"
            async with (
                rpc.serve(address, [(contract, descriptor, service)]),
                connect(contract, descriptor, address) as remote,
            ):
                yield remote
    else:
        raise ValueError(f"there is no delivery {delivery!r}, only {DELIVERIES}")


def _client(contract: type[T], method: Callable[[str], Callable[..., Any]]) -> T:
    client = type(f"Delivered{contract.__name__}", (), {})()
    for name in contract_methods(contract):
        setattr(client, name, method(name))
    return cast("T", client)


def _call_encoded(method: RpcMethod, function: Callable[..., Any]) -> Callable[..., Any]:
    async def call(*positional: Any, **named: Any) -> Any:
        bound = method.signature.bind(None, *positional, **named)
        bound.apply_defaults()
        try:
            result = await function(*method.decode_request(method.encode_request(bound.args[1:])))
        except Error as error:
            raise decode_error(encode_error(error)) from error
        return method.decode_response(method.encode_response(result))

    return call


def _call_twice(name: str, signature: inspect.Signature, function: Callable[..., Any]) -> Callable[..., Any]:
    def is_repeatable(*positional: Any, **named: Any) -> bool:
        return name in REPEATABLE or signature.bind(*positional, **named).arguments.get("idempotency_key") is not None

    async def call(*positional: Any, **named: Any) -> Any:
        result = await function(*positional, **named)
        if is_repeatable(*positional, **named):
            return await function(*positional, **named)
        with suppress(Error):
            await function(*positional, **named)
        return result

    return call
