"""Behind pgbouncer: session mode works, and the modes that share sessions are refused at start with a sentence."""

from __future__ import annotations

import asyncio
import os
import pwd
import shutil
import signal
import socket
import subprocess
import urllib.parse
from collections.abc import Callable, Iterator
from pathlib import Path

import asyncpg
import pytest

from drivebay import postgres
from drivebay.embedded.launcher import User, launch_command
from drivebay.embedded.postgres import Postgres
from drivebay.errors import StartError
from drivebay.runtime import database_start

PROGRAM = shutil.which("pgbouncer", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
pytestmark = pytest.mark.skipif(PROGRAM is None, reason="pgbouncer is not installed")

CONFIGURATION = """\
[databases]
* = host={host} user=drivebay
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = {mode}
default_pool_size = {pool_size}
server_round_robin = {round_robin}
logfile = {folder}/log
"""

Start = Callable[..., str]


@pytest.fixture
def pooler(postgres: Postgres, database_url: str, tmp_path: Path, free_port: int) -> Iterator[Start]:
    """Starts pgbouncer in front of the test's database, and returns the URL through it."""
    processes: list[subprocess.Popen[bytes]] = []

    def start(mode: str, pool_size: int = 20, round_robin: int = 0) -> str:
        host = urllib.parse.parse_qs(urllib.parse.urlsplit(database_url).query)["host"][0]
        options = {"mode": mode, "pool_size": pool_size, "round_robin": round_robin, "folder": tmp_path}
        (tmp_path / "pgbouncer.ini").write_text(CONFIGURATION.format(host=host, port=free_port, **options))
        nobody = pwd.getpwnam("nobody")
        user = User(nobody.pw_uid, nobody.pw_gid, bypass_permissions=True) if os.geteuid() == 0 else None
        command = launch_command(
            (str(PROGRAM), "--quiet", str(tmp_path / "pgbouncer.ini")), user=user, parent_death=signal.SIGKILL
        )
        processes.append(subprocess.Popen(command, cwd=tmp_path))
        while not _listens(free_port):
            assert processes[-1].poll() is None, (tmp_path / "log").read_text()
        return f"postgresql://drivebay@127.0.0.1:{free_port}{urllib.parse.urlsplit(database_url).path}"

    yield start
    for process in processes:
        process.kill()
        process.wait()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.parametrize(
    ("mode", "pool_size", "round_robin"),
    [("transaction", 20, 0), ("transaction", 20, 1), ("transaction", 1, 0), ("statement", 20, 0)],
)
async def test_transaction_mode_is_refused_at_start_with_a_sentence(
    pooler: Start, tmp_path: Path, mode: str, pool_size: int, round_robin: int
) -> None:
    url = pooler(mode, pool_size, round_robin)
    with pytest.raises(StartError, match=r"pooler in transaction mode.*pool_mode = session"):
        await database_start.migrate_when_possible(url, "probe", tmp_path, 0)


async def test_transaction_mode_is_found_while_others_use_the_pooler(pooler: Start) -> None:
    url = pooler("transaction", 3, 1)

    async def use() -> None:
        while True:
            await _run_simple_statement(url)

    busy = [asyncio.create_task(use()) for _ in range(4)]
    try:
        for _ in range(5):
            assert await postgres.pools_transactions(url)
    finally:
        for task in busy:
            task.cancel()
        await asyncio.wait(busy)


async def _run_simple_statement(url: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        for _ in range(20):
            await connection.execute("SELECT pg_sleep(0.001)")
    finally:
        await connection.close()


async def test_session_mode_works(pooler: Start, tmp_path: Path) -> None:
    url = pooler("session")
    (tmp_path / "0001_first.sql").write_text("CREATE TABLE probe.rows (n int);")
    await asyncio.gather(*(database_start.migrate_when_possible(url, "probe", tmp_path, 0) for _ in range(3)))
    async with postgres.connect(url, size=4) as database:
        await asyncio.gather(*(database.execute("INSERT INTO probe.rows VALUES ($1)", n) for n in range(40)))
        assert await database.fetchval("SELECT count(*) FROM probe.rows") == 40
        assert await database.ping() is None


async def test_direct_connection_is_no_pooler(database_url: str) -> None:
    assert not await postgres.pools_transactions(database_url)
