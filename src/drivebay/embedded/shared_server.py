"""A server that several processes use. One of them owns and runs the server, the others connect to it.

The owner holds a file lock, which the kernel releases when the owner dies, and writes the connection data to a file.
When the owner ends, one of the others takes the lock and starts the server again with the same socket, port and
password. So the other processes see only a short interruption, even if the owner was killed.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress
from dataclasses import Field
from pathlib import Path
from typing import ClassVar, Final, Protocol, TypeVar

import structlog

from .private_files import write_private
from .start_error import ServerStartError

log = structlog.get_logger(__name__)

_CONNECT_TIMEOUT: Final = 90.0
"""Seconds within which the owner must have started the server."""
_CONNECT_POLL: Final = 0.05
"""Seconds between two attempts to connect, or to become the owner, at the start."""
_LOCK_POLL: Final = 0.2
"""Seconds between two attempts to become the owner later."""
_RESTART_DELAY: Final = 2.0
"""Seconds between two attempts of a new owner to start the server."""

ConnectionInfo = dict[str, str]
"""The string fields of a server by name. Another process creates its server object from them."""


class _Server(Protocol):
    """A dataclass: string fields with the connection data, and `server_process` (None unless this process owns it)."""

    __dataclass_fields__: ClassVar[dict[str, Field[object]]]


S = TypeVar("S", bound=_Server)
Start = Callable[[], AbstractAsyncContextManager[S]]


def connection_info(server: _Server) -> ConnectionInfo:
    """Return the connection data that another process needs."""
    return {name: getattr(server, name) for name in server.__dataclass_fields__ if name != "server_process"}


def server_from_info(kind: type[S], info: Mapping[str, str]) -> S:
    """Return the server object for the connection data that another process wrote."""
    return kind(**info)


@asynccontextmanager
async def share_server(kind: type[S], path: Path, start: Start[S]) -> AsyncIterator[S]:
    """Run the server with `start`, or use the server that another process runs.

    The owner keeps `<path>.lock` and `<path>.json`. The `server_process` of the server is None in the other processes.
    Raises ServerStartError if `start` does, or if another process owns the server and does not start it within 90
    seconds.
    """
    info_file = path.with_suffix(".json")
    lock = os.open(path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        async with AsyncExitStack() as stack:
            info = await _lock_or_read_info(lock, info_file)
            if info is None:
                yield await _start_as_owner(stack, info_file, start)
                return
            takeover = asyncio.create_task(
                _take_over(stack, lock, info_file, start, info), name=f"take over {path.name}"
            )
            try:
                yield server_from_info(kind, info)
            finally:
                takeover.cancel()
                with suppress(asyncio.CancelledError):
                    await takeover
    finally:
        os.close(lock)


def _try_lock(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _read_info(file: Path) -> ConnectionInfo | None:
    try:
        info: ConnectionInfo = json.loads(file.read_text("utf-8"))
    except FileNotFoundError:
        return None
    return info


async def _lock_or_read_info(lock: int, info_file: Path) -> ConnectionInfo | None:
    """Return None if this process is now the owner, else the connection data that the owner wrote."""
    deadline = time.monotonic() + _CONNECT_TIMEOUT
    # Try the lock first: the file may belong to an owner that was killed.
    while not _try_lock(lock):
        if info := _read_info(info_file):
            return info
        if time.monotonic() > deadline:
            raise ServerStartError(
                f"another process holds {info_file.with_suffix('.lock')} and has not started its server"
            )
        await asyncio.sleep(_CONNECT_POLL)
    return None


async def _start_as_owner(stack: AsyncExitStack, info_file: Path, start: Start[S]) -> S:
    _remove_info(info_file)
    server = await stack.enter_async_context(start())
    write_private(info_file, json.dumps(connection_info(server)))
    # Remove the file before the server stops, so that no process connects to a server that is about to stop.
    stack.callback(_remove_info, info_file)
    return server


def _remove_info(info_file: Path) -> None:
    info_file.unlink(missing_ok=True)


async def _take_over(
    stack: AsyncExitStack, lock: int, info_file: Path, start: Start[S], old_info: ConnectionInfo
) -> None:
    """Wait until the owner ends, then become the owner and run the server."""
    # Poll the lock, because a thread that waits in flock cannot be cancelled.
    while not _try_lock(lock):  # noqa: ASYNC110
        await asyncio.sleep(_LOCK_POLL)
    log.warning("server_owner_ended", server=info_file.stem)
    while True:
        try:
            server = await _start_as_owner(stack, info_file, start)
        except (ServerStartError, OSError) as error:
            log.error("server_takeover_failed", server=info_file.stem, error=str(error))
            await asyncio.sleep(_RESTART_DELAY)
        else:
            break
    if connection_info(server) != old_info:
        log.error(
            "server_connection_changed",
            server=info_file.stem,
            action="restart the processes that connected to its old address",
        )
