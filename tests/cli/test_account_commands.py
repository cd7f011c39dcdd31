"""The commands for accounts: prompts, stored tokens, the keyring, and the environment variables."""

import asyncio
import json
import os
import pty
import signal
import stat
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pyotp
import pytest

from drivebay.testing.client import Client
from drivebay.testing.world import free_port
from tests.client.conftest import Site
from tests.software_authenticator import add_local_passkey

from .shell import EXIT_TIMEOUT, PASSWORD, Shell

pytestmark = pytest.mark.slow

REPOSITORY = Path(__file__).parents[2]


async def test_ctrl_c_ends_the_password_prompt(shell: Shell) -> None:
    controller, terminal = pty.openpty()
    try:
        arguments = ("login", "--server", shell.server, "--email", shell.email)
        process = await shell.start(*arguments, stdin=terminal, start_new_session=True)
        assert process.stderr is not None
        await asyncio.wait_for(process.stderr.readuntil(b"Password"), EXIT_TIMEOUT)
        process.send_signal(signal.SIGINT)
        assert await asyncio.wait_for(process.wait(), EXIT_TIMEOUT) == 130
    finally:
        os.close(controller)
        os.close(terminal)


async def test_login_without_a_terminal_asks_nothing(shell: Shell) -> None:
    result = await shell("login", "--server", shell.server, "--password-stdin", stdin=b"a password\n")
    assert (result.status, result.stdout) == (2, b"")
    assert "--email" in result.stderr


async def test_login_at_another_web_server_fails(site: Site, tmp_path: Path) -> None:
    result = await Shell(tmp_path, f"{site.server}/docs").authenticate("login")
    assert (result.status, result.stdout) == (1, b"")
    assert "is not a Drivebay server" in result.stderr


async def test_only_the_user_can_read_the_stored_tokens(shell: Shell) -> None:
    file = shell.login_file
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    login = json.loads(file.read_bytes())
    assert login["tokens"]["refresh_token"]
    result = await shell("ls", "/none")
    assert login["tokens"]["access_token"] not in result.stderr
    await shell.ok("logout")
    assert not file.exists()


async def test_keyring_stores_the_tokens_if_there_is_one(shell: Shell, tmp_path: Path) -> None:
    keyring_file = tmp_path / "keyring.json"
    shell.variables["PYTHON_KEYRING_BACKEND"] = "tests.cli.file_keyring.FileKeyring"
    shell.variables["TEST_KEYRING_FILE"] = str(keyring_file)
    shell.variables["PYTHONPATH"] = f"{REPOSITORY}:{shell.environment.get('PYTHONPATH', '')}"
    assert (await shell.authenticate("login")).status == 0
    assert json.loads(shell.login_file.read_bytes())["tokens"] is None
    assert "refresh_token" in keyring_file.read_text()
    assert (await shell.ok("whoami")).lines == [shell.email]
    await shell.ok("logout")
    assert "refresh_token" not in keyring_file.read_text()


async def test_a_locked_keyring_is_an_error_with_a_next_step(shell: Shell, tmp_path: Path) -> None:
    login = json.loads(shell.login_file.read_bytes())
    shell.login_file.write_text(json.dumps({**login, "tokens": None}))
    shell.variables["PYTHON_KEYRING_BACKEND"] = "tests.cli.file_keyring.LockedKeyring"
    shell.variables["PYTHONPATH"] = f"{REPOSITORY}:{shell.environment.get('PYTHONPATH', '')}"
    result = await shell("ls", "--json")
    assert (result.status, result.stdout) == (4, b"")
    error = json.loads(result.stderr)
    assert error["detail"] == "the keyring cannot be read: the user did not unlock it"
    assert "DRIVEBAY_KEYRING=off" in error["next"]


async def test_parallel_commands_refresh_an_expired_token_once(shell: Shell) -> None:
    login = json.loads(shell.login_file.read_bytes())
    login["tokens"]["access_token"] = "an.expired.token"
    shell.login_file.write_text(json.dumps(login))
    results = await asyncio.gather(*(shell("whoami") for _ in range(5)))
    assert [result.lines for result in results] == [[shell.email]] * 5


async def test_stored_token_is_not_sent_to_another_server(shell: Shell) -> None:
    shell.variables["DRIVEBAY_SERVER"] = "http://127.0.0.1:1"
    result = await shell("ls")
    assert result.status == 4
    assert shell.server in result.stderr


async def test_token_in_the_environment_needs_no_login(site: Site, shell: Shell, tmp_path: Path) -> None:
    token = json.loads(shell.login_file.read_bytes())["tokens"]["access_token"]
    other = Shell(tmp_path, "", {"DRIVEBAY_TOKEN": token, "DRIVEBAY_SERVER": site.server})
    assert (await other.ok("whoami")).lines == [shell.email]
    assert not (tmp_path / ".config").exists()


async def test_a_changed_password_ends_other_sessions(shell: Shell, tmp_path: Path) -> None:
    home = tmp_path / "other"
    home.mkdir()
    other = Shell(home, shell.server, email=shell.email)
    assert (await other.authenticate("login")).status == 0
    listed = (await shell("sessions")).text.splitlines()
    assert len(listed) == 2
    assert sum(line.startswith("*") for line in listed) == 1
    new = b"staple battery horse"
    wrong = await shell("passwd", "--password-stdin", stdin=b"not the password\n" + new + b"\n")
    assert wrong.status == 4
    changed = await shell("passwd", "--password-stdin", stdin=PASSWORD.encode() + b"\n" + new + b"\n")
    assert (changed.status, changed.stdout) == (0, b"")
    assert "API tokens and passkeys are still valid" in changed.stderr
    assert (await other("whoami")).status == 4
    assert (await shell("whoami")).status == 0
    assert (await shell("sessions", "--end-others")).status == 0
    back = await shell("passwd", "--password-stdin", stdin=new + b"\n" + PASSWORD.encode() + b"\n")
    assert back.status == 0


async def test_an_api_token_is_created_used_and_revoked(shell: Shell) -> None:
    created = await shell("token", "create", "script", "--scope", "read", "--expires", "12h", "--json")
    token = json.loads(created.stdout)
    script = Shell(shell.home, shell.server, {"DRIVEBAY_TOKEN": token["token"], "DRIVEBAY_SERVER": shell.server})
    assert (await script("whoami")).text == f"{shell.email}\n"
    refused = await script("mkdir", "/x")
    assert refused.status == 4
    assert "scope" in refused.stderr
    assert token["id"] in (await shell("token", "list")).text
    assert (await shell("token", "revoke", token["id"])).status == 0
    assert (await script("whoami")).status == 4
    assert (await shell("token", "create", "x", "--scope", "read", "--expires", "soon")).status == 2


async def test_commands_of_an_account_ignore_the_chosen_drive(site: Site, tmp_path: Path) -> None:
    shell = Shell(tmp_path, site.server)
    assert (await shell.authenticate("signup")).status == 0
    for variable in ("DRIVEBAY_DRIVE", "DRIVEBAY_SHARED"):
        shell.variables = {variable: "a drive that was deleted"}
        assert (await shell("ls")).status == 3
        for arguments in (
            ["sessions"],
            ["token", "list"],
            ["passkeys", "list"],
            ["second-factor", "begin"],
            ["whoami"],
        ):
            await shell.ok(*arguments)
        await shell.ok("passwd", "--password-stdin", stdin=f"{PASSWORD}\n{PASSWORD}\n".encode())
    await shell.ok("delete-account", "--yes", "--password-stdin", stdin=f"{PASSWORD}\n".encode())


async def test_a_deleted_account_is_logged_out(site: Site, tmp_path: Path) -> None:
    shell = Shell(tmp_path, site.server)
    assert (await shell.authenticate("signup")).status == 0
    deleted = await shell("delete-account", "--yes", "--password-stdin", stdin=PASSWORD.encode() + b"\n")
    assert deleted.status == 0, deleted.stderr
    assert (await shell("whoami")).status == 4
    assert (await shell.authenticate("login")).status == 4


async def test_a_login_with_a_second_factor_takes_a_code(shell: Shell) -> None:
    secret = (await shell.ok("second-factor", "begin", "--json")).json["secret"]
    totp, now = pyotp.TOTP(secret), datetime.now(UTC)
    confirmed = (await shell.ok("second-factor", "confirm", "--code", totp.at(now), "--json")).json
    assert len(confirmed["recovery_codes"]) == 10
    arguments = ("login", "--server", shell.server, "--email", shell.email, "--password-stdin")
    password = f"{PASSWORD}\n".encode()
    refused = await shell(*arguments, stdin=password)
    assert (refused.status, "--code" in refused.stderr) == (2, True)
    wrong = await shell(*arguments, "--code", "AAAA-AAAA-AAAA-AAAA", stdin=password)
    assert wrong.status == 4
    done = await shell.ok(*arguments, "--code", totp.at(now, counter_offset=1), stdin=password)
    assert shell.email in done.text
    removal = ("second-factor", "remove", "--password-stdin", "--code", confirmed["recovery_codes"][0])
    await shell.ok(*removal, stdin=password)
    assert (await shell(*arguments, stdin=password)).status == 0


async def test_passkeys_are_listed_renamed_and_removed(shell: Shell) -> None:
    async with httpx.AsyncClient() as http:
        user = Client(http, shell.server)
        user.email, user.password = shell.email, PASSWORD
        await add_local_passkey(await user.log_in(), "my phone")
    (listed,) = (await shell.ok("passkeys", "list", "--json")).json
    assert listed["last_used_at"] is None
    await shell.ok("passkeys", "rename", listed["id"], "key ring")
    (line,) = (await shell.ok("passkeys", "list")).lines
    assert "key ring" in line
    assert "never used" in line
    removal = ("passkeys", "remove", listed["id"], "--password-stdin")
    assert (await shell(*removal, stdin=b"a wrong password\n")).status == 4
    await shell.ok(*removal, stdin=f"{PASSWORD}\n".encode())
    assert (await shell.ok("passkeys", "list")).lines == []
    assert (await shell(*removal, stdin=f"{PASSWORD}\n".encode())).status == 3


async def test_commands_for_mail_say_when_the_server_sends_none(shell: Shell) -> None:
    anonymous = ("--server", shell.server)
    for arguments in (
        ("verify-email",),
        ("verify-email", "https://drive.example.com/verify-email?token=abc", *anonymous),
        ("reset-password", "--email", shell.email, *anonymous),
    ):
        refused = await shell(*arguments)
        assert refused.status != 0
        assert "sends no mail" in refused.stderr
        assert "drivebay ls" not in refused.stderr


async def test_a_link_is_sent_to_the_server_that_made_it(site: Site, shell: Shell, tmp_path: Path) -> None:
    newcomer = Shell(tmp_path, "")
    for end in ("", " ", "\r\n"):
        refused = await newcomer("verify-email", f"{site.server}/verify-email?token=abc{end}")
        assert (refused.status, "sends no mail" in refused.stderr) == (3, True), refused.stderr

    for command, path in (
        ("verify-email", "verify-email?token=abc"),
        ("reset-password", "reset-password#token=abc"),
        ("reset-password", "invitation#token=abc"),
    ):
        elsewhere = f"127.0.0.1:{free_port()}"
        arguments = (
            command,
            f"http://{elsewhere}/{path}",
            *(["--password-stdin"] if command == "reset-password" else []),
        )
        unreachable = await shell(*arguments, stdin=b"a quiet green table\n")
        assert (unreachable.status, elsewhere in unreachable.stderr) == (6, True), unreachable.stderr
        # The option is for a server that has another URL in its links.
        reached = await shell(*arguments, "--server", shell.server, stdin=b"a quiet green table\n")
        assert reached.status in (3, 4), reached.stderr


async def test_a_wrong_code_asks_for_the_next_one(shell: Shell) -> None:
    secret = (await shell.ok("second-factor", "begin", "--json")).json["secret"]
    refused = await shell("second-factor", "confirm", "--code", "12")
    assert (refused.status, "next code" in refused.stderr) == (4, True), refused.stderr
    await shell.ok("second-factor", "confirm", "--code", pyotp.TOTP(secret).now())
    begun = await shell("second-factor", "begin")
    assert (begun.status, "second-factor remove" in begun.stderr) == (5, True), begun.stderr


async def test_a_reset_needs_a_link_or_an_address(shell: Shell) -> None:
    for arguments in ((), ("token", "--email", shell.email)):
        refused = await shell("reset-password", *arguments, "--server", shell.server)
        assert (refused.status, "--email" in refused.stderr) == (2, True)
    wrong = await shell(
        "reset-password", "#token=x", "--password-stdin", "--server", shell.server, stdin=b"a quiet green table\n"
    )
    assert wrong.status == 4
