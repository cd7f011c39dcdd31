"""The command `versions`: list the versions of a file, restore or delete a version, or print its presigned URL."""

from __future__ import annotations

from contextlib import aclosing
from typing import Annotated

import typer

from drivebay.client import AsyncDrive, Version

from .console import JsonOption, print_json, print_line, result_printer, run_command
from .exit_codes import CommandError, ExitCode
from .formatting import format_size, format_time
from .open_drive import open_drive

app = typer.Typer()


@app.command()
def versions(
    path: Annotated[str, typer.Argument(metavar="PATH", help="A file: a path that starts with /, or an id.")],
    restore: Annotated[
        str | None,
        typer.Option(
            "--restore", metavar="ID", help="Make the content of this version current again, as a new version."
        ),
    ] = None,
    delete: Annotated[
        str | None, typer.Option("--delete", metavar="ID", help="Delete this old version for good.")
    ] = None,
    link: Annotated[
        str | None,
        typer.Option("--link", metavar="ID", help="Print a presigned URL of this version, valid for some minutes."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """List the versions of a file, newest first, or restore or delete a version.

    An asterisk marks the current version.
    """

    async def command() -> None:
        if sum(option is not None for option in (restore, delete, link)) > 1:
            raise CommandError("--restore, --delete and --link exclude each other", ExitCode.USAGE)
        async with open_drive() as drive:
            if restore is not None:
                file = await drive.restore_version(path, restore)
                if as_json:
                    print_json(file)
            elif delete is not None:
                await drive.delete_version(path, delete)
                if as_json:
                    print_json({"id": delete})
            elif link is not None:
                result = await drive.version_link(path, link)
                if as_json:
                    print_json({"url": result.url, "expires_at": result.expires_at})
                else:
                    print_line(result.url)
            else:
                await _list_versions(drive, path, as_json)

    run_command(command, as_json)


async def _list_versions(drive: AsyncDrive, path: str, as_json: bool) -> None:
    async with aclosing(drive.versions(path)) as all_versions:
        with result_printer(as_json, _line) as show:
            async for version in all_versions:
                show(version)


def _line(version: Version) -> str:
    mark = "*" if version.current else " "
    return f"{mark} {format_size(version.size):>10}  {format_time(version.created_at)}  {version.id}"
