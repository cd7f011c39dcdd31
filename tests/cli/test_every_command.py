"""Every command of a user: with --json its output is JSON, also after an error. Ctrl-C ends it with one note."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import pty
import shlex
import signal
import termios
from asyncio import StreamReader, StreamWriter
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import httpx
import msgspec
import pytest

from drivebay.cli.command_table import COMMANDS, load_command
from drivebay.cli.user.atomic_files import write_atomically
from drivebay.cli.user.logins import Login
from drivebay.client import AsyncDrive, Job, MemoryTokenStore, Tokens
from drivebay.testing.client import Client, eventually
from tests.client.conftest import Site
from tests.software_authenticator import add_local_passkey

from . import fork_server
from .fork_server import ForkServer
from .shell import EXIT_TIMEOUT, PASSWORD, CommandResult, Shell

pytestmark = pytest.mark.slow


class Row(NamedTuple):
    """How to call a command.

    `works` are arguments with which it succeeds, and `fails` those with which it exits with `status`. Without `fails`
    it fails because nobody is logged in. `stdin` are lines of standard input. `own`: it gets a user of its own. With
    `response`, the server is one that responds to everything with this JSON document.
    """

    works: str = ""
    fails: str | None = None
    status: int = 4
    stdin: str = ""
    own: bool = False
    response: str | None = None


CREDENTIALS = "--server {server} --email {email} --password-stdin"
ROWS = {
    "signup": Row(f"{CREDENTIALS} --email {{new}}@example.com", CREDENTIALS, 5, stdin=PASSWORD, own=True),
    "login": Row(CREDENTIALS, f"{CREDENTIALS} --email nobody@example.com", 4, stdin=PASSWORD, own=True),
    "logout": Row(own=True),
    "whoami": Row(),
    "passwd": Row("--password-stdin", "--password-stdin", 4, stdin=f"{PASSWORD}\nnew {PASSWORD}", own=True),
    "sessions": Row("--end-others", "--end {unknown}", 3, own=True),
    "token create": Row("{new} --scope read", "{new} --scope read --expires none", 2),
    "token list": Row(),
    "token revoke": Row("{token}", "{unknown}", 3),
    "delete-account": Row("--yes --password-stdin", "--password-stdin", 2, stdin=PASSWORD, own=True),
    "second-factor begin": Row(own=True),
    "second-factor confirm": Row("--code 1", "--code 1", 3, response='{"recovery_codes":["1"]}', own=True),
    "second-factor remove": Row("--code 1 --password-stdin", "--password-stdin", 2, stdin=PASSWORD, response=""),
    "passkeys list": Row(),
    "passkeys rename": Row("{renamed_passkey} renamed", "{unknown} renamed", 3),
    "passkeys remove": Row("{passkey} --password-stdin", "{unknown} --password-stdin", 3, stdin=PASSWORD),
    "reset-password": Row("--server {server} --email {email}", "", 2, response=""),
    "verify-email": Row("--server {server} none", "--server {server}", 2, response=""),
    "status": Row(),
    "ls": Row("/", "/none", 3),
    "search": Row("file", "file --in /none", 3),
    "du": Row("/", "/file /none", 3),
    "cat": Row("/file", "/none", 3),
    "link": Row("/file", "/none", 3),
    "links": Row("/file", "/none", 3),
    "unlink": Row("{link}", "{unknown} {unknown}", 3),
    "put": Row("local", "local none", 3),
    "get": Row("/file", "/folder /none", 3),
    "sync": Row("mirror /mirror", "none /mirror", 3),
    "watch": Row("--count 1 --cursor {cursor}", "--cursor none", 1),
    "webhooks add": Row("https://example.com/hook", "http://127.0.0.1", 1),
    "webhooks list": Row(),
    "webhooks remove": Row("{removed_webhook}", "{unknown}", 3),
    "webhooks enable": Row("{webhook}", "{unknown}", 3),
    "webhooks disable": Row("{webhook}", "{unknown}", 3),
    "webhooks deliveries": Row("{webhook}", "{unknown}", 3),
    "webhooks redeliver": Row("{webhook} any", "{unknown} {unknown}", 3, response=""),
    "uploads": Row("--cancel-all", "--cancel none", 3),
    "versions": Row("/file", "/none", 3),
    "activity": Row("/file", "/none", 3),
    "mkdir": Row("/{new}", "/none/folder", 3),
    "mv": Row("/moved /{new}", "/none /{new}", 3),
    "cp": Row("/file /{new}", "/none /{new}", 3),
    "jobs show": Row("{job}", "{unknown}", 3),
    "jobs wait": Row("{job}", "{unknown}", 3),
    "jobs cancel": Row("{job}", "{unknown}", 3),
    "star": Row("/file", "/none", 3),
    "rm": Row("/removed", "/folder", 2),
    "restore": Row("restored", "none", 3),
    "share": Row("/file {other}", "/file none@example.com", 3),
    "unshare": Row("/shared {other}", "/file none@example.com", 3),
    "shared": Row("--leave {item}", "--leave none", 3),
    "drives list": Row(),
    "drives create": Row("{new}"),
    "drives rename": Row("{drive} {new}", "none {new}", 3),
    "drives delete": Row("{deleted_drive} --yes", "{drive}", 2),
    "drives members": Row("{drive}", "none", 3),
    "drives share": Row("{drive} {other} --role editor", "{drive} none@example.com", 3),
    "drives unshare": Row("{drive} {other}", "{drive} none@example.com", 3),
    "drives leave": Row("{left_drive}", "{drive}", 5),
    "trash delete": Row("deleted", "none", 3),
    "trash empty": Row("--yes"),
}  # fmt: skip

ABOUT_FILES = {name for name, command in COMMANDS.items() if command.heading == "Files"} - {"jobs", "webhooks"}
WITHOUT_JSON = {"cat"}
"""Commands whose result is the bytes of files."""


def names_of(name: str, command: Any) -> Iterator[str]:
    members = getattr(command, "commands", {})
    for member, inner in members.items():
        yield from names_of(f"{name} {member}", inner)
    if not members:
        yield name


USER_COMMANDS = [
    name
    for top, command in COMMANDS.items()
    if command.module.startswith("user.")
    for name in names_of(top, load_command(top))
]


def test_every_command_has_a_row() -> None:
    assert sorted(ROWS) == sorted(USER_COMMANDS)


@pytest.fixture(scope="module")
async def forks(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ForkServer]:
    async with fork_server.run(tmp_path_factory.mktemp("forks")) as server:
        yield server


class User(NamedTuple):
    """A user with things in the drive. `values` replaces the names in the arguments of rows."""

    shell: Shell
    values: Mapping[str, str]


@pytest.fixture(scope="module")
async def user(shared_site: Site, tmp_path_factory: pytest.TempPathFactory) -> User:
    home = tmp_path_factory.mktemp("user")
    shell, drive = await new_user(shared_site.server, home)
    other_shell, other = await new_user(shared_site.server, tmp_path_factory.mktemp("other"))
    (home / "local").write_text("local")
    (home / "mirror").mkdir()
    (home / "mirror" / "file").write_text("mirrored")
    values = {"server": shared_site.server, "email": shell.email, "other": other_shell.email}
    async with drive, other:
        values["cursor"] = (await drive.changes()).next_cursor
        for name in ("file", "moved", "removed", "restored", "deleted", "shared"):
            await drive.upload(b"content", "/", name)
        folder = await drive.make_folder("/folder")
        await drive.upload(b"content", folder, "inner")
        await drive.trash("/restored")
        await drive.trash("/deleted")
        await drive.share("/shared", other_shell.email)
        item = await other.upload(b"content", "/", "item")
        await other.share(item, shell.email)
        kept, deleted, left = [await each.create_drive("a drive") for each in (drive, drive, other)]
        await drive.set_member(kept.id, other_shell.email, "viewer")
        await other.set_member(left.id, shell.email, "viewer")
        started = await drive.start_copy(folder, "/", drive_id=kept.id)
        assert isinstance(started, Job)
        await drive.wait_for_job(started)
        hooks = [await drive.create_webhook("https://example.com/hook") for _ in range(2)]
        values |= {"item": item.id, "drive": kept.id, "deleted_drive": deleted.id, "left_drive": left.id}
        values |= {"job": started.id, "webhook": hooks[0].id, "removed_webhook": hooks[1].id}
        values |= {"token": (await drive.create_token("a token", ["read"])).id}
        values |= {"link": (await drive.create_link("/file")).id}
        values |= {"link_url": (await drive.create_link("/file", password=PASSWORD)).url or ""}
        values["renamed_passkey"], values["passkey"] = await add_passkeys(shell, drive)
    return User(shell, values)


async def new_user(server: str, home: Path) -> tuple[Shell, AsyncDrive]:
    """Return the computer of a new user who is logged in, and the drive of another session."""
    shell, tokens = Shell(home, server), MemoryTokenStore()
    drive = AsyncDrive(server, token_store=tokens)
    await drive.sign_up(shell.email, PASSWORD)
    await drive.log_in(shell.email, PASSWORD)
    log_in(shell, server, tokens.load())
    await drive.log_in(shell.email, PASSWORD)
    return shell, drive


def log_in(shell: Shell, server: str, tokens: Tokens | None) -> None:
    write_atomically(shell.login_file, msgspec.json.encode(Login(server, shell.email, tokens)))


def arguments_of(name: str, row_arguments: str, values: Mapping[str, str]) -> list[str]:
    filled = row_arguments.format_map(defaultdict(lambda: "x", values) | {"new": uuid4().hex, "unknown": str(uuid4())})
    return [*name.split(), *shlex.split(filled), *([] if name in WITHOUT_JSON else ["--json"])]


async def caller_of(row: Row, user: User, tmp_path: Path) -> User:
    """Return the user who calls a command."""
    if not row.own:
        return user
    shell, drive = await new_user(user.values["server"], tmp_path)
    await drive.close()
    return User(shell, {**user.values, "email": shell.email})


@pytest.mark.parametrize("name", USER_COMMANDS)
async def test_the_result_is_json(name: str, forks: ForkServer, user: User, tmp_path: Path) -> None:
    row = ROWS[name]
    shell, values = await caller_of(row, user, tmp_path)
    if row.response is not None:
        async with responding(row.response) as server:
            shell = fake_login(server, tmp_path / "home")
            result = await forks.run(
                shell, *arguments_of(name, row.works, {**values, "server": server}), stdin=row.stdin
            )
    else:
        result = await forks.run(shell, *arguments_of(name, row.works, values), stdin=row.stdin)
    assert (result.status, result.stderr) == (0, "")
    if name in WITHOUT_JSON:
        assert result.stdout == b"content"
    elif name == "watch":
        assert [json.loads(line)["what"] for line in result.lines] == ["created"]
    else:
        assert isinstance(result.json, dict | list)


@pytest.mark.parametrize("name", USER_COMMANDS)
async def test_an_error_is_json_and_the_result_before_it_too(
    name: str, forks: ForkServer, user: User, tmp_path: Path
) -> None:
    row = ROWS[name]
    shell, values = await caller_of(row, user, tmp_path)
    if row.fails is None:
        (tmp_path / "home").mkdir()
        shell = replace(shell, home=tmp_path / "home")
    stdin = row.stdin if name != "passwd" else f"wrong\n{PASSWORD}"
    arguments = arguments_of(name, row.works if row.fails is None else row.fails, values)
    result = await forks.run(shell, *arguments, stdin=stdin)
    assert (result.status, result.stderr.count("Traceback")) == (row.status, 0), result.stderr
    if result.stdout:
        assert isinstance(result.json, list)
    lines = result.stderr.splitlines()
    if name in WITHOUT_JSON:
        assert lines[0].startswith("drivebay: ")
        return
    errors = [json.loads(line) for line in lines]
    assert errors
    for error in errors:
        assert set(error) == {"error", "detail", "next"}
        assert error["error"]
        assert error["detail"]
        # Only a missing file is found with `ls`.
        assert "drivebay ls`" not in error["next"] or name.split()[0] in ABOUT_FILES, error


@pytest.mark.parametrize("name", USER_COMMANDS)
async def test_ctrl_c_ends_a_command_with_130_and_one_note(name: str, forks: ForkServer, tmp_path: Path) -> None:
    row = ROWS[name]
    async with silent_server() as (server, requested):
        shell = fake_login(server, tmp_path / "home")
        (shell.home / "local").write_text("local")
        (shell.home / "mirror").mkdir()
        arguments = arguments_of(name, row.works, {"server": server})
        process = await forks.start(shell, *arguments, stdin=row.stdin)
        ended = asyncio.create_task(forks.wait())
        waiting = asyncio.create_task(requested.wait())
        await asyncio.wait([waiting, ended], return_when=asyncio.FIRST_COMPLETED)
        assert not ended.done(), ended.result()
        os.kill(process, signal.SIGINT)
        result = await ended
    note = "drivebay: interrupted\n" if name in WITHOUT_JSON else '{"note":"interrupted"}\n'
    assert result == CommandResult(130, b"", note)


@pytest.mark.parametrize(
    ("arguments", "question"),
    [
        ("trash empty", b"Delete all"),
        ("drives delete {drive}", b"Delete the drive"),
        ("get {link_url}", b"Password of the link"),
        ("delete-account", b"delete the account"),
        ("passwd", b"Current password"),
        ("second-factor confirm", b"Code"),
    ],
)
async def test_ctrl_c_ends_a_question(arguments: str, question: bytes, forks: ForkServer, user: User) -> None:
    for preparation in (("mkdir", "-p", "/in the trash"), ("rm", "-r", "/in the trash")):
        assert (await forks.run(user.shell, *preparation)).status == 0
    controller, terminal = pty.openpty()
    try:
        filled = arguments.format_map(user.values)
        process = await user.shell.start(*filled.split(), "--json", stdin=terminal, start_new_session=True)
        assert process.stderr is not None
        asked = await asyncio.wait_for(process.stderr.readuntil(question), EXIT_TIMEOUT)
        process.send_signal(signal.SIGINT)
        rest = await asyncio.wait_for(process.stderr.read(), EXIT_TIMEOUT)
        assert await asyncio.wait_for(process.wait(), EXIT_TIMEOUT) == 130
        assert (asked + rest).endswith(b'{"note":"interrupted"}\n')
        assert b"Traceback" not in asked + rest
    finally:
        os.close(controller)
        os.close(terminal)


async def test_ctrl_c_ends_an_upload_that_waits_for_standard_input(user: User) -> None:
    read_end, write_end = os.pipe()
    try:
        process = await user.shell.start("put", "-", "--name", "never", "--json", stdin=read_end)
        os.write(write_end, b"the first bytes")

        async def is_read() -> bool:
            return fcntl.ioctl(write_end, termios.FIONREAD, bytes(4)) == bytes(4)

        await eventually(is_read, EXIT_TIMEOUT)
        process.send_signal(signal.SIGINT)
        stdout, stderr = await asyncio.wait_for(process.communicate(), EXIT_TIMEOUT)
        assert (process.returncode, stdout, stderr) == (130, b"", b'{"note":"interrupted"}\n')
    finally:
        os.close(read_end)
        os.close(write_end)


def fake_login(server: str, home: Path) -> Shell:
    """Return the computer of a user who is logged in at a server that is not Drivebay."""
    home.mkdir()
    shell = Shell(home, server)
    log_in(shell, server, Tokens("access", "refresh"))
    return shell


async def add_passkeys(shell: Shell, drive: AsyncDrive) -> list[str]:
    """Add two passkeys to the account of a user. Return their ids."""
    async with httpx.AsyncClient() as http:
        client = Client(http, shell.server)
        client.email, client.password = shell.email, PASSWORD
        await client.log_in()
        for _ in range(2):
            await add_local_passkey(client, "a passkey")
    return [passkey.id for passkey in await drive.passkeys()]


@asynccontextmanager
async def responding(document: str) -> AsyncIterator[str]:
    """Run a server that responds to every request with a JSON document, or with 204. Yield its URL."""
    head = (
        f"200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(document)}" if document else "204 No Content"
    )

    async def respond(reader: StreamReader, writer: StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(f"HTTP/1.1 {head}\r\nConnection: close\r\n\r\n{document}".encode())
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(respond, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@asynccontextmanager
async def silent_server() -> AsyncIterator[tuple[str, asyncio.Event]]:
    """Run a server that never responds. Yield its URL, and an event that is set when a request arrives."""
    requested = asyncio.Event()
    writers: list[StreamWriter] = []

    async def read(reader: StreamReader, writer: StreamWriter) -> None:
        writers.append(writer)
        await reader.read(1)
        requested.set()

    server = await asyncio.start_server(read, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", requested
    finally:
        server.close()
        for writer in writers:
            writer.close()
