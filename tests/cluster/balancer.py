"""A load balancer for TCP connections on loopback, as HAProxy or a cloud has them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import httpx


@dataclass
class Balancer:
    """Passes each connection to a server that is ready. It requests `health` of each server five times a second.

    A server is ready if it answers with 200. If no server is ready, a connection goes to any of them.
    """

    ports: tuple[int, ...]
    health: str
    port: int = 0
    ready: set[int] = field(default_factory=set)
    _next: int = 0
    _open: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def url(self) -> str:
        """The URL of the balancer."""
        return f"http://127.0.0.1:{self.port}"

    async def all_are_ready(self) -> bool:
        """Return whether the balancer uses every server."""
        return self.ready == set(self.ports)

    async def check(self) -> None:
        """Check the servers until cancelled."""
        async with httpx.AsyncClient(timeout=5) as http:
            while True:
                await asyncio.gather(*(self._check_one(http, port) for port in self.ports))
                await asyncio.sleep(0.2)

    async def _check_one(self, http: httpx.AsyncClient, port: int) -> None:
        try:
            is_ready = (await http.get(f"http://127.0.0.1:{port}{self.health}")).status_code == 200
        except httpx.HTTPError:
            is_ready = False
        (self.ready.add if is_ready else self.ready.discard)(port)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass one connection on."""
        candidates = sorted(self.ready) or list(self.ports)
        self._next += 1
        port = candidates[self._next % len(candidates)]
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            upstream, to_upstream = await asyncio.open_connection("127.0.0.1", port)
            try:
                await asyncio.gather(_pass_on(reader, to_upstream), _pass_on(upstream, writer))
            finally:
                to_upstream.transport.abort()
        except (OSError, asyncio.CancelledError):
            # `close` cancels the task of a connection. The cancellation ends here.
            writer.transport.abort()
        finally:
            self._open.discard(task)
            writer.close()

    async def close(self) -> None:
        """Close all connections."""
        tasks = tuple(self._open)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks)


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
        writer.write_eof()


@asynccontextmanager
async def run(ports: tuple[int, ...], health: str) -> AsyncIterator[Balancer]:
    """Run a balancer on a free port."""
    balancer = Balancer(ports, health)
    server = await asyncio.start_server(balancer.serve, "127.0.0.1", 0)
    balancer.port = server.sockets[0].getsockname()[1]
    checking = asyncio.create_task(balancer.check())
    try:
        yield balancer
    finally:
        checking.cancel()
        await asyncio.wait([checking])
        server.close()
        await balancer.close()
