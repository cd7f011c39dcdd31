"""How fast an archive is downloaded, compared with the download of one file of as many bytes."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterable
from typing import Final
from uuid import uuid4

import aiohttp

from drivebay.client import AsyncDrive, MemoryTokenStore, Tokens

from .bench_world import BenchServers, users
from .report import Report, console, median

_RUNS: Final = 3
_CLIENTS: Final = 8
_MIB: Final = 2**20
_GOAL: Final = 0.8


async def measure(bench_servers: BenchServers, report: Report, scale: float) -> None:
    """Measure an archive of many small files, and one of some large files."""
    async with (
        bench_servers.world("one") as running,
        users(running, 1) as (user,),
        AsyncDrive(running.api, token_store=MemoryTokenStore(Tokens(user.tokens["access_token"]))) as drive,
        aiohttp.ClientSession() as http,
    ):
        for count, size in ((max(1, int(10_000 * scale)), 16 * 1024), (max(1, int(64 * scale)), 16 * _MIB)):
            console.print(f"uploading {count:,} files of {size:,} bytes")
            folder = await _fill(drive, count, size)
            single = await _upload(drive, f"one {uuid4()}", os.urandom(count * size))
            plain, archived, first = [], [], 0.0
            for run in range(_RUNS):
                plain.append(await _download(http, (await user.ok("GET", f"/v1/files/{single}/download"))["url"]))
                archive = await user.ok("POST", "/v1/archives", {"ids": [folder]})
                rate = await _download(http, archive["url"])
                archived.append(rate)
                first = first if run else rate
            ratio = median(archived) / median(plain)
            report.add(
                f"archive of {count:,} files of {size // 1024:,} KiB",
                mib_per_second=median(archived),
                first_time=first,
                plain_download=median(plain),
                ratio=ratio,
                goal=f"at least {_GOAL} times",
                met=ratio >= _GOAL,
            )


async def _fill(drive: AsyncDrive, count: int, size: int) -> str:
    """Upload files of random bytes into a new folder, and return its id."""
    path = f"/{uuid4()}"
    folder = await drive.make_folder(path)
    numbers = iter(range(count))

    async def upload(numbers: Iterable[int]) -> None:
        for number in numbers:
            await _upload(drive, f"file {number}", os.urandom(size), path)

    await asyncio.gather(*(upload(numbers) for _ in range(_CLIENTS)))
    return folder.id


async def _upload(drive: AsyncDrive, name: str, body: bytes, folder: str = "/") -> str:
    return (await drive.upload(body, folder, name)).id


async def _download(http: aiohttp.ClientSession, url: str) -> float:
    """Return the rate of a download in MiB a second. The bytes are not kept."""
    received = 0
    begun = time.perf_counter()
    async with http.get(url, timeout=aiohttp.ClientTimeout(total=600)) as response:
        response.raise_for_status()
        while data := await response.content.readany():
            received += len(data)
    return received / _MIB / (time.perf_counter() - begun)
