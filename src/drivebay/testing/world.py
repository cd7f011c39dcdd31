"""A running Drivebay for tests: real processes on real servers, used over HTTP.

A World is one process with all services, or six processes with one service each and without the worker. The same test
runs with both. Every process is a child of the test, writes to a log file of its own, and ends with the World.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Final

import httpx

SIX_PROCESSES: Final = ("storage", "files", "auth", "ingest", "janitor", "gateway")
"""The names of six processes, in the order in which they start. Each process has the name of its service."""
_RUN_WITH_CRASH_POINT: Final = (
    "import sys; from drivebay.cli.main import main; from drivebay.observability import crash_points;"
    " crash_points.arm(sys.argv.pop(1)); main()"
)
READY_WITHIN: Final = 120.0
"""Seconds that a World may take to become ready. A test that reaches this limit has found a process that hangs."""
EXIT_WITHIN: Final = 180.0
"""Seconds that a process may take to end. A test that reaches this limit has found a process that hangs."""


def _checked_at(readiness: httpx.Response) -> datetime:
    return datetime.fromisoformat(readiness.json()["checked_at"])


def free_port() -> int:
    """Return a port on which nothing listens now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@dataclass
class World:
    """One running Drivebay.

    `folder` contains data, sockets and logs. `environment` has variables for every process. `own` has further variables
    for single processes, by the name of the process. The name of a process, also in the argument `name`, is the name of
    its service, or `all` for the process with all services. `topology` is `one` or `six` processes.
    """

    folder: Path
    environment: dict[str, str]
    topology: str
    own: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    processes: dict[str, asyncio.subprocess.Process] = field(default_factory=dict)

    @property
    def api(self) -> str:
        """The base URL of the HTTP API."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def process_names(self) -> tuple[str, ...]:
        """The name of each process."""
        return SIX_PROCESSES if self.topology == "six" else ("all",)

    def variables(self, name: str = "all") -> dict[str, str]:
        """Return the environment of a process. Settings of Drivebay are not inherited from the environment of the
        test."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("DRIVEBAY_")}
        defaults = {"DRIVEBAY_PORT": str(self.port), "DRIVEBAY_DATA": str(self.folder / "data"), "DRIVEBAY_LOG": "info"}
        if self.topology == "six":
            for service in ("auth", "files", "storage"):
                defaults[f"DRIVEBAY_{service.upper()}_ADDRESS"] = f"unix:{self.folder}/{service}.sock"
        return inherited | defaults | self.environment | dict(self.own.get(name, {}))

    async def start(self, name: str, crash_at: str | None = None) -> None:
        """Start one process and do not wait until it is ready. With `crash_at`, the process kills itself at that crash
        point."""
        arguments = [] if name == "all" else [name]
        command = ["-m", "drivebay.cli"] if crash_at is None else ["-c", _RUN_WITH_CRASH_POINT, crash_at]
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = await asyncio.create_subprocess_exec(
                sys.executable,
                *command,
                "run",
                *arguments,
                env=self.variables(name),
                cwd=self.folder,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    async def stop(self, name: str, by: signal.Signals = signal.SIGTERM) -> int:
        """Stop one process and return its exit status. A process that does not end within `EXIT_WITHIN` is killed."""
        process = self.processes.pop(name)
        if process.returncode is None:
            process.send_signal(by)
        try:
            async with asyncio.timeout(EXIT_WITHIN):
                return await process.wait()
        except TimeoutError:
            process.kill()
            return await process.wait()

    async def restart(self, name: str, by: signal.Signals = signal.SIGTERM) -> None:
        """Stop one process with a signal and start it again."""
        await self.stop(name, by)
        await self.start(name)

    async def ready(self, within: float = READY_WITHIN) -> None:
        """Wait until `/readyz` responds with 200 from checks that began after this call.

        Raises AssertionError with the logs after `within` seconds.
        """
        last_response = "no response"
        called_at = datetime.now(UTC)
        async with httpx.AsyncClient() as client:
            deadline = asyncio.get_running_loop().time() + within
            while asyncio.get_running_loop().time() < deadline:
                for name, process in self.processes.items():
                    if process.returncode is not None:
                        raise AssertionError(f"{name} ended with {process.returncode}:\n{self.logs()[-4000:]}")
                try:
                    response = await client.get(f"{self.api}/readyz", timeout=5)
                    if response.status_code == 200 and _checked_at(response) >= called_at:
                        return
                    last_response = response.text
                except httpx.HTTPError as error:
                    last_response = repr(error)
                await asyncio.sleep(0.1)
        raise AssertionError(f"not ready after {within} s ({last_response}):\n{self.logs()[-4000:]}")

    async def command(self, *arguments: str, within: float = EXIT_WITHIN) -> tuple[int, str, str]:
        """Run a `drivebay` command in this World. Returns exit status, standard output and standard error."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "drivebay.cli",
            *arguments,
            env=self.variables("all"),
            cwd=self.folder,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(within):
                out, err = await process.communicate()
        except TimeoutError:
            process.kill()
            await process.wait()
            raise
        return process.returncode or 0, out.decode(), err.decode()

    def logs(self) -> str:
        """Return the logs of all processes."""
        return "\n".join(f"== {path.name}\n{path.read_text(errors='replace')}" for path in self.folder.glob("*.log"))


@asynccontextmanager
async def run(
    folder: Path,
    environment: Mapping[str, str],
    topology: str = "one",
    own: Mapping[str, Mapping[str, str]] = MappingProxyType({}),
) -> AsyncIterator[World]:
    """Start a World, yield it when it is ready, and stop it at the end."""
    world = World(folder, dict(environment), topology, own)
    try:
        for name in world.process_names:
            await world.start(name)
        await world.ready()
        yield world
    finally:
        await asyncio.gather(*(world.stop(name) for name in tuple(world.processes)))
