"""Serving contracts over gRPC.

A server listens on a Unix socket that only its user can open, on loopback, or at any address with mutual TLS. A client
sends the deadline, the request id and the trace context with each call. The server returns the errors of the service to
the client.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, cast

import grpc
import grpc.aio
import structlog
from google.protobuf.descriptor import ServiceDescriptor
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from ..errors import Error, Unavailable
from ..proto import MULTIPLEX
from . import listen_address
from .call_context import caller_context
from .call_guard import CallGuard, Side, method_timeout
from .codec import MAX_MESSAGE_SIZE, RpcMethod, rpc_methods
from .conformance import Mismatch, compare
from .error_codec import TRAILER, encode_error, grpc_status, status_detail
from .msgpack_codec import msgpack_methods
from .multiplex_server import MultiplexServer, StreamedContract, StreamedMethod
from .tls import Identity, certificate_names, is_allowed

log = structlog.get_logger(__name__)

ServedContract = tuple[type[Any], ServiceDescriptor, Any]
"""A contract, the proto service that mirrors it, and the service object that implements it."""

_STOP_TIMEOUT: Final = 3.0
"""Seconds that running calls may still take when a server stops."""
_OPTIONS: Final = (
    ("grpc.max_receive_message_length", MAX_MESSAGE_SIZE),
    ("grpc.max_send_message_length", MAX_MESSAGE_SIZE),
    ("grpc.so_reuseport", 0),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
)
# With TLS, one name may resolve to several processes, which change over time. A client resolves the name again when a
# server ends an old connection.
_TLS_OPTIONS: Final = (("grpc.max_connection_age_ms", 300_000), ("grpc.max_connection_age_grace_ms", 60_000))
_MAX_STREAM_AGE: Final = 30.0
"""The number of seconds after which a stream over TLS is drained, so that the next stream may go to another process.
The time is shorter than the grace of an old connection, so no stream is cut off."""


@asynccontextmanager
async def serve(
    address: str,
    served: Sequence[ServedContract],
    *,
    timeouts: Mapping[str, float] | None = None,
    identity: Identity | None = None,
    callers: frozenset[str] = frozenset(),
) -> AsyncIterator[str]:
    """Serve contracts at `unix:/path` or `host:port` (port 0: any free port). Yield the address for clients.

    `timeouts` are seconds by method. Other methods have `DEFAULT_TIMEOUT`. With an `identity`, a `host:port` uses TLS,
    and only clients whose certificate has one of the names in `callers` may call. Without an `identity`, the
    address must be local.

    Raises ValueError for an address that is not allowed, OSError if it is in use, Mismatch.
    """
    for contract, descriptor, _ in served:
        if differences := compare(cast("type", contract), descriptor):
            raise Mismatch(*differences)
    target = listen_address.prepare(address, with_tls=identity is not None)
    if target.startswith("unix:"):
        identity = None
    server = grpc.aio.server(options=_OPTIONS if identity is None else _OPTIONS + _TLS_OPTIONS)
    services = [descriptor.full_name for _, descriptor, _ in served]
    for contract, descriptor, service in served:
        handlers = _handlers(contract, descriptor, service, timeouts, callers if identity else None)
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(descriptor.full_name, handlers),))
    multiplex = _multiplex_server(served, timeouts, callers if identity else None)
    server.add_generic_rpc_handlers((multiplex.rpc_handlers(),))
    health_service = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(health_service, server)
    names = (*services, MULTIPLEX.full_name, health.SERVICE_NAME, reflection.SERVICE_NAME)
    reflection.enable_server_reflection(names, server)
    port = listen_address.bind(server, target, identity)
    await server.start()
    for name in ("", *services):
        await health_service.set(name, health_pb2.HealthCheckResponse.SERVING)
    try:
        yield address if target.startswith("unix:") else f"{target.rpartition(':')[0]}:{port}"
    finally:
        await health_service.enter_graceful_shutdown()
        multiplex.drain()  # guard: stream-drain
        # gRPC removes its socket first, and only gRPC may do it: while the last calls finish, the next server may
        # already listen at the same path.
        await server.stop(_STOP_TIMEOUT)


def _multiplex_server(
    served: Sequence[ServedContract], timeouts: Mapping[str, float] | None, callers: frozenset[str] | None
) -> MultiplexServer:
    contracts = {
        descriptor.full_name: StreamedContract(
            contract,
            {
                name: StreamedMethod(
                    codec,
                    getattr(service, name),
                    CallGuard(Side.SERVER, contract.__name__, name, method_timeout(timeouts, name)),
                )
                for name, codec in msgpack_methods(cast("Any", contract)).items()
            },
        )
        for contract, descriptor, service in served
    }
    return MultiplexServer(contracts, callers, max_age=None if callers is None else _MAX_STREAM_AGE)


def _handlers(
    contract: type,
    descriptor: ServiceDescriptor,
    service: Any,
    timeouts: Mapping[str, float] | None,
    callers: frozenset[str] | None,
) -> dict[str, grpc.RpcMethodHandler]:
    return {
        method.rpc: grpc.unary_unary_rpc_method_handler(
            _handler(
                method,
                getattr(service, method.name),
                CallGuard(Side.SERVER, contract.__name__, method.name, method_timeout(timeouts, method.name)),
                callers,
            )
        )
        for method in rpc_methods(contract, descriptor)
    }


def _handler(
    method: RpcMethod, function: Callable[..., Any], guard: CallGuard, callers: frozenset[str] | None
) -> Callable[..., Any]:
    async def handle(request: bytes, call: grpc.aio.ServicerContext[Any, Any]) -> bytes:
        async def work() -> bytes:
            return method.encode_response(await function(*method.decode_request(request)))

        if callers is not None and not is_allowed(call.auth_context(), callers):  # guard: caller-name
            names = certificate_names(call.auth_context())
            log.warning("caller_refused", call=guard.name, names=names, peer=call.peer())
            await call.abort(grpc.StatusCode.PERMISSION_DENIED, "no name in the certificate may call this service")
        metadata = {name: value for name, value in call.invocation_metadata() or () if isinstance(value, str)}
        remaining = call.time_remaining()
        timeout = guard.timeout if remaining is None else min(remaining, guard.timeout)
        try:
            with caller_context(metadata):
                return cast("bytes", await guard.run(work, timeout))
        except Error as error:
            service_error = error
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            # Without an error, the caller would wait for its deadline.
            service_error = Unavailable("the service cancelled the call")
        await call.abort(
            grpc_status(service_error), status_detail(service_error), ((TRAILER, encode_error(service_error)),)
        )
        raise AssertionError("abort always raises")

    return handle
