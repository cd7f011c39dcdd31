"""Calls between two processes: over a shared stream, and as unary RPCs.

The service does nothing, so the figures are the cost of the calls. `python -m bench.calls ADDRESS` is the server.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, Final
from uuid import UUID

import uvloop

from drivebay import rpc
from drivebay.contract.files import Access, File, FilePage, Files, Kind
from drivebay.contract.health import Health
from drivebay.contract.ids import ROOT, FileId, UserId
from drivebay.contract.storage import Multipart, PartSpec, Storage
from drivebay.proto import FILES, STORAGE
from drivebay.rpc.type_hints import contract_methods

from .report import Report, median, percentile

CONCURRENT: Final = 32
SECONDS: Final = 2.0
RUNS: Final = 3
SEQUENTIAL: Final = 2000
ACCESS: Final = Access.personal(UserId(UUID(int=1)))
_NOON: Final = datetime(2026, 1, 1, 12, tzinfo=UTC)
PAGE: Final = FilePage(
    tuple(
        File(
            *(FileId(UUID(int=number)), Kind.FILE, f"file {number}.txt", ROOT, 12_345, "text/plain", bytes(32)),
            *(f'"{number:032x}"', _NOON, _NOON),
        )
        for number in range(20)
    ),
    "cursor",
)


async def measure(report: Report) -> None:
    """Add the rate, the CPU time of the caller and the latency of single calls to the report."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        address = f"unix:{folder}/calls/s.sock"
        server = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bench.calls", address),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        assert server.stdout is not None
        await asyncio.wait_for(server.stdout.readline(), 60)
        try:
            unary = await _measure_client(report, "unary", rpc.connect_unary(Files, FILES, address))
            stream = await _measure_client(report, "stream", rpc.connect(Files, FILES, address))
            await _measure_beside_parts(report, address)
        finally:
            server.kill()
            await server.wait()
    for name, rate in stream.items():
        ratio = rate / unary[name]
        goal, met = ("6 times", ratio >= 6) if name == "small calls" else ("", None)
        report.add(f"{name}, stream against unary", goal=goal, met=met, ratio=ratio)


async def _measure_client(
    report: Report, transport: str, client: AbstractAsyncContextManager[Files]
) -> dict[str, float]:
    rates: dict[str, float] = {}
    async with client as files:

        async def small() -> None:
            await files.recheck_pending_uploads()

        async def page() -> None:
            await files.list_trash(ACCESS, 20)

        for name, call in (("small calls", small), ("pages of 20 files", page)):
            latencies = [await _seconds(call) for _ in range(SEQUENTIAL)]
            runs = [await _rate(call) for _ in range(RUNS)]
            rates[name] = median([rate for rate, _ in runs])
            report.add(
                f"{name}, {transport}",
                per_second=rates[name],
                client_cpu_us=median([cpu for _, cpu in runs]) * 1e6,
                one_p50_us=percentile(latencies, 0.5) * 1e6,
                one_p99_us=percentile(latencies, 0.99) * 1e6,
            )
    return rates


async def _measure_beside_parts(report: Report, address: str) -> None:
    """Add the latency of small calls while parts of 15 MiB are written on the same connection."""
    part = bytes(15 * 2**20)
    async with rpc.connect(Storage, STORAGE, address) as storage:

        async def write_parts() -> None:
            while True:
                await storage.write_part("k", Multipart("m", False), PartSpec(1, len(part)), part)

        writing = asyncio.create_task(write_parts())
        latencies = [await _seconds(storage.health) for _ in range(SEQUENTIAL)]
        writing.cancel()
    report.add(
        "one small call at a time, beside parts of 15 MiB",
        p50_ms=percentile(latencies, 0.5) * 1e3,
        p99_ms=percentile(latencies, 0.99) * 1e3,
    )


async def _seconds(call: Any) -> float:
    begun = time.perf_counter()
    await call()
    return time.perf_counter() - begun


async def _rate(call: Any) -> tuple[float, float]:
    """Return calls a second and seconds of CPU a call, with CONCURRENT calls at a time."""
    count = 0
    end = time.perf_counter() + SECONDS

    async def repeat() -> None:
        nonlocal count
        while time.perf_counter() < end:
            await call()
            count += 1

    begun, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(repeat() for _ in range(CONCURRENT)))
    return count / (time.perf_counter() - begun), (time.process_time() - cpu) / count


async def _serve(address: str) -> None:
    async def nothing(*_: object) -> int:
        return 0

    async def page(*_: object) -> FilePage:
        return PAGE

    async def health() -> tuple[Health, ...]:
        return (Health("store", True, ""),)

    async def write_part(*_: object) -> None:
        return None

    files = dict.fromkeys(contract_methods(Files), nothing) | {"list_trash": page}
    storage = dict.fromkeys(contract_methods(Storage), nothing) | {"health": health, "write_part": write_part}
    served = [(Files, FILES, SimpleNamespace(**files)), (Storage, STORAGE, SimpleNamespace(**storage))]
    async with rpc.serve(address, served):
        print("ready", flush=True)
        await asyncio.get_running_loop().create_future()


if __name__ == "__main__":
    uvloop.run(_serve(sys.argv[1]))
