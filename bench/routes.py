"""Requests a second on the three busiest routes, with one and six processes, and the bare statement with pgbench."""

from __future__ import annotations

import asyncio
import os
import re
import statistics
import tempfile
from pathlib import Path

from drivebay.embedded.postgres import installation_folder
from drivebay.files.entries.store import EntryStore
from drivebay.testing.client import Client
from drivebay.testing.world import World

from . import seed, wrk
from .bench_world import BenchServers, memory, users
from .report import Report, median

PAGE = "/v1/files?parent_id=root&sort=-created&limit=20"
RUNS = 3
_RATIOS = {"list": 0.9, "download": 0.7, "begin": 0.8}
"""The goals for the rate of six processes, relative to one process."""


async def measure(bench_servers: BenchServers, report: Report, files: int, each: int) -> None:
    seeded = False
    statement = 0.0
    rates: dict[str, list[float]] = {name: [] for name in _RATIOS}
    for topology in ("one", "six"):
        async with bench_servers.world(topology) as running, users(running, 16) as crowd:
            user = crowd[0]
            owner = (await user.ok("GET", "/v1/me"))["id"]
            if not seeded:
                await seed.files(bench_servers.database_url, owner, files, each)
                seeded = True
            else:
                await seed.files(bench_servers.database_url, owner, each, each)
            statement = statement or await _pgbench(bench_servers, owner)
            idle = memory(running)
            rates["list"].append(await _list(report, running, user, topology, files, statement))
            rates["download"].append(await _download(report, running, user, topology))
            rates["begin"].append(await _begin(report, running, crowd, topology))
            report.add(f"memory, {topology}", unit="MiB", idle=idle, after=memory(running))
    for name, (one, six) in rates.items():
        goal = _RATIOS[name]
        report.add(f"six processes / one, {name}", ratio=six / one, goal=f"{goal}", met=six / one >= goal)


async def _runs(url: str, token: str, script: Path | None = None) -> list[wrk.Load]:
    await wrk.run(url, token, seconds=2, script=script)
    return [await wrk.run(url, token, script=script) for _ in range(RUNS)]


def _add(report: Report, name: str, found: list[wrk.Load], goal: float, topology: str, **more: float) -> float:
    """Add the medians of some runs. Return the median of requests a second."""
    rate = median([one.rate for one in found])
    has_goal = topology == "one"
    report.add(
        f"{name}, {topology}",
        goal=f"{goal:,.0f}/s" if has_goal else "",
        met=rate >= goal if has_goal else None,
        per_second=rate,
        p50_ms=median([one.p50 for one in found]),
        p99_ms=median([one.p99 for one in found]),
        errors=sum(one.errors for one in found),
        **more,
    )
    return rate


async def _list(report: Report, running: World, user: Client, topology: str, files: int, statement: float) -> float:
    found = await _runs(running.api + PAGE, user.tokens["access_token"])
    rate = statistics.median(one.rate for one in found)
    return _add(
        report,
        f"GET /v1/files, 20 of one owner among {files:,}",
        found,
        5000,
        topology,
        statement_per_second=statement,
        ratio=rate / statement,
    )


async def _download(report: Report, running: World, user: Client, topology: str) -> float:
    listed = await user.ok("GET", "/v1/files", parameters={"limit": "1"})
    url = f"{running.api}/v1/files/{listed['items'][0]['id']}/download"
    return _add(report, "GET /v1/files/{id}/download", await _runs(url, user.tokens["access_token"]), 5000, topology)


async def _begin(report: Report, running: World, crowd: list[Client], topology: str) -> float:
    # Begins of one owner share transactions, so one owner is measured apart from many.
    script = Path(__file__).with_name("uploads.lua")
    url = f"{running.api}/v1/uploads"
    os.environ["BENCH_TOKENS"] = ",".join(user.tokens["access_token"] for user in crowd)
    rate = _add(report, "POST /v1/uploads", await _runs(url, "", script), 2500, topology)
    found = []
    for user in crowd[:RUNS]:
        # Short, and another owner each time: an owner may have 10,000 pending uploads.
        os.environ["BENCH_TOKENS"] = user.tokens["access_token"]
        found.append(await wrk.run(url, "", seconds=2, script=script))
    _add(report, "POST /v1/uploads of one owner", found, 2500, topology)
    return rate


async def _pgbench(bench_servers: BenchServers, owner: str) -> float:
    """Return the rate of the listing's statement alone, prepared, measured with pgbench."""
    sql = EntryStore().statements["list_children_created_descending"]
    values = {
        "$1": f"'{owner}'::uuid",
        "$2": "'9999-12-31'::timestamptz",
        "$3": "'ffffffff-ffff-ffff-ffff-ffffffffffff'",
        "$4": "21",
        "$5": f"'{seed.ROOT}'::uuid",
    }
    text = re.sub(r"^--.*$", "", sql, flags=re.MULTILINE)
    for name, value in values.items():
        text = text.replace(name, value)
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as script:
        script.write(" ".join(text.split()) + "\n")
        script.flush()
        pgbench = installation_folder() / "bin" / "pgbench"
        rates = []
        for _ in range(RUNS):
            process = await asyncio.create_subprocess_exec(
                str(pgbench), "-n", "-M", "prepared", "-c", "8", "-j", "1", "-T", "5", "-f", script.name,
                bench_servers.database_url,
                stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
            )  # fmt: skip
            out = (await asyncio.wait_for(process.communicate(), 60))[0].decode()
            found = re.search(r"tps = ([\d.]+)", out)
            if found is None:
                raise RuntimeError(out)
            rates.append(float(found[1]))
    return median(rates)
