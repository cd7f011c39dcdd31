"""Errors of commands: the exit status, the message, and the next step."""

import asyncio
import json
import os
from asyncio.subprocess import PIPE
from pathlib import Path

import pytest

from drivebay.cli.user.open_drive import LOGIN_CONNECT_TIMEOUT, LOGIN_RETRY
from drivebay.client import AsyncDrive, MemoryTokenStore, Tokens, Upload
from drivebay.client.api_client import ApiRequest
from drivebay.testing.world import free_port
from tests.client.conftest import Site

from .shell import EXIT_TIMEOUT, Shell

pytestmark = pytest.mark.slow


async def test_exit_status_tells_the_kind_of_error(shell: Shell, tmp_path: Path) -> None:
    home = shell.home
    (home / "a.txt").write_text("one")
    await shell.ok("put", "a.txt")
    (home / "a.txt").write_text("two")

    async def status(*arguments: str) -> int:
        result = await shell(*arguments)
        assert result.stdout == b""
        assert result.stderr.strip()
        assert "Traceback" not in result.stderr
        return result.status

    assert await status("nonsense") == 2
    assert await status("put") == 2
    assert await status("ls", "no-slash") == 3
    assert await status("ls", "") == 3
    assert await status("mv", "/", "/d") == 2
    assert await status("mkdir", "/none/d") == 3
    assert await status("ls", "/none") == 3
    assert await status("get", "/none") == 3
    assert await status("get", "/*.none") == 3
    assert await status("get", "/a.txt", "--to", "none") == 3
    assert await status("put", "none.txt") == 3
    assert await status("put", "none*.txt") == 3
    assert await status("restore", "none") == 3
    assert await status("put", "a.txt") == 5  # the name is taken by a file with other bytes
    assert await status("get", "/a.txt") == 5
    assert await status("mkdir", "/a.txt") == 5
    await shell.ok("mkdir", "/d")
    assert await status("rm", "/d") == 2
    assert await status("rm", "-r", "/") == 2
    assert await status("put", "-", "--to", "/d") == 2
    shell.variables["DRIVEBAY_TOKEN"] = "no.such.token"
    assert await status("ls") == 4
    del shell.variables["DRIVEBAY_TOKEN"]
    wrong_password = await shell(
        "login", "--server", shell.server, "--email", shell.email, "--password-stdin", stdin=b"not the password"
    )
    assert wrong_password.status == 4
    assert "next:" in wrong_password.stderr
    logged_out = await Shell(tmp_path, shell.server)("ls")
    assert logged_out.status == 4
    assert "drivebay login --server" in logged_out.stderr
    email_taken = await shell.authenticate("signup")
    assert email_taken.status == 5


async def test_error_is_printed_once_with_the_next_step(shell: Shell) -> None:
    async def error_lines(*arguments: str) -> list[str]:
        return (await shell(*arguments)).stderr.splitlines()

    assert await error_lines("mkdir", "/a/..") == [
        "drivebay: the parent folder /a does not exist",
        "  next: use -p to create it too",
    ]
    (message,) = await error_lines("mkdir", "/..")
    assert "'..'" in message
    message, next_step = await error_lines("ls", "a.txt")
    assert message == "drivebay: 'a.txt' is neither an id nor a path: start a path with /"
    assert "drivebay ls" in next_step
    assert "ls --trash" in (await error_lines("restore", "/a.txt"))[1]
    await shell.ok("mkdir", "/taken")
    assert await error_lines("mkdir", "/taken") == [
        "drivebay: the name 'taken' is taken",
        "  next: choose another name",
    ]
    (shell.home / "taken").write_text("a file")
    assert await error_lines("put", "taken") == [
        "drivebay: /taken is a folder",
        "  next: choose another name, or add --on-conflict rename",
    ]
    assert (await shell.ok("put", "taken", "--on-conflict", "rename")).lines == ["/taken (1)"]
    for text in ("one", "two"):
        (shell.home / "a.txt").write_text(text)
        lines = await error_lines("put", "a.txt")
    assert lines == [
        "drivebay: /a.txt already exists with different content",
        "  next: choose another name, or add --on-conflict replace or --on-conflict rename",
    ]
    message, next_step = await error_lines("ls", os.fsdecode(b"/bad\xff"))
    assert message == "drivebay: '/bad\\udcff' is not valid UTF-8"
    assert "names on the server are UTF-8" in next_step
    assert "check the id" in (await error_lines("jobs", "show", "no-id"))[1]
    shell.variables["DRIVEBAY_TOKEN"] = "no.such.token"
    assert "DRIVEBAY_TOKEN" in (await error_lines("ls"))[1]


async def test_unreachable_server_gives_status_6(tmp_path: Path) -> None:
    variables = {"DRIVEBAY_SERVER": f"http://127.0.0.1:{free_port()}", "DRIVEBAY_TOKEN": "any"}
    result = await Shell(tmp_path, "", variables)("ls", timeout=40)
    assert (result.status, result.stdout) == (6, b"")
    assert "next: check that the server is running" in result.stderr


async def test_local_name_that_is_not_utf8_is_printed_and_can_be_replaced(shell: Shell) -> None:
    name = os.fsdecode(b"caf\xe9.txt")
    (shell.home / name).write_text("Hello!")
    refused = await shell("put", name, "--json")
    assert refused.status == 1
    assert "caf" in json.loads(refused.stderr)["detail"]
    assert "--name" in json.loads(refused.stderr)["next"]
    missing = await shell("put", f"no {name}", "--json")
    assert (missing.status, json.loads(missing.stderr)["error"]) == (3, "not_found")
    assert (await shell.ok("put", name, "--name", "café.txt")).lines == ["/café.txt"]
    (shell.home / os.fsdecode(b"d\xe9")).mkdir()
    shell.variables["PYTHONIOENCODING"] = "utf-8"  # with strict errors, as in most environments
    got = await shell.ok("get", "/café.txt", "--to", os.fsdecode(b"d\xe9"))
    assert got.stdout == b"d\xe9/caf\xc3\xa9.txt\n"
    (row,) = (await shell.ok("get", "/café.txt", "--to", os.fsdecode(b"d\xe9"), "--json")).json
    assert (row["path"], row["status"]) == ("d\\udce9/café.txt", "here")
    shell.variables["PYTHONIOENCODING"] = "ascii"
    assert "PYTHONIOENCODING=utf-8" in (await shell("ls")).stderr


async def test_standard_streams_may_be_closed(shell: Shell) -> None:
    (shell.home / "a.txt").write_text("Hello!")

    async def status(redirections: str, *arguments: str) -> int:
        script = f'exec "$@" {redirections}'
        process = await asyncio.create_subprocess_exec(
            "sh", "-c", script, "sh", *shell.command, *arguments, env=shell.environment, cwd=shell.home
        )  # fmt: skip
        return await asyncio.wait_for(process.wait(), EXIT_TIMEOUT)

    assert await status("<&- >&- 2>&-", "put", "a.txt") == 0
    assert await status("2>&-", "ls", "/none") == 3
    assert await status("<&- >&-", "ls") == 0
    assert (await shell.ok("ls")).lines == ["a.txt"]


@pytest.mark.parametrize("command", ["check", "doctor", "admin users", "keys rotate", "backup folder"])
async def test_errors_of_operators_are_json_too(tmp_path: Path, command: str) -> None:
    result = await Shell(tmp_path, "", {"DRIVEBAY_PORT": "none"})(*command.split(), "--json")
    assert result.status in (1, 3)
    (error,) = [json.loads(line) for line in result.stderr.splitlines()]
    assert "DRIVEBAY_PORT" in error["detail"]


async def test_error_names_its_file(shell: Shell) -> None:
    (shell.home / "new\nline").write_text("x")
    (shell.home / "good").write_text("x")
    result = await shell("put", "good", "new\nline", "--json")
    assert [row["path"] for row in result.json] == ["/good"]
    assert json.loads(result.stderr.splitlines()[0])["detail"].startswith("/new\nline: ")


def test_login_gives_up_on_a_dead_server_within_two_seconds() -> None:
    # A refused connection is repeated until the first limit, an unanswered one takes the second and is not repeated.
    assert LOGIN_RETRY.timeout + LOGIN_RETRY.first_delay * 1.5 <= 2
    assert LOGIN_RETRY.timeout < LOGIN_CONNECT_TIMEOUT <= 2


async def test_dead_server_is_reported_at_login(tmp_path: Path) -> None:
    result = await Shell(tmp_path, f"http://127.0.0.1:{free_port()}").authenticate("login")
    assert (result.status, result.stdout) == (6, b"")
    assert "cannot connect to 127.0.0.1" in result.stderr


async def test_wrong_names_and_addresses_are_errors_of_usage(shell: Shell) -> None:
    (shell.home / "a.txt").write_text("Hello!")
    for name in ("", "a/b", ".", "..", "a\nb", "x" * 256, os.fsdecode(b"bad\xff")):
        result = await shell("put", "a.txt", "--name", name)
        assert (result.status, result.stdout) == (2, b""), name
        assert "--name" in result.stderr
    login = ("login", "--email", "ada@example.com", "--password-stdin")
    for address in (
        "",
        "drive.example.com",
        "drive.example.com:8080",
        "ftp://drive.example.com",
        "http://",
        "http://[::1",
    ):
        result = await shell(*login, "--server", address, stdin=b"a password\n")
        assert result.status == 2, address
        assert "https://drive.example.com" in result.stderr
    shell.variables["DRIVEBAY_SERVER"] = "drive.example.com"
    assert (await shell("ls")).status == 2


async def test_state_folder_that_cannot_be_written_is_named_before_anything_is_sent(shell: Shell) -> None:
    (shell.home / "small").write_text("Hello!")
    (shell.home / "large").write_bytes(bytes(17 * 2**20))
    state = shell.home / "state"
    state.write_text("a file where the folder belongs")
    shell.variables["XDG_STATE_HOME"] = str(state)
    result = await shell("put", "small", "large", "--json")
    assert (result.status, result.stdout) == (1, b"")
    (error,) = [json.loads(line) for line in result.stderr.splitlines()]
    assert f"cannot write the state of uploads in {state}" in error["detail"]
    assert "XDG_STATE_HOME" in error["next"]
    del shell.variables["XDG_STATE_HOME"]
    assert (await shell.ok("status", "--json")).json["account"]["usage"]["reserved_bytes"] == 0
    await shell.ok("put", "small", "large")


async def test_a_token_needs_no_folder_for_the_login(shell: Shell) -> None:
    token = json.loads(shell.login_file.read_bytes())["tokens"]["access_token"]
    shell.variables |= {"HOME": "/dev/null", "DRIVEBAY_TOKEN": token, "DRIVEBAY_SERVER": shell.server}
    assert (await shell.ok("ls")).lines == []


async def test_name_of_a_pending_upload_is_explained(shell: Shell) -> None:
    (shell.home / "a.txt").write_text("Hello!")
    token = json.loads(shell.login_file.read_bytes())["tokens"]["access_token"]
    async with AsyncDrive(shell.server, token_store=MemoryTokenStore(Tokens(token))) as drive:
        body = {"name": "a.txt", "size": 6, "content_type": "text/plain"}
        await drive._api.call(ApiRequest(Upload, "POST", "/v1/uploads", body, idempotency_key="held"))
    result = await shell("put", "a.txt")
    assert result.status == 5
    assert "/a.txt: another upload of this name is in progress" in result.stderr
    assert "drivebay uploads" in result.stderr
    (pending,) = (await shell.ok("uploads", "--json")).json
    assert (pending["name"], pending["size"]) == ("a.txt", 6)
    (line,) = (await shell.ok("uploads")).lines
    assert (line.startswith(pending["id"]), line.endswith("a.txt")) == (True, True)
    assert (await shell("uploads", "--cancel", "none")).status == 3
    assert (await shell.ok("uploads", "--cancel", "a.txt", "--cancel", pending["id"])).lines == [line]
    assert (await shell.ok("uploads", "--cancel-all")).lines == []
    assert (await shell.ok("put", "a.txt")).lines == ["/a.txt"]


async def test_full_standard_output_is_named(shell: Shell) -> None:
    (shell.home / "a.txt").write_text("Hello!")
    await shell.ok("put", "a.txt")
    commands = (
        ("ls",),
        ("ls", "--json"),
        ("cat", "/a.txt"),
        ("get", "/a.txt"),
        ("status",),
        ("--help",),
        ("rm", "--help"),
    )
    for arguments in commands:
        with Path("/dev/full").open("wb") as full:
            process = await shell.start(*arguments, stdout=full)
        _, stderr = await asyncio.wait_for(process.communicate(), 60)
        assert process.returncode == 1, arguments
        assert "cannot write to standard output: No space left on device" in stderr.decode(), arguments
        assert "Traceback" not in stderr.decode(), arguments
        assert "free some space" not in stderr.decode()
    with Path("/dev/full").open("wb") as full:
        process = await shell.start("ls", "/none", stderr=full)
    await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 3


async def test_full_folder_for_temporary_files_is_named(shell: Shell) -> None:
    # A limit of 512 KiB on the size of a file: to the command it looks like a full disk.
    shell.variables["TMPDIR"] = str(shell.home)
    script = f"ulimit -f 512; exec {' '.join(shell.command)} put - --name a.bin"
    process = await asyncio.create_subprocess_exec(
        "bash", "-c", script, env=shell.environment, cwd=shell.home, stdin=PIPE, stdout=PIPE, stderr=PIPE
    )
    stdout, stderr = await asyncio.wait_for(process.communicate(bytes(2**20)), 60)
    assert (process.returncode, stdout) == (1, b"")
    assert str(shell.home) in stderr.decode()
    assert "TMPDIR" in stderr.decode()


async def test_waiting_for_a_lost_server_is_reported(site: Site, shell: Shell) -> None:
    (shell.home / "a.txt").write_text("Hello!")
    site.api.refuse = True
    site.api.cut()
    process = await shell.start("put", "a.txt", "--json")
    assert process.stderr is not None
    line = await asyncio.wait_for(process.stderr.readline(), 60)
    assert "waiting for the server" in json.loads(line)["note"]
    site.heal()
    stdout, _ = await asyncio.wait_for(process.communicate(), 60)
    assert (process.returncode, len(json.loads(stdout))) == (0, 1)
