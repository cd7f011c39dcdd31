"""A PostgreSQL primary and a streaming standby on Unix sockets, with synchronous replication.

The test promotes the standby itself, as a failover manager does. It is about what Drivebay does then, and not about how
a manager finds out that the primary is gone.
"""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import asyncpg

from drivebay.embedded.launcher import User, run_command, unprivileged_user
from drivebay.embedded.postgres import installation_folder
from drivebay.embedded.process_tags import process_tag
from drivebay.embedded.server_process import Program, ServerProcess
from drivebay.testing.client import eventually

_TIMEOUT: Final = 120.0
_STANDBY: Final = "standby"


@dataclass(frozen=True)
class PostgresPair:
    """Both servers, and the folders of their sockets."""

    primary: ServerProcess
    standby: ServerProcess
    sockets: tuple[Path, Path]

    @property
    def url(self) -> str:
        """Return the URL that names both servers and asks for the one that takes writes."""
        hosts = ",".join(str(folder) for folder in self.sockets)
        return f"postgresql://drivebay@/drivebay?host={hosts}&port=5432,5432&target_session_attrs=read-write"

    async def promote(self) -> None:
        """Make the standby the primary and return when it takes writes."""
        connection = await _connect(self.sockets[1], "postgres")
        try:
            assert await connection.fetchval("SELECT pg_promote(true, 60)")
        finally:
            await connection.close()


@asynccontextmanager
async def run() -> AsyncIterator[PostgresPair]:
    """Run both servers. A commit on the primary waits until the standby has it on its disk."""
    root = Path(tempfile.mkdtemp(prefix="pair-"))  # a path of pytest is too long for a socket
    programs = installation_folder() / "bin"
    user = unprivileged_user(programs / "postgres", root)
    for folder in (root, first := root / "1", second := root / "2"):
        folder.mkdir(mode=0o700, exist_ok=True)
        if user:
            os.chown(folder, user.uid, user.gid)
    primary, standby = _server(programs, first, user), _server(programs, second, user)
    try:
        initdb = (
            f"{programs}/initdb",
            f"--pgdata={first}/data",
            "--username=drivebay",
            "--auth=trust",
            "--encoding=UTF8",
        )
        await run_command((*initdb, "--locale=C"), folder=first, user=user, timeout=_TIMEOUT)
        await primary.start()
        connection = await _connect(first, "postgres")
        try:
            await connection.execute("CREATE DATABASE drivebay")
            source = f"host={first} user=drivebay application_name={_STANDBY}"
            copy = (f"{programs}/pg_basebackup", "-d", source, "-D", f"{second}/data", "-R", "-c", "fast")
            await run_command(copy, folder=second, user=user, timeout=_TIMEOUT)
            await standby.start()
            await connection.execute(f"ALTER SYSTEM SET synchronous_standby_names = '{_STANDBY}'")
            await connection.execute("SELECT pg_reload_conf()")

            async def is_synchronous() -> bool:
                return bool(await connection.fetchval("SELECT true FROM pg_stat_replication WHERE sync_state = 'sync'"))

            await eventually(is_synchronous, _TIMEOUT)
        finally:
            await connection.close()
        yield PostgresPair(primary, standby, (first, second))
    finally:
        await standby.kill()
        await primary.kill()
        shutil.rmtree(root, ignore_errors=True)


def _server(programs: Path, folder: Path, user: User | None) -> ServerProcess:
    tag = process_tag(folder)
    settings = {
        "cluster_name": tag,  # the process title of each backend contains it
        "listen_addresses": "",
        "unix_socket_directories": str(folder),
        "unix_socket_permissions": "0700",
    }
    options = tuple(text for name, value in settings.items() for text in ("-c", f"{name}={value}"))
    program = Program(
        name=f"PostgreSQL {folder.name}",
        command=(f"{programs}/postgres", "-D", f"{folder}/data", *options),
        tag=tag,
        folder=folder,
        log=folder / "log",
        stop_signal=signal.SIGINT,
        parent_death=signal.SIGQUIT,
        user=user,
        start_timeout=_TIMEOUT,
    )

    async def is_ready() -> bool:
        try:
            await (await _connect(folder, "postgres")).close()
        except (OSError, asyncpg.PostgresError, TimeoutError):
            return False
        return True

    return ServerProcess(program, is_ready)


async def _connect(folder: Path, database: str) -> asyncpg.Connection[asyncpg.Record]:
    return await asyncpg.connect(host=str(folder), user="drivebay", database=database, timeout=10, command_timeout=90)
