"""The commands of those who run Drivebay. What went wrong is one line on standard error and an exit status of 1."""

from __future__ import annotations

import json
import sys
from collections.abc import Awaitable, Callable, Coroutine
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeVar

import msgspec
import typer
import uvloop
from rich.console import Console
from rich.text import Text

from . import embedded, node, telemetry
from .auth.tokens import WrongSecret
from .certs import Authority
from .contract.auth import Auth
from .contract.files import Files
from .contract.storage import Storage
from .db import MigrationError
from .doctor import Finding, Verdict, examine
from .errors import Error
from .gateway import app as gateway
from .gateway import routes
from .gateway.settings import Settings as GatewaySettings
from .node import PARTS, CannotRun, Services
from .settings import Settings, SettingsError, of_process
from .storage.bucket import Misconfigured
from .wire import rpc

T = TypeVar("T")

console = Console(stderr=True, highlight=False)
app = typer.Typer()
keys = typer.Typer(no_args_is_help=True, help="The keys that sign access tokens.")
app.add_typer(keys, name="keys")

_ONE_LINE = (
    SettingsError,
    CannotRun,
    embedded.CannotStart,
    MigrationError,
    Misconfigured,
    WrongSecret,
    Error,
    OSError,
    ValueError,
    rpc.Mismatch,
)
"""What whoever starts us can act on; anything else is a defect and shows its traceback."""

AsJson = Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")]


@app.command()
def run(
    parts: Annotated[list[str] | None, typer.Argument(help=f"Any of {', '.join(PARTS)}; all without.")] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Gateway processes (DRIVEBAY_WORKERS).")] = None,
    as_worker: Annotated[bool, typer.Option("--as-worker", hidden=True)] = False,
) -> None:
    """Run everything, or some parts, until Ctrl-C."""
    wanted = frozenset(parts or PARTS)
    if unknown := sorted(wanted - set(PARTS)):
        _fail(f"there is no part {unknown[0]!r}; there are {', '.join(PARTS)}")
    more = {} if workers is None else {"DRIVEBAY_WORKERS": str(workers)}

    async def work(settings: Settings) -> None:
        if as_worker:
            await node.run_worker(settings, wanted)
        else:
            await node.run(settings, wanted, say=_say, ready=_greet(wanted))

    _command(work, more, "+".join(sorted(wanted)) if parts else "drivebay", _fail)


@keys.command()
def rotate(as_json: AsJson = False) -> None:
    """Sign with a new key from now on. Tokens signed with older keys stay valid until they end."""

    async def work(services: Services) -> str:
        return (await services.auth.rotate_key()).kid

    kid = _with_services(work, {"auth"})
    typer.echo(json.dumps({"kid": kid}) if as_json else f"signing with key {kid}")


@app.command()
def check(as_json: AsJson = False) -> None:
    """Hold every invariant against the database and the store. Exit status 1 if one is broken."""

    async def work(services: Services) -> tuple[Any, ...]:
        return await services.files.check()

    with console.status("checking every invariant"):
        found = _with_services(work, {"files", "storage"})
    if as_json:
        rows = [{"invariant": v.invariant, "owner": v.owner and str(v.owner), "detail": v.detail} for v in found]
        typer.echo(json.dumps({"violations": rows}))
    else:
        for violation in found:
            typer.echo(f"{violation.invariant}: {violation.detail} (owner {violation.owner})")
        typer.echo(f"{len(found)} violations" if found else "every invariant holds")
    if found:
        raise typer.Exit(1)


@app.command()
def doctor(as_json: AsJson = False) -> None:
    """Prove the whole path with a real round trip. Exit status 0 only if all is well."""

    async def work(services: Services) -> list[Finding]:
        with console.status("looking") as status:
            found = []
            async for finding in examine(services, node.now, lambda what: status.update(f"looking at: {what}")):
                found.append(finding)
                if not as_json:
                    _show(finding)
            return found

    def cannot_begin(line: str) -> NoReturn:
        # Whoever reads JSON reads it here too.
        if as_json:
            typer.echo(msgspec.json.encode({"findings": [Finding("start", Verdict.FAILED, line)]}).decode())
        _fail(line)

    # As ingest would see them: with the servers of the data folder, NATS among them.
    findings = _with_services(work, {"auth", "files", "storage"}, cannot_begin, alone=frozenset({"ingest"}))
    if as_json:
        typer.echo(msgspec.json.encode({"findings": findings}).decode())
    if any(finding.verdict is not Verdict.OK for finding in findings):
        raise typer.Exit(1)


def _show(finding: Finding) -> None:
    color = {Verdict.OK: "green", Verdict.WARNING: "yellow", Verdict.FAILED: "red"}[finding.verdict]
    typer.echo(f"{typer.style(f'{finding.verdict.value:8}', fg=color)}{finding.check}: {finding.detail}")
    if finding.fix:
        typer.echo(f"{'':8}{finding.fix}")


@app.command()
def certs(
    folder: Annotated[Path, typer.Argument(help="Where authority, certificates and keys are kept.")],
    host: Annotated[list[str] | None, typer.Option(help="One more DNS name or address for each certificate.")] = None,
    days: Annotated[int, typer.Option(min=1, max=825, help="How long they are valid.")] = 365,
    as_json: AsJson = False,
) -> None:
    """Make certificates for a try: an authority, unless one is there, and one certificate for each part.

    Run it again to renew them; running services take the new ones by themselves.
    """
    try:
        # What is printed is set for processes that start elsewhere.
        authority = Authority(folder.resolve(), node.now(), timedelta(days=days))
        files = {name: authority.issue(name, host or ()) for name in (*PARTS, "cli")}
    except (OSError, ValueError) as error:
        _fail(str(error))
    if as_json:
        rows = {name: {"cert": str(cert), "key": str(key)} for name, (cert, key) in files.items()}
        typer.echo(json.dumps({"ca": str(authority.file), "certificates": rows}))
        return
    for name, (cert, key) in files.items():
        typer.echo(f"{name}: DRIVEBAY_TLS_CERT={cert} DRIVEBAY_TLS_KEY={key} DRIVEBAY_TLS_CA={authority.file}")


@app.command()
def openapi() -> None:
    """Print the OpenAPI document."""
    typer.echo(_document())


def _document() -> str:
    # The table is only read here; no service is asked anything.
    table = routes.table(
        rpc.missing(Auth, "DRIVEBAY_AUTH_ADDRESS"),
        rpc.missing(Files, "DRIVEBAY_FILES_ADDRESS"),
        rpc.missing(Storage, "DRIVEBAY_STORAGE_ADDRESS"),
        GatewaySettings(),
        now=node.now,
        checks={},
    )
    return gateway.document(table).decode()


def _with_services(
    work: Callable[[Services], Awaitable[T]],
    parts: set[str],
    fail: Callable[[str], NoReturn] | None = None,
    *,
    alone: frozenset[str] = frozenset(),
) -> T:
    """Do something with services: remote ones where their addresses are set, else our own.

    Where none is remote, what `alone` stands on is brought up too. Beside remote ones such servers would be
    new, empty and nobody's.
    """

    async def once(settings: Settings) -> T:
        addresses = {
            "auth": settings.auth_address,
            "files": settings.files_address,
            "storage": settings.storage_address,
        }
        here = frozenset(part for part in parts if addresses.get(part) is None)
        if not any(addresses.values()):
            here |= alone
        async with node.services(settings, here) as services:
            return await work(services)

    return _command(once, {"DRIVEBAY_LOG": "warning"}, "command", fail or _fail)


def _command(
    work: Callable[[Settings], Coroutine[Any, Any, T]],
    more: dict[str, str],
    service: str,
    fail: Callable[[str], NoReturn],
) -> T:
    try:
        settings = of_process(more)
        shutdown = telemetry.setup(settings.log, otlp_endpoint=settings.otlp_endpoint, service=service)
        try:
            return uvloop.run(work(settings))
        finally:
            shutdown()
    except _ONE_LINE as error:
        fail(str(error) or type(error).__name__)
    except BaseExceptionGroup as group:
        known, unknown = group.split(_ONE_LINE)
        if unknown is not None or known is None:
            raise
        fail("; ".join(str(error) for error in _leaves(known)))
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


def _leaves(group: BaseExceptionGroup[Any]) -> list[BaseException]:
    found: list[BaseException] = []
    for error in group.exceptions:
        found += _leaves(error) if isinstance(error, BaseExceptionGroup) else [error]
    return found


def _fail(line: str) -> NoReturn:
    console.print(Text.assemble(("drivebay: ", "bold red"), line), soft_wrap=True)
    raise typer.Exit(1)


def _say(line: str) -> None:
    if sys.stderr.isatty():
        console.print(f"  {line}", markup=False)


def _greet(parts: frozenset[str]) -> Callable[[Settings], None]:
    def greet(settings: Settings) -> None:
        api = f"http://{settings.host}:{settings.port}"
        what = f"runs {', '.join(sorted(parts))}"
        if "gateway" in parts:
            what = f"is ready: API {api}  docs {api}/docs  data {settings.data}"
        console.print(f"Drivebay {what}  (Ctrl-C stops it)", soft_wrap=True, markup=False)

    return greet
