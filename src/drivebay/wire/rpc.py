"""Any contract over gRPC: `serve` puts a service object behind an address, `connect` reaches one.

Errors cross unchanged. Deadlines, the request id and the trace go along. A server listens on a Unix socket
that only its user can open, on loopback, or anywhere with TLS in which both ends prove who they are.
"""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import os
import socket
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar, cast

import grpc
import grpc.aio
import structlog
from google.protobuf.descriptor import ServiceDescriptor
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection
from opentelemetry import context, propagate

from .. import tracing
from ..errors import Error, Internal, Unavailable
from .call import Door, left, method_deadline
from .failure import TRAILER, from_transport, pack, said, status
from .shape import LARGEST, Method, compare, methods, promised
from .tls import Identity, allowed, names

log = structlog.get_logger(__name__)

T = TypeVar("T")
Served = tuple[type[Any], ServiceDescriptor, Any]
"""A contract, the proto service that mirrors it, and the object that keeps its promises."""

_REQUEST_ID: Final = "x-request-id"
_GRACE: Final = 3.0
_LONGEST_PATH: Final = 103
"""Bytes of a Unix socket's path that every system takes."""
_LAST_PORT: Final = 65_535
_SERVER: Final = (
    ("grpc.max_receive_message_length", LARGEST),
    ("grpc.max_send_message_length", LARGEST),
    ("grpc.so_reuseport", 0),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
)
_CLIENT: Final = (
    ("grpc.max_receive_message_length", LARGEST),
    ("grpc.max_send_message_length", LARGEST),
    # A peer that vanished is noticed after 15 s, one that restarted is found again at once. The ping's own
    # timeout has to be said too: gRPC waits for the longer one, and left alone that is a minute.
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.http2.ping_timeout_ms", 5_000),
    ("grpc.initial_reconnect_backoff_ms", 100),
    # Named for the gap, it is also how long an attempt to connect may take: a busy machine needs a moment.
    ("grpc.min_reconnect_backoff_ms", 3_000),
    ("grpc.max_reconnect_backoff_ms", 1_000),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.use_local_subchannel_pool", 1),
    # A peer is local; the environment may name a proxy for the web.
    ("grpc.enable_http_proxy", 0),
)
# Far from this machine a name may stand for several processes, and for others after a while: callers go to
# each in turn, and look the name up anew whenever a server ends an old connection.
_FAR_SERVER: Final = (("grpc.max_connection_age_ms", 300_000), ("grpc.max_connection_age_grace_ms", 60_000))
_FAR_CLIENT: Final = (("grpc.lb_policy_name", "round_robin"), ("grpc.dns_min_time_between_resolutions_ms", 1_000))


class Mismatch(Exception):
    """A contract and its proto differ; each argument is one difference."""


# -- serving --------------------------------------------------------------------------------------


@asynccontextmanager
async def serve(
    address: str,
    served: Sequence[Served],
    *,
    deadlines: Mapping[str, float] | None = None,
    identity: Identity | None = None,
    callers: frozenset[str] = frozenset(),
) -> AsyncIterator[str]:
    """Serve at `unix:/path` or `host:port` (0 picks a port); the address that clients use.

    With an `identity` a `host:port` speaks TLS and lets in only `callers`, by the names in their
    certificates. Without one it must be loopback. Raises ValueError for an address that is not local,
    OSError when it is taken, Mismatch.
    """
    for contract, descriptor, _ in served:
        if differences := compare(contract, descriptor):
            raise Mismatch(*differences)
    target = _prepared(address, secured=identity is not None)
    if target.startswith("unix:"):
        identity = None
    server = grpc.aio.server(options=_SERVER if identity is None else _SERVER + _FAR_SERVER)
    services = [descriptor.full_name for _, descriptor, _ in served]
    for contract, descriptor, service in served:
        handlers = _handlers(contract, descriptor, service, deadlines, callers if identity else None)
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(descriptor.full_name, handlers),))
    healthy = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(healthy, server)
    reflection.enable_server_reflection((*services, health.SERVICE_NAME, reflection.SERVICE_NAME), server)
    port = _bind(server, target, address, identity)
    await server.start()
    for name in ("", *services):
        await healthy.set(name, health_pb2.HealthCheckResponse.SERVING)
    bound = address if target.startswith("unix:") else f"{target.rpartition(':')[0]}:{port}"
    try:
        yield bound
    finally:
        await healthy.enter_graceful_shutdown()
        # gRPC removes its socket first of all. Nobody else may: while the last calls run out, a successor
        # may already listen at the same path.
        await server.stop(_GRACE)


def _prepared(address: str, *, secured: bool) -> str:
    """The address as gRPC takes it; for a socket, the way there made private and swept."""
    if not address.startswith("unix:"):
        return address if secured else _loopback(address)
    path = Path(address.removeprefix("unix:"))
    if not path.name:
        raise ValueError(f"{address!r} names no socket: unix:/path")
    if len(os.fsencode(path)) > _LONGEST_PATH:
        raise ValueError(f"{path} is too long for a socket: {_LONGEST_PATH} bytes at most")
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if path.exists():
        if not path.is_socket() or _is_alive(path):
            raise OSError(errno.EADDRINUSE, f"{path} is in use")
        path.unlink()  # left behind by a process that was killed
    return f"unix:{path}"


def _is_alive(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(1)
        try:
            probe.connect(str(path))
        except (ConnectionRefusedError, FileNotFoundError):
            return False
        except OSError:
            return True  # a queue that is full has an owner, though a slow one
        return True


def _bind(server: grpc.aio.Server, target: str, address: str, identity: Identity | None) -> int:
    # The socket must never be open to others, not even between its making and a chmod.
    before = os.umask(0o177)
    try:
        if identity is not None:
            return int(server.add_secure_port(target, identity.server()))
        return int(server.add_insecure_port(target))
    except RuntimeError as error:
        raise OSError(errno.EADDRINUSE, f"cannot listen at {address}") from error
    finally:
        os.umask(before)


def _loopback(address: str) -> str:
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    try:
        local = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        local = False
    if not local or not port.isdecimal():
        raise ValueError(
            f"{address!r} is not local: without TLS a service listens at unix:/path or on loopback "
            "(127.0.0.1:port), because what comes in is not authenticated"
        )
    if int(port) > _LAST_PORT:  # gRPC would listen at what is left of it in 16 bits
        raise ValueError(f"{address!r} has no such port: 0 to {_LAST_PORT}")
    return address


def _handlers(
    contract: type,
    descriptor: ServiceDescriptor,
    service: Any,
    deadlines: Mapping[str, float] | None,
    callers: frozenset[str] | None,
) -> dict[str, grpc.RpcMethodHandler]:
    return {
        method.rpc: grpc.unary_unary_rpc_method_handler(
            _handler(
                method,
                getattr(service, method.name),
                Door("server", contract.__name__, method.name, method_deadline(deadlines, method.name)),
                callers,
            )
        )
        for method in methods(contract, descriptor)
    }


def _handler(
    method: Method, function: Callable[..., Any], door: Door, callers: frozenset[str] | None
) -> Callable[..., Any]:
    async def handle(request: bytes, call: grpc.aio.ServicerContext[Any, Any]) -> bytes:
        async def work() -> bytes:
            return method.encode_response(await function(*method.decode_request(request)))

        if callers is not None and not allowed(call.auth_context(), callers):
            log.warning("caller_refused", call=door.name, names=names(call.auth_context()), peer=call.peer())
            await call.abort(grpc.StatusCode.PERMISSION_DENIED, "the certificate names nobody who may call this")
        incoming = {name: value for name, value in call.invocation_metadata() or () if isinstance(value, str)}
        remaining = call.time_remaining()
        deadline = door.deadline if remaining is None else min(remaining, door.deadline)
        try:
            with _origin(incoming):
                return cast("bytes", await door.pass_through(work, deadline))
        except Error as error:
            failure = error
        await call.abort(status(failure), said(failure), ((TRAILER, pack(failure)),))
        raise AssertionError("abort always raises")

    return handle


@contextmanager
def _origin(incoming: Mapping[str, str]) -> Iterator[None]:
    """The caller's request id and trace, for as long as its call lasts."""
    # A call's task inherits the context of whoever started the server, and that is not who calls.
    structlog.contextvars.clear_contextvars()
    if request_id := incoming.get(_REQUEST_ID):
        structlog.contextvars.bind_contextvars(request_id=request_id)
    if not tracing.on():
        yield
        return
    token = context.attach(propagate.extract(incoming, context.Context()))
    try:
        yield
    finally:
        context.detach(token)


# -- calling --------------------------------------------------------------------------------------


@asynccontextmanager
async def connect(
    contract: type[T],
    descriptor: ServiceDescriptor,
    address: str,
    *,
    deadlines: Mapping[str, float] | None = None,
    identity: Identity | None = None,
) -> AsyncIterator[T]:
    """The contract's methods over one channel. Nobody needs to be there yet. Raises Mismatch.

    With an `identity` a `host:port` is reached over TLS, and must show a certificate with the service's name.
    """
    if differences := compare(contract, descriptor):
        raise Mismatch(*differences)
    async with _channel(address, contract.__name__.lower(), identity) as channel:
        far = type(f"Far{contract.__name__}", (), {})()
        for method in methods(cast("type", contract), descriptor):
            door = Door("client", contract.__name__, method.name, method_deadline(deadlines, method.name))
            setattr(far, method.name, _caller(channel, method, door, contract.__name__, address))
        yield cast("T", far)


def _channel(address: str, name: str, identity: Identity | None) -> grpc.aio.Channel:
    if identity is None or address.startswith("unix:"):
        return grpc.aio.insecure_channel(address, options=_CLIENT)
    # The name is the service's, wherever it runs: an address may be of a load balancer.
    options = (*_CLIENT, *_FAR_CLIENT, ("grpc.ssl_target_name_override", name))
    return grpc.aio.secure_channel(address, identity.client(), options=options)


def _caller(channel: grpc.aio.Channel, method: Method, door: Door, service: str, address: str) -> Callable[..., Any]:
    invoke = channel.unary_unary(method.path)
    count = len(method.signature.parameters) - 1

    async def call(*positional: Any, **named: Any) -> Any:
        async def work() -> Any:
            arguments = positional
            if named or len(positional) != count:
                bound = method.signature.bind(None, *positional, **named)
                bound.apply_defaults()
                arguments = bound.args[1:]
            return await _send(invoke, method.encode_request(arguments), method, door.deadline, service, address)

        return await door.pass_through(work)

    return call


async def _send(
    invoke: Callable[..., Any], request: bytes, method: Method, deadline: float, service: str, address: str
) -> Any:
    try:
        answer = await invoke(request, timeout=max(0.001, left(deadline)), metadata=_metadata())
    except grpc.aio.AioRpcError as error:
        raise from_transport(error, service, address) from None
    except (grpc.aio.UsageError, asyncio.InvalidStateError) as error:
        raise Unavailable(f"the channel to {service} at {address} is closed") from error
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        # Nobody cancelled us: closing a channel cancels the calls on it.
        raise Unavailable(f"the channel to {service} at {address} was closed meanwhile") from None
    try:
        return method.decode_response(answer)
    except Error as error:
        raise Internal(f"{service} at {address} sent an answer of another shape: {error.detail}") from error


def _metadata() -> tuple[tuple[str, str], ...]:
    metadata: dict[str, str] = {}
    if tracing.on():
        propagate.inject(metadata)
    request_id = structlog.contextvars.get_contextvars().get("request_id")
    # gRPC refuses a whole call for a header that is not plain text.
    if isinstance(request_id, str) and request_id.isascii() and request_id.isprintable() and request_id:
        metadata[_REQUEST_ID] = request_id
    return tuple(metadata.items())


def missing(contract: type[T], setting: str) -> T:
    """A stand-in for a service that nobody said where to find."""
    absent = type(f"Missing{contract.__name__}", (), {})()
    for name in promised(contract):
        setattr(absent, name, _refusal(contract.__name__, setting))
    return cast("T", absent)


def _refusal(service: str, setting: str) -> Callable[..., Any]:
    async def call(*_: Any, **__: Any) -> Any:
        raise Unavailable(f"this process has no {service.lower()} service and {setting} is not set")

    return call
