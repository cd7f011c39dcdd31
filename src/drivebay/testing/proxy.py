"""A TCP proxy that injects network faults: delay, stall, reset, lost responses, corrupted bytes.

It runs between any two processes, on loopback ports or Unix sockets. A fault applies to all open and new connections.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

_CHUNK = 64 * 1024
"""Bytes that are read and forwarded together."""
Address = tuple[str, int] | Path


@dataclass(eq=False)
class Proxy:
    """A running proxy, made by `run`. Set the attributes at any time to start or end a fault.

    - `delay`: seconds before each chunk is forwarded, in both directions.
    - `stalled`: nothing is forwarded, and connections stay open.
    - `drop_responses`: requests are forwarded and responses are discarded.
    - `drop_requests`: responses are forwarded and requests are discarded.
    - `refuse`: new connections are closed immediately.
    - `cut_after`: the number of bytes after which a connection is reset. None: never.
    - `corrupt_after`: the number of further bytes after which one bit of one byte is flipped, once. None: never.
    - `passed`: the number of bytes forwarded so far.
    """

    upstream: Address
    address: Address
    delay: float = 0.0
    stalled: bool = False
    drop_responses: bool = False
    drop_requests: bool = False
    refuse: bool = False
    cut_after: int | None = None
    corrupt_after: int | None = None
    passed: int = 0
    _open: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def host_port(self) -> str:
        """The address of the proxy as `host:port`."""
        assert isinstance(self.address, tuple)
        return f"{self.address[0]}:{self.address[1]}"

    def cut(self) -> int:
        """Reset all open connections and return their number."""
        count = len(self._open)
        for task in self._open:
            task.cancel()
        return count

    def heal(self) -> None:
        """End all faults. After a fault that may have lost bytes, reset all open connections."""
        if self.stalled or self.drop_responses or self.drop_requests or self.cut_after is not None:
            self.cut()
        self.delay, self.stalled, self.refuse = 0.0, False, False
        self.drop_responses, self.drop_requests = False, False
        self.cut_after, self.corrupt_after = None, None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            if not self.refuse:
                await self._forward(reader, writer)
        except (OSError, asyncio.CancelledError):
            # `cut` cancels the task of a connection. The cancellation ends here.
            writer.transport.abort()
        finally:
            self._open.discard(task)
            writer.close()

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if isinstance(self.upstream, Path):
            upstream_reader, upstream_writer = await asyncio.open_unix_connection(str(self.upstream))
        else:
            upstream_reader, upstream_writer = await asyncio.open_connection(*self.upstream)
        passed = [0]  # bytes in both directions
        requests = asyncio.create_task(self._pump(reader, upstream_writer, passed, are_responses=False))
        responses = asyncio.create_task(self._pump(upstream_reader, writer, passed, are_responses=True))
        try:
            await asyncio.gather(requests, responses)
        finally:
            requests.cancel()
            responses.cancel()
            upstream_writer.transport.abort()

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, passed: list[int], *, are_responses: bool
    ) -> None:
        while chunk := await reader.read(_CHUNK):
            if self.delay:
                await asyncio.sleep(self.delay)
            while self.stalled:  # noqa: ASYNC110 - it ends with the connection
                await asyncio.sleep(0.05)
            if self.drop_responses if are_responses else self.drop_requests:
                continue
            passed[0] += len(chunk)
            if self.cut_after is not None and passed[0] > self.cut_after:
                raise ConnectionResetError("cut")
            self.passed += len(chunk)
            writer.write(self._corrupt(chunk))
            await writer.drain()
        with suppress(OSError, RuntimeError):  # the other end may be closed already
            writer.write_eof()

    def _corrupt(self, chunk: bytes) -> bytes:
        if self.corrupt_after is None:
            return chunk
        at, self.corrupt_after = self.corrupt_after, self.corrupt_after - len(chunk)
        if at >= len(chunk):
            return chunk
        self.corrupt_after = None
        return chunk[:at] + bytes([chunk[at] ^ 1]) + chunk[at + 1 :]


@asynccontextmanager
async def run(upstream: Address, listen: Path | None = None) -> AsyncIterator[Proxy]:
    """Run a proxy to `upstream` on a free loopback port, or on the Unix socket `listen`."""
    proxy = Proxy(upstream, listen or ("127.0.0.1", 0))
    if listen is not None:
        server = await asyncio.start_unix_server(proxy._serve, str(listen))
    else:
        server = await asyncio.start_server(proxy._serve, "127.0.0.1", 0)
        proxy.address = server.sockets[0].getsockname()[:2]
    try:
        yield proxy
    finally:
        server.close()
        proxy.refuse = True
        while proxy._open:  # a connection that was accepted just before joins them later
            proxy.cut()
            await asyncio.sleep(0.01)
