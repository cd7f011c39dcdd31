"""`drivebay run`: run services until Ctrl-C."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Annotated
from urllib.parse import urlsplit

import typer

from ... import node
from ...config import Settings
from ...node import SERVICES
from ...runtime.shared_metrics import share_metrics
from .command_runner import fail, run_with_settings, stderr

app = typer.Typer()


@app.command()
def run(
    services: Annotated[
        list[str] | None,
        typer.Argument(metavar="SERVICE", help=f"Services to run: {', '.join(SERVICES)}. The default is all."),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Number of gateway processes. Overrides DRIVEBAY_WORKERS.")
    ] = None,
    as_child: Annotated[bool, typer.Option("--as-child", hidden=True)] = False,
) -> None:
    """Run all services, or some of them, until Ctrl-C.

    PostgreSQL, NATS and the store are started too, in the data folder, unless the settings name other servers.
    """
    selected = frozenset(services or SERVICES)  # guard: world-of-one-process, world-of-six-processes
    if unknown := sorted(selected - set(SERVICES)):
        fail(f"unknown service {unknown[0]!r}; choose from {', '.join(SERVICES)}")
    overrides = {} if workers is None else {"DRIVEBAY_WORKERS": str(workers)}

    async def command(settings: Settings) -> None:
        if as_child:
            await node.run_child(settings, selected)
        else:
            with share_metrics(settings.workers if "gateway" in selected else 1):
                await node.run(settings, selected, progress=_print_progress, ready=_ready_printer(selected))

    run_with_settings(command, overrides, "+".join(sorted(selected)) if services else "drivebay")


def _print_progress(line: str) -> None:
    if sys.stderr.isatty():
        stderr.print(f"  {line}", markup=False)


def _ready_printer(services: frozenset[str]) -> Callable[[Settings], None]:
    def print_ready(settings: Settings) -> None:
        api = (settings.public_url or f"http://{settings.host}:{settings.port}").rstrip("/")
        summary = f"runs {', '.join(sorted(services))}"
        if "gateway" in services:
            summary = f"is ready: {'web app' if settings.web else 'API'} {api}  docs {api}/docs  data {settings.data}"
        if "storage" in services and settings.s3_public_endpoint is not None:
            summary += f"  store {describe_store(settings.s3_public_endpoint, settings.s3_endpoint)}"
        stderr.print(f"Drivebay {summary}  (press Ctrl-C to stop)", soft_wrap=True, markup=False)

    return print_ready


def describe_store(public_endpoint: str, endpoint: str | None) -> str:
    """Return the URL of the store for clients. If this URL belongs to a proxy, add where the proxy must forward it."""
    is_proxied = endpoint is not None and _port_of(public_endpoint) != _port_of(endpoint)
    proxy = f", through a proxy that forwards to {endpoint}" if is_proxied else ""
    return f"{public_endpoint} (clients must reach the store too{proxy})"


def _port_of(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    return parts.scheme, parts.port or (443 if parts.scheme == "https" else 80)
