"""An embedded server as a child process: it is started, monitored, restarted when it ends, and stopped.

A server belongs to the process that started it and ends with it, even when that process is killed.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Final

import structlog

from .launcher import User, clean_environment, launch_command
from .process_tags import find_tagged, kill_tagged, send_signal
from .start_error import ServerStartError

log = structlog.get_logger(__name__)

_MAX_LOG_BYTES: Final = 10 * 1024 * 1024
"""The size of a log file from which the server gets a new log file at its next start."""
_LOG_LINES_IN_ERROR: Final = 8
"""The number of the last log lines that an error message quotes."""
_READY_POLL: Final = 0.02
"""Seconds between two calls of `is_ready`."""
_INTACT_INTERVAL: Final = 1.0
"""Seconds between two checks of the data folder."""
_RESTART_DELAYS: Final = (0.1, 0.5, 1.0, 2.0, 5.0)
"""Seconds of the pause after each failed restart. The last value is used for all further restarts."""


@dataclass(frozen=True, slots=True)
class Program:
    """A server program. Timeouts are in seconds.

    `tag` is on its command line (see `process_tags`). `parent_death` is the signal that it gets when the process
    that started it dies. `user` is None for the user of this process.
    """

    name: str
    command: tuple[str, ...]
    tag: str
    folder: Path
    log: Path
    stop_signal: signal.Signals = signal.SIGTERM
    parent_death: signal.Signals = signal.SIGKILL
    user: User | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    start_timeout: float = 30.0
    stop_timeout: float = 5.0


class ServerProcess:
    """One server. It also ends when the thread that started it ends.

    `is_ready` returns whether the server responds. It is called until it returns True. `before_start` is called
    before each start, when no process of an earlier run is alive. `is_intact` returns whether the server still has its
    data folder. It is called each second. When it returns False, the server is killed and started again.

    `kill`, `pause` and `resume` are for tests. A server that a test killed stays down until `start`. A server that
    died by itself is restarted.
    """

    def __init__(
        self,
        program: Program,
        is_ready: Callable[[], Awaitable[bool]],
        before_start: Callable[[], Awaitable[None]] | None = None,
        is_intact: Callable[[], bool] | None = None,
    ) -> None:
        self.program = program
        self._is_ready = is_ready
        self._before_start = before_start
        self._is_intact = is_intact
        self._child: asyncio.subprocess.Process | None = None
        self._restarter: asyncio.Task[None] | None = None
        self.restarts = 0

    @property
    def pid(self) -> int | None:
        """The process id of the server, or None while it is down."""
        return self._child.pid if self._child and self._child.returncode is None else None

    async def start(self) -> None:
        """Start the server and return when it responds. Do nothing if it runs already. Raises ServerStartError."""
        if self.pid is not None:
            return
        await self._cancel_restarter()
        await self._launch()
        self._restarter = asyncio.create_task(self._restart_when_it_dies(), name=f"restart {self.program.name}")

    async def stop(self) -> None:
        """Stop the server, and kill it if it does not end within `stop_timeout`. Return when all its processes have
        ended."""
        await self._cancel_restarter()
        if self._child and self._child.returncode is None:
            self.resume()
            send_signal((self._child.pid,), self.program.stop_signal)
            with suppress(TimeoutError):
                async with asyncio.timeout(self.program.stop_timeout):
                    await self._child.wait()
        await self.kill()

    async def kill(self) -> None:
        """Kill all processes of the server, as in a power failure. The server stays down until `start`."""
        await self._cancel_restarter()
        if self.pid is not None:
            send_signal((self.pid,), signal.SIGKILL)
        await kill_tagged(self.program.tag)
        if self._child:
            await self._child.wait()
            self._child = None

    def pause(self) -> None:
        """Pause the server. Its connections stay open and get no response."""
        if self.pid is not None:
            send_signal((self.pid,), signal.SIGSTOP)
        send_signal(find_tagged(self.program.tag), signal.SIGSTOP)

    def resume(self) -> None:
        """Let a paused server continue."""
        send_signal(find_tagged(self.program.tag), signal.SIGCONT)

    async def _launch(self) -> None:
        program = self.program
        await kill_tagged(program.tag)
        if self._before_start:
            await self._before_start()
        with _open_log(program.log) as output:
            self._child = await asyncio.create_subprocess_exec(
                *launch_command(program.command, user=program.user, parent_death=program.parent_death),
                cwd=program.folder,
                env={**clean_environment(), **program.environment},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        try:
            async with asyncio.timeout(program.start_timeout):
                await self._wait_until_ready(self._child)
        except TimeoutError:
            await self._kill_child()
            raise ServerStartError(
                f"{program.name} did not respond in {program.start_timeout:.0f} s{self._log_tail()}"
            ) from None
        except BaseException:
            await self._kill_child()
            raise

    async def _wait_until_ready(self, child: asyncio.subprocess.Process) -> None:
        while not await self._is_ready():
            if child.returncode is not None:
                raise ServerStartError(f"{self.program.name} ended during its start{self._log_tail()}")
            await asyncio.sleep(_READY_POLL)

    async def _kill_child(self) -> None:
        await kill_tagged(self.program.tag)
        if self._child:
            await self._child.wait()

    async def _restart_when_it_dies(self) -> None:
        failures = 0
        while True:
            if self._child:
                status = await self._wait_until_down(self._child)
                log.error("server_died", server=self.program.name, status=status, log=str(self.program.log))
            try:
                await self._launch()
            except (ServerStartError, OSError) as error:
                delay = _RESTART_DELAYS[min(failures, len(_RESTART_DELAYS) - 1)]
                failures += 1
                log.error("server_restart_failed", server=self.program.name, error=str(error), retry_in=delay)
                self._child = None
                await asyncio.sleep(delay)
            else:
                failures = 0
                self.restarts += 1
                log.info("server_restarted", server=self.program.name, pid=self.pid)

    async def _wait_until_down(self, child: asyncio.subprocess.Process) -> int:
        """Wait until the child has ended, and return its exit status. Kill it when its data folder was deleted."""
        if self._is_intact is None:
            return await child.wait()
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(_INTACT_INTERVAL):
                    return await child.wait()
            if not self._is_intact():  # guard: server-data-lost
                log.error("server_data_lost", server=self.program.name, folder=str(self.program.folder))
                await kill_tagged(self.program.tag)
                return await child.wait()

    async def _cancel_restarter(self) -> None:
        restarter, self._restarter = self._restarter, None
        if restarter:
            restarter.cancel()
            with suppress(asyncio.CancelledError):
                await restarter

    def _log_tail(self) -> str:
        with suppress(OSError):
            lines = self.program.log.read_text("utf-8", errors="replace").strip().splitlines()
            return ":\n  " + "\n  ".join(lines[-_LOG_LINES_IN_ERROR:]) + f"\n(log: {self.program.log})"
        return ""


def _open_log(path: Path) -> BinaryIO:
    """Open the log to append to it. A large log becomes `<name>.old` first."""
    with suppress(FileNotFoundError):
        if path.stat().st_size > _MAX_LOG_BYTES:
            path.replace(path.with_name(path.name + ".old"))
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab")
