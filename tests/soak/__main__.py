"""`python -m tests.soak --minutes 60 --seed 7`: see the package."""

from __future__ import annotations

import secrets
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import structlog
import typer
import uvloop
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from . import soak

console = Console(stderr=True)


def main(
    minutes: Annotated[float, typer.Option(min=0.1, help="How long things break.")] = 2,
    seed: Annotated[int | None, typer.Option(help="What breaks, and what users do; drawn if not given.")] = None,
    users: Annotated[int, typer.Option(min=2, help="People, each doing two things at a time.")] = 12,
    folder: Annotated[Path | None, typer.Option(help="Where ledger, logs and data stay; else they go.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Break everything for a while and see that nothing is lost. Exit status 1 for a broken promise."""
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger("error")
    )  # ours; the processes log to files
    chosen = secrets.randbelow(2**31) if seed is None else seed
    columns = (
        TextColumn("seed {task.fields[seed]}"),
        BarColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.description}"),
    )
    with tempfile.TemporaryDirectory(prefix="soak-") as temporary, Progress(*columns, console=console) as bar:
        task = bar.add_task("starting", total=1.0, seed=chosen)
        place = folder or Path(temporary)
        place.mkdir(parents=True, exist_ok=True)
        report = uvloop.run(
            soak.run(
                place,
                seed=chosen,
                seconds=minutes * 60,
                users=users,
                progress=lambda what, share: bar.update(task, completed=share, description=what),
            )
        )
    typer.echo(soak.as_json(report) if as_json else soak.as_text(report))
    sys.exit(1 if report.violations else 0)


if __name__ == "__main__":
    typer.run(main)
