"""`drivebay doctor`: test a whole deployment, and print each problem and how to fix it.

The doctor uses the settings of its own process. It checks the services and their servers. To check the public endpoint
of the store, it writes and reads one object. To check the whole path of a file, it uploads and downloads one small file
as a client does. The file belongs to a drive id that no account has.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime
from typing import Final, NoReturn

import aiohttp
import msgspec
import typer

from ... import node
from ...errors import Error
from ...node import Services
from .certificate_checks import check_certificates
from .command_runner import JsonOption, fail, run_with_services, stderr
from .findings import Finding, Verdict, failed
from .mail_checks import check_mail
from .server_checks import (
    check_database,
    check_event_stream,
    check_filers,
    check_services,
    check_signing_keys,
    check_store,
)
from .thumbnail_checks import check_thumbnails
from .transfer_checks import check_public_address, check_round_trip, describe_http_error

app = typer.Typer()

Now = Callable[[], datetime]
Check = Callable[[Services, Now], Awaitable[list[Finding]]]

CHECK_TIMEOUT: Final = 60.0
"""The maximum number of seconds of one check."""
CHECKS: Final[dict[str, Check]] = {
    "services": check_services,
    "signing keys": check_signing_keys,
    "database": check_database,
    "events": check_event_stream,
    "filers": check_filers,
    "store": check_store,
    "public endpoint": check_public_address,
    "round trip": check_round_trip,
    "mail": check_mail,
    "thumbnails": check_thumbnails,
    "certificates": check_certificates,
}


@app.command()
def doctor(as_json: JsonOption = False) -> None:
    """Test the whole deployment with a real upload and download.

    Print what is wrong and how to fix it. Exit with status 0 only if every check is ok.
    """

    async def command(services: Services) -> list[Finding]:
        findings = []
        with stderr.status("starting the checks") as status:
            async for finding in run_checks(services, node.now, lambda name: status.update(f"checking: {name}")):
                findings.append(finding)
                if not as_json:
                    _print_finding(finding)
        return findings

    def report_error(message: str) -> NoReturn:
        # The JSON contains this error too, for programs that read it.
        if as_json:
            typer.echo(msgspec.json.encode({"findings": [Finding("start", Verdict.FAILED, message)]}).decode())
        fail(message)

    # The service ingest starts the embedded NATS, which the check of events needs.
    extra = frozenset({"ingest"})
    findings = run_with_services(command, {"auth", "files", "storage"}, report_error, extra_if_all_local=extra)
    if as_json:
        typer.echo(msgspec.json.encode({"findings": findings}).decode())
    if any(finding.verdict is not Verdict.OK for finding in findings):
        raise typer.Exit(1)


async def run_checks(services: Services, now: Now, on_start: Callable[[str], None]) -> AsyncIterator[Finding]:
    """Run every check and yield each finding when its check ends.

    `on_start` is called with the name of a check before it runs. A check that cannot finish yields a failed finding.
    """
    for name, check in CHECKS.items():
        on_start(name)
        try:
            async with asyncio.timeout(CHECK_TIMEOUT):
                findings = await check(services, now)
        except (Error, OSError, TimeoutError, aiohttp.ClientError) as error:
            message = f"could not be checked: {describe_http_error(error)}"
            findings = [
                failed(name, message, "fix the other findings, if there are any, then run `drivebay doctor` again")
            ]
        for finding in findings:
            yield finding


def _print_finding(finding: Finding) -> None:
    color = {Verdict.OK: "green", Verdict.WARNING: "yellow", Verdict.FAILED: "red"}[finding.verdict]
    typer.echo(f"{typer.style(f'{finding.verdict.value:8}', fg=color)}{finding.check}: {finding.detail}")
    if finding.fix:
        typer.echo(f"{'':8}{finding.fix}")
