"""The commands `second-factor begin`, `confirm` and `remove`."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Annotated

import typer

from .account import PasswordStdinOption, ask, read_password
from .console import JsonOption, print_json, print_line, run_command
from .exit_codes import if_not_found
from .open_drive import open_account

app = typer.Typer()
second_factor = typer.Typer(no_args_is_help=True, help="Protect your account with codes of an authenticator app.")
app.add_typer(second_factor, name="second-factor")

CodeOption = Annotated[str | None, typer.Option("--code", help="The code. You are asked for it if it is missing.")]


@second_factor.command()
def begin(as_json: JsonOption = False) -> None:
    """Create the secret for an authenticator app. Then run `second-factor confirm`."""

    async def command() -> None:
        async with open_account() as drive:
            secret = await drive.begin_second_factor()
        if as_json:
            print_json({"secret": secret.secret, "uri": secret.uri})
            return
        print_line(f"secret  {secret.secret}")
        print_line(f"uri     {secret.uri}")
        print_line("Add the secret to your authenticator app, then run `drivebay second-factor confirm`.")

    run_command(command, as_json)


@second_factor.command()
def confirm(code: CodeOption = None, as_json: JsonOption = False) -> None:
    """Activate the second factor with a code of the app, and print ten recovery codes. Keep them in a safe place."""

    def ask_then_confirm() -> Coroutine[None, None, None]:
        return command(code or ask("Code", "add --code"))

    async def command(entered_code: str) -> None:
        async with open_account() as drive:
            with if_not_found("run `drivebay second-factor begin` first"):
                recovery_codes = await drive.confirm_second_factor(entered_code)
        if as_json:
            print_json({"recovery_codes": recovery_codes})
            return
        for recovery_code in recovery_codes:
            print_line(recovery_code)

    run_command(ask_then_confirm, as_json)


@second_factor.command()
def remove(code: CodeOption = None, password_stdin: PasswordStdinOption = False, as_json: JsonOption = False) -> None:
    """Remove the second factor. The command asks for your password and a code, or a recovery code.

    If your account has no password (you sign in at an identity provider), log in again first and leave the password
    empty.
    """

    def ask_then_remove() -> Coroutine[None, None, None]:
        password = read_password(password_stdin, label="Password", may_be_empty=True)
        return command(password, code or ask("Code", "add --code"))

    async def command(password: str, entered_code: str) -> None:
        async with open_account() as drive:
            await drive.remove_second_factor(password, entered_code)
        if as_json:
            print_json({})

    run_command(ask_then_remove, as_json)
