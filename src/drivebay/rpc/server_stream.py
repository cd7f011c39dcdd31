"""Reads a server stream of a gRPC server of another product, as bytes. The caller parses the messages.

Contracts have no streams. This module is for the events of a store.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import grpc
import grpc.aio

from ..errors import Unavailable

# A stream may be silent for hours, so only a missing response to a ping shows that the server is gone. Go servers close
# connections that ping more often than once a minute.
_OPTIONS: Final = (
    ("grpc.keepalive_time_ms", 65_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.http2.ping_timeout_ms", 10_000),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.max_receive_message_length", 64 * 2**20),
    ("grpc.use_local_subchannel_pool", 1),
    # The environment may name a proxy for the web. The store is called directly.
    ("grpc.enable_http_proxy", 0),
)


@asynccontextmanager
async def server_stream(
    address: str, method: str, request: bytes, *, connect_within: float = 5.0
) -> AsyncIterator[AsyncIterator[bytes]]:
    """Connect to `address` (`host:port` or `unix:/path`), call `method` (`/package.Service/Name`), yield the messages.

    The connection exists inside the block, and leaving the block ends the call. The iterator never ends normally.

    Raises Unavailable if there is no connection within `connect_within` seconds, and while reading if the server ends
    the stream or is gone.
    """
    async with _connect(address, connect_within) as channel:
        call = channel.unary_stream(method)(request)
        try:
            yield _messages(call, address)
        finally:
            call.cancel()


async def check_connection(address: str, *, connect_within: float = 5.0) -> None:
    """Connect to a gRPC server and disconnect. Raises Unavailable after `connect_within` seconds."""
    async with _connect(address, connect_within):
        pass


@asynccontextmanager
async def _connect(address: str, within: float) -> AsyncIterator[grpc.aio.Channel]:
    async with grpc.aio.insecure_channel(address, options=_OPTIONS) as channel:
        try:
            async with asyncio.timeout(within):
                await channel.channel_ready()
        except (TimeoutError, grpc.aio.UsageError) as error:
            raise Unavailable(f"cannot connect to {address} within {within:g} s") from error
        yield channel


async def _messages(call: grpc.aio.UnaryStreamCall[bytes, bytes], address: str) -> AsyncIterator[bytes]:
    try:
        async for message in call:
            yield message
    except grpc.aio.AioRpcError as error:
        raise Unavailable(f"the stream from {address} failed with the status {error.code().name}") from error
    raise Unavailable(f"{address} ended the stream")
