"""The command line as a script uses it: a process, its answer, its complaints and its exit status."""

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


@dataclass(frozen=True)
class Ran:
    status: int
    raw: bytes
    err: str

    @property
    def out(self) -> str:
        return self.raw.decode()

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()

    @property
    def json(self) -> Any:
        return json.loads(self.raw)


@dataclass
class Shell:
    """One user's computer: a home of their own, and nothing of ours in the environment but what is said."""

    home: Path
    server: str
    more: dict[str, str] = field(default_factory=dict)
    email: str = field(default_factory=lambda: f"{uuid4().hex}@example.com")

    @property
    def environment(self) -> dict[str, str]:
        inherited = {
            name: value for name, value in os.environ.items() if not name.startswith(("DRIVEBAY_", "XDG_", "_DRIVEBAY"))
        }
        return inherited | {"HOME": str(self.home), "COLUMNS": "100"} | self.more

    @property
    def command(self) -> tuple[str, ...]:
        return sys.executable, "-m", "drivebay.cli"

    async def start(self, *words: str, **options: Any) -> Process:
        return await asyncio.create_subprocess_exec(
            *self.command, *words, env=self.environment, cwd=self.home,
            **{"stdin": DEVNULL, "stdout": PIPE, "stderr": PIPE, **options},
        )  # fmt: skip

    async def __call__(self, *words: str, stdin: bytes | None = None, within: float = 60) -> Ran:
        process = await self.start(*words, stdin=DEVNULL if stdin is None else PIPE)
        try:
            out, err = await asyncio.wait_for(process.communicate(stdin), within)
        except TimeoutError:
            process.kill()
            await process.wait()
            raise
        return Ran(process.returncode or 0, out, err.decode())

    async def ok(self, *words: str, stdin: bytes | None = None) -> Ran:
        ran = await self(*words, stdin=stdin)
        assert ran.status == 0, f"{words}: {ran.status}\n{ran.out}\n{ran.err}"
        return ran

    async def enter(self, how: str = "signup") -> Ran:
        given = ("--server", self.server, "--email", self.email, "--password-stdin")
        return await self(how, *given, stdin=f"{PASSWORD}\n".encode())
