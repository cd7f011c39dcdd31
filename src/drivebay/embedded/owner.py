"""One server, one owner: of the processes that want the same server, one runs it and the others use it.

The owner holds a lock that the kernel takes back when it dies, and writes down how to reach the server.
When it goes, one of the others becomes the owner and starts the server again where it was: same socket, same
port, same password. So the others see a server that was away for a moment, however its owner ended.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

import structlog

from . import process, secret
from .process import CannotStart, S

log = structlog.get_logger(__name__)

_ATTACH_WITHIN = 90.0
_LOOK_EVERY = 0.2

Start = Callable[[], AbstractAsyncContextManager[S]]


@asynccontextmanager
async def share(kind: type[S], place: Path, start: Start[S]) -> AsyncIterator[S]:
    """The server that `start` runs, run by us or by another process; its `process` is None in the second case.

    `place` is where its owner keeps `<place>.lock` and `<place>.json`. CannotStart if another process owns
    it and does not bring it up in time.
    """
    file = place.with_suffix(".json")
    lock = os.open(place.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        async with AsyncExitStack() as stack:
            known = await _own_or_attach(lock, file)
            if known is None:
                yield await _start(stack, file, start)
                return
            heir = asyncio.create_task(_inherit(stack, lock, file, start, known), name=f"heir of {place.name}")
            try:
                yield process.of(kind, known)
            finally:
                heir.cancel()
                with suppress(asyncio.CancelledError):
                    await heir
    finally:
        os.close(lock)


def _owns(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _read(file: Path) -> dict[str, str] | None:
    try:
        known: dict[str, str] = json.loads(file.read_text("utf-8"))
    except FileNotFoundError:
        return None
    return known


async def _own_or_attach(lock: int, file: Path) -> dict[str, str] | None:
    """None once the server is ours to start; else how to reach it, waited for until its owner has it up."""
    deadline = time.monotonic() + _ATTACH_WITHIN
    # In this order: what an owner that was killed has left in the file is not to be believed.
    while not _owns(lock):
        if known := _read(file):
            return known
        if time.monotonic() > deadline:
            raise CannotStart(f"another process holds {file.with_suffix('.lock')} and its server is not up")
        await asyncio.sleep(0.05)
    return None


async def _start(stack: AsyncExitStack, file: Path, start: Start[S]) -> S:
    _forget(file)
    server = await stack.enter_async_context(start())
    secret.write(file, json.dumps(process.facts(server)))
    # Forgotten before the server stops: nobody shall attach to one that is going.
    stack.callback(_forget, file)
    return server


def _forget(file: Path) -> None:
    file.unlink(missing_ok=True)


async def _inherit(stack: AsyncExitStack, lock: int, file: Path, start: Start[S], known: dict[str, str]) -> None:
    """Wait for the owner's end, then run the server in its place."""
    # Asked for, not waited for: a thread that waits in flock cannot be cancelled.
    while not _owns(lock):  # noqa: ASYNC110
        await asyncio.sleep(_LOOK_EVERY)
    log.warning("the process that ran a server is gone; running it here", server=file.stem)
    while True:
        try:
            server = await _start(stack, file, start)
        except (CannotStart, OSError) as error:
            log.error("server does not come up", server=file.stem, error=str(error))
            await asyncio.sleep(2)
        else:
            break
    if process.facts(server) != known:
        log.error("a server had to move; processes that knew its old address must be started again", server=file.stem)
