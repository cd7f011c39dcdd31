"""`python -m bench [routes] [visibility] [backlog] [listing]`: all four if none is named.

All others run only if named.
"""

from __future__ import annotations

import argparse
import asyncio

import uvloop

from . import (
    accounts,
    archives,
    browser,
    calls,
    capacity,
    flow,
    large_drive,
    listing,
    load,
    routes,
    search_latency,
    sweeper,
    transfers,
    waiting,
    wrk,
)
from .bench_world import start_servers
from .report import Report, console

PARTS = ("routes", "visibility", "backlog", "listing")
NAMED_PARTS = (
    "accounts",
    "browser",
    "calls",
    "load",
    "search",
    "transfers",
    "drive",
    "sweeper",
    "archives",
    "capacity",
    "waiting",
)


async def run(
    parts: list[str], scale: float, options: load.Options, sizes: transfers.Options, tab: browser.Options
) -> Report:
    report = Report()
    for part in parts:
        console.rule(part)
        if part == "calls":
            await calls.measure(report)
            console.print(f"written to {report.write()}")
            continue
        async with start_servers() as bench_servers:
            if part == "routes":
                await routes.measure(bench_servers, report, files=int(1_000_000 * scale), each=10_000)
            elif part == "visibility":
                await flow.visibility(bench_servers, report)
            elif part == "backlog":
                await flow.backlog(bench_servers, report, int(100_000 * scale))
            elif part == "load":
                await load.measure(bench_servers, report, options)
            elif part == "search":
                await search_latency.measure(bench_servers, report, int(1_000_000 * scale))
            elif part == "drive":
                await large_drive.measure(bench_servers, report, int(1_000_000 * scale))
            elif part == "accounts":
                await accounts.measure(bench_servers, report)
            elif part == "archives":
                await archives.measure(bench_servers, report, scale)
            elif part == "capacity":
                await capacity.measure(bench_servers, report, capacity.Workload())
            elif part == "sweeper":
                await sweeper.measure(bench_servers, report, int(100_000 * scale))
            elif part == "waiting":
                await waiting.measure(bench_servers, report, int(5000 * scale))
            elif part == "transfers":
                await transfers.measure(bench_servers, report, sizes)
            elif part == "browser":
                await browser.measure(bench_servers, report, tab)
            else:
                await listing.measure(bench_servers, report, (10_000, int(1_000_000 * scale), int(10_000_000 * scale)))
        console.print(f"written to {report.write()}")
    return report


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument(
        "parts",
        nargs="*",
        choices=[*PARTS, *NAMED_PARTS, []],
        help=f"which to run; without, all but {', '.join(NAMED_PARTS)}",
    )
    parser.add_argument("--scale", type=float, default=1.0, help="factor for the amount of data; the goals are for 1")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    load_options = parser.add_argument_group("load")
    load_options.add_argument("--minutes", type=float, default=15.0, help="duration of the steady load")
    load_options.add_argument("--rate", type=float, help="requests a second; default: half of the capacity found")
    load_options.add_argument("--users", type=int, default=1000)
    load_options.add_argument("--overload", type=float, default=60.0, help="seconds at twice the capacity")
    load_options.add_argument("--seed", type=int, default=1)
    transfer_options = parser.add_argument_group("transfers")
    transfer_options.add_argument("--gib", type=float, default=4.0, help="size of the large file")
    transfer_options.add_argument("--files", type=int, default=10_000, help="number of small files")
    transfer_options.add_argument("--runs", type=int, default=3, help="runs of each command; medians are compared")
    browser_options = parser.add_argument_group("browser")
    browser_options.add_argument("--upload-gib", type=float, default=1.0, help="size of the file that is timed")
    browser_options.add_argument(
        "--memory-gib", type=float, default=4.0, help="size of the file for the memory of the tab"
    )
    given = parser.parse_args()
    if not wrk.available() and ("routes" in given.parts or not given.parts):
        raise SystemExit("routes needs wrk: install it (apt install wrk) or name other parts")
    options = load.Options(given.minutes, given.rate, given.users, given.overload, given.seed)
    sizes = transfers.Options(given.gib, given.files, given.runs)
    tab = browser.Options(given.upload_gib, given.memory_gib, given.runs)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        report = runner.run(run(given.parts or list(PARTS), given.scale, options, sizes, tab))
    if given.json:
        print(report.text())


if __name__ == "__main__":
    main()
