"""`drivebay keys rotate`: replace the key that signs access tokens."""

from __future__ import annotations

import json

import typer

from ...node import Services
from .command_runner import JsonOption, run_with_services

app = typer.Typer()
keys = typer.Typer(no_args_is_help=True, help="Manage the keys that sign access tokens.")
app.add_typer(keys, name="keys")


@keys.command()
def rotate(as_json: JsonOption = False) -> None:
    """Create a new signing key and use it from now on. Tokens signed with older keys stay valid until they expire."""

    async def command(services: Services) -> str:
        return (await services.auth.rotate_key()).kid

    kid = run_with_services(command, {"auth"}, needs_database=True)
    typer.echo(json.dumps({"kid": kid}) if as_json else f"access tokens are now signed with key {kid}")
