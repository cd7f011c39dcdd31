"""`python -m tests.mutants [NAME...]`: break guards and print which test notices."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import msgspec
import typer
import uvloop
from rich import box
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from . import run, table
from .run import Result, Verdict
from .table import Guard

console = Console(stderr=True)


def main(
    names: Annotated[list[str] | None, typer.Argument(help="Only guards whose names contain one of these.")] = None,
    jobs: Annotated[int, typer.Option(min=1, help="How many guards to break at the same time.")] = 2,
    only_list: Annotated[bool, typer.Option("--list", help="List the guards and break none.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the results as JSON.")] = False,
) -> None:
    """Break each guard in turn and check that a test fails.

    Exit status 1 if a broken guard went unnoticed, 2 if the table or the tests are not usable.
    """
    guards = {name: guard for name, guard in table.load().items() if not names or any(part in name for part in names)}
    if only_list:
        _print(_listing(guards))
        return
    if not guards or (missing := table.missing_tests(guards)):
        _stop("\n".join(missing) if guards else "no guard has a name like that; --list prints all of them")
    began = time.monotonic()
    columns = (TextColumn("mutants"), BarColumn(), TimeElapsedColumn(), TextColumn("{task.description}"))
    try:
        with tempfile.TemporaryDirectory(prefix="mutants-") as folder, Progress(*columns, console=console) as bar:
            task = bar.add_task("starting", total=1.0)
            results = uvloop.run(
                run.run(
                    guards,
                    Path(folder),
                    jobs,
                    lambda guard, share: bar.update(task, completed=share, description=guard),
                )
            )
    except* (table.BadTable, run.TestsFail) as group:
        _stop("\n".join(str(error) for error in group.exceptions))
    _report(results, guards, time.monotonic() - began, as_json=as_json)
    sys.exit(0 if all(result.verdict is Verdict.KILLED for result in results) else 1)


def _report(results: Sequence[Result], guards: Mapping[str, Guard], seconds: float, *, as_json: bool) -> None:
    if as_json:
        typer.echo(msgspec.json.format(msgspec.json.encode(results), indent=1))
        return
    _print(_results_table(results, guards))
    for result in results:
        if result.verdict is not Verdict.KILLED:
            typer.echo(f"\n{result.guard}: {result.verdict} {result.test}\n{result.message}")
    killed = sum(result.verdict is Verdict.KILLED for result in results)
    typer.echo(f"\n{killed} of {len(results)} broken guards made a test fail. {seconds:.0f} s.")


def _listing(guards: Mapping[str, Guard]) -> Table:
    shown = Table("guard", "file", "why it matters", box=box.MARKDOWN)
    for name, guard in guards.items():
        shown.add_row(name, table.place(name, guard).file, guard.why)
    return shown


def _results_table(results: Sequence[Result], guards: Mapping[str, Guard]) -> Table:
    shown = Table("guard", "file", "verdict", "s", "failing test", "why it matters", box=box.MARKDOWN)
    for result in results:
        test = result.test.partition("::")[2].partition("[")[0]
        shown.add_row(
            result.guard, result.file, result.verdict, f"{result.seconds:.1f}", test, guards[result.guard].why
        )
    return shown


def _print(shown: Table) -> None:
    # The table is Markdown, whose lines must not wrap.
    Console(width=1000).print(shown)


def _stop(why: str) -> None:
    console.print(why, markup=False, highlight=False)
    sys.exit(2)


if __name__ == "__main__":
    typer.run(main)
