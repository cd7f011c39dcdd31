"""A Drivebay of many processes on loopback, and a load balancer in front of its gateways."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
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
    """One process of a service. `metrics` is the URL of its metrics."""

    name: str
    service: str
    port: int
    metrics: str
    variables: dict[str, str]
    folder: Path
    process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start the process and return when it runs its service."""
        log = self.folder / f"{self.name}.log"
        size = log.stat().st_size if log.exists() else 0
        command = (sys.executable, "-m", "drivebay.cli", "run", self.service)
        with log.open("ab") as output:
            self.process = process = await asyncio.create_subprocess_exec(
                *launch_command(command, user=None, parent_death=signal.SIGKILL),
                env=self.variables,
                cwd=self.folder,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )

        async def runs() -> bool:
            text = log.read_bytes()[size:].decode(errors="replace")
            assert process.returncode is None, f"{self.name} ended with {process.returncode}:\n{text[-3000:]}"
            return "press Ctrl-C to stop" in text

        await eventually(runs, START)

    async def stop(self) -> int:
        """Stop the process with SIGTERM and return its exit status."""
        assert self.process is not None
        if self.process.returncode is None:
            self.process.terminate()
        return await asyncio.wait_for(self.process.wait(), START)

    async def kill(self) -> None:
        """Kill the process if it runs."""
        if self.process is not None and self.process.returncode is None:
            self.process.kill()
            await self.process.wait()


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


@asynccontextmanager
async def run(folder: Path, environment: Mapping[str, str]) -> AsyncIterator[DrivebayCluster]:
    """Run every process of `PARTS` and the balancer, and yield when all gateways are ready."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("DRIVEBAY_")}
    ports = {f"{service}-{number}": free_port() for service, count in PARTS.items() for number in range(count)}
    addresses = {
        f"DRIVEBAY_{service.upper()}_ADDRESS": ",".join(
            f"127.0.0.1:{ports[f'{service}-{number}']}" for number in range(PARTS[service])
        )
        for service in _SERVED
    }
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
    async with balancer.run(gateways, "/readyz") as front:
        cluster = DrivebayCluster(parts, front, folder, inherited | shared)
        try:
            await parts["storage-0"].start()  # it creates the root secret and the bucket
            await asyncio.gather(*(part.start() for part in parts.values() if part.process is None))
            await eventually(front.all_are_ready, START)
            await eventually(cluster.everyone_is_connected, START)
            yield cluster
        finally:
            await asyncio.gather(*(part.kill() for part in parts.values()))
