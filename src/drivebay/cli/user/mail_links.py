"""The commands that use the links in mails: `reset-password` and `verify-email`."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Coroutine
from typing import Annotated, Final
from urllib.parse import urlsplit

import typer

from drivebay.client import AsyncDrive

from .account import PasswordStdinOption, ServerOption, read_password
from .console import JsonOption, print_json, print_line, run_command
from .exit_codes import CommandError, ExitCode, if_not_found
from .logins import find_server, server_for_login
from .open_drive import LOGIN_CONNECT_TIMEOUT, LOGIN_RETRY, open_account

app = typer.Typer()

_LINK: Final = re.compile(r"(https?://.+)/(?:verify-email\?|reset-password#|invitation#)token=")
"""A link of a mail. The group is the URL of the server."""

LinkArgument = Annotated[
    str | None, typer.Argument(metavar="[LINK]", help="The link, or the text after `token=` in it.")
]


@app.command()
def reset_password(
    link: LinkArgument = None,
    email: Annotated[
        str | None,
        typer.Option("--email", help="Send a mail with a reset link to this email address, if it has an account."),
    ] = None,
    server: ServerOption = None,
    password_stdin: PasswordStdinOption = False,
    as_json: JsonOption = False,
) -> None:
    """Set your password with the link of a mail or an invitation, or request a mail with such a link.

    The link works once. With --email instead of a link, the server sends you a mail.
    """

    def ask_then_reset() -> Coroutine[None, None, None]:
        if (link is None) == (email is None):
            raise CommandError("give the link, or --email", ExitCode.USAGE)
        if email is not None:
            return request(server_for_login(server), email)
        server_url = _server_of(link or "", server)
        return reset(server_url, link or "", read_password(password_stdin, label="New password", confirm=True))

    async def request(server_url: str, recipient: str) -> None:
        async with _anonymous_drive(server_url) as drive:
            with if_not_found(""):
                await drive.request_password_reset(recipient)
        _print_done(as_json, "If this email address has an account, the server sends a mail.")

    async def reset(server_url: str, link_or_token: str, password: str) -> None:
        async with _anonymous_drive(server_url) as drive:
            with if_not_found(""):
                await drive.reset_password(_token(link_or_token), password)
        _print_done(as_json)

    run_command(ask_then_reset, as_json)


@app.command()
def verify_email(link: LinkArgument = None, server: ServerOption = None, as_json: JsonOption = False) -> None:
    """Confirm your email address with the link of a mail, or request a new mail.

    The link works once. Without a link, the server sends you a new mail.
    """

    async def request() -> None:
        async with open_account() as drive:
            with if_not_found(""):
                await drive.request_email_verification()
        _print_done(as_json, "If your email address is not confirmed yet, the server sends a mail.")

    async def verify(server_url: str, link_or_token: str) -> None:
        async with _anonymous_drive(server_url) as drive:
            with if_not_found(""):
                await drive.verify_email(_token(link_or_token))
        _print_done(as_json)

    def command() -> Coroutine[None, None, None]:
        if link is not None:
            return verify(_server_of(link, server), link)
        if server is not None:
            raise CommandError(
                "--server needs a link: the mail is sent for the account that is logged in",
                ExitCode.USAGE,
                "remove --server",
            )
        return request()

    run_command(command, as_json)


def _anonymous_drive(server: str) -> AsyncDrive:
    return AsyncDrive(server, retry_policy=LOGIN_RETRY, connect_timeout=LOGIN_CONNECT_TIMEOUT)


def _server_of(link: str, option: str | None) -> str:
    """Return `option`, or the server that made the link. For a text that is not a link, the server for a login.

    A server that does not know its own URL writes an address of its own machine into links. Then the server for a login
    is meant, if that is another machine.
    """
    made_by = _LINK.match(link.strip())
    if option is not None or made_by is None:
        return server_for_login(option)
    known = find_server()
    is_local = known is not None and _is_this_machine(made_by[1]) and not _is_this_machine(known)
    return server_for_login(None if is_local else made_by[1])


def _is_this_machine(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host == "localhost"
    return address.is_loopback or address.is_unspecified


def _token(link: str) -> str:
    """Return the token of a link. A text that is not a link is the token itself."""
    return re.split("[?#&]token=", link.strip())[-1]


def _print_done(as_json: bool, line: str | None = None) -> None:
    if as_json:
        print_json({})
    elif line is not None:
        print_line(line)
