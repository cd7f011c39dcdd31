"""Embedded servers are real: they are stopped, killed, restarted and shared between processes here."""

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
from typing import cast

import grpc
import pytest
from nats import connect

from drivebay import embedded
from drivebay import postgres as postgres_pool
from drivebay.embedded import nats, ports, postgres, seaweedfs
from drivebay.embedded.launcher import run_command, unprivileged_user
from drivebay.embedded.nats import Nats
from drivebay.embedded.postgres import Postgres
from drivebay.embedded.private_files import load_or_create_secret
from drivebay.embedded.process_tags import find_tagged, process_tag
from drivebay.embedded.seaweedfs import Store
from drivebay.embedded.server_process import Program, ServerProcess
from drivebay.errors import Unavailable
from drivebay.testing.client import eventually

pytestmark = pytest.mark.slow  # each test starts servers of its own, and most of them end servers

OwnPostgres = Callable[[], Awaitable[Postgres]]
OwnNats = Callable[[], Awaitable[Nats]]
OwnStore = Callable[[], Awaitable[Store]]


def running(server: Postgres | Nats | Store) -> ServerProcess:
    assert server.server_process is not None
    return server.server_process


async def add_note(url: str, text: str) -> None:
    async with postgres_pool.connect(url, size=1) as database:
        await database.execute("CREATE TABLE IF NOT EXISTS notes (text text NOT NULL)")
        await database.execute("INSERT INTO notes VALUES ($1)", text)


async def notes(url: str) -> list[str]:
    async with postgres_pool.connect(url, size=1) as database:
        return [row["text"] for row in await database.fetch("SELECT text FROM notes ORDER BY text")]


def exists(pid: int) -> bool:
    try:
        # A zombie has ended. Its entry stays until its parent reads its status.
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def first_line(port: int) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        return await asyncio.wait_for(reader.readline(), 2)
    finally:
        writer.close()


async def test_postgres_keeps_committed_rows_after_a_kill(own_postgres: OwnPostgres) -> None:
    server = await own_postgres()
    await add_note(server.url, "before")
    await running(server).kill()
    with pytest.raises(Unavailable):
        await notes(server.url)
    await running(server).start()
    assert await notes(server.url) == ["before"]


async def test_stopped_postgres_leaves_no_process(tmp_path: Path) -> None:
    async with postgres.run(tmp_path / "pg") as server:
        pids = find_tagged(process_tag(tmp_path / "pg"))
        assert len(pids) > 1
        assert running(server).pid in pids
    assert not any(exists(pid) for pid in pids)


async def test_server_that_dies_is_restarted(own_nats: OwnNats) -> None:
    server = await own_nats()
    first = running(server).pid
    assert first is not None
    os.kill(first, signal.SIGKILL)

    async def answers() -> bool:
        return running(server).restarts == 1 and running(server).pid not in (None, first)

    await eventually(answers, within=10)
    assert (await first_line(int(server.url.rsplit(":", 1)[1]))).startswith(b"INFO ")


@pytest.mark.parametrize("turns", range(4))
async def test_server_that_ends_in_the_moment_of_its_stop_is_not_started_again(tmp_path: Path, turns: int) -> None:
    """A service manager may send its signal to Drivebay and to the servers at the same time."""
    tag = process_tag(tmp_path)
    command = (sys.executable, "-c", "import time; time.sleep(1000)", tag)

    async def is_ready() -> bool:
        return True

    server = ServerProcess(Program("sleep", command, tag, tmp_path, tmp_path / "log"), is_ready, is_intact=lambda: True)
    await server.start()
    child = server._child
    assert child is not None
    ended = asyncio.Event()

    class Child:
        """The child, whose end is noticed in a turn of the event loop that the test chooses."""

        pid = child.pid

        @property
        def returncode(self) -> int | None:
            return child.returncode

        async def wait(self) -> int:
            await ended.wait()
            return await child.wait()

    server._child = cast(asyncio.subprocess.Process, Child())
    child.kill()
    await child.wait()
    ended.set()
    for _ in range(turns):
        await asyncio.sleep(0)
    stopping = asyncio.create_task(server.stop())
    done, _ = await asyncio.wait([stopping], timeout=10)
    await server.kill()
    assert done
    assert find_tagged(tag) == ()


@pytest.mark.parametrize("deleted", ["data", "data/jetstream", ""])
async def test_nats_whose_data_folder_was_deleted_starts_again(tmp_path: Path, deleted: str) -> None:
    folder = tmp_path / "nats"
    async with nats.run(folder) as server:
        process, url = running(server), server.url
        shutil.rmtree(folder / deleted)

        async def is_restarted() -> bool:
            return process.restarts == 1

        await eventually(is_restarted)
        client = await connect(url)
        await client.jetstream().add_stream(name="EVENTS", subjects=["events"])
        await client.jetstream().publish("events", b"x")
        await client.close()
        assert (folder / "password").stat().st_mode & 0o777 == 0o600


async def test_server_killed_by_a_test_stays_down_until_it_is_started(own_nats: OwnNats) -> None:
    server = await own_nats()
    await running(server).kill()
    await asyncio.sleep(0.5)
    assert running(server).pid is None
    await running(server).start()
    assert running(server).pid is not None


async def test_paused_server_answers_after_it_is_resumed(own_postgres: OwnPostgres) -> None:
    server = await own_postgres()
    async with postgres_pool.connect(server.url, size=1) as database:
        running(server).pause()
        answer = asyncio.create_task(database.fetchval("SELECT 1"))
        await asyncio.sleep(0.3)
        assert not answer.done()
        running(server).resume()
        assert await asyncio.wait_for(answer, 5) == 1


async def test_paused_server_can_be_stopped(tmp_path: Path) -> None:
    async with nats.run(tmp_path / "nats") as server:
        running(server).pause()
        pid = running(server).pid
    assert pid is not None
    assert not exists(pid)


async def test_unfinished_initdb_is_repeated(tmp_path: Path) -> None:
    unfinished = tmp_path / "pg" / "data.new"
    unfinished.mkdir(parents=True)
    (unfinished / "PG_VERSION").write_text("18\n")
    async with postgres.run(tmp_path / "pg") as server:
        await add_note(server.url, "works")
    assert not unfinished.exists()


async def test_stale_lock_file_with_a_live_pid_does_not_prevent_a_start(tmp_path: Path) -> None:
    async with postgres.run(tmp_path / "pg") as server:
        await add_note(server.url, "old")
        await running(server).kill()
        lock = tmp_path / "pg" / "data" / "postmaster.pid"
        lines = lock.read_text().splitlines()
        lock.write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")
        await running(server).start()
        assert await notes(server.url) == ["old"]


async def test_socket_of_a_long_path_is_in_the_temporary_folder_and_is_removed(tmp_path: Path) -> None:
    folder = tmp_path / ("long" * 20) / ("path" * 20)
    async with postgres.run(folder) as server:
        sockets = Path(tempfile.gettempdir()).resolve() / process_tag(folder)
        assert str(sockets) in server.url
        assert sockets.stat().st_mode & 0o777 == 0o700
        await add_note(server.url, "far away")
    assert not sockets.exists()


async def test_socket_folder_that_others_may_enter_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / ("long" * 20) / ("path" * 20)
    folder.mkdir(parents=True)
    sockets = Path(tempfile.gettempdir()).resolve() / process_tag(folder)
    sockets.mkdir(mode=0o755)
    sockets.chmod(0o755)
    try:
        with pytest.raises(embedded.ServerStartError, match="not private"):
            async with postgres.run(folder):
                pass
    finally:
        sockets.rmdir()


@pytest.fixture
def root_only_folder() -> Iterator[Path]:
    """A folder below one that only its owner may enter, such as /root."""
    root_only = Path(tempfile.mkdtemp())
    root_only.chmod(0o700)
    yield root_only / "below" / "data"
    assert root_only.stat().st_mode & 0o777 == 0o700
    shutil.rmtree(root_only)


async def test_postgres_runs_below_a_folder_that_only_root_may_enter(root_only_folder: Path) -> None:
    async with postgres.run(root_only_folder) as server:
        await add_note(server.url, "reached")
        status = Path(f"/proc/{running(server).pid}/status").read_text()
    uids = next(line for line in status.splitlines() if line.startswith("Uid:")).split()[1:]
    assert "0" not in uids


async def test_access_check_of_a_program_below_such_a_folder_succeeds(root_only_folder: Path) -> None:
    # initdb checks its programs with access(2) before it runs them.
    root_only_folder.mkdir(parents=True)
    program = root_only_folder / "program"
    program.touch(mode=0o755)
    check_access = f"import os, sys; sys.exit(not os.access({str(program)!r}, os.R_OK | os.X_OK))"
    user = unprivileged_user(root_only_folder)

    await run_command((sys.executable, "-I", "-S", "-c", check_access), folder=root_only_folder, user=user, timeout=30)


async def test_nats_files_are_private_and_its_password_is_required(tmp_path: Path) -> None:
    async with nats.run(tmp_path / "nats") as server:
        private = ("nats.conf", "password")
        assert {(tmp_path / "nats" / name).stat().st_mode & 0o777 for name in private} == {0o600}
        reader, writer = await asyncio.open_connection("127.0.0.1", int(server.url.rsplit(":", 1)[1]))
        await reader.readline()
        writer.write(b'CONNECT {"verbose":true}\r\nPING\r\n')
        assert b"Authorization Violation" in await asyncio.wait_for(reader.readline(), 5)
        writer.close()
    assert (tmp_path / "nats" / "password").read_text() not in repr(server)


async def test_server_keeps_its_port_unless_another_program_took_it(tmp_path: Path) -> None:
    async with nats.run(tmp_path / "nats") as server:
        first = server.url
    async with nats.run(tmp_path / "nats") as server:
        assert server.url == first
    with socket.socket() as other:
        other.bind(("127.0.0.1", int(first.rsplit(":", 1)[1])))
        other.listen()
        async with nats.run(tmp_path / "nats") as server:
            assert server.url != first


def test_assigned_ports_are_distinct_when_the_proposals_repeat(tmp_path: Path) -> None:
    free = [port for port in range(21_000, 22_000) if ports.is_free(port)][:2]
    proposals = iter([free[0], free[0], free[1]])
    found = ports.assign_ports(tmp_path / "ports.json", ["a", "b"], lambda: next(proposals))
    assert found == {"a": free[0], "b": free[1]}
    assert ports.assign_ports(tmp_path / "ports.json", ["a", "b"], lambda: 1) == found


def test_secret_is_made_once_and_is_private(tmp_path: Path) -> None:
    first = load_or_create_secret(tmp_path / "one")
    assert load_or_create_secret(tmp_path / "one") == first
    assert load_or_create_secret(tmp_path / "two") != first
    assert (tmp_path / "one").stat().st_mode & 0o777 == 0o600


async def test_failed_start_names_the_server_and_leaves_no_process(tmp_path: Path) -> None:
    (tmp_path / "nats" / "data").mkdir(parents=True)
    (tmp_path / "nats" / "data" / "jetstream").write_text("a file instead of a folder")
    with pytest.raises(embedded.ServerStartError, match="NATS"):
        async with nats.run(tmp_path / "nats"):
            pass
    assert not find_tagged(process_tag(tmp_path / "nats"))


async def test_store_refuses_anonymous_requests_on_every_port(own_store: OwnStore, tmp_path: Path) -> None:
    server = await own_store()
    port_numbers = json.loads((tmp_path / "store" / "ports.json").read_text())
    assert server.s3_endpoint.endswith(str(port_numbers["s3"]))
    requests = [("s3", "GET", "/"), ("filer", "GET", "/buckets/"), ("filer", "PUT", "/buckets/forged")]
    for port_name, method, path in requests:
        reader, writer = await asyncio.open_connection("127.0.0.1", port_numbers[port_name])
        writer.write(f"{method} {path} HTTP/1.0\r\nHost: x\r\nContent-Length: 1\r\n\r\nx".encode())
        assert (await reader.readline()).split()[1] in (b"401", b"403"), (port_name, method)
        writer.close()


def listening(pid: int) -> set[tuple[str, int]]:
    """Return the addresses, in the form of /proc/net/tcp, and the ports that a process listens on."""
    inodes = {str(file.readlink()) for file in Path(f"/proc/{pid}/fd").iterdir() if file.is_symlink()}
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and f"socket:[{fields[9]}]" in inodes:
                address, _, port = fields[1].partition(":")
                found.add((address, int(port, 16)))
    return found


async def test_store_listens_on_loopback_only(own_store: OwnStore) -> None:
    server = await own_store()
    pid = running(server).pid
    assert pid is not None
    assert {address for address, _ in listening(pid)} == {"0100007F"}


INTERNAL_CALLS = (
    "messaging_pb.SeaweedS3IamCache/PutIdentity",
    "messaging_pb.SeaweedS3IamCache/RemoveIdentity",
    "s3_lifecycle_pb.SeaweedS3LifecycleInternal/LifecycleDelete",
)
"""Calls of the gRPC port of S3 that would give or take access, or delete objects."""


async def test_store_for_other_machines_opens_only_the_two_ports_of_s3(tmp_path: Path) -> None:
    async with seaweedfs.run(tmp_path / "store", host="0.0.0.0") as server:
        pid = running(server).pid
        assert pid is not None
        port_numbers = json.loads((tmp_path / "store" / "ports.json").read_text())
        others = {port for address, port in listening(pid) if address != "0100007F"}
        assert others - {port_numbers["s3"]} == {port_numbers["s3_grpc"]}
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port_numbers['s3_grpc']}") as channel:
            for method in INTERNAL_CALLS:
                with pytest.raises(grpc.aio.AioRpcError) as refused:
                    await channel.unary_unary(f"/{method}")(b"", timeout=20)
                assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED, method


async def test_two_data_folders_run_at_the_same_time(tmp_path: Path) -> None:
    async with (
        embedded.run(tmp_path / "one", store=False) as one,
        embedded.run(tmp_path / "two", store=False) as two,
    ):
        assert one.postgres
        assert two.postgres
        await add_note(one.postgres.url, "one")
        await add_note(two.postgres.url, "two")
        assert await notes(one.postgres.url) == ["one"]
        assert await notes(two.postgres.url) == ["two"]


async def test_unwanted_servers_are_not_started(tmp_path: Path) -> None:
    lines: list[str] = []
    async with embedded.run(tmp_path, postgres=False, store=False, progress=lines.append) as servers:
        assert (servers.postgres, servers.store) == (None, None)
        assert servers.nats is not None
    assert len(lines) == 1
    assert not (tmp_path / "postgres").exists()


async def test_data_folder_of_a_newer_layout_is_refused(tmp_path: Path) -> None:
    (tmp_path / "VERSION").write_text("999\n")
    with pytest.raises(embedded.ServerStartError, match="newer Drivebay"):
        async with embedded.run(tmp_path):
            pass
    assert not (tmp_path / "postgres").exists()


OWNER_PROGRAM = """
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
def owner(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Another process that owns PostgreSQL and NATS in `tmp_path`, until its standard input is closed."""
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(OWNER_PROGRAM), str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdout
    assert process.stdin
    assert process.stdout.readline() == b"up\n"
    yield process
    process.stdin.close()
    process.wait(15)
    process.stdout.close()


async def test_servers_end_when_their_owner_is_killed(owner: subprocess.Popen[bytes], tmp_path: Path) -> None:
    tags = [process_tag(tmp_path / name) for name in ("postgres", "nats")]
    assert all(find_tagged(tag) for tag in tags)
    owner.kill()
    owner.wait(5)

    async def gone() -> bool:
        return not any(find_tagged(tag) for tag in tags)

    await eventually(gone, within=5)


async def test_second_process_uses_the_servers_of_the_first(owner: subprocess.Popen[bytes], tmp_path: Path) -> None:
    async with embedded.run(tmp_path, nats=False, store=False) as servers:
        assert servers.postgres
        assert servers.postgres.server_process is None
        await add_note(servers.postgres.url, "connected")
    async with embedded.run(tmp_path, nats=False, store=False) as servers:
        assert servers.postgres
        assert await notes(servers.postgres.url) == ["connected"]
    assert owner.poll() is None


async def test_second_process_takes_over_when_the_owner_is_killed(
    owner: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    async with embedded.run(tmp_path, store=False) as servers:
        assert servers.postgres
        url = servers.postgres.url
        await add_note(url, "before")
        owner.kill()
        owner.wait(5)

        async def answers() -> bool:
            try:
                return await notes(url) == ["before"]
            except Unavailable:
                return False

        async def took_over() -> bool:
            info_file = tmp_path / "run" / "postgres.json"
            return info_file.exists() and info_file.stat().st_mtime > killed_at and await answers()

        killed_at = time.time()
        await eventually(took_over, within=15)
    assert not find_tagged(process_tag(tmp_path / "postgres"))


async def test_all_servers_start_within_20_seconds(tmp_path: Path) -> None:
    loop = asyncio.get_running_loop()
    for _ in range(2):
        started = loop.time()
        async with embedded.run(tmp_path) as servers:
            # 2 to 3 s on an idle machine. Other tests may run at the same time.
            assert loop.time() - started < 20
            assert servers.store
    assert not [word for word in ("postgres", "nats", "store") if find_tagged(process_tag(tmp_path / word))]
