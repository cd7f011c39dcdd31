"""Worker processes: more gateway processes that listen on the same port (docs/decisions/0014)."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Final

import structlog

from ..observability.metrics import forget_process

log = structlog.get_logger(__name__)

_STOP_TIMEOUT: Final = 5.0
_RESTART_DELAY: Final = 1.0


async def keep_worker_running(number: int, services: Sequence[str], environment: Mapping[str, str]) -> None:
    """Run one worker process with these services and start it again when it exits, until this call is cancelled."""
    while True:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "drivebay.cli",
            "run",
            *services,
            "--as-worker",
            env=environment,
            stdin=asyncio.subprocess.PIPE,
        )
        try:
            status = await process.wait()
        finally:
            await _stop(process)
            forget_process(process.pid)
        log.warning("worker_ended", worker=number, status=status)
        await asyncio.sleep(_RESTART_DELAY)


async def _stop(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.terminate()
        with suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), _STOP_TIMEOUT)
    if process.returncode is None:
        process.kill()


async def wait_for_parent_exit() -> None:
    """Return when the parent process closes the standard input of this worker, which also happens when it dies."""
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.buffer.read)
