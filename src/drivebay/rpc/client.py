"""Clients of contracts that other processes serve over gRPC."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final, TypeVar, cast

import grpc
import grpc.aio
from google.protobuf.descriptor import ServiceDescriptor

from ..errors import Error, Internal, Unavailable
from .call_context import call_metadata
from .call_guard import CallGuard, Side, method_timeout, remaining_seconds
from .codec import MAX_MESSAGE_SIZE, RpcMethod, rpc_methods
from .conformance import Mismatch, compare
from .error_codec import from_rpc_error
from .msgpack_codec import MsgpackMethod, msgpack_methods
from .multiplex_client import Streams, open_streams
from .multiplex_client_stream import Peer
from .multiplex_frames import MAX_CALLS, MAX_PAYLOAD
from .tls import Identity
from .type_hints import contract_methods

T = TypeVar("T")

_OPTIONS: Final = (
    ("grpc.max_receive_message_length", MAX_MESSAGE_SIZE),
    ("grpc.max_send_message_length", MAX_MESSAGE_SIZE),
    # A server that vanished is noticed after 15 s. Both timeouts are needed: gRPC waits for the longer one, and the
    # default of `ping_timeout_ms` is a minute.
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.http2.ping_timeout_ms", 5_000),
    ("grpc.initial_reconnect_backoff_ms", 100),
    # Despite its name, this is also the timeout of an attempt to connect, which takes longer on a busy machine.
    ("grpc.min_reconnect_backoff_ms", 3_000),
    ("grpc.max_reconnect_backoff_ms", 1_000),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.use_local_subchannel_pool", 1),
    # The environment may name a proxy for the web. It must not get calls of our services.
    ("grpc.enable_http_proxy", 0),
)
# For an address that may stand for several processes: a list of addresses, or with TLS a name that resolves to several
# processes, which change over time. gRPC distributes the calls over all of them.
_SPREAD_OPTIONS: Final = (("grpc.lb_policy_name", "round_robin"), ("grpc.dns_min_time_between_resolutions_ms", 1_000))


@asynccontextmanager
async def connect(
    contract: type[T],
    descriptor: ServiceDescriptor,
    address: str,
    *,
    timeouts: Mapping[str, float] | None = None,
    identity: Identity | None = None,
) -> AsyncIterator[T]:
    """Yield the methods of a contract that is served at `address`. The server need not run yet.

    `address` may be several `ip:port` with commas, one for each process of the service.

    The calls share a stream to each process that has the service `Multiplex`. `timeouts` are seconds by method. Other
    methods have `DEFAULT_TIMEOUT`. With an `identity`, a `host:port` is called over TLS, and the certificate of the
    server must have the name of the service. Raises Mismatch.
    """
    service = contract.__name__
    address = _target(address)
    async with _channel(address, service.lower(), identity) as channel:  # guard: service-name
        spreads = _uses_tls(address, identity) or _names_several(address)
        peer = Peer(contract, descriptor.full_name, address, spreads=spreads)
        async with open_streams(channel, peer) as streams:
            yield _client(contract, descriptor, _Transport(channel, streams, address), timeouts)


@asynccontextmanager
async def connect_unary(
    contract: type[T],
    descriptor: ServiceDescriptor,
    address: str,
    *,
    timeouts: Mapping[str, float] | None = None,
    identity: Identity | None = None,
) -> AsyncIterator[T]:
    """Like `connect`, but send each call as a unary RPC, as clients in other languages and older releases do."""
    address = _target(address)
    async with _channel(address, contract.__name__.lower(), identity) as channel:
        yield _client(contract, descriptor, _Transport(channel, None, address), timeouts)


class _Transport:
    """The connection of one client to its service, which its methods share."""

    def __init__(self, channel: grpc.aio.Channel, streams: Streams | None, address: str) -> None:
        self.channel = channel
        self.streams = streams
        self.address = address
        self.in_flight = 0


def _client(
    contract: type[T], descriptor: ServiceDescriptor, transport: _Transport, timeouts: Mapping[str, float] | None
) -> T:
    if differences := compare(cast("type", contract), descriptor):
        raise Mismatch(*differences)
    service = contract.__name__
    client = type(f"Remote{service}", (), {})()
    streamed = msgpack_methods(cast("type", contract))
    for method in rpc_methods(cast("type", contract), descriptor):
        guard = CallGuard(Side.CLIENT, service, method.name, method_timeout(timeouts, method.name))
        unary = _UnaryMethod(transport.channel, method, service, transport.address)
        remote = _Method(unary, streamed[method.name], transport)
        setattr(client, method.name, _remote_method(remote, method.signature, guard))
    return cast("T", client)


def _channel(address: str, service: str, identity: Identity | None) -> grpc.aio.Channel:
    if identity is None or not _uses_tls(address, identity):
        spread = _SPREAD_OPTIONS if _names_several(address) else ()
        return grpc.aio.insecure_channel(address, options=(*_OPTIONS, *spread))
    # The certificate has the name of the service, while the address may belong to a load balancer.
    options = (*_OPTIONS, *_SPREAD_OPTIONS, ("grpc.ssl_target_name_override", service))
    return grpc.aio.secure_channel(address, identity.client_credentials(), options=options)


def _target(address: str) -> str:
    """Return an address in the form that gRPC accepts. gRPC accepts several addresses only if all are IPv4 or all are
    IPv6."""
    if "," not in address or address.startswith(("ipv4:", "ipv6:")):
        return address
    several = address.split(",")
    if not any(each.startswith("[") for each in several):
        return f"ipv4:{address}"
    # gRPC connects to a mapped address over IPv4.
    return "ipv6:" + ",".join(each if each.startswith("[") else _mapped(each) for each in several)


def _mapped(address: str) -> str:
    """Return `ip:port` with the IPv4 address as an IPv6 address (RFC 4291, 2.5.5.2)."""
    host, _, port = address.rpartition(":")
    return f"[::ffff:{host}]:{port}"


def _names_several(address: str) -> bool:
    return "," in address


def _uses_tls(address: str, identity: Identity | None) -> bool:
    return identity is not None and not address.startswith("unix:")


def _remote_method(method: _Method, signature: inspect.Signature, guard: CallGuard) -> Callable[..., Any]:
    count = len(signature.parameters) - 1

    async def call(*positional: Any, **named: Any) -> Any:
        async def work() -> Any:
            arguments = positional
            if named or len(positional) != count:
                bound = signature.bind(None, *positional, **named)
                bound.apply_defaults()
                arguments = bound.args[1:]
            return await method.call(arguments, remaining_seconds(guard.timeout))

        return await guard.run(work)

    return call


class _Method:
    """One method of a remote service. A call goes over a stream if one is open, else as a unary RPC."""

    def __init__(self, unary: _UnaryMethod, streamed: MsgpackMethod, transport: _Transport) -> None:
        self._unary = unary
        self._streamed = streamed
        self._streams = None if streamed.has_large_values else transport.streams
        self._transport = transport

    async def call(self, arguments: tuple[Any, ...], seconds: float) -> Any:
        """Call the method within `seconds` and return its result.

        Raises errors of the service, InvalidRequest (an argument cannot be encoded), Unavailable, and Internal (the
        response cannot be decoded).
        """
        if self._transport.in_flight >= MAX_CALLS:  # guard: calls-in-flight
            raise Unavailable(f"{MAX_CALLS} calls of {self._unary.title} are already in flight")
        self._transport.in_flight += 1
        try:
            return await self._send(arguments, seconds)
        finally:
            self._transport.in_flight -= 1

    async def _send(self, arguments: tuple[Any, ...], seconds: float) -> Any:
        stream = None if self._streams is None else self._streams.choose(self._streamed.name)
        if stream is None:
            return await self._unary.call(arguments, seconds)
        payload = self._streamed.encode_request(arguments)
        if len(payload) > MAX_PAYLOAD:  # guard: stream-payload
            return await self._unary.call(arguments, seconds)
        response = await stream.send(self._streamed.name, payload, seconds)
        try:
            return self._streamed.decode_response(response)
        except Error as error:
            raise Internal(f"{self._unary.title} sent an unexpected response: {error.detail}") from error


class _UnaryMethod:
    """One method of a remote service as a unary RPC."""

    def __init__(self, channel: grpc.aio.Channel, method: RpcMethod, service: str, address: str) -> None:
        self._invoke: Callable[..., Any] = channel.unary_unary(method.path)
        self._method = method
        self._service = service
        self._address = address
        self.title = f"{service} at {address}"

    async def call(self, arguments: tuple[Any, ...], seconds: float) -> Any:
        """Call the method within `seconds` and return its result.

        Raises errors of the service, InvalidRequest (an argument cannot be encoded), Unavailable, and Internal (the
        response cannot be decoded).
        """
        request = self._method.encode_request(arguments)
        try:
            response = await self._invoke(request, timeout=max(0.001, seconds), metadata=tuple(call_metadata().items()))
        except grpc.aio.AioRpcError as error:
            raise from_rpc_error(error, self._service, self._address) from None
        except (grpc.aio.UsageError, asyncio.InvalidStateError) as error:
            raise Unavailable(f"the channel to {self.title} is closed") from error
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            # This task was not cancelled: closing the channel cancelled the call.
            raise Unavailable(f"the channel to {self.title} was closed during the call") from None
        try:
            return self._method.decode_response(response)
        except Error as error:
            raise Internal(f"{self.title} sent an unexpected response: {error.detail}") from error


def unconfigured_client(contract: type[T], setting: str) -> T:
    """Return a stub for a service without an address. Every call raises Unavailable and names the missing setting."""
    service = contract.__name__

    async def call(*_: Any, **__: Any) -> Any:
        raise Unavailable(f"this process does not run the {service.lower()} service, and {setting} is not set")

    client = type(f"Missing{service}", (), {})()
    for name in contract_methods(contract):
        setattr(client, name, call)
    return cast("T", client)
