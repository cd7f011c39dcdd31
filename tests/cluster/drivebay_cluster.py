"""A Drivebay of many processes on loopback, and a load balancer in front of its gateways."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Final

import httpx

from drivebay.embedded.launcher import launch_command
from drivebay.testing.client import eventually
from drivebay.testing.world import free_port

from . import balancer
from .balancer import Balancer

PARTS: Final = {"storage": 2, "files": 2, "auth": 2, "ingest": 2, "janitor": 2, "worker": 2, "gateway": 3}
"""How many processes run each service, in the order in which they start."""
START: Final = 240.0
"""Seconds that a process may take to start or to end. Reaching them means that it hangs."""
_STREAMS: Final = re.compile(r'^drivebay_call_streams\{.*?service="(\w+)".*?\} (\S+)$', re.MULTILINE)
_SERVED: Final = ("storage", "files", "auth")


@dataclass
class Part:
    """One process of a service.

    `metrics` is the URL of its metrics. `process` is None if the process was stopped or killed, and not started again.
    """

    name: str
    service: str
    port: int
    metrics: str
    variables: dict[str, str]
    folder: Path
    process: asyncio.subprocess.Process | None = None
    _log_size: int = 0
    _changing: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def log(self) -> Path:
        """Return the file of its log."""
        return self.folder / f"{self.name}.log"

    async def launch(self, more_variables: Mapping[str, str] = MappingProxyType({})) -> None:
        """Start the process and return at once."""
        async with self._changing:
            await self._launch(more_variables)

    async def launch_if_ended(self) -> bool:
        """Start the process again if it has ended by itself. Return whether it had."""
        async with self._changing:
            if self.process is None or self.process.returncode is None:
                return False
            await self._launch({})
            return True

    async def _launch(self, more_variables: Mapping[str, str]) -> None:
        self._log_size = self.log.stat().st_size if self.log.exists() else 0
        command = (sys.executable, "-m", "drivebay.cli", "run", self.service)
        with self.log.open("ab") as output:
            self.process = await asyncio.create_subprocess_exec(
                *launch_command(command, user=None, parent_death=signal.SIGKILL),
                env=self.variables | dict(more_variables),
                cwd=self.folder,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )

    async def runs(self) -> bool:
        """Return whether the process runs its service."""
        return b"press Ctrl-C to stop" in self._output()

    def _output(self) -> bytes:
        return self.log.read_bytes()[self._log_size :]

    async def start(self) -> None:
        """Start the process and return when it runs its service."""
        await self.launch()

        async def runs() -> bool:
            status, text = self.process and self.process.returncode, self._output().decode(errors="replace")
            assert status is None, f"{self.name} ended with {status}:\n{text[-3000:]}"
            return await self.runs()

        await eventually(runs, START)

    async def stop(self) -> int:
        """Stop the process with SIGTERM and return its exit status."""
        async with self._changing:
            process, self.process = self.process, None
        assert process is not None
        if process.returncode is None:
            process.terminate()
        return await asyncio.wait_for(process.wait(), START)

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the process if it runs."""
        if self.process is not None and self.process.returncode is None:
            self.process.send_signal(number)

    async def kill(self) -> None:
        """Kill the process if it runs."""
        async with self._changing:
            process, self.process = self.process, None
        if process is not None and process.returncode is None:
            process.kill()
            await process.wait()


@dataclass(frozen=True)
class DrivebayCluster:
    """The processes by name, and the balancer."""

    parts: dict[str, Part]
    balancer: Balancer
    folder: Path
    command_variables: dict[str, str]

    @property
    def api(self) -> str:
        """Return the URL of the balancer."""
        return self.balancer.url

    async def everyone_is_connected(self) -> bool:
        """Return whether every process has a stream to each process of every service that it calls."""
        async with httpx.AsyncClient(timeout=10) as http:
            answers = await asyncio.gather(*(http.get(part.metrics) for part in self.parts.values()))
        found = {(service, float(count)) for answer in answers for service, count in _STREAMS.findall(answer.text)}
        return bool(found) and all(count == PARTS[service.lower()] for service, count in found)

    async def check(self) -> tuple[int, str]:
        """Run `drivebay check`. Return its exit status and output."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "drivebay.cli", "check"),
            env=self.command_variables,
            cwd=self.folder,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        out, _ = await asyncio.wait_for(process.communicate(), START)
        return process.returncode or 0, out.decode()

    def logs(self) -> str:
        """Return the last lines of every log."""
        return "\n".join(f"== {file.name}\n{file.read_text()[-1500:]}" for file in sorted(self.folder.glob("*.log")))


Route = Callable[[str, int], Awaitable[str]]
"""Returns the address at which others reach the process with this name and port."""


async def _route_directly(_: str, port: int) -> str:
    return f"127.0.0.1:{port}"


@asynccontextmanager
async def run(
    folder: Path, environment: Mapping[str, str], route: Route = _route_directly
) -> AsyncIterator[DrivebayCluster]:
    """Run every process of `PARTS` and the balancer, and yield when all gateways are ready."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("DRIVEBAY_")}
    ports = {f"{service}-{number}": free_port() for service, count in PARTS.items() for number in range(count)}
    addresses = {}
    for service in _SERVED:
        names = [f"{service}-{number}" for number in range(PARTS[service])]
        addresses[f"DRIVEBAY_{service.upper()}_ADDRESS"] = ",".join([await route(name, ports[name]) for name in names])
    shared = {"DRIVEBAY_DATA": str(folder / "data"), "DRIVEBAY_STOP_DELAY": "2s"} | dict(environment) | addresses
    parts = {}
    for name, port in ports.items():
        service = name.partition("-")[0]
        metrics_port = port if service == "gateway" else free_port()
        own = {"DRIVEBAY_PORT": str(port)}
        if service != "gateway":
            own["DRIVEBAY_METRICS_ADDRESS"] = f"127.0.0.1:{metrics_port}"
        if service in _SERVED:
            own[f"DRIVEBAY_{service.upper()}_ADDRESS"] = f"127.0.0.1:{port}"
        parts[name] = Part(
            name, service, port, f"http://127.0.0.1:{metrics_port}/metrics", inherited | shared | own, folder
        )
    gateways = tuple(part.port for part in parts.values() if part.service == "gateway")
    async with balancer.run(balancer.health_checks(gateways, "/readyz")) as front:
        cluster = DrivebayCluster(parts, front, folder, inherited | shared)
        try:
            await parts["storage-0"].start()  # it creates the root secret and the bucket
            await asyncio.gather(*(part.start() for part in parts.values() if part.process is None))
            await eventually(front.all_are_ready, START)
            await eventually(cluster.everyone_is_connected, START)
            yield cluster
        finally:
            await asyncio.gather(*(part.kill() for part in parts.values()))
