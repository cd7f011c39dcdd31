"""Samples of the processes: memory, file descriptors, CPU time, connections to PostgreSQL."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import psutil

from .measurements import OK, Measurements, Span, slope
from .raw_http import BrokenConnection, Http

EVERY = 2.0
MIB = 2**20
_CONNECTIONS = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'drivebay'"
_FIGURE = re.compile(r'^drivebay_http_requests_(inside|limit)\{room="work"\} (\S+)$', re.MULTILINE)


@dataclass(frozen=True)
class Sample:
    at: float
    memory: Mapping[str, float]
    """Resident memory in MiB."""
    files: Mapping[str, int]
    cpu: Mapping[str, float]
    """CPU seconds of each process since its start, and of the whole machine."""
    connections: int
    limiter: Mapping[str, float]
    """Running requests of the gateway and its limit; empty without a response."""


@dataclass
class ProcessMonitor:
    """Samples processes and calls `/metrics` and `/healthz` as a monitor would. Those requests are measured too."""

    processes: Mapping[str, psutil.Process]
    postgres: psutil.Process
    api: str
    database_url: str
    http: Http
    measurements: Measurements
    samples: list[Sample] = field(default_factory=list)

    async def run(self) -> None:
        connection = await asyncpg.connect(self.database_url, command_timeout=30)
        try:
            while True:
                at = time.monotonic()
                # In a thread, because reading /proc for all of them would delay requests.
                memory, files, cpu = await asyncio.to_thread(self._read)
                connections = int(await connection.fetchval(_CONNECTIONS))
                limiter = {name: float(value) for name, value in _FIGURE.findall(await self._ask("/metrics"))}
                await self._ask("/healthz")
                self.samples.append(Sample(at, memory, files, cpu, connections, limiter))
                await asyncio.sleep(max(0.0, at + EVERY - time.monotonic()))
        finally:
            await connection.close(timeout=5)

    def _read(self) -> tuple[dict[str, float], dict[str, int], dict[str, float]]:
        memory, files, cpu = {}, {}, {}
        for name, process in self.processes.items():
            with process.oneshot():
                memory[name] = process.memory_info().rss / MIB
                files[name] = process.num_fds()
                cpu[name] = _cpu_seconds(process)
        cpu["postgres"] = sum(_cpu_seconds(process) for process in _tree(self.postgres))
        everything = psutil.cpu_times()
        cpu["machine"] = sum(everything) - everything.idle - everything.iowait
        return memory, files, cpu

    async def _ask(self, path: str) -> str:
        begun = time.monotonic()
        text = ""
        try:
            answer = await self.http.ask("GET", self.api + path)
            text = answer.body.decode()
            outcome = OK if answer.status == 200 else str(answer.status)
        except (TimeoutError, OSError, BrokenConnection) as error:
            outcome = type(error).__name__
        self.measurements.add(f"GET {path}", outcome, begun, time.monotonic())
        return text

    def processes_in(self, span: Span) -> dict[str, dict[str, Any]]:
        """Return memory and descriptors of each process, and their growth."""
        found = [sample for sample in self.samples if span.holds(sample.at)]
        if len(found) < 2:
            return {}
        first, last = found[0], found[-1]
        return {
            name: {
                "first_mib": first.memory[name],
                "last_mib": last.memory[name],
                "mib_per_hour": slope([(sample.at, sample.memory[name]) for sample in found]) * 3600,
                "files_first": first.files[name],
                "files_last": last.files[name],
                "files_most": max(sample.files[name] for sample in found),
                "files_per_hour": slope([(sample.at, sample.files[name]) for sample in found]) * 3600,
            }
            for name in self.processes
        }

    def cores_between(self, span: Span) -> dict[str, float]:
        """Return how many cores each process used. `others` are foreign processes, which distort the results."""
        found = [sample for sample in self.samples if span.holds(sample.at)]
        if len(found) < 2:
            return {}
        first, last = found[0], found[-1]
        cores = {name: (last.cpu[name] - first.cpu[name]) / (last.at - first.at) for name in last.cpu}
        machine = cores.pop("machine")
        return {**cores, "others": machine - sum(cores.values())}

    def over_time(self) -> list[dict[str, Any]]:
        """Return every sample, with times in seconds since the first."""
        return [asdict(sample) | {"at": sample.at - self.samples[0].at} for sample in self.samples]

    def limiter_in(self, span: Span) -> dict[str, Any]:
        """Return minimum and maximum of PostgreSQL connections, running requests and their limit."""
        found = [sample for sample in self.samples if span.holds(sample.at)]
        kinds: dict[str, list[float]] = {
            "postgres_connections": [sample.connections for sample in found],
            "inside": [sample.limiter["inside"] for sample in found if sample.limiter],
            "limit": [sample.limiter["limit"] for sample in found if sample.limiter],
        }
        return {name: {"least": min(seen), "most": max(seen)} for name, seen in kinds.items() if seen}


def _cpu_seconds(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return float(times.user + times.system)


def _tree(process: psutil.Process) -> list[psutil.Process]:
    """Return a process and its children, from the kernel's list, which is faster than scanning all processes."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    found = [process]
    for pid in children:
        with suppress(psutil.NoSuchProcess):
            found.append(psutil.Process(int(pid)))
    return found


def find(pids: Mapping[str, int | None]) -> dict[str, psutil.Process]:
    return {name: psutil.Process(pid) for name, pid in pids.items() if pid is not None}
