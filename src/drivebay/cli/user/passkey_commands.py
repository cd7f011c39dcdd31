"""The commands `passkeys list`, `passkeys rename` and `passkeys remove`. Only a browser can add a passkey."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Annotated

import typer

from .account import PasswordStdinOption, read_password
from .console import JsonOption, print_json, print_line, run_command
from .exit_codes import if_not_found
from .formatting import format_time, printable
from .open_drive import open_account

app = typer.Typer()
passkeys = typer.Typer(
    no_args_is_help=True, help="List, rename or remove the passkeys of your account. Add them in the web app."
)
app.add_typer(passkeys, name="passkeys")

_LIST = "list your passkeys with `drivebay passkeys list`"
IdArgument = Annotated[str, typer.Argument(metavar="ID", help="Id of a passkey, as `drivebay passkeys list` shows it.")]


@passkeys.command(name="list")
def list_passkeys(as_json: JsonOption = False) -> None:
    """List your passkeys, with their last use."""

    async def command() -> None:
        async with open_account() as drive:
            found = await drive.passkeys()
        if as_json:
            print_json(found)
            return
        for each in found:
            used = "never used" if each.last_used_at is None else f"used {format_time(each.last_used_at)}"
            print_line(f"{each.id}  {printable(each.name)}  added {format_time(each.created_at)}  {used}")

    run_command(command, as_json)


@passkeys.command()
def rename(
    id: IdArgument,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The new name.")],
    as_json: JsonOption = False,
) -> None:
    """Rename a passkey. An API token cannot do this."""

    async def command() -> None:
        async with open_account() as drive:
            with if_not_found(_LIST):
                renamed = await drive.rename_passkey(id, name)
        if as_json:
            print_json(renamed)

    run_command(command, as_json)


@passkeys.command()
def remove(id: IdArgument, password_stdin: PasswordStdinOption = False, as_json: JsonOption = False) -> None:
    """Remove a passkey. The command asks for your password.

    If your account has no password (you sign in at an identity provider), log in again first and leave the password
    empty.
    """

    def ask_then_remove() -> Coroutine[None, None, None]:
        return command(read_password(password_stdin, label="Password", may_be_empty=True))

    async def command(password: str) -> None:
        async with open_account() as drive:
            with if_not_found(_LIST):
                await drive.remove_passkey(id, password)
        if as_json:
            print_json({})

    run_command(ask_then_remove, as_json)
