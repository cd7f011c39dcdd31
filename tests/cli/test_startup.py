"""The start of the command: version, help, completion, imports, and Ctrl-C before a command runs."""

import asyncio
import re
import sys
from asyncio.subprocess import PIPE
from importlib import import_module
from importlib.metadata import entry_points, version
from pathlib import Path

import pytest

from drivebay.cli import command_table

from .shell import EXIT_TIMEOUT, CommandResult, Shell

SERVER_PACKAGES = {"grpc", "asyncpg", "aiohttp", "nats", "granian", "structlog", "uvloop", "keyring"}
INTERRUPTED_AT_IMPORT = """
import os, runpy, signal, sys

class Interrupter:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name == interrupted:
            os.kill(os.getpid(), signal.SIGINT)
        return None

signal.signal(signal.SIGINT, signal.default_int_handler)  # the test run may ignore SIGINT, and children inherit that
interrupted = sys.argv.pop(1)
sys.meta_path.insert(0, Interrupter)
runpy.run_module("drivebay.cli", run_name="__main__", alter_sys=True)
"""
"""Runs the command line, and sends it SIGINT when it begins to import the module in the first argument."""


async def run_python(code: str, *arguments: str, environment: dict[str, str] | None = None) -> CommandResult:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, *arguments, env=environment, stdout=PIPE, stderr=PIPE
    )
    stdout, stderr = await asyncio.wait_for(process.communicate(), EXIT_TIMEOUT)
    return CommandResult(process.returncode or 0, stdout, stderr.decode())


async def loaded_modules(statement: str) -> set[str]:
    """Return the names of all modules that are loaded after a statement."""
    result = await run_python(f"import sys\n{statement}\nprint(*sys.modules)")
    assert result.status == 0, result.stderr
    return set(result.text.split())


async def test_version_option_prints_the_version(tmp_path: Path) -> None:
    result = await Shell(tmp_path, "")("--version")
    assert (result.status, result.text) == (0, f"drivebay {version('drivebay')}\n")


@pytest.mark.parametrize("name", command_table.COMMANDS)
def test_summary_of_a_command_is_part_of_its_help(name: str) -> None:
    help_text = (command_table.load_command(name).help or "").replace("\n", " ")
    assert command_table.COMMANDS[name].summary.rstrip(".") in help_text


@pytest.mark.parametrize("name", ["", *command_table.COMMANDS])
def test_help_shows_words_instead_of_types(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    members = getattr(command_table.load_command(name), "commands", {}) if name else {}
    for path in ([name] if name else [], *([name, member] for member in members)):
        with pytest.raises(SystemExit):
            command_table.app([*path, "--help"], prog_name="drivebay")
        shown = capsys.readouterr().out
        assert [word for word in ("bool", "<str>", "<int", "<path>", "{") if word in shown] == [], path


@pytest.mark.parametrize(
    ("command", "usage"),
    [
        (["put"], "put [OPTIONS] PATH..."),
        (["du"], "du [OPTIONS] [PATH...]"),
        (["cp"], "cp [OPTIONS] SOURCE... TARGET"),
        (["passkeys", "rename"], "passkeys rename [OPTIONS] ID NAME"),
    ],
)
def test_usage_shows_which_arguments_can_be_repeated(
    command: list[str], usage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        command_table.app([*command, "--help"], prog_name="drivebay")
    assert f"Usage: drivebay {usage} \n" in re.sub(" +", " ", capsys.readouterr().out)


async def test_shell_completes_commands(tmp_path: Path) -> None:
    completion = {"_DRIVEBAY_COMPLETE": "complete_bash", "COMP_WORDS": "drivebay lo", "COMP_CWORD": "1"}
    code = "from drivebay.cli.command_table import app; app(prog_name='drivebay')"
    result = await run_python(code, environment=Shell(tmp_path, "").environment | completion)
    assert result.text.split() == ["login", "logout"]


@pytest.mark.parametrize("name", ["ls", "put", "get", "login", "status", "rm"])
async def test_user_command_loads_no_server_package(name: str) -> None:
    loaded = await loaded_modules(f"from drivebay.cli.command_table import load_command\nload_command({name!r})")
    assert {module.split(".")[1] for module in loaded if module.startswith("drivebay.")} == {"cli", "client"}
    assert not loaded & SERVER_PACKAGES


async def test_entry_point_handles_ctrl_c_before_it_loads_any_other_module() -> None:
    # Ctrl-C during the import of `signal` or `typing` would print a traceback too.
    (script,) = entry_points(group="console_scripts", name="drivebay")
    before = await loaded_modules("pass")
    after = await loaded_modules(f"import {script.module}")
    added = {module for module in after - before if module not in sys.builtin_module_names}
    assert added == {"drivebay", "drivebay.cli", "drivebay.cli.interrupts", "drivebay.cli.main"}
    assert script.load() is import_module("drivebay.cli.main").main


@pytest.mark.parametrize(
    ("module", "command"),
    [
        ("drivebay.cli.command_table", "ls"),
        ("typer", "ls"),
        ("drivebay.cli.user.list", "ls"),
        ("drivebay.client", "ls"),
        ("msgspec", "put"),
        ("drivebay.cli.operator.run", "run"),
        ("grpc", "check"),
    ],
)
async def test_ctrl_c_during_an_import_exits_with_130_and_prints_nothing(
    module: str, command: str, tmp_path: Path
) -> None:
    result = await run_python(INTERRUPTED_AT_IMPORT, module, command, environment=Shell(tmp_path, "").environment)
    assert result == CommandResult(130, b"", "")


async def test_ctrl_c_in_a_running_command_exits_with_130_and_a_note(tmp_path: Path) -> None:
    environment = Shell(tmp_path, "", {"DRIVEBAY_SERVER": "http://127.0.0.1:9", "DRIVEBAY_TOKEN": "any"}).environment
    result = await run_python(INTERRUPTED_AT_IMPORT, "uvloop", "ls", environment=environment)
    assert result == CommandResult(130, b"", "drivebay: interrupted\n")


async def test_a_process_loads_no_library_of_a_service_that_it_does_not_run() -> None:
    loaded = await loaded_modules("import drivebay.cli.operator.run")
    assert "grpc" in loaded
    assert not loaded & {"asyncpg", "aiohttp", "nats", "granian", "falcon", "joserfc", "opentelemetry.sdk"}
