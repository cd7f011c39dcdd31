"""The commands `token create`, `token list` and `token revoke`."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final

import typer

from drivebay.client import ApiToken, Scope

from .console import JsonOption, print_json, print_line, run_command
from .exit_codes import CommandError, ExitCode, if_not_found
from .formatting import format_time, printable
from .open_drive import open_account

app = typer.Typer()
token = typer.Typer(no_args_is_help=True, help="Manage API tokens, with which programs use your account.")
app.add_typer(token, name="token")

_UNITS: Final = {"h": timedelta(hours=1), "d": timedelta(days=1)}


@token.command()
def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What the token is for.")],
    scopes: Annotated[
        list[Scope], typer.Option("--scope", help="What the token may be used for. Repeat it for several scopes.")
    ],
    expires: Annotated[
        str | None,
        typer.Option(
            metavar="TIME", help="How long the token is valid, such as 12h or 90d. By default it does not expire."
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Create an API token and print it. The token is not shown again.

    Use the token as DRIVEBAY_TOKEN, or as a bearer token of the HTTP API.
    """

    async def command() -> None:
        expires_at = None if expires is None else datetime.now(UTC) + _parse_lifetime(expires)
        async with open_account() as drive:
            created = await drive.create_token(name, scopes, expires_at=expires_at)
        if as_json:
            print_json(created)
        else:
            print_line(created.token or "")

    run_command(command, as_json)


@token.command(name="list")
def list_tokens(as_json: JsonOption = False) -> None:
    """List your API tokens, with their scopes and their last use."""

    async def command() -> None:
        async with open_account() as drive:
            tokens = await drive.tokens()
        if as_json:
            print_json(tokens)
            return
        now = datetime.now(UTC)
        for api_token in tokens:
            print_line(token_line(api_token, now))

    run_command(command, as_json)


def token_line(api_token: ApiToken, now: datetime) -> str:
    """Return the line of the list for an API token."""
    used = "never used" if api_token.last_used_at is None else f"used {format_time(api_token.last_used_at)}"
    end = ""
    if api_token.expires_at is not None:
        verb = "expires" if api_token.expires_at > now else "expired"
        end = f", {verb} {format_time(api_token.expires_at)}"
    return f"{api_token.id}  {printable(api_token.name)}  {','.join(api_token.scopes)}  {used}{end}"


@token.command()
def revoke(
    ids: Annotated[list[str], typer.Argument(metavar="ID", help="Ids of tokens, as `drivebay token list` shows them.")],
    as_json: JsonOption = False,
) -> None:
    """Revoke API tokens. The server refuses them within five seconds."""

    async def command() -> None:
        async with open_account() as drive:
            with if_not_found("list your API tokens with `drivebay token list`"):
                for id in ids:
                    await drive.revoke_token(id)
        if as_json:
            print_json({})

    run_command(command, as_json)


def _parse_lifetime(text: str) -> timedelta:
    match = re.fullmatch(r"([1-9][0-9]{0,4})([hd])", text)
    if match is None:
        raise CommandError(f"{text!r} is not a time", ExitCode.USAGE, "write hours or days, such as 12h or 90d")
    return int(match[1]) * _UNITS[match[2]]
