"""The command `drives`: list, create and change shared drives, and their members."""

from __future__ import annotations

from collections.abc import Coroutine
from contextlib import aclosing
from typing import Annotated

import typer

from drivebay.client import DriveInfo, Member, Role

from .account import confirm_deletion
from .console import JsonOption, print_json, print_line, result_printer, run_command
from .exit_codes import CommandError, ExitCode
from .formatting import format_size
from .open_drive import find_drive, open_account

app = typer.Typer()
drives = typer.Typer(no_args_is_help=True, help="List, create and change shared drives, and their members.")
app.add_typer(drives, name="drives")

_DriveArgument = Annotated[
    str, typer.Argument(metavar="DRIVE", help="The id of a drive, or the name of a drive that you created.")
]


@drives.command("list")
def list_drives(as_json: JsonOption = False) -> None:
    """List your personal drive and your shared drives. Each line has id, role, used bytes and name."""

    async def command() -> None:
        async with open_account() as drive, aclosing(drive.drives()) as all_drives:
            with result_printer(as_json, _line) as show:
                async for item in all_drives:
                    show(item)

    run_command(command, as_json)


@drives.command()
def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The name of the new drive.")],
    as_json: JsonOption = False,
) -> None:
    """Create a shared drive. You become its manager."""

    async def command() -> None:
        async with open_account() as drive:
            _print_drive(await drive.create_drive(name), as_json)

    run_command(command, as_json)


@drives.command()
def rename(
    drive: _DriveArgument,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The new name.")],
    as_json: JsonOption = False,
) -> None:
    """Rename a shared drive."""

    async def command() -> None:
        async with open_account() as account:
            selected = await find_drive(account, drive)
            _print_drive(await account.rename_drive(selected.id, name), as_json)

    run_command(command, as_json)


@drives.command()
def delete(
    drive: _DriveArgument,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Delete a shared drive with everything in it. No member can use it from then on. This cannot be undone."""

    async def find() -> DriveInfo:
        async with open_account() as account:
            return await find_drive(account, drive)

    def ask_then_delete() -> Coroutine[None, None, None]:
        if not yes:
            confirm_deletion(f"Delete the drive {selected.name} with {selected.usage.file_count} files?")
        return delete_selected()

    async def delete_selected() -> None:
        async with open_account() as account:
            await account.delete_drive(selected.id)
            _print_drive(selected, as_json)

    selected = run_command(find, as_json)
    run_command(ask_then_delete, as_json)


@drives.command()
def members(drive: _DriveArgument, as_json: JsonOption = False) -> None:
    """List the members of a drive. Each line has the role and the email address."""

    async def command() -> None:
        async with open_account() as account:
            selected = await find_drive(account, drive)
            with result_printer(as_json, _member_line) as show:
                for member in await account.members(selected.id):
                    show(member)

    run_command(command, as_json)


@drives.command()
def share(
    drive: _DriveArgument,
    user: Annotated[str, typer.Argument(metavar="USER", help="The email address or the id of an account.")],
    role: Annotated[Role, typer.Option("--role", help="What the member may do.")] = Role.VIEWER,
    as_json: JsonOption = False,
) -> None:
    """Add a member to a drive, or change the role of a member."""

    async def command() -> None:
        async with open_account() as account:
            selected = await find_drive(account, drive)
            member = await account.set_member(selected.id, user, role)
            if as_json:
                print_json(member)
            else:
                print_line(_member_line(member))

    run_command(command, as_json)


@drives.command()
def unshare(
    drive: _DriveArgument,
    user: Annotated[str, typer.Argument(metavar="USER", help="The email address or the id of a member.")],
    as_json: JsonOption = False,
) -> None:
    """Remove a member from a drive."""

    async def command() -> None:
        async with open_account() as account:
            selected = await find_drive(account, drive)
            member = find_member(await account.members(selected.id), user, selected.name)
            await account.remove_member(selected.id, member.user_id)
            if as_json:
                print_json(member)
            else:
                print_line(member.email or member.user_id)

    run_command(command, as_json)


@drives.command()
def leave(drive: _DriveArgument, as_json: JsonOption = False) -> None:
    """Leave a shared drive. A manager must add you before you can use it again."""

    async def command() -> None:
        async with open_account() as account:
            selected = await find_drive(account, drive)
            await account.remove_member(selected.id, (await account.me()).id)
            _print_drive(selected, as_json)

    run_command(command, as_json)


def find_member(members: list[Member], user: str, drive_name: str) -> Member:
    """Return the member with an id or an email address. Raises CommandError."""
    for member in members:
        if user == member.user_id or (member.email and user.casefold() == member.email.casefold()):
            return member
    message = f"{user!r} is not a member of {drive_name}"
    raise CommandError(message, ExitCode.NOT_FOUND, "list the members with `drivebay drives members`")


def _print_drive(drive: DriveInfo, as_json: bool) -> None:
    if as_json:
        print_json(drive)
    else:
        print_line(_line(drive))


def _line(drive: DriveInfo) -> str:
    return f"{drive.id}  {drive.role.value:<7}  {format_size(drive.usage.used_bytes):>10}  {drive.name}"


def _member_line(member: Member) -> str:
    return f"{member.role.value:<7}  {member.email or member.user_id}"
