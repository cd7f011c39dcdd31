"""A stream of messages from a foreign gRPC server, as bytes: what they mean is the caller's business.

Our own contracts have no streams; this is for a store that tells what happens in it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import grpc
import grpc.aio

from ..errors import Unavailable

# A stream may be silent for hours, so a peer that is gone without a word shows only by its missing pings.
# Go servers hang up on clients that ping more often than once a minute.
_OPTIONS: Final = (
    ("grpc.keepalive_time_ms", 65_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.http2.ping_timeout_ms", 10_000),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.max_receive_message_length", 64 * 2**20),
    ("grpc.use_local_subchannel_pool", 1),
    # A store is reached directly; the environment may name a proxy for the web.
    ("grpc.enable_http_proxy", 0),
)


@asynccontextmanager
async def server_stream(
    address: str, method: str, request: bytes, *, connect_within: float = 5.0
) -> AsyncIterator[AsyncIterator[bytes]]:
    """Connect to `address` (`host:port` or `unix:/path`) and call `method` (`/package.Service/Name`).

    Inside the block the connection stands and the messages can be read, one at a time and without an end
    of their own. Raises Unavailable: when nobody answers within `connect_within` seconds, and while
    reading when the server ends the stream or goes away. Leaving the block ends the call.
    """
    async with grpc.aio.insecure_channel(address, options=_OPTIONS) as channel:
        try:
            await asyncio.wait_for(channel.channel_ready(), timeout=connect_within)
        except (TimeoutError, grpc.aio.UsageError) as error:
            raise Unavailable(f"nobody answers at {address}") from error
        call = channel.unary_stream(method)(request)
        try:
            yield _messages(call, address)
        finally:
            call.cancel()


async def _messages(call: grpc.aio.UnaryStreamCall[bytes, bytes], address: str) -> AsyncIterator[bytes]:
    try:
        async for message in call:
            yield message
    except grpc.aio.AioRpcError as error:
        raise Unavailable(f"the stream from {address} broke off ({error.code().name})") from error
    raise Unavailable(f"{address} ended the stream")
