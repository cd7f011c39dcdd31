"""`drivebay check`: check every invariant. The result distinguishes damage from checks that were not possible."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Any, Final, NoReturn

import typer

from ...contract.files import Violation
from ...node import Services
from .command_runner import JsonOption, print_error, run_with_services, stderr

app = typer.Typer()


class CheckVerdict(StrEnum):
    SOUND = "sound"
    """Every invariant was checked and holds."""
    DAMAGED = "damaged"
    """At least one invariant is violated."""
    UNKNOWN = "unknown"
    """No violation was found, and something could not be checked."""


EXIT_STATUS: Final = {CheckVerdict.SOUND: 0, CheckVerdict.DAMAGED: 1, CheckVerdict.UNKNOWN: 3}
"""The exit status of each verdict. The status 2 means a wrong command line."""


@app.command()
def check(as_json: JsonOption = False) -> None:
    """Check every invariant of the database and the store.

    Exit with status 0 if all hold, 1 if one is violated, and 3 if no violation was found but something could not be
    checked, for example because the store does not respond. The check changes nothing.
    """

    async def command(services: Services) -> tuple[Violation, ...]:
        with stderr.status("checking every invariant"):
            return await services.files.check_invariants()

    def report_error(message: str) -> NoReturn:
        # No invariant was checked, so this is not damage.
        print_error(message)
        _report((Violation("every_invariant", None, message, is_unknown=True),), as_json)

    _report(run_with_services(command, {"files", "storage"}, report_error, needs_database=True), as_json)


def find_verdict(violations: tuple[Violation, ...]) -> CheckVerdict:
    """Return the verdict of a check. It is DAMAGED if any invariant is violated, even if others were not checked."""
    if any(not violation.is_unknown for violation in violations):
        return CheckVerdict.DAMAGED
    return CheckVerdict.UNKNOWN if violations else CheckVerdict.SOUND


def _report(violations: tuple[Violation, ...], as_json: bool) -> NoReturn:
    verdict = find_verdict(violations)
    broken = [violation for violation in violations if not violation.is_unknown]
    unknown = [violation for violation in violations if violation.is_unknown]
    if as_json:
        rows = {"violations": [_row(each) for each in broken], "unchecked": [_row(each) for each in unknown]}
        typer.echo(json.dumps({"verdict": verdict.value, **rows}))
    else:
        for violation in broken:
            typer.echo(f"{violation.invariant}: {violation.detail} (owner {violation.owner})")
        for violation in unknown:
            typer.echo(f"not checked: {violation.invariant}: {violation.detail}")
        typer.echo(_summary(len(broken), len(unknown)))
    raise typer.Exit(EXIT_STATUS[verdict])


def _summary(broken: int, unknown: int) -> str:
    if not broken and not unknown:
        return "no violations: every invariant holds"
    found = f"violations: {broken}" if broken else "no verdict"
    if not unknown:
        return found
    return (
        f"{found}, invariants that were not checked: {unknown}. Run `drivebay check` again when every server responds"
    )


def _row(violation: Violation) -> dict[str, Any]:
    owner = violation.owner and str(violation.owner)
    return {"invariant": violation.invariant, "owner": owner, "detail": violation.detail}
