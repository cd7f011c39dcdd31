"""Runs `drivebay` as a script does: as a process with its own home folder, output and exit status."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

PASSWORD = f"password {uuid4().hex}"
EXIT_TIMEOUT = 180.0


@dataclass(frozen=True)
class CommandResult:
    """The result of a command: its exit status, its standard output in bytes, and its standard error."""

    status: int
    stdout: bytes
    stderr: str

    @property
    def text(self) -> str:
        return self.stdout.decode()

    @property
    def lines(self) -> list[str]:
        return self.text.splitlines()

    @property
    def json(self) -> Any:
        return json.loads(self.stdout)


@dataclass
class Shell:
    """The computer of one user, with its own home folder. `variables` are added to the environment."""

    home: Path
    server: str
    variables: dict[str, str] = field(default_factory=dict)
    email: str = field(default_factory=lambda: f"{uuid4().hex}@example.com")

    @property
    def environment(self) -> dict[str, str]:
        """The environment of commands. No setting of Drivebay is inherited from the tests' own environment."""
        inherited = {
            name: value for name, value in os.environ.items() if not name.startswith(("DRIVEBAY_", "XDG_", "_DRIVEBAY"))
        }
        return inherited | {"HOME": str(self.home), "COLUMNS": "100"} | self.variables

    @property
    def command(self) -> tuple[str, ...]:
        return sys.executable, "-m", "drivebay.cli"

    @property
    def login_file(self) -> Path:
        return self.home / ".config" / "drivebay" / "login.json"

    async def start(self, *arguments: str, **options: Any) -> Process:
        """Start a command and return its process. `options` go to `create_subprocess_exec`."""
        return await asyncio.create_subprocess_exec(
            *self.command, *arguments, env=self.environment, cwd=self.home,
            **{"stdin": DEVNULL, "stdout": PIPE, "stderr": PIPE, **options},
        )  # fmt: skip

    async def __call__(
        self, *arguments: str, stdin: bytes | None = None, timeout: float = EXIT_TIMEOUT
    ) -> CommandResult:
        """Run a command to its end. Kills it and raises TimeoutError after `timeout` seconds."""
        process = await self.start(*arguments, stdin=DEVNULL if stdin is None else PIPE)
        try:
            stdout, stderr = await asyncio.wait_for(process.communicate(stdin), timeout)
        except TimeoutError:
            process.kill()
            await process.wait()
            raise
        return CommandResult(process.returncode or 0, stdout, stderr.decode())

    async def ok(self, *arguments: str, stdin: bytes | None = None) -> CommandResult:
        """Run a command that must exit with status 0."""
        result = await self(*arguments, stdin=stdin)
        assert result.status == 0, f"{arguments}: {result.status}\n{result.text}\n{result.stderr}"
        return result

    async def authenticate(self, command: str = "signup") -> CommandResult:
        """Run `signup` or `login` with this user's email address and password."""
        options = ("--server", self.server, "--email", self.email, "--password-stdin")
        return await self(command, *options, stdin=f"{PASSWORD}\n".encode())
