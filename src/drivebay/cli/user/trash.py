"""The commands that delete from the trash for good: `trash delete` and `trash empty`."""

from __future__ import annotations

from collections.abc import Coroutine
from contextlib import aclosing
from typing import Annotated

import typer

from drivebay.client import AsyncDrive, File

from .account import confirm_deletion
from .console import JsonOption, print_json, print_line, run_command
from .modify import find_trashed
from .open_drive import open_drive

app = typer.Typer()
trash = typer.Typer(no_args_is_help=True, help="Delete from the trash for good.")
app.add_typer(trash, name="trash")


@trash.command()
def delete(
    names: Annotated[list[str], typer.Argument(metavar="NAME", help="Names or ids of files and folders in the trash.")],
    as_json: JsonOption = False,
) -> None:
    """Delete files and folders from the trash for good, by name or id. This cannot be undone."""

    async def command() -> None:
        async with open_drive() as drive:
            trashed = await _list_trash(drive)
            # All arguments are checked before the first file is deleted.
            files = [find_trashed(name, trashed) for name in names]
            for file in files:
                await drive.delete_trashed(file)
        _print_deleted(files, as_json)

    run_command(command, as_json)


@trash.command()
def empty(
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Delete everything in the trash for good. This cannot be undone."""

    async def list_all() -> list[File]:
        async with open_drive() as drive:
            return await _list_trash(drive)

    def ask_then_delete() -> Coroutine[None, None, None]:
        if files and not yes:
            confirm_deletion(f"Delete all {len(files)} entries of the trash for good?")
        return delete_all()

    async def delete_all() -> None:
        async with open_drive() as drive:
            await drive.empty_trash()
        _print_deleted(files, as_json)

    files = run_command(list_all, as_json)
    run_command(ask_then_delete, as_json)


async def _list_trash(drive: AsyncDrive) -> list[File]:
    async with aclosing(drive.trashed()) as files:
        return [file async for file in files]


def _print_deleted(files: list[File], as_json: bool) -> None:
    if as_json:
        print_json(files)
        return
    for file in files:
        print_line(file.name)
