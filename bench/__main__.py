"""`python -m bench [routes] [visibility] [backlog] [listing]`: all of them without a name. `load` and
`transfers` only by name."""

from __future__ import annotations

import argparse
import asyncio

import uvloop

from . import flow, listing, load, routes, transfers, wrk
from .arena import open_arena
from .report import Report, console

PARTS = ("routes", "visibility", "backlog", "listing")


async def run(parts: list[str], scale: float, options: load.Options, sizes: transfers.Options) -> Report:
    report = Report()
    for part in parts:
        console.rule(part)
        async with open_arena() as arena:
            if part == "routes":
                await routes.measure(arena, report, files=int(1_000_000 * scale), each=10_000)
            elif part == "visibility":
                await flow.visibility(arena, report)
            elif part == "backlog":
                await flow.backlog(arena, report, int(100_000 * scale))
            elif part == "load":
                await load.measure(arena, report, options)
            elif part == "transfers":
                await transfers.measure(arena, report, sizes)
            else:
                await listing.measure(arena, report, (10_000, int(1_000_000 * scale), int(10_000_000 * scale)))
        console.print(f"written to {report.write()}")
    return report


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument(
        "parts", nargs="*", choices=[*PARTS, "load", "transfers", []], help="which; all but those two without"
    )
    parser.add_argument("--scale", type=float, default=1.0, help="of the amounts of data; 1 is what the goals are for")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON on standard output")
    of_load = parser.add_argument_group("load")
    of_load.add_argument("--minutes", type=float, default=15.0, help="of steady load; 1 shows whether all is well")
    of_load.add_argument("--rate", type=float, help="requests a second; without, half of what the machine can do")
    of_load.add_argument("--users", type=int, default=1000)
    of_load.add_argument("--overload", type=float, default=60.0, help="seconds of twice what the machine can do")
    of_load.add_argument("--seed", type=int, default=1)
    of_transfers = parser.add_argument_group("transfers")
    of_transfers.add_argument("--gib", type=float, default=4.0, help="of the large file")
    of_transfers.add_argument("--files", type=int, default=10_000, help="small files")
    of_transfers.add_argument("--runs", type=int, default=3, help="of each; medians are compared")
    given = parser.parse_args()
    if not wrk.available() and ("routes" in given.parts or not given.parts):
        raise SystemExit("the routes are measured with wrk: install it (apt install wrk), or name other parts")
    options = load.Options(given.minutes, given.rate, given.users, given.overload, given.seed)
    sizes = transfers.Options(given.gib, given.files, given.runs)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        report = runner.run(run(given.parts or list(PARTS), given.scale, options, sizes))
    if given.json:
        print(report.text())


if __name__ == "__main__":
    main()
