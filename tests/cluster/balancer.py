"""A load balancer for TCP connections on loopback, as HAProxy or a cloud has them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import httpx


@dataclass
class Balancer:
    """Passes each connection to a server that is ready. `checks` are the URL that it requests of the server on each
    port, five times a second.

    A server is ready if it answers with 200. If no server is ready, a connection goes to any of them. With
    `requires_ready`, such a connection is closed, and so are the connections to a server that is not ready any more.
    """

    checks: Mapping[int, str]
    requires_ready: bool = False
    port: int = 0
    ready: set[int] = field(default_factory=set)
    _next: int = 0
    _open: dict[asyncio.Task[None], int] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """The URL of the balancer."""
        return f"http://127.0.0.1:{self.port}"

    async def all_are_ready(self) -> bool:
        """Return whether the balancer uses every server."""
        return self.ready == set(self.checks)

    async def check(self) -> None:
        """Check the servers until cancelled. A server that hangs does not delay the checks of the others."""
        async with httpx.AsyncClient(timeout=5) as http, asyncio.TaskGroup() as tasks:
            for port, url in self.checks.items():
                tasks.create_task(self._check_one(http, port, url))

    async def _check_one(self, http: httpx.AsyncClient, port: int, url: str) -> None:
        while True:
            await self._check_once(http, port, url)
            await asyncio.sleep(0.2)

    async def _check_once(self, http: httpx.AsyncClient, port: int, url: str) -> None:
        try:
            is_ready = (await http.get(url)).status_code == 200
        except httpx.HTTPError:
            is_ready = False
        (self.ready.add if is_ready else self.ready.discard)(port)
        if self.requires_ready and not is_ready:
            for task in [task for task, to in self._open.items() if to == port]:
                task.cancel()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass one connection on."""
        candidates = sorted(self.ready or (() if self.requires_ready else self.checks))
        if not candidates:
            writer.close()
            return
        self._next += 1
        port = candidates[self._next % len(candidates)]
        task = asyncio.current_task()
        assert task is not None
        self._open[task] = port
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
            del self._open[task]
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


def health_checks(ports: Iterable[int], path: str) -> dict[int, str]:
    """Return the checks of servers that answer at `path` of the same port."""
    return {port: f"http://127.0.0.1:{port}{path}" for port in ports}


@asynccontextmanager
async def run(checks: Mapping[int, str], *, requires_ready: bool = False) -> AsyncIterator[Balancer]:
    """Run a balancer on a free port."""
    balancer = Balancer(checks, requires_ready)
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
