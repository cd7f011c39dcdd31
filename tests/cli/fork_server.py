"""Runs `drivebay` in processes that are forked from one process, which has imported everything.

So a command takes a tenth of the time. Each command still has its own process, signals, streams and environment.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import traceback
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drivebay.cli import command_table
from drivebay.cli.main import main

from .shell import EXIT_TIMEOUT, CommandResult, Shell


@dataclass(frozen=True)
class ForkServer:
    """Starts one command after the other."""

    process: Process
    folder: Path

    async def start(self, shell: Shell, *arguments: str, stdin: str = "") -> int:
        """Start a command of a user, and return the id of its process."""
        (self.folder / "stdin").write_text(stdin)
        request = {"arguments": arguments, "environment": shell.environment, "home": str(shell.home)}
        assert self.process.stdin is not None
        self.process.stdin.write(f"{json.dumps(request)}\n".encode())
        return int(await self._read_line())

    async def wait(self) -> CommandResult:
        """Wait until the command has ended."""
        status = int(await self._read_line())
        return CommandResult(status, (self.folder / "stdout").read_bytes(), (self.folder / "stderr").read_text())

    async def run(self, shell: Shell, *arguments: str, stdin: str = "") -> CommandResult:
        """Run a command of a user to its end."""
        await self.start(shell, *arguments, stdin=stdin)
        return await self.wait()

    async def _read_line(self) -> bytes:
        assert self.process.stdout is not None
        async with asyncio.timeout(EXIT_TIMEOUT):
            return await self.process.stdout.readline()


@asynccontextmanager
async def run(folder: Path) -> AsyncIterator[ForkServer]:
    """Run a fork server. `folder` has the streams of the commands."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.cli.fork_server", str(folder), stdin=PIPE, stdout=PIPE
    )
    try:
        yield ForkServer(process, folder)
    finally:
        process.kill()
        await process.wait()


def _serve(folder: Path) -> None:
    for name in command_table.COMMANDS:
        if command_table.COMMANDS[name].module.startswith("user."):
            command_table.load_command(name)
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            _run_command(json.loads(line), folder)
        print(child, flush=True)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def _run_command(request: dict[str, Any], folder: Path) -> None:
    """Become the process of a command."""
    os.environ.clear()
    os.environ.update(request["environment"])
    os.chdir(request["home"])
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    os.dup2(os.open(folder / "stdin", os.O_RDONLY), 0)
    os.dup2(os.open(folder / "stdout", flags), 1)
    os.dup2(os.open(folder / "stderr", flags), 2)
    # As Python does at its start.
    sys.stdin = open(0, closefd=False)  # noqa: SIM115
    sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", closefd=False, errors="backslashreplace")  # noqa: SIM115
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.argv = ["drivebay", *request["arguments"]]
    status = 0
    try:
        main()
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
        status = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    import uvloop  # noqa: F401 - imported before the first fork

    _serve(Path(sys.argv[1]))
