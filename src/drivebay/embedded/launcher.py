"""Finds and starts the programs of embedded servers, as an unprivileged user if this process is root."""

from __future__ import annotations

import asyncio
import json
import os
import pwd
import signal
import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Final

from .start_error import ServerStartError

_LAUNCH_SCRIPT: Final = Path(__file__).with_name("launch_script.py")
_READ_AND_ENTER: Final = 0o5
_ENTER: Final = 0o1
_MAX_ERROR_OUTPUT: Final = 2000
"""The number of characters of a failed command's output that the error message quotes."""


@dataclass(frozen=True, slots=True)
class User:
    """The user that a server runs as. With `bypass_permissions` the kernel checks no file permissions for it."""

    uid: int
    gid: int
    bypass_permissions: bool = False


def program_path(wheel: str, program: str) -> Path:
    """Return the path of a program that a wheel installed. Raises ServerStartError without the wheel."""
    try:
        files = distribution(wheel).files or []
    except PackageNotFoundError:
        files = []
    for file in files:
        if file.name == program:
            return Path(str(file.locate())).resolve()
    raise ServerStartError(f"{program} is not installed: install the wheel {wheel}")


def unprivileged_user(*paths: Path) -> User | None:
    """Return the user `nobody` if this process is root, else None.

    The user gets `bypass_permissions` if it could otherwise not read one of `paths`.
    """
    if os.geteuid() != 0:
        return None
    nobody = pwd.getpwnam("nobody")
    can_reach = all(_can_reach(nobody.pw_uid, step) for path in paths for step in (path, *path.resolve().parents))
    return User(nobody.pw_uid, nobody.pw_gid, bypass_permissions=not can_reach)


def _can_reach(uid: int, path: Path) -> bool:
    status = path.stat()
    if status.st_uid == uid or status.st_mode & _READ_AND_ENTER == _READ_AND_ENTER:
        return True
    return path.is_dir() and bool(status.st_mode & _ENTER)


def launch_command(command: tuple[str, ...], *, user: User | None, parent_death: signal.Signals) -> tuple[str, ...]:
    """Return the command that runs `launch_script.py`, which replaces itself with `command` (exec).

    The kernel sends the signal `parent_death` to the program when this process dies.
    """
    plan = {
        "command": command,
        "parent": os.getpid(),
        "parent_death_signal": int(parent_death),
        "uid": user.uid if user else None,
        "gid": user.gid if user else None,
        "bypass_permissions": bool(user and user.bypass_permissions),
    }
    return (sys.executable, "-I", "-S", str(_LAUNCH_SCRIPT), json.dumps(plan))


def clean_environment() -> dict[str, str]:
    """Return the environment of a server. It lacks variables such as PGPORT, WEED_* or AWS_* that change a server."""
    return {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC", "HOME": "/nonexistent"}


async def run_command(command: tuple[str, ...], *, folder: Path, user: User | None, timeout: float) -> None:
    """Run a command to its end. Raises ServerStartError with its output if it fails or exceeds `timeout` seconds."""
    process = await asyncio.create_subprocess_exec(
        *launch_command(command, user=user, parent_death=signal.SIGKILL),
        cwd=folder,
        env=clean_environment(),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    name = Path(command[0]).name
    try:
        async with asyncio.timeout(timeout):
            output, _ = await process.communicate()
    except (TimeoutError, asyncio.CancelledError) as error:
        process.kill()
        await process.wait()
        if isinstance(error, TimeoutError):
            raise ServerStartError(f"{name} took more than {timeout:.0f} s") from None
        raise
    if process.returncode != 0:
        text = output.decode(errors="replace").strip()[-_MAX_ERROR_OUTPUT:]
        raise ServerStartError(f"{name} failed: {text}")
