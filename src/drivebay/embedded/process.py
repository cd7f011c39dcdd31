"""A server as a child process: started, waited for until it is ready, watched, started again, stopped.

A server belongs to the process that started it and ends with it, however that ends. It is known by its
`mark`, a word on its command line that no other process has: so what a crash left over is found without
trusting a pid file, whose number may belong to somebody else by now.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import pwd
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import Field, dataclass, field
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import BinaryIO, ClassVar, Protocol, TypeVar

import structlog

log = structlog.get_logger(__name__)

_LAUNCH = Path(__file__).with_name("launch.py")
_LOG_LIMIT = 10 * 1024 * 1024
_BACKOFF = (0.1, 0.5, 1.0, 2.0, 5.0)


class CannotStart(Exception):
    """A server did not come up; the message names it and quotes the end of its log."""


@dataclass(frozen=True, slots=True)
class User:
    """Whom a server runs as. `pass_walls`: it may pass folders that are closed to this user (see `launch`)."""

    uid: int
    gid: int
    pass_walls: bool = False


@dataclass(frozen=True, slots=True)
class Program:
    """What to run. Times are in seconds; `orphaned` is the signal it gets when we die."""

    name: str
    command: tuple[str, ...]
    mark: str
    folder: Path
    log: Path
    polite: signal.Signals = signal.SIGTERM
    orphaned: signal.Signals = signal.SIGKILL
    user: User | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    patience: float = 30.0
    grace: float = 5.0


def private(folder: Path) -> Path:
    """The folder by its full path, made for us alone if it is new."""
    folder = folder.resolve()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def installed(wheel: str, program: str) -> Path:
    """Where a wheel has put its program; CannotStart if the wheel is missing."""
    try:
        files = distribution(wheel).files or []
    except PackageNotFoundError:
        files = []
    for file in files:
        if file.name == program:
            return Path(str(file.locate())).resolve()
    raise CannotStart(f"{program} is not installed: the wheel {wheel} is missing")


def mark(folder: Path) -> str:
    """A word for the command line that stands for this folder and no other."""
    return "drivebay-" + hashlib.sha256(os.fsencode(folder.resolve())).hexdigest()[:16]


def marked(word: str) -> tuple[int, ...]:
    """The pids of the live processes with `word` on their command line."""
    wanted = word.encode()
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                if wanted in (entry / "cmdline").read_bytes():
                    found.append(int(entry.name))
    return tuple(pid for pid in found if pid != os.getpid())


def send(pids: tuple[int, ...], number: signal.Signals) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


async def clear(word: str, *, timeout: float = 10.0) -> None:
    """End whatever still runs under the mark; returns when it is gone, at most `timeout` seconds later."""
    deadline = time.monotonic() + timeout
    while pids := marked(word):
        send(pids, signal.SIGKILL)
        if time.monotonic() > deadline:
            raise CannotStart(f"processes {pids} of an earlier run cannot be ended")
        await asyncio.sleep(0.02)


def unprivileged(*paths: Path) -> User | None:
    """Whom to run as when we are root: `nobody`, with the right to reach `paths` if it needs one; else None."""
    if os.geteuid() != 0:
        return None
    nobody = pwd.getpwnam("nobody")
    open_to_all = all(_open_to(nobody.pw_uid, step) for path in paths for step in (path, *path.resolve().parents))
    return User(nobody.pw_uid, nobody.pw_gid, pass_walls=not open_to_all)


def _open_to(uid: int, path: Path) -> bool:
    status = path.stat()
    needed = 0o5
    return status.st_uid == uid or status.st_mode & needed == needed or (path.is_dir() and bool(status.st_mode & 0o1))


def launcher(command: tuple[str, ...], *, user: User | None, orphaned: signal.Signals) -> tuple[str, ...]:
    """The command line that becomes `command` as `launch` says."""
    plan = {
        "command": command,
        "parent": os.getpid(),
        "orphaned": int(orphaned),
        "uid": user.uid if user else None,
        "gid": user.gid if user else None,
        "pass_walls": bool(user and user.pass_walls),
    }
    return (sys.executable, "-I", "-S", str(_LAUNCH), json.dumps(plan))


async def run_once(command: tuple[str, ...], *, folder: Path, user: User | None, timeout: float) -> None:
    """Run a command to its end; CannotStart with its output if it fails or takes too long."""
    process = await asyncio.create_subprocess_exec(
        *launcher(command, user=user, orphaned=signal.SIGKILL),
        cwd=folder,
        env=_plain_environment(),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        output, _ = await asyncio.wait_for(process.communicate(), timeout)
    except (TimeoutError, asyncio.CancelledError) as error:
        process.kill()
        await process.wait()
        if isinstance(error, TimeoutError):
            raise CannotStart(f"{Path(command[0]).name} took more than {timeout:.0f} s") from None
        raise
    if process.returncode != 0:
        raise CannotStart(f"{Path(command[0]).name} failed: {output.decode(errors='replace').strip()[-2000:]}")


class Process:
    """One server, to be started from a thread that lives at least as long: it ends with that thread too.

    `ready` tells whether it answers by now; it is asked again and again until it does.
    `before` is called ahead of each start, when nothing of an earlier run is alive any more.

    `kill`, `pause` and `resume` are for tests of what others do without it: a killed server stays down
    until `start`. One that dies by itself is started again.
    """

    def __init__(
        self,
        program: Program,
        ready: Callable[[], Awaitable[bool]],
        before: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self.program = program
        self._ready = ready
        self._before = before
        self._child: asyncio.subprocess.Process | None = None
        self._watch: asyncio.Task[None] | None = None
        self.restarts = 0

    @property
    def pid(self) -> int | None:
        """The server's process id, None while it is down."""
        return self._child.pid if self._child and self._child.returncode is None else None

    async def start(self) -> None:
        """Start it and return when it answers; CannotStart if it does not."""
        if self.pid is not None:
            return
        await self._cancel_watch()
        await self._bring_up()
        self._watch = asyncio.create_task(self._restart_when_it_dies(), name=f"watch {self.program.name}")

    async def stop(self) -> None:
        """Ask it to end, and end it if it has not after its grace. Nothing of it runs afterwards."""
        await self._cancel_watch()
        if self._child and self._child.returncode is None:
            self.resume()
            send((self._child.pid,), self.program.polite)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._child.wait(), self.program.grace)
        await self.kill()

    async def kill(self) -> None:
        """End it at once with all of its processes, as a power cut would; it stays down until `start`."""
        await self._cancel_watch()
        if self.pid is not None:
            send((self.pid,), signal.SIGKILL)
        await clear(self.program.mark)
        if self._child:
            await self._child.wait()
            self._child = None

    def pause(self) -> None:
        """Freeze it: its connections stay open and get no answer."""
        if self.pid is not None:
            send((self.pid,), signal.SIGSTOP)
        send(marked(self.program.mark), signal.SIGSTOP)

    def resume(self) -> None:
        send(marked(self.program.mark), signal.SIGCONT)

    async def _bring_up(self) -> None:
        program = self.program
        await clear(program.mark)
        if self._before:
            await self._before()
        with _open_log(program.log) as output:
            self._child = await asyncio.create_subprocess_exec(
                *launcher(program.command, user=program.user, orphaned=program.orphaned),
                cwd=program.folder,
                env={**_plain_environment(), **program.environment},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        try:
            await asyncio.wait_for(self._until_ready(self._child), program.patience)
        except TimeoutError:
            await self._give_up()
            raise CannotStart(f"{program.name} did not answer in {program.patience:.0f} s{self._log_tail()}") from None
        except BaseException:
            await self._give_up()
            raise

    async def _until_ready(self, child: asyncio.subprocess.Process) -> None:
        while not await self._ready():
            if child.returncode is not None:
                raise CannotStart(f"{self.program.name} ended at once{self._log_tail()}")
            await asyncio.sleep(0.02)

    async def _give_up(self) -> None:
        await clear(self.program.mark)
        if self._child:
            await self._child.wait()

    async def _restart_when_it_dies(self) -> None:
        failures = 0
        while True:
            if self._child:
                status = await self._child.wait()
                log.error("server died", server=self.program.name, status=status, log=str(self.program.log))
            try:
                await self._bring_up()
            except (CannotStart, OSError) as error:
                pause = _BACKOFF[min(failures, len(_BACKOFF) - 1)]
                failures += 1
                log.error("server does not come up", server=self.program.name, error=str(error), again_in=pause)
                self._child = None
                await asyncio.sleep(pause)
            else:
                failures = 0
                self.restarts += 1
                log.info("server is back", server=self.program.name, pid=self.pid)

    async def _cancel_watch(self) -> None:
        watch, self._watch = self._watch, None
        if watch:
            watch.cancel()
            with suppress(asyncio.CancelledError):
                await watch

    def _log_tail(self) -> str:
        with suppress(OSError):
            lines = self.program.log.read_text("utf-8", errors="replace").strip().splitlines()[-8:]
            return ":\n  " + "\n  ".join(lines) + f"\n(its log: {self.program.log})"
        return ""


class _Server(Protocol):
    """A dataclass of text that tells how to reach a server, and of its `process` where that is ours."""

    __dataclass_fields__: ClassVar[dict[str, Field[object]]]


S = TypeVar("S", bound=_Server)


def facts(server: _Server) -> dict[str, str]:
    """What another process needs to reach the server."""
    return {name: getattr(server, name) for name in server.__dataclass_fields__ if name != "process"}


def of(kind: type[S], facts: Mapping[str, str]) -> S:
    """The server again out of its `facts`, in a process that does not own it."""
    return kind(**facts)


def _open_log(path: Path) -> BinaryIO:
    """The log to append to, with its last run kept beside it once it has grown too large."""
    with suppress(FileNotFoundError):
        if path.stat().st_size > _LOG_LIMIT:
            path.replace(path.with_name(path.name + ".old"))
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab")


def _plain_environment() -> dict[str, str]:
    # Not ours as a whole: a PGPORT, a WEED_ or AWS_ variable in it would bend the server.
    return {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC", "HOME": "/nonexistent"}
