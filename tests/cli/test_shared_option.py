"""The option `--shared`: a command about files has it exactly if the command works on a shared item."""

from __future__ import annotations

import shlex
from collections.abc import AsyncIterator, Mapping
from typing import Any, NamedTuple

import pytest

from drivebay.cli.command_table import COMMANDS, load_command
from tests.client.conftest import Site

from . import fork_server
from .fork_server import ForkServer
from .shell import Shell
from .test_every_command import new_user

pytestmark = pytest.mark.slow

ARGUMENTS = {
    "ls": "/",
    "search": "file",
    "du": "/",
    "cat": "/file",
    "link": "--temporary /file",
    "links": "/file",
    "unlink": "{link}",
    "put": "local",
    "get": "/file",
    "sync": "mirror /mirror",
    "watch": "--count 1 --cursor {cursor}",
    "webhooks add": "https://example.com/hook",
    "uploads": "",
    "versions": "/file",
    "activity": "/file",
    "mkdir": "-p /new/folder",
    "mv": "/moved /renamed",
    "cp": "/file /copy",
    "star": "/file",
    "rm": "/removed",
    "restore": "trashed",
    "share": "/file {owner}",
    "unshare": "/file {owner}",
    "trash delete": "trashed",
    "trash empty": "--yes",
}
REFUSED = 4
"""The exit status of a command whose request gets 403."""
NOT_FOUND = 3
"""The exit status of a command whose request gets 404. Webhooks of a drive of which a user is no member get 404."""


@pytest.fixture(scope="module")
async def forks(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ForkServer]:
    async with fork_server.run(tmp_path_factory.mktemp("forks")) as server:
        yield server


class Guest(NamedTuple):
    """A user with whom a folder is shared. `values` replaces the names in the arguments."""

    shell: Shell
    values: Mapping[str, str]


@pytest.fixture(scope="module")
async def guest(shared_site: Site, tmp_path_factory: pytest.TempPathFactory) -> Guest:
    """An editor of a shared folder. Commands without `--drive` and `--shared` are about this folder."""
    shell, drive = await new_user(shared_site.server, tmp_path_factory.mktemp("guest"))
    owner_shell, owner = await new_user(shared_site.server, tmp_path_factory.mktemp("owner"))
    (shell.home / "local").write_text("local")
    (shell.home / "mirror").mkdir()
    (shell.home / "mirror" / "file").write_text("mirrored")
    async with drive, owner:
        cursor = (await owner.changes()).next_cursor
        folder = await owner.make_folder("/shared")
        for name in ("file", "moved", "removed", "trashed"):
            await owner.upload(b"content", folder, name)
        await owner.trash("/shared/trashed")
        link = await owner.create_link("/shared/file")
        await owner.share(folder, shell.email, "editor")
    shell.variables["DRIVEBAY_SHARED"] = folder.id
    return Guest(shell, {"cursor": cursor, "link": link.id, "owner": owner_shell.email})


def options_of(name: str) -> set[str]:
    """Return the options of a command, or of the first command of a group."""
    command: Any = load_command(name)
    return {option for parameter in command.params for option in parameter.opts}


def test_every_command_about_a_drive_has_arguments() -> None:
    commands = [name for name, command in COMMANDS.items() if command.module.startswith("user.")]
    assert {name.split()[0] for name in ARGUMENTS} == {name for name in commands if "--drive" in options_of(name)}


@pytest.mark.parametrize("name", ARGUMENTS)
async def test_a_command_has_the_option_if_it_works_on_a_shared_item(
    name: str, forks: ForkServer, guest: Guest
) -> None:
    arguments = shlex.split(ARGUMENTS[name].format_map(guest.values))
    result = await forks.run(guest.shell, *name.split(), *arguments)
    refused = NOT_FOUND if name == "webhooks add" else REFUSED
    expected = 0 if "--shared" in options_of(name.split()[0]) else refused
    assert result.status == expected, result.stderr
