"""Runs an operator's command: reads the settings, connects to the services, prints errors.

An expected error is one line on standard error and exit status 1. With --json the line is a JSON object.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Coroutine
from typing import Annotated, Any, Final, NoReturn, TypeVar

import typer
import uvloop
from rich.console import Console
from rich.text import Text

from ... import node, rpc
from ...config import Settings, SettingsError, load_process
from ...errors import Error, StartError
from ...node import Services
from ...observability import logs
from ..interrupts import INTERRUPTED_EXIT_STATUS, raise_on_interrupt

T = TypeVar("T")
Fail = Callable[[str], NoReturn]

EXPECTED_ERRORS: Final = (SettingsError, StartError, Error, OSError, ValueError, rpc.Mismatch)
"""Errors that an operator can correct. Any other error is a defect and is shown with its traceback."""

stderr = Console(stderr=True, highlight=False)
_errors_as_json = False


def _set_error_format(as_json: bool) -> bool:
    global _errors_as_json
    _errors_as_json = as_json
    return as_json


JsonOption = Annotated[
    bool, typer.Option("--json", help="Print the result and errors as JSON.", callback=_set_error_format)
]


def print_error(message: str) -> None:
    """Print an error message of one line, with --json as a JSON object."""
    if _errors_as_json:
        typer.echo(json.dumps({"error": "failed", "detail": message, "next": ""}), err=True)
        return
    stderr.print(Text.assemble(("drivebay: ", "bold red"), message), soft_wrap=True)


def fail(message: str) -> NoReturn:
    """Print an error message of one line and exit with status 1."""
    print_error(message)
    raise typer.Exit(1)


def run_with_settings(
    command: Callable[[Settings], Coroutine[Any, Any, T]],
    overrides: dict[str, str],
    log_service: str,
    on_error: Fail = fail,
    *,
    existing: frozenset[str] = frozenset(),
) -> T:
    """Run `command` with the settings of this process and return its result.

    `overrides` are settings that override environment variables. `log_service` is the service name in logs and traces.
    `on_error` is called with the message of an expected error. For the services in `existing` the command creates no
    database: it fails if there is none. Ctrl-C exits with status 130.
    """
    try:
        with raise_on_interrupt():
            settings = load_process(overrides, existing=existing)
            shutdown = logs.setup(settings.log, otlp_endpoint=settings.otlp_endpoint, service=log_service)
            try:
                return uvloop.run(command(settings))
            finally:
                shutdown()
    except EXPECTED_ERRORS as error:
        on_error(describe_error(error))
    except BaseExceptionGroup as group:
        expected, unexpected = group.split(EXPECTED_ERRORS)
        if unexpected is not None or expected is None:
            raise
        on_error("; ".join(describe_error(error) for error in _flatten(expected)))
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED_EXIT_STATUS) from None


def run_with_services(
    command: Callable[[Services], Awaitable[T]],
    names: set[str],
    on_error: Fail = fail,
    *,
    extra_if_all_local: frozenset[str] = frozenset(),
    needs_database: bool = False,
) -> T:
    """Run `command` with the named services and return its result.

    A service with an address in the settings is called at this address. The other services run in this process. If no
    service has an address, the services in `extra_if_all_local` run in this process too. If a service had an address,
    they would start new, empty embedded servers that the deployment does not use. With `needs_database`, the command
    fails if it would begin a new deployment, for example because it runs in another folder than the server.
    """

    async def run(settings: Settings) -> T:
        addresses = {
            "auth": settings.auth_address,
            "files": settings.files_address,
            "storage": settings.storage_address,
        }
        local = frozenset(name for name in names if addresses.get(name) is None)
        if not any(addresses.values()):
            local |= extra_if_all_local
        async with node.open_services(settings, local) as services:
            return await command(services)

    existing = frozenset(names if needs_database else ())
    return run_with_settings(run, {"DRIVEBAY_LOG": "warning"}, "command", on_error, existing=existing)


def _flatten(group: BaseExceptionGroup[Any]) -> list[BaseException]:
    errors: list[BaseException] = []
    for error in group.exceptions:
        errors += _flatten(error) if isinstance(error, BaseExceptionGroup) else [error]
    return errors


def describe_error(error: BaseException) -> str:
    """Return the message of an error, with the invalid fields that the message does not contain."""
    message = str(error) or type(error).__name__
    if isinstance(error, Error):
        fields = [f"{field.field} {field.message}".strip() for field in error.errors if field.message not in message]
        return f"{message} ({'; '.join(fields)})" if fields else message
    return message
