"""The commands `signup`, `login`, `logout`, `whoami` and `status`."""

from __future__ import annotations

import sys
from collections.abc import Coroutine
from typing import Annotated

import typer

from drivebay.client import (
    ApiError,
    AsyncDrive,
    Error,
    Forbidden,
    MemoryTokenStore,
    NotFound,
    SecondFactorRequired,
    UnfinishedUpload,
)

from .browser_login import receive_code
from .console import JsonOption, print_json, print_line, run_command
from .exit_codes import CommandError, ExitCode
from .formatting import format_size, format_time
from .logins import StoredTokens, current_login, server_for_login
from .open_drive import LOGIN_CONNECT_TIMEOUT, LOGIN_RETRY, open_account
from .resume_state import ResumeFolder

app = typer.Typer()

ServerOption = Annotated[
    str | None,
    typer.Option(
        help="The URL of the server, such as https://drive.example.com. "
        "The default is DRIVEBAY_SERVER, or the server you are logged in to."
    ),
]
EmailOption = Annotated[str | None, typer.Option(help="Your email address. You are asked for it if it is missing.")]
PasswordStdinOption = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password from standard input instead of asking for it.")
]


@app.command()
def signup(
    email: EmailOption = None,
    server: ServerOption = None,
    password_stdin: PasswordStdinOption = False,
    as_json: JsonOption = False,
) -> None:
    """Create an account and log in."""
    _authenticate(server, email, password_stdin, as_json, create_account=True)


@app.command()
def login(
    email: EmailOption = None,
    server: ServerOption = None,
    password_stdin: PasswordStdinOption = False,
    code: Annotated[
        str | None, typer.Option("--code", help="The code of your second factor. You are asked for it if it is needed.")
    ] = None,
    oidc: Annotated[
        bool, typer.Option("--oidc", help="Sign in with your browser, at the identity provider of the server.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Log in to a Drivebay server.

    One login is stored for each profile: in the system's keyring, or in a file that only you can read. A new login
    replaces the stored login. With --profile you can be logged in to several accounts.
    """
    if oidc:
        if email is not None or password_stdin:
            raise typer.BadParameter("--oidc excludes --email and --password-stdin")
        log_in_with_browser(server, code, as_json)
        return
    _authenticate(server, email, password_stdin, as_json, create_account=False, code=code)


def _authenticate(
    server_option: str | None,
    email_option: str | None,
    password_stdin: bool,
    as_json: bool,
    *,
    create_account: bool,
    code: str | None = None,
) -> None:
    def ask_then_authenticate() -> Coroutine[None, None, tuple[str, str, str] | None]:
        # Ask before the event loop starts, because inside the loop Ctrl-C would not end the prompt.
        server = server_for_login(server_option)
        email = email_option or ask("Email", "add --email")
        return authenticate(server, email, read_password(password_stdin, label="Password", confirm=create_account))

    async def authenticate(server: str, email: str, password: str) -> tuple[str, str, str] | None:
        """Return server, email and challenge if the login needs a code."""
        async with _login_drive(server, email) as drive:
            try:
                if create_account:
                    await drive.sign_up(email, password)
                await drive.log_in(email, password)
            except SecondFactorRequired as error:
                return server, email, error.challenge
            except ApiError as error:
                raise _wrong_server_error(server, error) or error from None
            await _print_account(drive, server, as_json)
        return None

    def ask_then_complete() -> Coroutine[None, None, None]:
        return complete(code or ask("Code of your authenticator app, or a recovery code", "add --code"))

    async def complete(entered_code: str) -> None:
        async with _login_drive(server, email) as drive:
            await drive.log_in_with_code(challenge, entered_code)
            await _print_account(drive, server, as_json)

    pending_login = run_command(ask_then_authenticate, as_json)
    if pending_login is not None:
        server, email, challenge = pending_login
        run_command(ask_then_complete, as_json)


def log_in_with_browser(server_option: str | None, code: str | None, as_json: bool) -> None:
    """Log in at the identity provider of the server."""
    tokens = MemoryTokenStore()  # the email is not known before the login

    def begin() -> Coroutine[None, None, tuple[str, str] | None]:
        return sign_in(server_for_login(server_option))

    async def sign_in(server: str) -> tuple[str, str] | None:
        """Return server and challenge if the login needs a code."""
        sign_in_code = await receive_code(server, as_json)
        async with AsyncDrive(server, token_store=tokens, retry_policy=LOGIN_RETRY) as drive:
            try:
                await drive.log_in_with_oidc(sign_in_code)
            except SecondFactorRequired as error:
                return server, error.challenge
            await finish(drive, server)
        return None

    async def complete(server: str, challenge: str, entered_code: str) -> None:
        async with AsyncDrive(server, token_store=tokens, retry_policy=LOGIN_RETRY) as drive:
            await drive.log_in_with_code(challenge, entered_code)
            await finish(drive, server)

    async def finish(drive: AsyncDrive, server: str) -> None:
        StoredTokens(server, (await drive.me()).email).save(tokens.load())
        await _print_account(drive, server, as_json)

    pending_login = run_command(begin, as_json)
    if pending_login is not None:
        prompt = "Code of your authenticator app, or a recovery code"
        run_command(lambda: complete(*pending_login, code or ask(prompt, "add --code")), as_json)


def _login_drive(server: str, email: str) -> AsyncDrive:
    tokens = StoredTokens(server, email)
    return AsyncDrive(server, token_store=tokens, retry_policy=LOGIN_RETRY, connect_timeout=LOGIN_CONNECT_TIMEOUT)


async def _print_account(drive: AsyncDrive, server: str, as_json: bool) -> None:
    account = await drive.me()
    if as_json:
        print_json({"server": server, "id": account.id, "email": account.email})
    else:
        print_line(f"{account.email} at {server}")


def _wrong_server_error(server: str, error: ApiError) -> Error | None:
    """Return the error to show if the server is not Drivebay, otherwise None."""
    # The SDK uses the code `http_<status>` for a response without a Drivebay error body. Drivebay never responds to a
    # login or sign-up with 404.
    if not error.code.startswith("http_") and not isinstance(error, NotFound):
        return None
    return CommandError(
        f"{server} is not a Drivebay server (it responded with status {error.status})",
        ExitCode.FAILED,
        "give the URL without a path, with https:// if the server uses TLS: https://drive.example.com",
    )


def read_password(from_stdin: bool, *, label: str, confirm: bool = False, may_be_empty: bool = False) -> str:
    """Return a password: one line of standard input, or the input of the user at a prompt. Raises CommandError."""
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    return ask(
        label,
        "add --password-stdin",
        hide_input=True,
        confirmation_prompt=confirm,
        default="" if may_be_empty else None,
    )


def ask(
    label: str,
    next_step: str,
    *,
    hide_input: bool = False,
    confirmation_prompt: bool = False,
    default: str | None = None,
) -> str:
    """Return the input of the user, or `default`. Raises CommandError with `next_step` if there is no terminal."""
    if not sys.stdin.isatty():
        raise CommandError(f"cannot ask for the {label.lower()}: no terminal", ExitCode.USAGE, next_step)
    try:
        return str(
            typer.prompt(
                label,
                default=default,
                show_default=False,
                hide_input=hide_input,
                confirmation_prompt=confirmation_prompt,
                err=True,
            )
        )
    except typer.Abort:
        raise KeyboardInterrupt from None


def confirm_deletion(question: str) -> None:
    """Ask on the terminal whether to delete. Raises CommandError if the answer is not yes.

    Call it outside the event loop, because inside the loop Ctrl-C would not end the question.
    """
    if not sys.stdin.isatty():
        message = "nothing was deleted: standard input is not a terminal, so nobody can confirm"
        raise CommandError(message, ExitCode.USAGE, "add --yes")
    try:
        is_confirmed = typer.confirm(question, err=True)
    except typer.Abort:
        raise KeyboardInterrupt from None
    if not is_confirmed:
        raise CommandError("nothing was deleted", ExitCode.FAILED)


@app.command()
def logout(as_json: JsonOption = False) -> None:
    """End the session, on this computer and on the server."""

    async def command() -> None:
        async with open_account() as drive:
            await drive.log_out()
        if as_json:
            print_json({})

    run_command(command, as_json)


@app.command()
def whoami(as_json: JsonOption = False) -> None:
    """Print the email address of the account that is logged in.

    The command asks the server, so it fails if the session has ended.
    """

    async def command() -> None:
        server, _ = current_login()
        async with open_account() as drive:
            account = await drive.me()
        if as_json:
            print_json({"server": server, "id": account.id, "email": account.email, "created_at": account.created_at})
        else:
            print_line(account.email)

    run_command(command, as_json)


@app.command()
def status(as_json: JsonOption = False) -> None:
    """Show server, account, usage, and the pending uploads that you can resume.

    To resume an upload, run the same `put` command again.
    """

    async def command() -> None:
        server, _ = current_login()
        async with open_account() as drive:
            account = await drive.me()
            unfinished = await _resumable_uploads(drive, server)
        if as_json:
            print_json({"server": server, "account": account, "unfinished": unfinished})
            return
        print_line(f"server      {server}")
        print_line(f"account     {account.email}")
        if account.usage is not None:
            used, limit = format_size(account.usage.used_bytes), format_size(account.usage.limit_bytes)
            print_line(f"used        {used} of {limit}")
            print_line(f"files       {account.usage.file_count}")
            print_line(f"reserved    {format_size(account.usage.reserved_bytes)}")
        for upload in unfinished:
            size, begun = format_size(upload.size), format_time(upload.begun_at)
            print_line(f"unfinished  {upload.path} ({size}, started {begun})")

    run_command(command, as_json)


async def _resumable_uploads(drive: AsyncDrive, server: str) -> list[UnfinishedUpload]:
    """Return the pending uploads to this server. Delete the records of uploads that have ended."""
    folder = ResumeFolder()
    resumable = []
    for upload in folder.all_uploads():
        upload_server, _, drive_id = upload.server.partition("?drive_id=")
        if upload_server != server:
            continue
        drive.use_drive(drive_id or None)
        try:
            # A record without an id: the upload was not begun, or the response was lost. The next run of `put` finds
            # out which.
            is_pending = bool(upload.upload_id) and (await drive.get_upload(upload.upload_id)).status == "pending"
        except (NotFound, Forbidden):
            continue  # the upload may belong to another account
        if is_pending:
            resumable.append(upload)
        elif upload.upload_id:
            folder.remove_upload(upload.key)
    return resumable
