"""`python -m bench [routes] [visibility] [backlog] [listing]`: all of them without a name."""

from __future__ import annotations

import argparse
import asyncio

import uvloop

from . import flow, listing, load, routes
from .arena import open_arena
from .report import Report, console

PARTS = ("routes", "visibility", "backlog", "listing")


async def run(parts: list[str], scale: float) -> None:
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
            else:
                await listing.measure(arena, report, (10_000, int(1_000_000 * scale), int(10_000_000 * scale)))
        console.print(f"written to {report.write()}")


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], help="which; all without")
    parser.add_argument("--scale", type=float, default=1.0, help="of the amounts of data; 1 is what the goals are for")
    arguments = parser.parse_args()
    if not load.available() and ("routes" in arguments.parts or not arguments.parts):
        raise SystemExit("the routes are measured with wrk: install it (apt install wrk), or name other parts")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run(arguments.parts or list(PARTS), arguments.scale))


if __name__ == "__main__":
    main()
