"""The command line of the soak: `python -m tests.soak --minutes 60 --seed 7`."""

from __future__ import annotations

import secrets
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import Annotated, Final

import structlog
import typer
import uvloop
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from . import cluster, report, run, six_processes

console = Console(stderr=True)
_MINUTES_WITH_LONG_FREEZES: Final = 10
"""From this duration on, processes of a cluster freeze for two minutes at times."""


def main(
    minutes: Annotated[float, typer.Option(min=0.1, help="How long to inject faults.")] = 2,
    seed: Annotated[
        int | None, typer.Option(help="Seed of the random choices of faults and users. Random by default.")
    ] = None,
    users: Annotated[int, typer.Option(min=2, help="Number of simulated users. Each does two steps at a time.")] = 12,
    folder: Annotated[
        Path | None, typer.Option(help="Folder for ledger, logs and data. A deleted temporary folder by default.")
    ] = None,
    on_cluster: Annotated[
        bool, typer.Option("--cluster", help="Use clusters of PostgreSQL, NATS, SeaweedFS and Drivebay. Needs etcd.")
    ] = False,
    only: Annotated[str, typer.Option(help="Inject only faults with this text in their names.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Inject faults while users work, then check that nothing is lost. Exit status 1: a guarantee was violated."""
    # This process logs errors only. The processes under test log to files.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger("error"))
    chosen_seed = secrets.randbelow(2**31) if seed is None else seed
    start: run.Start = six_processes.start
    if on_cluster:
        start = partial(cluster.start, freezes_long=minutes >= _MINUTES_WITH_LONG_FREEZES)
    columns = (
        TextColumn("seed {task.fields[seed]}"),
        BarColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.description}"),
    )
    with tempfile.TemporaryDirectory(prefix="soak-") as temporary, Progress(*columns, console=console) as bar:
        task = bar.add_task("starting", total=1.0, seed=chosen_seed)
        run_folder = folder or Path(temporary)
        run_folder.mkdir(parents=True, exist_ok=True)
        result = uvloop.run(
            run.run(
                run_folder,
                seed=chosen_seed,
                seconds=minutes * 60,
                user_count=users,
                start=start,
                only=only,
                progress=lambda text, share: bar.update(task, completed=share, description=text),
            )
        )
    typer.echo(report.as_json(result) if as_json else report.as_text(result))
    sys.exit(1 if result.violations else 0)


if __name__ == "__main__":
    typer.run(main)
