"""The table of all commands. Each command's module is imported only when that command runs or shows its help.

So `drivebay ls` starts without the server's packages, which take a second to import, and shell completion is fast.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from copy import copy
from importlib import import_module
from typing import Annotated, Any, Final, NamedTuple

import typer
from typer.core import TyperArgument, TyperCommand, TyperGroup


class Command(NamedTuple):
    """One row of the table: the module that defines the command, its heading in the help, and a one-line summary."""

    module: str
    heading: str
    summary: str
    accepts_drive: bool = True
    """Whether a command about files has the option `--drive`. Other commands never have it."""
    accepts_shared: bool = True
    """Whether a command with the option `--drive` has `--shared` too. Not if the command needs the whole drive."""


_FILES: Final = "Files"
_ACCOUNT: Final = "Account"
_OPERATOR: Final = "Operating Drivebay"
_LOGIN_COMMANDS: Final = {"signup", "login"}
"""The commands that store a login."""
_TYPE_WORDS: Final = {"str": "TEXT", "int": "NUMBER", "int range": "NUMBER", "path": "PATH"}
"""The words for the types of options in the help. Typer would show `<str>`."""

COMMANDS: Final = {
    "signup": Command("user.account", _ACCOUNT, "Create an account and log in."),
    "login": Command("user.account", _ACCOUNT, "Log in to a Drivebay server."),
    "logout": Command("user.account", _ACCOUNT, "End the session, on this computer and on the server."),
    "whoami": Command("user.account", _ACCOUNT, "Print the email address of the account that is logged in."),
    "passwd": Command("user.session_commands", _ACCOUNT, "Change your password and end every other session."),
    "sessions": Command("user.session_commands", _ACCOUNT, "List the sessions of your account, or end some of them."),
    "token": Command("user.api_token_commands", _ACCOUNT, "Manage API tokens, with which programs use your account."),
    "delete-account": Command("user.session_commands", _ACCOUNT, "Delete your account and all its files."),
    "second-factor": Command(
        "user.second_factor", _ACCOUNT, "Protect your account with codes of an authenticator app."
    ),
    "passkeys": Command("user.passkey_commands", _ACCOUNT, "List, rename or remove the passkeys of your account."),
    "reset-password": Command(
        "user.mail_links",
        _ACCOUNT,
        "Set your password with the link of a mail or an invitation, or request a mail with such a link.",
    ),
    "verify-email": Command(
        "user.mail_links", _ACCOUNT, "Confirm your email address with the link of a mail, or request a new mail."
    ),
    "status": Command(
        "user.account", _ACCOUNT, "Show server, account, usage, and the pending uploads that you can resume."
    ),
    "ls": Command("user.list", _FILES, "List a folder, the trash, or starred items."),
    "search": Command("user.search", _FILES, "Find files and folders by name."),
    "du": Command("user.usage", _FILES, "Show the size of files and folders, with everything in them."),
    "cat": Command("user.list", _FILES, "Write files to standard output."),
    "link": Command("user.link_commands", _FILES, "Create a link to a file or folder, for people without an account."),
    "links": Command(
        "user.link_commands", _FILES, "List the links of a file or folder, or of the whole drive.", accepts_shared=False
    ),
    "unlink": Command("user.link_commands", _FILES, "Delete links.", accepts_shared=False),
    "put": Command("user.upload", _FILES, "Upload files, folders or standard input."),
    "get": Command("user.download", _FILES, "Download files and folders, or the item of a link by its URL."),
    "sync": Command("user.sync", _FILES, "Make the folder TARGET equal to the folder SOURCE."),
    "watch": Command(
        "user.watch", _FILES, "Print each change of the files and folders as it happens.", accepts_shared=False
    ),
    "webhooks": Command(
        "user.webhook_commands",
        _FILES,
        "Manage webhooks, which send the changes of a drive to a URL.",
        accepts_shared=False,
    ),
    "uploads": Command("user.uploads", _FILES, "List pending uploads, or cancel some of them.", accepts_shared=False),
    "versions": Command(
        "user.versions", _FILES, "List the versions of a file, newest first, or restore or delete a version."
    ),
    "activity": Command("user.activity", _FILES, "List the changes of a file or folder, newest first."),
    "mkdir": Command("user.modify", _FILES, "Create folders."),
    "mv": Command("user.modify", _FILES, "Rename a file or folder, or move files and folders into a folder."),
    "cp": Command("user.modify", _FILES, "Copy files and folders, without sending their bytes."),
    "jobs": Command("user.job_commands", _FILES, "Show, wait for or cancel a copy job.", accepts_drive=False),
    "star": Command("user.modify", _FILES, "Give files and folders a star."),
    "rm": Command("user.modify", _FILES, "Move files, and with -r folders, to the trash."),
    "restore": Command(
        "user.modify", _FILES, "Restore files and folders from the trash, by name or id.", accepts_shared=False
    ),
    "share": Command(
        "user.permission_commands",
        _FILES,
        "Share a file or folder with a user, or list the users that it is shared with.",
        accepts_shared=False,
    ),
    "unshare": Command(
        "user.permission_commands", _FILES, "Stop sharing a file or folder with a user.", accepts_shared=False
    ),
    "shared": Command(
        "user.permission_commands",
        _FILES,
        "List the files and folders that other users share with you.",
        accepts_drive=False,
    ),
    "drives": Command(
        "user.drives", _FILES, "List, create and change shared drives, and their members.", accepts_drive=False
    ),
    "trash": Command("user.trash", _FILES, "Delete from the trash for good.", accepts_shared=False),
    "run": Command("operator.run", _OPERATOR, "Run all services, or some of them, until Ctrl-C."),
    "migrate": Command("operator.migrate", _OPERATOR, "Apply the missing migrations of the database."),
    "check": Command("operator.check", _OPERATOR, "Check every invariant of the database and the store."),
    "doctor": Command("operator.doctor", _OPERATOR, "Test the whole deployment with a real upload and download."),
    "backup": Command("operator.backup", _OPERATOR, "Back up the database and every object into a folder."),
    "restore-backup": Command(
        "operator.backup", _OPERATOR, "Restore a backup into an empty deployment, and check every invariant."
    ),
    "admin": Command("operator.admin", _OPERATOR, "Manage accounts, roles and quotas, and read the audit log."),
    "keys": Command("operator.token_keys", _OPERATOR, "Manage the keys that sign access tokens."),
    "certs": Command("operator.certs", _OPERATOR, "Create TLS certificates for testing."),
    "metadata": Command(
        "operator.object_metadata", _OPERATOR, "Decrypt the metadata of objects: drive (`owner`), upload and name."
    ),
    "openapi": Command("operator.openapi_document", _OPERATOR, "Print the OpenAPI document of the HTTP API."),
}


def load_command(name: str) -> Any:
    """Import the module of the command `name`, and return the command with its options. Raises KeyError."""
    row = COMMANDS[name]
    module = import_module(f"drivebay.cli.{row.module}")
    command = typer.main.get_group(module.app).commands[name]
    if row.module.startswith("user."):
        # In a group, the options are accepted both before and after the name of the subcommand.
        for command_with_options in (command, *getattr(command, "commands", {}).values()):
            profile = _login_profile_option if name in _LOGIN_COMMANDS else _profile_option
            command_with_options.params.append(_option_of(profile))
            if row.heading == _FILES and row.accepts_drive:
                command_with_options.params.append(_option_of(_drive_option))
                if row.accepts_shared:
                    command_with_options.params.append(_option_of(_shared_option))
    _simplify_types(command)
    return command


def _use_profile(name: str | None) -> None:
    if name == "":
        raise typer.BadParameter("the name of a profile must not be empty")
    if name is not None:
        os.environ["DRIVEBAY_PROFILE"] = name  # `cli/user/logins.py` reads it


def _profile_option(
    profile: Annotated[
        str | None,
        typer.Option(
            "--profile",
            metavar="NAME",
            help="The login to use, if you have several. The default is DRIVEBAY_PROFILE.",
            callback=_use_profile,
            expose_value=False,
        ),
    ] = None,
) -> None:
    """Declare the option `--profile` of the commands that use a stored login."""


def _login_profile_option(
    profile: Annotated[
        str | None,
        typer.Option(
            "--profile",
            metavar="NAME",
            help="The name under which this login is stored. The default is DRIVEBAY_PROFILE.",
            callback=_use_profile,
            expose_value=False,
        ),
    ] = None,
) -> None:
    """Declare the option `--profile` of the commands that store a login."""


def _use_drive(name: str | None) -> None:
    if name == "":
        raise typer.BadParameter("the name of a drive must not be empty")
    if name is not None:
        os.environ["DRIVEBAY_DRIVE"] = name  # `cli/user/open_drive.py` reads it


def _drive_option(
    drive: Annotated[
        str | None,
        typer.Option(
            "--drive",
            metavar="NAME_OR_ID",
            help="The shared drive to use. The default is DRIVEBAY_DRIVE, or your personal drive.",
            callback=_use_drive,
            expose_value=False,
        ),
    ] = None,
) -> None:
    """Declare the option `--drive` of the commands about files."""


def _use_shared_item(name: str | None) -> None:
    if name == "":
        raise typer.BadParameter("the name of a shared item must not be empty")
    if name is not None:
        os.environ["DRIVEBAY_SHARED"] = name  # `cli/user/open_drive.py` reads it


def _shared_option(
    shared: Annotated[
        str | None,
        typer.Option(
            "--shared",
            metavar="NAME_OR_ID",
            help="Use an item that others share with you (see `drivebay shared`). The path / is the item itself.",
            callback=_use_shared_item,
            expose_value=False,
        ),
    ] = None,
) -> None:
    """Declare the option `--shared` of the commands about files."""


def _option_of(function: Callable[..., None]) -> Any:
    """Return the only option of a function, which is never called itself."""
    carrier = typer.Typer()
    carrier.command()(function)
    return typer.main.get_command(carrier).params[0]


def _simplify_types(command: Any) -> None:
    """Show the parameters of a command, and of the commands of a group, in words: `PATH...`, and no `<str>`."""
    _in_words(command.get_params(command.context_class(command)))
    for member in getattr(command, "commands", {}).values():
        _simplify_types(member)


def _in_words(parameters: list[Any]) -> list[Any]:
    """Show flags and arguments without a type, and the types of options in words. Return all parameters."""
    for parameter in parameters:
        if isinstance(parameter, TyperArgument):
            _name_argument(parameter)
        elif getattr(parameter, "is_flag", False):
            parameter.metavar = ""
        elif parameter.metavar is None:
            parameter.metavar = _TYPE_WORDS.get(parameter.type.name)
    return parameters


def _name_argument(argument: TyperArgument) -> None:
    """Show `NAME`, `[NAME]` if it is optional, and dots after it if it may be given several times. Typer would show
    `{NAME}`, without dots, and the type of the argument."""
    name = (argument.metavar or (argument.name or "").upper()).strip("[].")
    name = f"{name}..." if argument.nargs != 1 else name
    argument.metavar = name if argument.required else f"[{name}]"
    shown: Any = argument
    shown.make_metavar = lambda ctx, usage=False: argument.metavar
    shown.type = copy(argument.type)
    shown.type.get_metavar = lambda param, ctx: ""


class LazyCommands(TyperGroup):
    """A group of placeholders. A placeholder is replaced by the complete command when that command is called."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        for name, command in COMMANDS.items():
            self.add_command(TyperCommand(name, help=command.summary, rich_help_panel=command.heading))

    def get_params(self, ctx: Any) -> Any:
        return _in_words(super().get_params(ctx))

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        name, command, rest = super().resolve_command(ctx, args)
        return name, load_command(name) if name in COMMANDS else command, rest


app = typer.Typer(cls=LazyCommands, no_args_is_help=True, add_completion=True, pretty_exceptions_enable=False)


def _print_version(requested: bool) -> None:
    if requested:
        # Import this module only here, because the import takes as long as a small command takes to run.
        metadata = import_module("importlib.metadata")
        typer.echo(f"drivebay {metadata.version('drivebay')}")
        raise typer.Exit


@app.callback()
def _drivebay(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Drivebay: cloud storage, with commands for users and for operators."""
