"""The commands `link`, `links` and `unlink`: links to files and folders for people without an account."""

from __future__ import annotations

import re
from collections.abc import Coroutine
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final

import msgspec
import typer

from drivebay.client import AsyncDrive, Disposition, LinkRole, NotFound, ShareLink

from .account import read_password
from .console import JsonOption, print_json, print_line, result_printer, run_command
from .exit_codes import EXPECTED_ERRORS, CommandError, ExitCode, if_not_found
from .formatting import format_time, printable
from .open_drive import open_drive
from .workers import Failures

app = typer.Typer()

_UNITS: Final = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}


class ListedLink(ShareLink, frozen=True):
    """A link and the path of its item. `path` is None while the item is in the trash."""

    path: str | None = None


@app.command()
def link(
    path: Annotated[str, typer.Argument(metavar="PATH", help="A path that starts with /, or an id.")],
    role: Annotated[
        LinkRole | None, typer.Option("--role", help="What people with the link may do. The default is viewer.")
    ] = None,
    name: Annotated[str | None, typer.Option("--name", help="A name for your list of links.")] = None,
    password_stdin: Annotated[
        bool,
        typer.Option("--password-stdin", help="Protect the link with a password, which is read from standard input."),
    ] = False,
    expires: Annotated[
        str | None,
        typer.Option(
            "--expires",
            metavar="TIME",
            help="When the link expires: after 90m, 12h or 7d, or at a time such as 2030-01-31T12:00:00Z.",
        ),
    ] = None,
    max_downloads: Annotated[
        int | None, typer.Option("--max-downloads", min=1, help="How often the link can be used for a download.")
    ] = None,
    temporary: Annotated[
        bool,
        typer.Option(
            "--temporary",
            help="Print a presigned URL of a file instead, valid for some minutes. "
            "The options of a link, such as a password, do not apply to it.",
        ),
    ] = False,
    inline: Annotated[
        bool, typer.Option("--inline", help="Like --temporary, but browsers open the file if its type is safe.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Create a link to a file or folder, for people without an account. Print its URL, which is not shown again."""
    if temporary or inline:
        values = {
            "--role": role,
            "--name": name,
            "--password-stdin": password_stdin or None,
            "--expires": expires,
            "--max-downloads": max_downloads,
        }
        if given := [option for option, value in values.items() if value is not None]:  # guard: presigned-url-options
            raise typer.BadParameter(f"--temporary and --inline exclude {', '.join(given)}")

    def read_then_create() -> Coroutine[None, None, None]:
        # Read outside the event loop, because inside the loop Ctrl-C would not end the wait for the password.
        return command(read_password(password_stdin, label="Password") if password_stdin else None)

    async def command(password: str | None) -> None:
        async with open_drive() as drive:
            if temporary or inline:
                signed = await drive.link(path, Disposition.INLINE if inline else Disposition.ATTACHMENT)
                url = signed.url
                result: object = {"url": url, "expires_at": signed.expires_at}
            else:
                created = await drive.create_link(
                    path,
                    role or LinkRole.VIEWER,
                    name=name,
                    password=password,
                    expires_at=None if expires is None else parse_expiry(expires, datetime.now(UTC)),
                    max_downloads=max_downloads,
                )
                url, result = created.url or "", created
        if as_json:
            print_json(result)
        else:
            print_line(url)

    run_command(read_then_create, as_json)


@app.command()
def links(
    path: Annotated[str | None, typer.Argument(metavar="[PATH]", help="A file or folder.")] = None,
    as_json: JsonOption = False,
) -> None:
    """List the links of a file or folder, or of the whole drive.

    Each line has id, role, downloads, expiry time, path and name. The path is - for an item in the trash.
    """

    async def command() -> None:
        paths: dict[str, str | None] = {}
        async with open_drive() as drive, aclosing(drive.links(path)) as all_links:
            with result_printer(as_json, _line) as show:
                async for item in all_links:
                    if item.file_id not in paths:
                        paths[item.file_id] = await _path_of(drive, item.file_id)
                    show(ListedLink(**msgspec.structs.asdict(item), path=paths[item.file_id]))

    run_command(command, as_json)


@app.command()
def unlink(
    ids: Annotated[list[str], typer.Argument(metavar="ID", help="The ids of links, as `drivebay links` shows them.")],
    as_json: JsonOption = False,
) -> None:
    """Delete links, so that they stop working at once. Print the id of each deleted link."""

    async def command() -> None:
        failures = Failures(as_json)
        async with open_drive() as drive:
            with result_printer(as_json, str) as show:
                for id in ids:
                    try:
                        with if_not_found("list the links with `drivebay links`"):
                            await drive.delete_link(id)
                    except EXPECTED_ERRORS as error:
                        failures.add(error, id)
                    else:
                        show(id)
        failures.raise_if_any()

    run_command(command, as_json)


def parse_expiry(text: str, now: datetime) -> datetime:
    """Return the time for a text: a duration after `now`, such as 7d, or a time (ISO 8601). Raises CommandError."""
    if match := re.fullmatch(r"([0-9]{1,6})([mhd])", text):
        return now + int(match[1]) * _UNITS[match[2]]
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        message, next_step = f"{text} is not a time", "write it like 7d, 12h, or 2030-01-31T12:00:00Z"
        raise CommandError(message, ExitCode.USAGE, next_step) from None
    return time if time.tzinfo is not None else time.astimezone()


async def _path_of(drive: AsyncDrive, id: str) -> str | None:
    try:
        return "/" + "/".join(file.name for file in await drive.path(id))
    except NotFound:
        return None  # the item is in the trash


def _line(item: ListedLink) -> str:
    limit = "" if item.max_downloads is None else f"/{item.max_downloads}"
    expiry = "-" if item.expires_at is None else format_time(item.expires_at)
    begin = f"{item.id}  {item.role.value:<8}  {item.downloads}{limit:<6}  {expiry:<16}"
    return f"{begin}  {printable(item.path or '-')}  {item.name or ''}".rstrip()
