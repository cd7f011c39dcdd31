"""Closed-loop load on one HTTP route with wrk, which uses little CPU."""

from __future__ import annotations

import asyncio
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

_UNITS = {"us": 1e-3, "ms": 1.0, "s": 1e3, "m": 6e4}


@dataclass(frozen=True)
class Load:
    """Requests a second, latencies in milliseconds, and the number of failed responses."""

    rate: float
    p50: float
    p99: float
    errors: int


def available() -> bool:
    return shutil.which("wrk") is not None


async def run(url: str, token: str, *, seconds: int = 8, connections: int = 32, script: Path | None = None) -> Load:
    arguments = ["-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "-H", f"Authorization: Bearer {token}"]
    if script is not None:
        arguments += ["-s", str(script)]
    process = await asyncio.create_subprocess_exec("wrk", *arguments, url, stdout=asyncio.subprocess.PIPE)
    out = (await asyncio.wait_for(process.communicate(), seconds + 30))[0].decode()
    rate = re.search(r"Requests/sec:\s+([\d.]+)", out)
    bad = re.search(r"Non-2xx or 3xx responses: (\d+)", out)
    if rate is None:
        raise RuntimeError(f"cannot read the output of wrk:\n{out}")
    return Load(float(rate[1]), _latency(out, "50%"), _latency(out, "99%"), int(bad[1]) if bad else 0)


def _latency(out: str, which: str) -> float:
    found = re.search(rf"^\s*{re.escape(which)}\s+([\d.]+)(us|ms|s|m)$", out, re.MULTILINE)
    return float(found[1]) * _UNITS[found[2]] if found else float("nan")
