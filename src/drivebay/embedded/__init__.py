"""PostgreSQL, NATS and SeaweedFS from Python wheels. Drivebay starts, monitors and stops these servers.

Several processes may share a data folder. One of them runs each server, see `shared_server`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from . import nats as _nats
from . import postgres as _postgres
from . import seaweedfs
from .nats import Nats
from .postgres import Postgres
from .private_files import create_private_folder, write_private
from .public_address import LOOPBACK
from .seaweedfs import Store
from .shared_server import share_server
from .start_error import ServerStartError

__all__ = ["Nats", "Postgres", "ServerStartError", "Servers", "Store", "StoreAddress", "run"]

LAYOUT: Final = 1
"""The layout of a data folder, written into its file VERSION. Increase it when older releases cannot use the folder."""
_MAX_EXCERPT: Final = 40
"""The number of characters of an unreadable VERSION file that the error message shows."""

Progress = Callable[[str], None]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Servers:
    """The servers that run. A server that was not requested is None. If another process runs a server, the
    `server_process` of the server is None."""

    postgres: Postgres | None
    nats: Nats | None
    store: Store | None


@dataclass(frozen=True, slots=True)
class StoreAddress:
    """The address on which the store serves S3. `port` is None for the port that is recorded in the data folder."""

    host: str = LOOPBACK
    port: int | None = None


@asynccontextmanager
async def run(
    folder: Path,
    *,
    postgres: bool = True,
    nats: bool = True,
    store: bool = True,
    store_address: StoreAddress | None = None,
    progress: Progress | None = None,
) -> AsyncIterator[Servers]:
    """Run the requested servers with their data in `folder`, or use the servers that another process runs there.

    They start concurrently. `store_address` is the address for S3, by default on loopback. `progress` receives a line
    of text for people when a server has started. Raises ServerStartError when a server does not start, or if
    `folder` is not a data folder that this release can use.
    """
    address = store_address or StoreAddress()
    folder = create_private_folder(folder)
    _check_layout(folder)
    shared = create_private_folder(folder / "run")
    async with AsyncExitStack() as stack:

        async def start(name: str, server: AbstractAsyncContextManager[T], requested: bool) -> T | None:
            if not requested:
                return None
            started = time.monotonic()
            entered = await stack.enter_async_context(server)
            if progress:
                progress(f"{name} is up ({time.monotonic() - started:.1f} s)")
            return entered

        database = share_server(Postgres, shared / "postgres", lambda: _postgres.run(folder / "postgres"))
        broker = share_server(Nats, shared / "nats", lambda: _nats.run(folder / "nats"))
        objects = share_server(
            Store, shared / "store", lambda: seaweedfs.run(folder / "store", host=address.host, s3_port=address.port)
        )
        try:
            async with asyncio.TaskGroup() as tasks:
                postgres_task = tasks.create_task(start("PostgreSQL", database, postgres))
                nats_task = tasks.create_task(start("NATS", broker, nats))
                store_task = tasks.create_task(start("SeaweedFS", objects, store))
        except* (ServerStartError, OSError) as group:
            raise ServerStartError("; ".join(str(error) for error in group.exceptions)) from None
        yield Servers(postgres_task.result(), nats_task.result(), store_task.result())


def _check_layout(folder: Path) -> None:
    file = folder / "VERSION"
    if not file.exists():
        write_private(file, f"{LAYOUT}\n")
        return
    text = file.read_text("utf-8").strip()
    if not text.isdigit():
        excerpt = text[:_MAX_EXCERPT]
        raise ServerStartError(f"{file} holds {excerpt!r} instead of a number: is {folder} a Drivebay data folder?")
    if int(text) > LAYOUT:
        raise ServerStartError(
            f"a newer Drivebay created the data in {folder} (layout {text}, this release supports {LAYOUT}). "
            "Upgrade Drivebay, or set DRIVEBAY_DATA to another folder."
        )
