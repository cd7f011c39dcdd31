"""`drivebay admin`: accounts, roles, quotas and the audit log, with the settings of the server. It needs no login."""

from __future__ import annotations

import json
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
import typer

from ... import node
from ...config import parsing
from ...contract.auth import (
    Account,
    AccountListing,
    AccountUpdate,
    Actor,
    AuditQuery,
    NewAccount,
    Role,
)
from ...contract.files import Usage
from ...contract.ids import DriveId, UserId
from ...errors import NotFound
from ...node import Services
from .command_runner import JsonOption, fail, run_with_services

app = typer.Typer()
admin = typer.Typer(no_args_is_help=True, help="Manage accounts, roles and quotas, and read the audit log.")
app.add_typer(admin, name="admin")

OPERATOR: Final = Actor(user_agent="drivebay admin", is_operator=True)
_SIZES: Final = ("B", "KiB", "MiB", "GiB", "TiB")

UserArgument = Annotated[str, typer.Argument(metavar="USER", help="The email address or the id of the account.")]
EmailArgument = Annotated[str, typer.Argument(metavar="EMAIL", help="The email address of the account.")]
PasswordStdinOption = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password of a new account from standard input.")
]


@admin.command()
def create(email: EmailArgument, password_stdin: PasswordStdinOption = False, as_json: JsonOption = False) -> None:
    """Create an admin. If the account exists, make it an admin.

    Without --password-stdin, a new account has no password. The command then prints an invitation: a link that sets
    the password.
    """
    password = sys.stdin.readline().rstrip("\r\n") if password_stdin else None

    async def command(services: Services) -> tuple[Account, str | None]:
        try:
            existing = await services.auth.find_account(OPERATOR, email)
        except NotFound:
            new = NewAccount(email, password, Role.ADMIN)
            created = await services.auth.create_account(OPERATOR, new)
            return created.account, _password_link(services, created.invitation_token)
        return await services.auth.update_account(OPERATOR, existing.id, AccountUpdate(role=Role.ADMIN)), None

    account, link = run_with_services(command, {"auth"}, needs_database=True)
    _print_account(account, link, as_json)


@admin.command()
def invite(email: EmailArgument, as_json: JsonOption = False) -> None:
    """Create an account and print an invitation: a link that sets the password. It works once, within 7 days."""

    async def command(services: Services) -> tuple[Account, str | None]:
        created = await services.auth.create_account(OPERATOR, NewAccount(email))
        return created.account, _password_link(services, created.invitation_token)

    account, link = run_with_services(command, {"auth"}, needs_database=True)
    _print_account(account, link, as_json)


@admin.command()
def users(
    query: Annotated[
        str, typer.Argument(metavar="[QUERY]", help="A part of the email address or of the display name.")
    ] = "",
    as_json: JsonOption = False,
) -> None:
    """List the accounts with their role and usage."""

    async def command(services: Services) -> list[tuple[Account, Usage]]:
        rows: list[tuple[Account, Usage]] = []
        listing = AccountListing(query, limit=1000)
        while True:
            page = await services.auth.list_accounts(OPERATOR, listing)
            usages = await services.files.get_usages(tuple(DriveId(account.id) for account in page.items))
            rows += zip(page.items, usages, strict=True)
            if page.next_cursor is None:
                return rows
            listing = msgspec.structs.replace(listing, cursor=page.next_cursor)

    rows = run_with_services(command, {"auth", "files"}, needs_database=True)
    if as_json:
        typer.echo(json.dumps([_account_fields(account) | {"usage": _to_builtins(usage)} for account, usage in rows]))
        return
    for account, usage in rows:
        state = "disabled" if account.disabled else account.role.value
        used, limit = _size_text(usage.used_bytes), _size_text(usage.limit_bytes)
        typer.echo(f"{account.id}  {state:8}  {used:>10} of {limit:<10}  {_printable(account.email)}")


@admin.command()
def quota(
    user: UserArgument,
    limit: Annotated[str, typer.Argument(metavar="SIZE", help="A size such as 50GiB, or `default`.")],
    as_json: JsonOption = False,
) -> None:
    """Set how many bytes the personal drive of an account may hold."""
    try:
        limit_bytes = None if limit == "default" else parsing.size(limit)
    except ValueError as error:
        fail(f"{limit!r} is not a quota: give {error}, or `default`")

    async def change(services: Services, id: UserId) -> Account:
        update = AccountUpdate(records_limit=True, limit_bytes=limit_bytes)
        account = await services.auth.update_account(OPERATOR, id, update)
        await services.files.set_quota(DriveId(id), limit_bytes)
        return account

    _run_for(user, change, as_json, {"auth", "files"})


@admin.command()
def disable(user: UserArgument, as_json: JsonOption = False) -> None:
    """Refuse logins and API tokens of an account, and end its sessions. Its files are kept."""
    _run_update(user, AccountUpdate(disabled=True), as_json)


@admin.command()
def enable(user: UserArgument, as_json: JsonOption = False) -> None:
    """Allow logins and API tokens of a disabled account again."""
    _run_update(user, AccountUpdate(disabled=False), as_json)


@admin.command()
def promote(user: UserArgument, as_json: JsonOption = False) -> None:
    """Make an account an admin."""
    _run_update(user, AccountUpdate(role=Role.ADMIN), as_json)


@admin.command()
def demote(user: UserArgument, as_json: JsonOption = False) -> None:
    """Remove the role admin from an account."""
    _run_update(user, AccountUpdate(role=Role.USER), as_json)


@admin.command()
def end_sessions(user: UserArgument, as_json: JsonOption = False) -> None:
    """End every session of an account. Its user can log in again."""

    async def change(services: Services, id: UserId) -> Account:
        await services.auth.end_user_sessions(OPERATOR, id)
        return await _get_account(services, id)

    _run_for(user, change, as_json)


@admin.command()
def reset_password(user: UserArgument, as_json: JsonOption = False) -> None:
    """Print a link with which the user sets a new password. The link works once, within an hour."""

    async def command(services: Services) -> tuple[Account, str | None]:
        id = await _find_user(services, user)
        token = await services.auth.create_reset_token(OPERATOR, id)
        return await _get_account(services, id), _password_link(services, token)

    account, link = run_with_services(command, {"auth"}, needs_database=True)
    _print_account(account, link, as_json)


@admin.command()
def reset_second_factor(user: UserArgument, as_json: JsonOption = False) -> None:
    """Remove the second factor and the passkeys of a user who lost them.

    First make sure that the request is from this user.
    """

    async def change(services: Services, id: UserId) -> Account:
        await services.auth.reset_second_factor(OPERATOR, id)
        return await _get_account(services, id)

    _run_for(user, change, as_json)


@admin.command()
def delete(
    user: UserArgument,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Delete an account. Its files are purged after the grace period of the trash."""
    if not yes and not typer.confirm(f"Delete the account {user} and all its files?", err=True):
        fail("the account was not deleted")

    from ...gateway.account_purge import end_account

    async def change(services: Services, id: UserId) -> Account:
        account = await _get_account(services, id)
        await services.auth.remove_account(OPERATOR, id)
        await end_account(services.files, id)
        return account

    _run_for(user, change, as_json, {"auth", "files"})


@admin.command()
def export(
    user: UserArgument,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A new or empty folder.")],
    as_json: JsonOption = False,
) -> None:
    """Write the files and the data of an account into a folder.

    The folder gets the personal drive without its trash and without old versions. Disable the account first if the
    files should not change during the export. Exit with status 1 if a file or folder could not be exported.
    """
    from ...storage.object_transfer import (
        open_object_transfer,
    )  # loads the S3 client, which no other command here needs
    from .account_export import ExportError, ExportReport, export_account
    from .byte_progress import byte_progress

    async def command(services: Services) -> ExportReport:
        if services.settings.s3_endpoint is None:
            raise ExportError("storage runs in another process: set DRIVEBAY_S3_ENDPOINT with its keys here too")
        account = await _get_account(services, await _find_user(services, user))
        async with open_object_transfer(services.settings.storage(), node.now) as transfer:
            with byte_progress("exporting") as advance:
                return await export_account(services, transfer, account, OPERATOR, folder, advance)

    report = run_with_services(command, {"auth", "files", "storage"}, needs_database=True)
    if as_json:
        typer.echo(msgspec.json.encode(report).decode())
    else:
        typer.echo(f"{report.folder} has files: {report.files} ({_size_text(report.bytes)}), folders: {report.folders}")
        for failed in report.failed:
            typer.echo(_printable(f"{failed.path} could not be exported: {failed.reason}"))
    if report.failed:
        raise typer.Exit(1)


@admin.command()
def stats(as_json: JsonOption = False) -> None:
    """Show totals of all accounts, and the backlog."""

    async def command(services: Services) -> dict[str, int]:
        users = await services.auth.count_accounts(OPERATOR)
        totals, backlog = await services.files.get_totals(), await services.files.get_backlog()
        return {
            "users": users,
            "drives": users + totals.shared_drives,
            "files": totals.file_count,
            "used_bytes": totals.used_bytes,
            "reserved_bytes": totals.reserved_bytes,
            "pending_uploads": backlog.pending_uploads,
            "purges_due": backlog.due_purges,
            "dead_letters": backlog.dead_letters,
        }

    totals_by_name = run_with_services(command, {"auth", "files"}, needs_database=True)
    typer.echo(
        json.dumps(totals_by_name)
        if as_json
        else "\n".join(f"{name:16} {value}" for name, value in totals_by_name.items())
    )


@admin.command()
def audit(
    user: Annotated[
        str | None, typer.Option("--user", help="Only records of this account: its email address or id.")
    ] = None,
    action: Annotated[str | None, typer.Option("--action", help="Only this action, such as login_failed.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000, help="The maximum number of records.")] = 100,
    as_json: JsonOption = False,
) -> None:
    """Show the records of the audit log, newest first."""

    async def command(services: Services) -> list[dict[str, Any]]:
        id = None if user is None else await _find_user(services, user)
        page = await services.auth.list_audit_events(OPERATOR, AuditQuery(id, action, limit=limit))
        return [_to_builtins(event) for event in page.items]

    events = run_with_services(command, {"auth"}, needs_database=True)
    if as_json:
        typer.echo(json.dumps(events))
        return
    for event in events:
        detail = " ".join(f"{name}={value}" for name, value in event["detail"].items())
        actor, target = event["actor"] or "-", event["target"] or "-"
        line = f"{event['at']}  {event['action']:22}  {actor}  {target}  {event['address'] or '-'}  {detail}"
        typer.echo(_printable(line.rstrip()))


def _run_update(user: str, update: AccountUpdate, as_json: bool) -> None:
    async def change(services: Services, id: UserId) -> Account:
        return await services.auth.update_account(OPERATOR, id, update)

    _run_for(user, change, as_json)


def _run_for(
    user: str,
    change: Callable[[Services, UserId], Awaitable[Account]],
    as_json: bool,
    names: set[str] = {"auth"},  # noqa: B006 - never changed
) -> None:
    """Run a change of one account and print the account."""

    async def command(services: Services) -> Account:
        return await change(services, await _find_user(services, user))

    _print_account(run_with_services(command, names, needs_database=True), None, as_json)


async def _find_user(services: Services, user: str) -> UserId:
    try:
        return UserId(msgspec.convert(user, UserId, strict=False))
    except msgspec.ValidationError:
        return (await services.auth.find_account(OPERATOR, user)).id


async def _get_account(services: Services, id: UserId) -> Account:
    (account,) = await services.auth.get_accounts(OPERATOR, (id,)) or (None,)
    if account is None:
        raise NotFound(f"no account {id}")
    return account


def _password_link(services: Services, token: str | None) -> str | None:
    """Return the link to the page that sets a password. Invitations and resets use the same page."""
    base = services.settings.link_base.rstrip("/")
    return None if token is None else f"{base}/invitation#token={token}"


def _print_account(account: Account, link: str | None, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(_account_fields(account) | ({} if link is None else {"url": link})))
        return
    state = "disabled" if account.disabled else account.role.value
    typer.echo(f"{account.id}  {state}  {_printable(account.email)}")
    if link is not None:
        typer.echo(link)


def _account_fields(account: Account) -> dict[str, Any]:
    return dict(_to_builtins(account))


def _to_builtins(value: Any) -> Any:
    return msgspec.to_builtins(value)


def _size_text(bytes: int) -> str:
    amount, unit = float(bytes), 0
    while amount >= 1023.95 and unit < len(_SIZES) - 1:
        amount, unit = amount / 1024, unit + 1
    return f"{bytes} B" if unit == 0 else f"{amount:.1f} {_SIZES[unit]}"


def _printable(text: str) -> str:
    return "".join(character if character.isprintable() else "\ufffd" for character in text)
