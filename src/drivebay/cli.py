"""The `drivebay` command. Which module a command is in stands here, and only that module is imported for it.

So `drivebay ls` starts without a server's packages, which take a second, and help and completion are quick.
"""

from __future__ import annotations

from importlib import import_module
from typing import Annotated, Any, Final

import typer
from typer.core import TyperCommand, TyperGroup

_USER: Final = "Files"
_ACCOUNT: Final = "Account"
_OPERATOR: Final = "Running Drivebay"

COMMANDS: Final = {
    "signup": ("drivebay.commands.account", _ACCOUNT, "Make an account, and log in."),
    "login": ("drivebay.commands.account", _ACCOUNT, "Log in to a Drivebay."),
    "logout": ("drivebay.commands.account", _ACCOUNT, "End the session, here and on the server."),
    "whoami": ("drivebay.commands.account", _ACCOUNT, "Print who is logged in."),
    "status": ("drivebay.commands.account", _ACCOUNT, "Server, account, usage, and uploads that can be gone on with."),
    "ls": ("drivebay.commands.looking", _USER, "List a folder, or the trash."),
    "cat": ("drivebay.commands.looking", _USER, "Write files to standard output."),
    "link": ("drivebay.commands.looking", _USER, "Print a URL by which anybody may read a file for some minutes."),
    "put": ("drivebay.commands.putting", _USER, "Upload files, folders, or standard input."),
    "get": ("drivebay.commands.getting", _USER, "Download files and folders."),
    "mkdir": ("drivebay.commands.changing", _USER, "Make folders."),
    "mv": ("drivebay.commands.changing", _USER, "Rename or move a file or folder."),
    "rm": ("drivebay.commands.changing", _USER, "Put files, or with -r folders, into the trash."),
    "restore": ("drivebay.commands.changing", _USER, "Take files and folders out of the trash, by name or id."),
    "run": ("drivebay.operate", _OPERATOR, "Run everything, or some parts, until Ctrl-C."),
    "check": ("drivebay.operate", _OPERATOR, "Hold every invariant against the database and the store."),
    "doctor": ("drivebay.operate", _OPERATOR, "Prove the whole path with a real round trip."),
    "keys": ("drivebay.operate", _OPERATOR, "The keys that sign access tokens."),
    "certs": ("drivebay.operate", _OPERATOR, "Make certificates for a try."),
    "openapi": ("drivebay.operate", _OPERATOR, "Print the OpenAPI document."),
}
"""Name: module, heading in the help, and what it does in a line."""


class Commands(TyperGroup):
    """Stands in for every command until one is to run, or to say what its options are."""

    def __init__(self, **more: Any) -> None:
        super().__init__(**more)
        for name, (_, panel, line) in COMMANDS.items():
            self.add_command(TyperCommand(name, help=line, rich_help_panel=panel))

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        name, command, rest = super().resolve_command(ctx, args)
        if name in COMMANDS:
            command = typer.main.get_group(import_module(COMMANDS[name][0]).app).commands[name]
        return name, command, rest


app = typer.Typer(cls=Commands, no_args_is_help=True, add_completion=True, pretty_exceptions_enable=False)


def _show_version(wanted: bool) -> None:
    if wanted:
        # Looked up only now: it costs as much as a small command.
        metadata = import_module("importlib.metadata")
        typer.echo(f"drivebay {metadata.version('drivebay')}")
        raise typer.Exit


@app.callback()
def _drivebay(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version and leave.")
    ] = False,
) -> None:
    """Cloud storage: your files, and the server of them."""


def main() -> None:
    app()


if __name__ == "__main__":
    main()
