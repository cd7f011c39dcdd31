"""PostgreSQL, NATS and SeaweedFS out of wheels: real servers, started, watched and stopped by us.

Several processes may share a data folder: each server is run by one of them, see `owner`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from . import nats as _nats
from . import postgres as _postgres
from . import process, seaweedfs, secret
from .nats import Nats
from .owner import share
from .postgres import Postgres
from .process import CannotStart
from .seaweedfs import Store

__all__ = ["CannotStart", "Nats", "Postgres", "Servers", "Store", "run"]

LAYOUT = 1
"""The layout of a data folder, written into its file VERSION. Raised when an older release could not use it."""

Progress = Callable[[str], None]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Servers:
    """What runs; None for what was not asked for. A server that another process runs has no `process`."""

    postgres: Postgres | None
    nats: Nats | None
    store: Store | None


@asynccontextmanager
async def run(
    folder: Path, *, postgres: bool = True, nats: bool = True, store: bool = True, progress: Progress | None = None
) -> AsyncIterator[Servers]:
    """Run the wanted servers with their data in `folder`, or use those that another process runs there.

    They start side by side; `progress` gets a line for people as each comes up. Raises CannotStart when one
    does not, or when the folder is of a newer layout.
    """
    folder = process.private(folder)
    _check_layout(folder)
    places = process.private(folder / "run")
    async with AsyncExitStack() as stack:

        async def enter(name: str, server: AbstractAsyncContextManager[T], wanted: bool) -> T | None:
            if not wanted:
                return None
            began = time.monotonic()
            entered = await stack.enter_async_context(server)
            if progress:
                progress(f"{name} is up ({time.monotonic() - began:.1f} s)")
            return entered

        database = share(Postgres, places / "postgres", lambda: _postgres.run(folder / "postgres"))
        broker = share(Nats, places / "nats", lambda: _nats.run(folder / "nats"))
        objects = share(Store, places / "store", lambda: seaweedfs.run(folder / "store"))
        try:
            async with asyncio.TaskGroup() as starting:
                first = starting.create_task(enter("PostgreSQL", database, postgres))
                second = starting.create_task(enter("NATS", broker, nats))
                third = starting.create_task(enter("SeaweedFS", objects, store))
        except* (CannotStart, OSError) as group:
            raise CannotStart("; ".join(str(error) for error in group.exceptions)) from None
        yield Servers(first.result(), second.result(), third.result())


def _check_layout(folder: Path) -> None:
    file = folder / "VERSION"
    if not file.exists():
        secret.write(file, f"{LAYOUT}\n")
        return
    text = file.read_text("utf-8").strip()
    if not text.isdigit():
        raise CannotStart(f"{file} should hold a number and holds {text[:40]!r}: is {folder} a Drivebay data folder?")
    if int(text) > LAYOUT:
        raise CannotStart(
            f"the data in {folder} were made by a newer Drivebay (layout {text}, this one knows {LAYOUT})"
        )
