"""Further gateway processes that listen on the same port: the children of the first gateway process
(docs/decisions/0014)."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Final

import structlog

from ..observability.metrics import forget_process

log = structlog.get_logger(__name__)

_STOP_TIMEOUT: Final = 10.0
"""Seconds after which a child that was asked to end is killed. The child itself waits 5 seconds for the requests that
run."""
_RESTART_DELAY: Final = 1.0
"""Seconds between the end of a child and the start of its replacement."""


async def keep_gateway_process_running(
    number: int, services: Sequence[str], environment: Mapping[str, str], stop: asyncio.Event
) -> None:
    """Run one child process with these services and start it again when it exits, until this call is cancelled.

    When `stop` is set, the child gets the message that its parent, which is this process, stops soon.
    """
    while True:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "drivebay.cli",
            "run",
            *services,
            "--as-child",
            env=environment,
            stdin=asyncio.subprocess.PIPE,
        )
        announcing = asyncio.create_task(_announce_stop(process, stop))
        try:
            status = await process.wait()
        finally:
            announcing.cancel()
            await _end(process)
            forget_process(process.pid)
        log.warning("gateway_process_ended", number=number, status=status)
        await asyncio.sleep(_RESTART_DELAY)


async def _announce_stop(process: asyncio.subprocess.Process, stop: asyncio.Event) -> None:
    await stop.wait()
    if process.stdin is not None:
        process.stdin.write(b"stop\n")


async def _end(process: asyncio.subprocess.Process) -> None:
    """Let a child finish the requests that run, by closing its standard input. Kill the child if it does not exit."""
    if process.stdin is not None:
        process.stdin.close()
    if process.returncode is None:
        with suppress(TimeoutError):
            async with asyncio.timeout(_STOP_TIMEOUT):
                await process.wait()
    if process.returncode is None:
        process.kill()
        await process.wait()


async def wait_for_parent_exit(stop: asyncio.Event) -> None:
    """Return when the parent process closes the standard input of this process, or dies.

    Set `stop` when the parent announces that it stops soon.
    """
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()

    def read() -> None:
        with suppress(RuntimeError):  # the loop is closed already
            while os.read(sys.stdin.fileno(), 64):
                loop.call_soon_threadsafe(stop.set)
            loop.call_soon_threadsafe(ended.set)

    # The thread does not belong to the executor of the loop. A loop that ends waits for the threads of its executor, so
    # a process whose gateway has failed would not exit.
    threading.Thread(target=read, daemon=True).start()
    await ended.wait()
