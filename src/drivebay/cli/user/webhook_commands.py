"""The commands `webhooks add`, `list`, `remove`, `enable`, `disable`, `deliveries` and `redeliver`."""

from __future__ import annotations

from contextlib import aclosing
from typing import Annotated

import typer

from drivebay.client import Webhook, WebhookDelivery

from .console import JsonOption, print_json, print_line, result_printer, run_command
from .exit_codes import EXPECTED_ERRORS, if_not_found
from .formatting import format_time, printable
from .open_drive import open_drive
from .workers import Failures

app = typer.Typer()
webhooks = typer.Typer(no_args_is_help=True, help="Manage webhooks, which send the changes of a drive to a URL.")
app.add_typer(webhooks, name="webhooks")

_LIST_STEP = "list your webhooks with `drivebay webhooks list`"
IdArgument = Annotated[
    str, typer.Argument(metavar="ID", help="The id of a webhook, as `drivebay webhooks list` shows.")
]
IdsArgument = Annotated[
    list[str], typer.Argument(metavar="ID", help="The ids of webhooks, as `drivebay webhooks list` shows them.")
]


@webhooks.command()
def add(
    url: Annotated[str, typer.Argument(metavar="URL", help="Where to send the changes: an https URL.")],
    what: Annotated[
        list[str] | None,
        typer.Option("--what", help="A kind of change, such as created. Repeat it for several kinds. Default: all."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Send the changes of the drive to a URL from now on. Print id and secret of the webhook.

    A receiver verifies events with the secret. The secret is not shown again.
    """

    async def command() -> None:
        async with open_drive() as drive:
            created = await drive.create_webhook(url, what=what or None)
        if as_json:
            print_json(created)
        else:
            print_line(f"{created.id}  {created.secret or ''}")

    run_command(command, as_json)


@webhooks.command(name="list")
def list_webhooks(as_json: JsonOption = False) -> None:
    """List your webhooks of all drives. Each line has id, state and URL."""

    async def command() -> None:
        async with open_drive() as drive, aclosing(drive.webhooks()) as all_webhooks:
            with result_printer(as_json, _line) as show:
                async for item in all_webhooks:
                    show(item)

    run_command(command, as_json)


@webhooks.command()
def remove(ids: IdsArgument, as_json: JsonOption = False) -> None:
    """Delete webhooks. Print the id of each deleted webhook."""

    async def command() -> None:
        failures = Failures(as_json)
        async with open_drive() as drive:
            with result_printer(as_json, str) as show:
                for id in ids:
                    try:
                        with if_not_found(_LIST_STEP):
                            await drive.delete_webhook(id)
                    except EXPECTED_ERRORS as error:
                        failures.add(error, id)
                    else:
                        show(id)
        failures.raise_if_any()

    run_command(command, as_json)


@webhooks.command()
def enable(id: IdArgument, as_json: JsonOption = False) -> None:
    """Enable a webhook. It continues after the last event that was delivered."""
    _set_disabled(id, as_json, disabled=False)


@webhooks.command()
def disable(id: IdArgument, as_json: JsonOption = False) -> None:
    """Disable a webhook until you enable it."""
    _set_disabled(id, as_json, disabled=True)


@webhooks.command()
def deliveries(id: IdArgument, as_json: JsonOption = False) -> None:
    """List the deliveries of a webhook, newest first. A delivery is one attempt to send an event.

    Each line has the id of the delivery, its time, its result, the kind of the change, and the error.
    """

    async def command() -> None:
        async with open_drive() as drive, aclosing(drive.webhook_deliveries(id)) as attempts:
            with if_not_found(_LIST_STEP), result_printer(as_json, _delivery_line) as show:
                async for item in attempts:
                    show(item)

    run_command(command, as_json)


@webhooks.command()
def redeliver(
    id: IdArgument,
    delivery: Annotated[
        str,
        typer.Argument(metavar="DELIVERY", help="The id of a delivery, as `drivebay webhooks deliveries ID` shows."),
    ],
    as_json: JsonOption = False,
) -> None:
    """Send the event of a delivery again, within seconds."""

    async def command() -> None:
        async with open_drive() as drive:
            with if_not_found("list the deliveries with `drivebay webhooks deliveries ID`"):
                await drive.redeliver(id, delivery)
        if as_json:
            print_json({})

    run_command(command, as_json)


def _set_disabled(id: str, as_json: bool, *, disabled: bool) -> None:
    async def command() -> None:
        async with open_drive() as drive:
            with if_not_found(_LIST_STEP):
                changed = await drive.update_webhook(id, disabled=disabled)
        if as_json:
            print_json(changed)

    run_command(command, as_json)


def _line(item: Webhook) -> str:
    state = "enabled" if not item.disabled else f"disabled: {item.disabled_reason or 'by you'}"
    if item.failing_since is not None and not item.disabled:
        state = f"failing since {format_time(item.failing_since)}"
    return f"{item.id}  {printable(item.url)}  {printable(state)}"


def _delivery_line(item: WebhookDelivery) -> str:
    error = "" if item.error is None else f"  {printable(item.error)}"
    return f"{item.id}  {format_time(item.at)}  {item.status:<9}  {item.what:<10}{error}".rstrip()
