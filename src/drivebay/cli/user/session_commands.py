"""The commands `passwd`, `sessions` and `delete-account`."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Annotated

import typer

from drivebay.client import SessionInfo

from .account import PasswordStdinOption, ask, read_password
from .console import JsonOption, print_json, print_line, print_note, run_command
from .exit_codes import CommandError, ExitCode, if_not_found
from .formatting import format_time, printable
from .open_drive import open_account

app = typer.Typer()


@app.command()
def passwd(
    password_stdin: Annotated[
        bool,
        typer.Option("--password-stdin", help="Read two lines from standard input, the current and the new password."),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Change your password and end every other session.

    If your account has no password (you sign in at an identity provider), log in again first and leave the current
    password empty.
    """

    def ask_then_change() -> Coroutine[None, None, None]:
        # Ask before the event loop starts, because inside the loop Ctrl-C would not end the prompt.
        current = read_password(password_stdin, label="Current password", may_be_empty=True)
        return change(current, read_password(password_stdin, label="New password", confirm=True))

    async def change(current: str, new: str) -> None:
        async with open_account() as drive:
            await drive.change_password(current, new)
        if as_json:
            print_json({})
        else:
            print_note(
                "The password is changed, and every other session has ended. API tokens and passkeys are still valid:"
                " see `drivebay token list` and `drivebay passkeys list`."
            )

    run_command(ask_then_change, as_json)


@app.command()
def sessions(
    end: Annotated[list[str] | None, typer.Option("--end", metavar="ID", help="End the session with this id.")] = None,
    end_others: Annotated[bool, typer.Option("--end-others", help="End every session except this one.")] = False,
    as_json: JsonOption = False,
) -> None:
    """List the sessions of your account, or end some of them. An asterisk marks the current session."""

    async def command() -> None:
        async with open_account() as drive:
            with if_not_found("list your sessions with `drivebay sessions`"):
                for id in end or []:
                    await drive.end_session(id)
            if end_others:
                await drive.end_other_sessions()
            listed = [] if end or end_others else await drive.sessions()
        if as_json:
            print_json({} if end or end_others else listed)
            return
        for session in listed:
            print_line(_session_line(session))

    run_command(command, as_json)


def _session_line(session: SessionInfo) -> str:
    mark = "*" if session.current else " "
    used = format_time(session.last_used_at)
    return f"{mark} {session.id}  {used}  {printable(session.address)}  {printable(session.user_agent)}"


@app.command()
def delete_account(
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,
    password_stdin: PasswordStdinOption = False,
    as_json: JsonOption = False,
) -> None:
    """Delete your account and all its files.

    The files are purged after the grace period of the trash.

    Sessions and API tokens end at once. This cannot be undone.

    If your account has no password (you sign in at an identity provider), log in again first and leave the password
    empty.
    """

    def ask_then_delete() -> Coroutine[None, None, None]:
        if not yes and ask('Type "delete" to delete the account', "add --yes") != "delete":
            raise CommandError("the account was not deleted", ExitCode.FAILED)
        return delete(read_password(password_stdin, label="Password", may_be_empty=True))

    async def delete(password: str) -> None:
        async with open_account() as drive:
            await drive.delete_account(password)
        if as_json:
            print_json({})

    run_command(ask_then_delete, as_json)
