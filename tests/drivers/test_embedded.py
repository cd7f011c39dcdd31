"""The embedded servers: real ones, stopped, killed, left alone and shared."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from drivebay import db, embedded
from drivebay.embedded import nats, ports, postgres, process, secret
from drivebay.embedded.nats import Nats
from drivebay.embedded.postgres import Postgres
from drivebay.embedded.seaweedfs import Store
from drivebay.errors import Unavailable
from drivebay.testing.client import eventually

OwnPostgres = Callable[[], Awaitable[Postgres]]
OwnNats = Callable[[], Awaitable[Nats]]
OwnStore = Callable[[], Awaitable[Store]]


def running(server: Postgres | Nats | Store) -> process.Process:
    assert server.process is not None
    return server.process


async def note(url: str, text: str) -> None:
    async with db.connect(url, size=1) as database:
        await database.execute("CREATE TABLE IF NOT EXISTS notes (text text NOT NULL)")
        await database.execute("INSERT INTO notes VALUES ($1)", text)


async def notes(url: str) -> list[str]:
    async with db.connect(url, size=1) as database:
        return [row["text"] for row in await database.fetch("SELECT text FROM notes ORDER BY text")]


def exists(pid: int) -> bool:
    try:
        # A zombie is as gone as it gets until its parent looks.
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def first_line(port: int) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        return await asyncio.wait_for(reader.readline(), 2)
    finally:
        writer.close()


async def test_postgres_keeps_what_it_committed_through_a_kill(own_postgres: OwnPostgres) -> None:
    server = await own_postgres()
    await note(server.url, "before")
    await running(server).kill()
    with pytest.raises(Unavailable):
        await notes(server.url)
    await running(server).start()
    assert await notes(server.url) == ["before"]


async def test_a_postgres_that_stops_leaves_no_process(tmp_path: Path) -> None:
    async with postgres.run(tmp_path / "pg") as server:
        pids = process.marked(process.mark(tmp_path / "pg"))
        assert len(pids) > 1
        assert running(server).pid in pids
    assert not any(exists(pid) for pid in pids)


async def test_a_server_that_dies_by_itself_is_started_again(own_nats: OwnNats) -> None:
    server = await own_nats()
    first = running(server).pid
    assert first is not None
    os.kill(first, signal.SIGKILL)

    async def back() -> bool:
        return running(server).restarts == 1 and running(server).pid not in (None, first)

    await eventually(back, within=10)
    assert (await first_line(int(server.url.rsplit(":", 1)[1]))).startswith(b"INFO ")


async def test_a_killed_server_stays_down_until_it_is_started(own_nats: OwnNats) -> None:
    server = await own_nats()
    await running(server).kill()
    await asyncio.sleep(0.5)
    assert running(server).pid is None
    await running(server).start()
    assert running(server).pid is not None


async def test_a_paused_server_answers_once_it_is_resumed(own_postgres: OwnPostgres) -> None:
    server = await own_postgres()
    async with db.connect(server.url, size=1) as database:
        running(server).pause()
        answer = asyncio.create_task(database.fetchval("SELECT 1"))
        await asyncio.sleep(0.3)
        assert not answer.done()
        running(server).resume()
        assert await asyncio.wait_for(answer, 5) == 1


async def test_a_paused_server_can_be_stopped(tmp_path: Path) -> None:
    async with nats.run(tmp_path / "nats") as server:
        running(server).pause()
        pid = running(server).pid
    assert pid is not None
    assert not exists(pid)


async def test_an_unfinished_initdb_is_done_again(tmp_path: Path) -> None:
    half = tmp_path / "pg" / "data.new"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18\n")
    async with postgres.run(tmp_path / "pg") as server:
        await note(server.url, "works")
    assert not half.exists()


async def test_a_lock_file_that_names_somebody_else_does_not_keep_postgres_down(tmp_path: Path) -> None:
    async with postgres.run(tmp_path / "pg") as server:
        await note(server.url, "old")
        await running(server).kill()
        lock = tmp_path / "pg" / "data" / "postmaster.pid"
        lines = lock.read_text().splitlines()
        lock.write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")
        await running(server).start()
        assert await notes(server.url) == ["old"]


async def test_a_long_path_gets_its_socket_elsewhere_and_leaves_nothing_there(tmp_path: Path) -> None:
    folder = tmp_path / ("long" * 20) / ("path" * 20)
    async with postgres.run(folder) as server:
        sockets = Path(tempfile.gettempdir()).resolve() / process.mark(folder)
        assert str(sockets) in server.url
        assert sockets.stat().st_mode & 0o777 == 0o700
        await note(server.url, "far away")
    assert not sockets.exists()


async def test_a_foreign_folder_in_the_socket_s_place_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / ("long" * 20) / ("path" * 20)
    folder.mkdir(parents=True)
    sockets = Path(tempfile.gettempdir()).resolve() / process.mark(folder)
    sockets.mkdir(mode=0o755)
    sockets.chmod(0o755)
    try:
        with pytest.raises(process.CannotStart, match="not private"):
            async with postgres.run(folder):
                pass
    finally:
        sockets.rmdir()


@pytest.fixture
def closed_folder() -> Iterator[Path]:
    """A folder below one that only its owner may enter, as /root is."""
    closed = Path(tempfile.mkdtemp())
    closed.chmod(0o700)
    yield closed / "below" / "data"
    assert closed.stat().st_mode & 0o777 == 0o700
    shutil.rmtree(closed)


async def test_postgres_runs_below_a_folder_that_only_we_may_enter(closed_folder: Path) -> None:
    async with postgres.run(closed_folder) as server:
        await note(server.url, "reached")
        status = Path(f"/proc/{running(server).pid}/status").read_text()
    uids = next(line for line in status.splitlines() if line.startswith("Uid:")).split()[1:]
    assert "0" not in uids


async def test_programs_below_such_a_folder_are_found_by_those_that_ask_whether_they_may(closed_folder: Path) -> None:
    # As initdb does, with access(2), before it runs what lies beside it.
    closed_folder.mkdir(parents=True)
    beside = closed_folder / "program"
    beside.touch(mode=0o755)
    asks = f"import os, sys; sys.exit(not os.access({str(beside)!r}, os.R_OK | os.X_OK))"
    user = process.unprivileged(closed_folder)

    await process.run_once((sys.executable, "-I", "-S", "-c", asks), folder=closed_folder, user=user, timeout=30)


async def test_nats_and_its_password_are_for_us_only(tmp_path: Path) -> None:
    async with nats.run(tmp_path / "nats") as server:
        secrets = ("nats.conf", "password")
        assert {(tmp_path / "nats" / name).stat().st_mode & 0o777 for name in secrets} == {0o600}
        reader, writer = await asyncio.open_connection("127.0.0.1", int(server.url.rsplit(":", 1)[1]))
        await reader.readline()
        writer.write(b'CONNECT {"verbose":true}\r\nPING\r\n')
        assert b"Authorization Violation" in await asyncio.wait_for(reader.readline(), 5)
        writer.close()
    assert (tmp_path / "nats" / "password").read_text() not in repr(server)


async def test_a_server_comes_back_to_its_address_and_moves_if_that_is_taken(tmp_path: Path) -> None:
    async with nats.run(tmp_path / "nats") as server:
        first = server.url
    async with nats.run(tmp_path / "nats") as server:
        assert server.url == first
    with socket.socket() as squatter:
        squatter.bind(("127.0.0.1", int(first.rsplit(":", 1)[1])))
        squatter.listen()
        async with nats.run(tmp_path / "nats") as server:
            assert server.url != first


def test_ports_are_distinct_even_if_chance_repeats_itself(tmp_path: Path) -> None:
    free = [port for port in range(21_000, 22_000) if ports.is_free(port)][:2]
    chances = iter([free[0], free[0], free[1]])
    found = ports.keep(tmp_path / "ports.json", ["a", "b"], lambda: next(chances))
    assert found == {"a": free[0], "b": free[1]}
    assert ports.keep(tmp_path / "ports.json", ["a", "b"], lambda: 1) == found


def test_a_secret_stays_and_is_for_us_only(tmp_path: Path) -> None:
    first = secret.keep(tmp_path / "one")
    assert secret.keep(tmp_path / "one") == first
    assert secret.keep(tmp_path / "two") != first
    assert (tmp_path / "one").stat().st_mode & 0o777 == 0o600


async def test_a_program_that_cannot_run_says_why(tmp_path: Path) -> None:
    (tmp_path / "nats" / "data").mkdir(parents=True)
    (tmp_path / "nats" / "data" / "jetstream").write_text("in the way")
    with pytest.raises(process.CannotStart, match="NATS"):
        async with nats.run(tmp_path / "nats"):
            pass
    assert not process.marked(process.mark(tmp_path / "nats"))


async def test_the_store_refuses_strangers_at_every_door(own_store: OwnStore, tmp_path: Path) -> None:
    server = await own_store()
    own = json.loads((tmp_path / "store" / "ports.json").read_text())
    assert server.s3_endpoint.endswith(str(own["s3"]))
    requests = [("s3", "GET", "/"), ("filer", "GET", "/buckets/"), ("filer", "PUT", "/buckets/forged")]
    for door, method, path in requests:
        reader, writer = await asyncio.open_connection("127.0.0.1", own[door])
        writer.write(f"{method} {path} HTTP/1.0\r\nHost: x\r\nContent-Length: 1\r\n\r\nx".encode())
        assert (await reader.readline()).split()[1] in (b"401", b"403"), (door, method)
        writer.close()


async def test_the_store_listens_on_loopback_only(own_store: OwnStore) -> None:
    server = await own_store()
    pid = running(server).pid
    inodes = {str(file.readlink()) for file in Path(f"/proc/{pid}/fd").iterdir() if file.is_symlink()}
    addresses = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and f"socket:[{fields[9]}]" in inodes:
                addresses.add(fields[1].split(":")[0])
    assert addresses == {"0100007F"}


async def test_two_folders_run_side_by_side(tmp_path: Path) -> None:
    async with (
        embedded.run(tmp_path / "one", store=False) as one,
        embedded.run(tmp_path / "two", store=False) as two,
    ):
        assert one.postgres
        assert two.postgres
        await note(one.postgres.url, "one")
        await note(two.postgres.url, "two")
        assert await notes(one.postgres.url) == ["one"]
        assert await notes(two.postgres.url) == ["two"]


async def test_what_is_not_wanted_is_not_started(tmp_path: Path) -> None:
    lines: list[str] = []
    async with embedded.run(tmp_path, postgres=False, store=False, progress=lines.append) as servers:
        assert (servers.postgres, servers.store) == (None, None)
        assert servers.nats is not None
    assert len(lines) == 1
    assert not (tmp_path / "postgres").exists()


async def test_data_of_a_newer_layout_are_refused(tmp_path: Path) -> None:
    (tmp_path / "VERSION").write_text("999\n")
    with pytest.raises(embedded.CannotStart, match="newer Drivebay"):
        async with embedded.run(tmp_path):
            pass
    assert not (tmp_path / "postgres").exists()


OWNER = """
    import asyncio, sys
    from pathlib import Path
    from drivebay import embedded

    async def main() -> None:
        async with embedded.run(Path(sys.argv[1]), store=False):
            print("up", flush=True)
            await asyncio.to_thread(sys.stdin.read)

    asyncio.run(main())
"""


@pytest.fixture
def other(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Another process that runs PostgreSQL and NATS in `tmp_path`, until its input ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(OWNER), str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout
    assert process.stdin
    assert process.stdout.readline() == b"up\n"
    yield process
    process.stdin.close()
    process.wait(15)
    process.stdout.close()


async def test_nothing_is_left_when_the_process_that_runs_them_is_killed(
    other: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    words = [process.mark(tmp_path / name) for name in ("postgres", "nats")]
    assert all(process.marked(word) for word in words)
    other.kill()
    other.wait(5)

    async def gone() -> bool:
        return not any(process.marked(word) for word in words)

    await eventually(gone, within=5)


async def test_a_second_process_uses_the_servers_of_the_first(other: subprocess.Popen[bytes], tmp_path: Path) -> None:
    async with embedded.run(tmp_path, nats=False, store=False) as servers:
        assert servers.postgres
        assert servers.postgres.process is None
        await note(servers.postgres.url, "attached")
    async with embedded.run(tmp_path, nats=False, store=False) as servers:
        assert servers.postgres
        assert await notes(servers.postgres.url) == ["attached"]
    assert other.poll() is None


async def test_a_second_process_carries_on_when_the_first_is_killed(
    other: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    async with embedded.run(tmp_path, store=False) as servers:
        assert servers.postgres
        url = servers.postgres.url
        await note(url, "before")
        other.kill()
        other.wait(5)

        async def back() -> bool:
            try:
                return await notes(url) == ["before"]
            except Unavailable:
                return False

        async def ours() -> bool:
            facts = tmp_path / "run" / "postgres.json"
            return facts.exists() and facts.stat().st_mtime > died and await back()

        died = time.time()
        await eventually(ours, within=15)
    assert not process.marked(process.mark(tmp_path / "postgres"))


async def test_all_three_start_in_time(tmp_path: Path) -> None:
    loop = asyncio.get_running_loop()
    for _ in range(2):
        began = loop.time()
        async with embedded.run(tmp_path) as servers:
            # 2 to 3 s on an idle machine; here others may be at work.
            assert loop.time() - began < 20
            assert servers.store
    assert not [word for word in ("postgres", "nats", "store") if process.marked(process.mark(tmp_path / word))]
