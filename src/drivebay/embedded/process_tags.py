"""Process tags. A tag is a word on the command line of a server. No other process has this word on its command line.

The tag is used to find processes that remained from an earlier run. A file with the process id would not be reliable,
because another process may have that id now.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import signal
import time
from contextlib import suppress
from pathlib import Path

from .start_error import ServerStartError


def process_tag(folder: Path) -> str:
    """Return the tag of the server whose data is in `folder`."""
    return "drivebay-" + hashlib.sha256(os.fsencode(folder.resolve())).hexdigest()[:16]


def find_tagged(tag: str) -> tuple[int, ...]:
    """Return the ids of the running processes with this tag, except this process."""
    encoded_tag = tag.encode()
    pids = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                if encoded_tag in (entry / "cmdline").read_bytes():
                    pids.append(int(entry.name))
    return tuple(pid for pid in pids if pid != os.getpid())


def send_signal(pids: tuple[int, ...], number: signal.Signals) -> None:
    """Send a signal to processes, some of which may have ended."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


async def kill_tagged(tag: str, *, timeout: float = 10.0) -> None:
    """Kill every process with this tag and return when they are gone. Raises ServerStartError after `timeout` s."""
    deadline = time.monotonic() + timeout
    while pids := find_tagged(tag):
        send_signal(pids, signal.SIGKILL)
        if time.monotonic() > deadline:
            raise ServerStartError(f"processes {pids} of an earlier run cannot be killed")
        await asyncio.sleep(0.02)
