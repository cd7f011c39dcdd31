"""The commands `share`, `unshare` and `shared`: files and folders that people share with each other."""

from __future__ import annotations

from contextlib import aclosing
from enum import StrEnum
from typing import Annotated

import typer

from drivebay.client import AsyncDrive, File, Permission

from .console import JsonOption, print_json, print_line, result_printer, run_command
from .exit_codes import CommandError, ExitCode, if_not_found
from .open_drive import open_account, open_drive

app = typer.Typer()

_PathArgument = Annotated[
    str, typer.Argument(metavar="PATH", help="A file or folder: a path that starts with /, or an id.")
]


class _Role(StrEnum):
    """The roles that a permission can have."""

    VIEWER = "viewer"
    EDITOR = "editor"


@app.command()
def share(
    path: _PathArgument,
    user: Annotated[
        str | None, typer.Argument(metavar="[USER]", help="The email address or the id of an account.")
    ] = None,
    role: Annotated[_Role, typer.Option("--role", help="What the user may do.")] = _Role.VIEWER,
    list_: Annotated[
        bool, typer.Option("--list", help="List the users that the file or folder is shared with.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Share a file or folder with a user, or list the users that it is shared with."""
    if (user is None) is not list_:
        raise typer.BadParameter("give either a user or --list")

    async def command() -> None:
        async with open_drive() as drive:
            if user is None:
                with result_printer(as_json, _line) as show:
                    for permission in await drive.permissions(path):
                        show(permission)
                return
            file = await drive.resolve(path)
            with if_not_found("check the email address; the user must have an account, and may have to confirm it"):
                _print_permission(await drive.share(file, user, role.value), as_json)

    run_command(command, as_json)


@app.command()
def unshare(
    path: _PathArgument,
    user: Annotated[str, typer.Argument(metavar="USER", help="The email address or the id of an account.")],
    as_json: JsonOption = False,
) -> None:
    """Stop sharing a file or folder with a user."""

    async def command() -> None:
        async with open_drive() as drive:
            file = await drive.resolve(path)
            permission = await _find_permission(drive, file, user)
            await drive.unshare(file, permission.user_id)
            _print_permission(permission, as_json)

    run_command(command, as_json)


@app.command()
def shared(
    leave: Annotated[
        str | None, typer.Option("--leave", metavar="ID", help="Remove your own permission on the item with this id.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """List the files and folders that other users share with you. Each line has id, role and name.

    To use such an item in another command, give that command the option `--shared`. Commands that need the whole drive
    do not have this option.
    """

    async def command() -> None:
        async with open_account() as account, aclosing(account.shared_with_me()) as items:
            if leave is not None:
                await _leave(account, leave, as_json)
                return
            with result_printer(as_json, _shared_line) as show:
                async for item in items:
                    show(item)

    run_command(command, as_json)


async def _leave(account: AsyncDrive, id: str, as_json: bool) -> None:
    async with aclosing(account.shared_with_me()) as shared_items:
        items = [item async for item in shared_items if item.id == id]
    if not items:
        raise CommandError(f"no item with the id {id} is shared with you", ExitCode.NOT_FOUND, "see `drivebay shared`")
    user_id = (await account.me()).id
    account.use_drive(items[0].drive_id)
    await account.unshare(items[0], user_id)
    if as_json:
        print_json(items[0])
    else:
        print_line(_shared_line(items[0]))


async def _find_permission(drive: AsyncDrive, file: File, user: str) -> Permission:
    permissions = [
        permission
        for permission in await drive.permissions(file)
        if user == permission.user_id or user.casefold() == (permission.email or "").casefold()
    ]
    for permission in permissions:
        if permission.inherited_from is None:
            return permission
    if permissions:
        message = f"{user} has the permission on a parent folder"
        next_step = f"remove it there: `drivebay unshare {permissions[0].inherited_from} {user}`"
        raise CommandError(message, ExitCode.NOT_FOUND, next_step)
    message = f"{file.name} is not shared with {user}"
    raise CommandError(message, ExitCode.NOT_FOUND, "list the permissions with `drivebay share --list`")


def _print_permission(permission: Permission, as_json: bool) -> None:
    if as_json:
        print_json(permission)
    else:
        print_line(_line(permission))


def _line(permission: Permission) -> str:
    inherited = "" if permission.inherited_from is None else f"  (from the folder {permission.inherited_from})"
    return f"{permission.role.value:<6}  {permission.email or permission.user_id}{inherited}"


def _shared_line(item: File) -> str:
    role = "" if item.role is None else item.role.value
    return f"{item.id}  {role:<6}  {item.name}{'/' if item.is_folder else ''}"
