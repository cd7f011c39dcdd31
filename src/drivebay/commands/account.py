"""`signup`, `login`, `logout`, `whoami`, `status`."""

from __future__ import annotations

import sys
from collections.abc import Coroutine
from typing import Annotated

import typer

from drivebay.client import ApiError, AsyncDrive, Error, NotFound, Unfinished

from . import logins, table
from .console import AsJson, answer, answer_json, run
from .drives import SHORT, opened
from .exits import Exit, Wrong
from .unfinished import Folder

app = typer.Typer()

Server = Annotated[str | None, typer.Option(help="Its address, https://...; without, that of the last login.")]
Email = Annotated[str | None, typer.Option(help="Who you are there; without, it is asked for.")]
FromStdin = Annotated[bool, typer.Option("--password-stdin", help="Read the password from standard input.")]


@app.command()
def signup(
    email: Email = None, server: Server = None, password_stdin: FromStdin = False, as_json: AsJson = False
) -> None:
    """Make an account, and log in."""
    _enter(server, email, password_stdin, as_json, new=True)


@app.command()
def login(
    email: Email = None, server: Server = None, password_stdin: FromStdin = False, as_json: AsJson = False
) -> None:
    """Log in to a Drivebay. One login at a time is kept: in the system's keyring, or in a file that is yours alone."""
    _enter(server, email, password_stdin, as_json, new=False)


def _enter(given: str | None, email: str | None, from_stdin: bool, as_json: bool, *, new: bool) -> None:
    def work() -> Coroutine[None, None, None]:
        # Asked before there is an event loop, which would keep Ctrl-C from ending the question.
        server = logins.server_for(given)
        who = email or _asked("Email", "say --email")
        return entered(server, who, _password(from_stdin, new))

    async def entered(server: str, email: str, password: str) -> None:
        async with AsyncDrive(server, session=logins.Kept(server, email), patience=SHORT) as drive:
            try:
                if new:
                    await drive.sign_up(email, password)
                await drive.log_in(email, password)
            except ApiError as error:
                raise _no_drivebay(server, error) from None
            me = await drive.me()
        if as_json:
            answer_json({"server": server, "id": me.id, "email": me.email})
        else:
            answer(f"{me.email} at {server}")

    run(work, as_json)


def _no_drivebay(server: str, error: ApiError) -> Error:
    """What to say of it, if it is another web server's: Drivebay has a code of its own for every error."""
    if not error.code.startswith("http_") and not isinstance(error, NotFound):
        return error
    return Wrong(
        f"what answers at {server} is no Drivebay ({error.status})",
        Exit.FAILED,
        "say its address as far as the port, with https:// if it has TLS: https://drive.example.com",
    )


def _password(from_stdin: bool, new: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    return _asked("Password", "say --password-stdin", hide_input=True, confirmation_prompt=new)


def _asked(what: str, otherwise: str, *, hide_input: bool = False, confirmation_prompt: bool = False) -> str:
    if not sys.stdin.isatty():
        raise Wrong(f"no terminal to ask for the {what.lower()}", Exit.USAGE, otherwise)
    try:
        return str(typer.prompt(what, hide_input=hide_input, confirmation_prompt=confirmation_prompt, err=True))
    except typer.Abort:
        raise KeyboardInterrupt from None


@app.command()
def logout(as_json: AsJson = False) -> None:
    """End the session, here and on the server."""

    async def work() -> None:
        async with opened() as drive:
            await drive.log_out()
        if as_json:
            answer_json({})

    run(work, as_json)


@app.command()
def whoami(as_json: AsJson = False) -> None:
    """Print who is logged in, as the server knows them."""

    async def work() -> None:
        server, _ = logins.current()
        async with opened() as drive:
            me = await drive.me()
        if as_json:
            answer_json({"server": server, "id": me.id, "email": me.email, "created_at": me.created_at})
        else:
            answer(me.email)

    run(work, as_json)


@app.command()
def status(as_json: AsJson = False) -> None:
    """Server, account, usage, and uploads that can be gone on with: say the same `put` again."""

    async def work() -> None:
        server, _ = logins.current()
        async with opened() as drive:
            me = await drive.me()
            unfinished = await _resumable(drive, server)
        if as_json:
            answer_json({"server": server, "account": me, "unfinished": unfinished})
            return
        answer(f"server      {server}")
        answer(f"account     {me.email}")
        if me.usage is not None:
            answer(f"used        {table.size(me.usage.used_bytes)} of {table.size(me.usage.limit_bytes)}")
            answer(f"files       {me.usage.file_count}")
            answer(f"reserved    {table.size(me.usage.reserved_bytes)}")
        for each in unfinished:
            answer(f"unfinished  {each.path} ({table.size(each.size)}, begun {table.when(each.begun_at)})")

    run(work, as_json)


async def _resumable(drive: AsyncDrive, server: str) -> list[Unfinished]:
    """Those of this server that it still knows; what it does not is forgotten here too."""
    folder = Folder()
    found = []
    for each in folder.all():
        if each.server != server:
            continue
        try:
            pending = (await drive.show_upload(each.upload_id)).status == "pending"
        except NotFound:
            continue  # another account's, perhaps
        if pending:
            found.append(each)
        else:
            folder.forget(each.key)
    return found
