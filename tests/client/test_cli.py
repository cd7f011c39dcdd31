"""The user's commands: what they answer, where, and with which exit status."""

import asyncio
import json
import os
import pty
import signal
import stat
import sys
from contextlib import suppress
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

import pytest
import typer

from drivebay import cli
from drivebay.testing.world import free_port

from .conftest import Site
from .shell import Shell


async def test_it_says_its_version(shell: Shell) -> None:
    ran = await shell("--version")
    assert (ran.status, ran.out) == (0, f"drivebay {version('drivebay')}\n")


async def test_a_folder_without_a_name_of_its_own_is_not_put(shell: Shell) -> None:
    ran = await shell("put", "/")
    assert ran.status == 2
    assert "--to" in ran.err


async def test_the_folder_above_has_its_own_name(shell: Shell) -> None:
    inner = shell.home / "outer" / "inner"
    inner.mkdir(parents=True)
    (inner.parent / "a.txt").write_text("a")
    ran = await shell("put", f"{inner}/..")
    assert ran.lines == ["/outer/a.txt"]


async def test_a_day_with_the_command_line(shell: Shell) -> None:
    home = shell.home
    assert (await shell.ok("whoami")).lines == [shell.email]
    await shell.ok("mkdir", "-p", "/reports/2026")
    (home / "a.txt").write_text("Hello!")
    assert (await shell.ok("put", "a.txt", "--to", "/reports/2026")).lines == ["/reports/2026/a.txt"]
    assert (await shell.ok("ls")).lines == ["reports/"]
    assert (await shell.ok("ls", "/reports/2026")).lines == ["a.txt"]
    assert (await shell.ok("ls", "--tree")).lines == ["/", "└── reports/", "    └── 2026/", "        └── a.txt"]
    (long,) = (await shell.ok("ls", "-l", "/reports/2026/a.txt")).lines
    assert "6 B" in long
    assert long.endswith("a.txt")
    assert (await shell.ok("cat", "/reports/2026/a.txt")).raw == b"Hello!"
    assert (await shell.ok("link", "/reports/2026/a.txt")).out.startswith("http://")
    await shell.ok("mv", "/reports/2026/a.txt", "/b.txt")
    assert (await shell.ok("get", "/b.txt")).lines == ["b.txt"]
    assert (home / "b.txt").read_text() == "Hello!"
    await shell.ok("rm", "/b.txt")
    assert (await shell.ok("ls", "--trash")).lines == ["b.txt"]
    assert (await shell.ok("restore", "b.txt")).lines == ["b.txt"]
    assert (await shell.ok("ls")).lines == ["b.txt", "reports/"]
    status = await shell.ok("status")
    assert shell.email in status.out
    assert "6 B of" in status.out
    await shell.ok("logout")
    assert (await shell("whoami")).status == 4
    assert (await shell.enter("login")).lines == [f"{shell.email} at {shell.server}"]
    assert (await shell.ok("ls")).lines == ["b.txt", "reports/"]


async def test_every_answer_is_json_if_asked_for(shell: Shell) -> None:
    home = shell.home
    (home / "a.txt").write_text("Hello!")
    assert (await shell.ok("whoami", "--json")).json["email"] == shell.email
    (made,) = (await shell.ok("mkdir", "/d", "--json")).json
    assert (made["kind"], made["name"]) == ("folder", "d")
    (put,) = (await shell.ok("put", "a.txt", "--to", "/d", "--json")).json
    assert (put["path"], put["size"], put["status"]) == ("/d/a.txt", 6, "stored")
    assert (await shell.ok("put", "a.txt", "--to", "/d", "--json")).json[0]["status"] == "there"
    (listed,) = (await shell.ok("ls", "/d", "--json")).json
    assert listed["id"] == put["id"]
    assert [row["path"] for row in (await shell.ok("ls", "--tree", "--json")).json] == ["/d", "/d/a.txt"]
    assert [row["path"] for row in (await shell.ok("ls", "--tree", "/d/", "--json")).json] == ["/d/a.txt"]
    assert (await shell.ok("ls", "--tree", "/d/a.txt", "--json")).json == [listed]
    assert set((await shell.ok("link", "/d/a.txt", "--json")).json) == {"url", "expires_at"}
    (got,) = (await shell.ok("get", "/d/a.txt", "--json", "-o", "x")).json
    assert (got["path"], got["status"]) == ("x", "fetched")
    assert (await shell.ok("get", "/d/a.txt", "--json", "-o", "x")).json[0]["status"] == "here"
    assert (await shell.ok("mv", "/d/a.txt", "/d/b.txt", "--json")).json["name"] == "b.txt"
    assert (await shell.ok("rm", "/d/b.txt", "--json")).json[0]["name"] == "b.txt"
    assert (await shell.ok("ls", "/d", "--json")).json == []
    assert (await shell.ok("restore", "b.txt", "--json")).json[0]["id"] == put["id"]
    status = (await shell.ok("status", "--json")).json
    assert (status["server"], status["unfinished"]) == (shell.server, [])
    assert status["account"]["usage"]["used_bytes"] == 6
    failed = await shell("cat", "/none")
    assert failed.raw == b""
    missing = await shell("ls", "/none", "--json")
    assert (missing.status, missing.raw) == (3, b"")
    assert json.loads(missing.err)["error"] == "not_found"


async def test_exit_statuses_tell_what_kind_of_thing_went_wrong(shell: Shell, tmp_path: Path) -> None:
    home = shell.home
    (home / "a.txt").write_text("one")
    await shell.ok("put", "a.txt")
    (home / "a.txt").write_text("two")

    async def status(*words: str) -> int:
        ran = await shell(*words)
        assert ran.raw == b""
        assert ran.err.strip()
        assert "Traceback" not in ran.err
        return ran.status

    assert await status("nonsense") == 2
    assert await status("put") == 2
    assert await status("ls", "no-slash") == 3
    assert await status("ls", "") == 3
    assert await status("mv", "/", "/d") == 2
    assert await status("mkdir", "/none/d") == 3
    assert await status("ls", "/none") == 3
    assert await status("get", "/none") == 3
    assert await status("get", "/*.none") == 3
    assert await status("put", "none.txt") == 3
    assert await status("put", "none*.txt") == 3
    assert await status("restore", "none") == 3
    assert await status("put", "a.txt") == 5  # the name is taken, by other bytes
    assert await status("get", "/a.txt") == 5
    assert await status("mkdir", "/a.txt") == 5
    await shell.ok("mkdir", "/d")
    assert await status("rm", "/d") == 2
    assert await status("rm", "-r", "/") == 2
    assert await status("put", "-", "--to", "/d") == 2
    shell.more["DRIVEBAY_TOKEN"] = "no.such.token"
    assert await status("ls") == 4
    del shell.more["DRIVEBAY_TOKEN"]
    wrong = await shell(
        "login", "--server", shell.server, "--email", shell.email, "--password-stdin", stdin=b"not the password"
    )
    assert wrong.status == 4
    assert "next:" in wrong.err
    stranger = Shell(tmp_path, shell.server)
    lost = await stranger("ls")
    assert lost.status == 4
    assert "drivebay login --server" in lost.err
    taken = await shell.enter("signup")
    assert taken.status == 5


async def test_what_goes_wrong_is_said_once_with_what_to_do(shell: Shell) -> None:
    async def said(*words: str) -> list[str]:
        return (await shell(*words)).err.splitlines()

    assert await said("mkdir", "/a/..") == ["drivebay: there is no folder /a to make it in", "  next: -p makes it too"]
    assert await said("mkdir", "/..") == ["drivebay: a name is not '.' or '..'"]
    assert (await said("ls", "a.txt"))[0] == "drivebay: 'a.txt' is no path, which begins with a slash, and no id"
    assert "ls --trash" in (await said("restore", "/a.txt"))[1]
    shell.more["DRIVEBAY_TOKEN"] = "no.such.token"
    assert "DRIVEBAY_TOKEN" in (await said("ls"))[1]


async def test_a_name_that_is_not_utf8_is_shown_and_may_have_another(shell: Shell) -> None:
    odd = os.fsdecode(b"caf\xe9.txt")
    (shell.home / odd).write_text("Hello!")
    refused = await shell("put", odd, "--json")
    assert refused.status == 1
    assert "caf" in json.loads(refused.err)["detail"]
    assert "--name" in json.loads(refused.err)["next"]
    missing = await shell("put", f"no {odd}", "--json")
    assert (missing.status, json.loads(missing.err)["error"]) == (3, "not_found")
    assert (await shell.ok("put", odd, "--name", "caf\u00e9.txt")).lines == ["/caf\u00e9.txt"]
    (shell.home / os.fsdecode(b"d\xe9")).mkdir()
    shell.more["PYTHONIOENCODING"] = "utf-8"  # strictly, as in most places
    got = await shell.ok("get", "/caf\u00e9.txt", "--to", os.fsdecode(b"d\xe9"))
    assert got.raw == b"d\xe9/caf\xc3\xa9.txt\n"
    shell.more["PYTHONIOENCODING"] = "ascii"
    assert "PYTHONIOENCODING=utf-8" in (await shell("ls")).err


async def test_a_move_to_a_folder_that_is_not_there_renames_nothing(shell: Shell) -> None:
    (shell.home / "a.txt").write_text("Hello!")
    await shell.ok("put", "a.txt")
    assert (await shell("mv", "/a.txt", "/folder/")).status == 3
    assert (await shell("mv", "/a.txt", "/a.txt/")).status == 5
    assert (await shell.ok("ls")).lines == ["a.txt"]


async def test_standard_streams_may_be_closed(shell: Shell) -> None:
    (shell.home / "a.txt").write_text("Hello!")

    async def closed(streams: str, *words: str) -> int:
        line = f'exec "$@" {streams}'
        process = await asyncio.create_subprocess_exec(
            "sh", "-c", line, "sh", *shell.command, *words, env=shell.environment, cwd=shell.home
        )  # fmt: skip
        return await asyncio.wait_for(process.wait(), 60)

    assert await closed("<&- >&- 2>&-", "put", "a.txt") == 0
    assert await closed("2>&-", "ls", "/none") == 3
    assert await closed("<&- >&-", "ls") == 0
    assert (await shell.ok("ls")).lines == ["a.txt"]


async def test_ctrl_c_ends_the_question_for_a_password(shell: Shell) -> None:
    terminal, theirs = pty.openpty()
    try:
        words = ("login", "--server", shell.server, "--email", shell.email)
        process = await shell.start(*words, stdin=theirs, start_new_session=True)
        assert process.stderr is not None
        await asyncio.wait_for(process.stderr.readuntil(b"Password"), 30)
        process.send_signal(signal.SIGINT)
        assert await asyncio.wait_for(process.wait(), 30) == 130
    finally:
        os.close(terminal)
        os.close(theirs)


async def test_without_a_terminal_nothing_is_asked(shell: Shell) -> None:
    ran = await shell("login", "--server", shell.server, "--password-stdin", stdin=b"a password\n")
    assert (ran.status, ran.raw) == (2, b"")
    assert "--email" in ran.err


async def test_a_terminal_shows_what_is_large_and_the_answer_goes_where_it_is_sent(shell: Shell) -> None:
    (shell.home / "many").mkdir()
    for number in range(200):
        (shell.home / "many" / f"small-{number}").write_text("Hello!")
    (shell.home / "large").write_bytes(bytes(2 * 2**20))
    terminal, theirs = pty.openpty()
    process = await shell.start("put", "many", "large", stderr=theirs)
    os.close(theirs)
    out, shown = await asyncio.gather(process.communicate(), asyncio.to_thread(_all_of, terminal))
    assert (process.returncode, len(out[0].splitlines())) == (0, 201)
    assert b"all" in shown
    assert b"/large" in shown
    assert b"small-" not in shown


def _all_of(terminal: int) -> bytes:
    shown = b""
    with suppress(OSError):  # that is how a terminal ends
        while block := os.read(terminal, 65536):
            shown += block
    os.close(terminal)
    return shown


async def test_another_web_server_is_no_drivebay(site: Site, tmp_path: Path) -> None:
    ran = await Shell(tmp_path, f"{site.server}/docs").enter("login")
    assert (ran.status, ran.raw) == (1, b"")
    assert "is no Drivebay" in ran.err


async def test_a_server_that_is_not_there_is_six(tmp_path: Path) -> None:
    more = {"DRIVEBAY_SERVER": f"http://127.0.0.1:{free_port()}", "DRIVEBAY_TOKEN": "any"}
    ran = await Shell(tmp_path, "", more)("ls", within=40)
    assert (ran.status, ran.raw) == (6, b"")
    assert "next: is the server there" in ran.err


async def test_a_taken_name_is_renamed_or_replaced_if_asked_to(shell: Shell) -> None:
    (shell.home / "a.txt").write_text("one")
    await shell.ok("put", "a.txt")
    (shell.home / "a.txt").write_text("two")
    assert (await shell.ok("put", "a.txt", "--on-conflict", "rename")).lines == ["/a (1).txt"]
    assert (await shell.ok("put", "a.txt", "--on-conflict", "replace")).lines == ["/a.txt"]
    assert (await shell.ok("cat", "/a.txt", "/a (1).txt")).raw == b"twotwo"


async def test_a_folder_that_cannot_be_had_takes_no_other_along(shell: Shell) -> None:
    for name in ("a", "b", "c"):
        (shell.home / "un" / name).mkdir(parents=True)
        (shell.home / "un" / name / "f").write_text(name)
    await shell.ok("mkdir", "/un")
    await shell.ok("put", "un/a/f", "--to", "/un", "--name", "b")
    ran = await shell("put", "un")
    assert (ran.status, sorted(ran.lines)) == (5, ["/un/a/f", "/un/c/f"])
    assert "un/b" in ran.err


async def test_a_failure_names_its_file(shell: Shell) -> None:
    (shell.home / "new\nline").write_text("x")
    (shell.home / "good").write_text("x")
    ran = await shell("put", "good", "new\nline", "--json")
    assert [row["path"] for row in ran.json] == ["/good"]
    assert json.loads(ran.err.splitlines()[0])["detail"].startswith("/new\nline: ")


async def test_a_download_goes_where_it_says_and_replaces_files_alone(shell: Shell) -> None:
    (shell.home / "a.txt").write_text("one")
    await shell.ok("put", "a.txt")
    (shell.home / "folder").mkdir()
    assert (await shell.ok("get", "/a.txt", "-o", "folder")).lines == ["folder/a.txt"]
    os.mkfifo(shell.home / "pipe")
    ran = await shell("get", "/a.txt", "-o", "pipe", "--force")
    assert (ran.status, (shell.home / "pipe").is_fifo()) == (1, True)
    assert "pipe" in ran.err
    ran = await shell("get", "/a.txt", "-o", "-")
    assert (ran.status, "drivebay cat" in ran.err) == (2, True)


async def test_folders_go_and_come_whole_and_only_once(shell: Shell) -> None:
    top = shell.home / "tree"
    for number in range(12):
        folder = top / f"d{number % 3}" / "deep"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{number}.txt").write_text(str(number))
    (top / "empty").mkdir()
    (top / "loop").symlink_to(top)
    put = await shell.ok("put", "tree", "--to", "/backup", "-p")
    assert sorted(put.lines) == sorted(f"/backup/tree/d{n % 3}/deep/{n}.txt" for n in range(12))
    assert "loop is left out" in put.err
    (top / "d0" / "new.txt").write_text("new")
    again = (await shell.ok("put", "tree", "--to", "/backup", "--json")).json
    assert [row["path"] for row in again if row["status"] == "stored"] == ["/backup/tree/d0/new.txt"]
    (shell.home / "back").mkdir()
    assert len((await shell.ok("get", "/backup/tree", "--to", "back")).lines) == 13
    sent = {path.relative_to(top): path.read_text() for path in top.rglob("*.txt") if "loop" not in path.parts}
    back = shell.home / "back" / "tree"
    assert {path.relative_to(back): path.read_text() for path in back.rglob("*.txt")} == sent
    assert (back / "empty").is_dir()
    await shell.ok("rm", "-r", "/backup")
    assert (await shell.ok("ls")).lines == []


async def test_one_that_fails_keeps_no_other_from_its_place(shell: Shell) -> None:
    for name in ("a", "b", "c"):
        (shell.home / f"{name}.txt").write_text(name)
    await shell.ok("put", "b.txt")
    (shell.home / "b.txt").write_text("other")
    ran = await shell("put", "*.txt", "gone")
    assert (ran.status, sorted(ran.lines)) == (1, ["/a.txt", "/c.txt"])
    assert "b.txt is there already" in ran.err
    assert "gone: No such file" in ran.err


async def test_standard_input_and_output_are_files_too(shell: Shell) -> None:
    body = bytes(range(256)) * 4000
    assert (await shell.ok("put", "-", "--name", "x.bin", stdin=body)).lines == ["/x.bin"]
    assert (await shell.ok("cat", "/x.bin")).raw == body
    # A reader that has enough is no reason for a traceback.
    process = await shell.start("cat", *["/x.bin"] * 40)
    assert process.stdout is not None
    await process.stdout.read(10)
    process.stdout._transport.close()  # type: ignore[attr-defined]
    assert process.stderr is not None
    err = await asyncio.wait_for(process.stderr.read(), 30)
    assert (await process.wait(), err) == (141, b"")


async def test_tokens_are_in_a_file_that_is_the_users_alone(shell: Shell) -> None:
    file = shell.home / ".config" / "drivebay" / "login.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    kept = json.loads(file.read_bytes())
    assert kept["tokens"]["refresh_token"]
    ran = await shell("ls", "/none")
    assert kept["tokens"]["access_token"] not in ran.err
    await shell.ok("logout")
    assert not file.exists()


async def test_a_keyring_keeps_the_tokens_where_there_is_one(shell: Shell, tmp_path: Path) -> None:
    shell.more["PYTHON_KEYRING_BACKEND"] = "tests.client.ring.Ring"
    shell.more["TEST_RING"] = str(tmp_path / "ring.json")
    shell.more["PYTHONPATH"] = f"{Path(__file__).parents[2]}:{shell.environment.get('PYTHONPATH', '')}"
    assert (await shell.enter("login")).status == 0
    assert "tokens" not in {
        name for name, value in json.loads((shell.home / ".config/drivebay/login.json").read_bytes()).items() if value
    }
    assert "refresh_token" in (tmp_path / "ring.json").read_text()
    assert (await shell.ok("whoami")).lines == [shell.email]
    await shell.ok("logout")
    assert "refresh_token" not in (tmp_path / "ring.json").read_text()


async def test_many_commands_at_once_trade_an_expired_token_once(shell: Shell) -> None:
    file = shell.home / ".config" / "drivebay" / "login.json"
    kept = json.loads(file.read_bytes())
    kept["tokens"]["access_token"] = "an.expired.token"
    file.write_text(json.dumps(kept))
    ran = await asyncio.gather(*(shell("whoami") for _ in range(5)))
    assert [each.lines for each in ran] == [[shell.email]] * 5


async def test_a_token_goes_to_no_other_server(shell: Shell) -> None:
    shell.more["DRIVEBAY_SERVER"] = "http://127.0.0.1:1"
    ran = await shell("ls")
    assert ran.status == 4
    assert shell.server in ran.err


async def test_a_token_of_the_environment_needs_no_login(site: Site, shell: Shell, tmp_path: Path) -> None:
    kept = json.loads((shell.home / ".config/drivebay/login.json").read_bytes())
    stranger = Shell(tmp_path, "", {"DRIVEBAY_TOKEN": kept["tokens"]["access_token"], "DRIVEBAY_SERVER": site.server})
    assert (await stranger.ok("whoami")).lines == [shell.email]
    assert not (tmp_path / ".config").exists()


async def test_the_shell_completes_commands_and_options(shell: Shell) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", "from drivebay.cli import app; app(prog_name='drivebay')",
        env=shell.environment | {"_DRIVEBAY_COMPLETE": "complete_bash", "COMP_WORDS": "drivebay re", "COMP_CWORD": "1"},
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, _ = await asyncio.wait_for(process.communicate(), 30)
    assert out.decode().split() == ["restore"]


def test_help_says_what_the_commands_themselves_say() -> None:
    for name, (module, _, line) in cli.COMMANDS.items():
        command = typer.main.get_group(import_module(module).app).commands[name]
        assert line.rstrip(".") in (command.help or "").replace("\n", " "), name


@pytest.mark.parametrize("word", ["ls", "put", "get", "login", "status", "rm"])
async def test_a_users_command_starts_without_a_servers_packages(word: str) -> None:
    code = f"""
import sys
from importlib import import_module
from drivebay import cli
import_module(cli.COMMANDS[{word!r}][0])
print(*sorted(name for name in sys.modules))
"""
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE)
    out, _ = await asyncio.wait_for(process.communicate(), 30)
    loaded = set(out.decode().split())
    ours = {name.split(".")[1] for name in loaded if name.startswith("drivebay.")}
    assert ours == {"cli", "client", "commands"}
    assert not loaded & {"grpc", "asyncpg", "aiohttp", "nats", "granian", "structlog", "uvloop", "keyring"}
