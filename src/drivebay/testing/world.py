"""Drivebay as it runs: real processes on real servers, driven over HTTP as a client would.

A World is one process with everything in it, or six with a service each; which it is, its tests do not
know. Every process is a child of the test, writes to its own log and ends with the World.
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
from pathlib import Path
from types import MappingProxyType
from typing import Final

import httpx

PARTS: Final = ("storage", "files", "auth", "ingest", "janitor", "gateway")
_CRASHING: Final = "import sys; from drivebay import cli, crash; crash.arm(sys.argv.pop(1)); cli.main()"
READY_WITHIN: Final = 40.0
"""Seconds a World may take to answer, on a busy machine."""


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@dataclass
class World:
    """`environment` is what every process gets, and `own` what one part gets besides; `folder` holds data,
    sockets and logs."""

    folder: Path
    environment: dict[str, str]
    topology: str
    own: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    processes: dict[str, asyncio.subprocess.Process] = field(default_factory=dict)

    @property
    def api(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def parts(self) -> tuple[str, ...]:
        return PARTS if self.topology == "six" else ("all",)

    def variables(self, part: str = "all") -> dict[str, str]:
        """The whole environment of a part: nothing of ours that the test did not say."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("DRIVEBAY_")}
        own = {"DRIVEBAY_PORT": str(self.port), "DRIVEBAY_DATA": str(self.folder / "data"), "DRIVEBAY_LOG": "info"}
        if self.topology == "six":
            for service in ("auth", "files", "storage"):
                own[f"DRIVEBAY_{service.upper()}_ADDRESS"] = f"unix:{self.folder}/{service}.sock"
        return inherited | own | self.environment | dict(self.own.get(part, {}))

    async def start(self, part: str, crash_at: str | None = None) -> None:
        """Start one part (or `all`) and return at once; to be killed when it comes to a crash point."""
        arguments = [] if part == "all" else [part]
        command = ["-m", "drivebay.cli"] if crash_at is None else ["-c", _CRASHING, crash_at]
        with (self.folder / f"{part}.log").open("ab") as log:
            self.processes[part] = await asyncio.create_subprocess_exec(
                sys.executable,
                *command,
                "run",
                *arguments,
                env=self.variables(part),
                cwd=self.folder,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    async def stop(self, part: str, by: signal.Signals = signal.SIGTERM) -> int:
        """End one part and wait for it; its exit status. A process that does not end in 15 s is killed."""
        process = self.processes.pop(part)
        if process.returncode is None:
            process.send_signal(by)
        try:
            return await asyncio.wait_for(process.wait(), 15)
        except TimeoutError:
            process.kill()
            return await process.wait()

    async def restart(self, part: str, by: signal.Signals = signal.SIGTERM) -> None:
        await self.stop(part, by)
        await self.start(part)

    async def ready(self, within: float = READY_WITHIN) -> None:
        """Wait until `/readyz` says so. Raises AssertionError with what the processes wrote."""
        answer = "no answer"
        async with httpx.AsyncClient() as client:
            deadline = asyncio.get_running_loop().time() + within
            while asyncio.get_running_loop().time() < deadline:
                for part, process in self.processes.items():
                    if process.returncode is not None:
                        raise AssertionError(f"{part} ended with {process.returncode}:\n{self.logs()[-4000:]}")
                try:
                    response = await client.get(f"{self.api}/readyz", timeout=5)
                    if response.status_code == 200:
                        return
                    answer = response.text
                except httpx.HTTPError as error:
                    answer = repr(error)
                await asyncio.sleep(0.1)
        raise AssertionError(f"not ready after {within} s ({answer}):\n{self.logs()[-4000:]}")

    async def command(self, *arguments: str, within: float = 60) -> tuple[int, str, str]:
        """Run a `drivebay` command in this World; exit status, standard output and standard error."""
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
            out, err = await asyncio.wait_for(process.communicate(), within)
        except TimeoutError:
            process.kill()
            await process.wait()
            raise
        return process.returncode or 0, out.decode(), err.decode()

    def logs(self) -> str:
        return "\n".join(f"== {path.name}\n{path.read_text(errors='replace')}" for path in self.folder.glob("*.log"))


@asynccontextmanager
async def run(
    folder: Path,
    environment: Mapping[str, str],
    topology: str = "one",
    own: Mapping[str, Mapping[str, str]] = MappingProxyType({}),
) -> AsyncIterator[World]:
    """A World that is ready, and gone afterwards."""
    world = World(folder, dict(environment), topology, own)
    try:
        for part in world.parts:
            await world.start(part)
        await world.ready()
        yield world
    finally:
        await asyncio.gather(*(world.stop(part) for part in tuple(world.processes)))
