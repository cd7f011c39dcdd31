"""A TCP proxy that does to connections what networks do: delay, cut, fall silent, lose the answer.

It stands between any two parts, on loopback ports or Unix sockets, and passes bytes until it is told
otherwise. What it does to a connection it does to all that are open and to those that come.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

_CHUNK = 64 * 1024
Address = tuple[str, int] | Path


@dataclass(eq=False)
class Proxy:
    """Made by `run`. The attributes may be set at any time.

    `delay` seconds pass before each chunk, in both directions. `silent`: nothing passes, connections stay
    open. `deaf`: requests pass and answers are thrown away. `refuse`: new connections are closed at once.
    `cut_after`: a connection is reset once so many bytes have passed through it; None for never. `spoil`: one
    byte is changed, once, after so many more have passed; None for never. `passed` counts all bytes that have.
    """

    upstream: Address
    address: Address
    delay: float = 0.0
    silent: bool = False
    deaf: bool = False
    refuse: bool = False
    cut_after: int | None = None
    spoil: int | None = None
    passed: int = 0
    _open: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def host_port(self) -> str:
        """Where it listens, as `host:port`."""
        assert isinstance(self.address, tuple)
        return f"{self.address[0]}:{self.address[1]}"

    def cut(self) -> int:
        """Reset every open connection; how many there were."""
        count = len(self._open)
        for task in self._open:
            task.cancel()
        return count

    def heal(self) -> None:
        """Pass everything again. Connections that lost bytes are cut: nobody could use them any more."""
        if self.silent or self.deaf or self.cut_after is not None:
            self.cut()
        self.delay, self.silent, self.deaf, self.refuse, self.cut_after = 0.0, False, False, False, None
        self.spoil = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            if not self.refuse:
                await self._join(reader, writer)
        except (OSError, asyncio.CancelledError):
            # A cancelled connection is one that was cut: it ends here and takes nobody along.
            writer.transport.abort()
        finally:
            self._open.discard(task)
            writer.close()

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if isinstance(self.upstream, Path):
            there_reader, there_writer = await asyncio.open_unix_connection(str(self.upstream))
        else:
            there_reader, there_writer = await asyncio.open_connection(*self.upstream)
        passed = [0]
        there = asyncio.create_task(self._pump(reader, there_writer, passed, answers=False))
        back = asyncio.create_task(self._pump(there_reader, writer, passed, answers=True))
        try:
            await asyncio.gather(there, back)
        finally:
            there.cancel()
            back.cancel()
            there_writer.transport.abort()

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, passed: list[int], *, answers: bool
    ) -> None:
        while chunk := await reader.read(_CHUNK):
            if self.delay:
                await asyncio.sleep(self.delay)
            while self.silent:  # noqa: ASYNC110 - it ends with the connection
                await asyncio.sleep(0.05)
            if answers and self.deaf:
                continue
            passed[0] += len(chunk)
            if self.cut_after is not None and passed[0] > self.cut_after:
                raise ConnectionResetError("cut")
            self.passed += len(chunk)
            writer.write(self._spoilt(chunk))
            await writer.drain()
        with suppress(OSError, RuntimeError):  # the other end may be closed already
            writer.write_eof()

    def _spoilt(self, chunk: bytes) -> bytes:
        if self.spoil is None:
            return chunk
        at, self.spoil = self.spoil, self.spoil - len(chunk)
        if at >= len(chunk):
            return chunk
        self.spoil = None
        return chunk[:at] + bytes([chunk[at] ^ 1]) + chunk[at + 1 :]


@asynccontextmanager
async def run(upstream: Address, listen: Path | None = None) -> AsyncIterator[Proxy]:
    """A proxy to `upstream`, at a free loopback port, or at the Unix socket `listen`."""
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
        proxy.cut()
        while proxy._open:  # noqa: ASYNC110 - cancelled tasks end by themselves
            await asyncio.sleep(0.01)
