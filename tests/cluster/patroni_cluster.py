"""Two PostgreSQL servers that Patroni runs, with synchronous replication. Patroni keeps its state in etcd.

The settings are those of deploy/patroni/patroni.yaml. There is one etcd server, because these tests are not about etcd.
Patroni's own Raft would need no other program, but is deprecated since Patroni 3.0.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import asyncpg
import httpx
import psutil

from drivebay.embedded.launcher import User, unprivileged_user
from drivebay.embedded.postgres import installation_folder
from drivebay.embedded.server_process import Program, ServerProcess
from drivebay.testing.client import eventually
from drivebay.testing.world import free_port

ETCD: Final = shutil.which("etcd")
TIMEOUT: Final = 120.0
"""Seconds. A wait that reaches this limit has found something that hangs."""
NODES: Final = ("one", "two")
_EXAMPLE: Final = Path(__file__).parents[2] / "deploy" / "patroni" / "patroni.yaml"


@dataclass
class Node:
    """One PostgreSQL server and its Patroni. `api` is the URL of Patroni."""

    name: str
    port: int
    api: str
    folder: Path
    patroni: ServerProcess

    def processes(self) -> list[psutil.Process]:
        """Return the processes of PostgreSQL and Patroni that run."""
        mark = str(self.folder)
        found: list[psutil.Process] = []
        for process in psutil.process_iter(["cmdline"]):
            if any(mark in argument for argument in process.info["cmdline"] or ()):
                found += [process, *process.children(recursive=True)]
        return list(dict.fromkeys(found))

    def send(self, number: signal.Signals) -> None:
        """Send a signal to PostgreSQL and Patroni."""
        for process in self.processes():
            try:
                process.send_signal(number)
            except psutil.NoSuchProcess:
                continue

    async def kill(self) -> None:
        """Kill PostgreSQL and Patroni as a machine that loses its power, and return when they are gone."""
        processes = self.processes()
        self.send(signal.SIGKILL)
        await self.patroni.kill()

        async def are_gone() -> bool:
            return not any(process.is_running() and process.status() != psutil.STATUS_ZOMBIE for process in processes)

        await eventually(are_gone, TIMEOUT)


@dataclass
class PatroniCluster:
    """Both nodes by name, and the passwords of PostgreSQL."""

    nodes: dict[str, Node]
    password: str

    @property
    def url(self) -> str:
        """Return the URL that names both servers and asks for the one that takes writes."""
        hosts = ",".join(f"127.0.0.1:{node.port}" for node in self.nodes.values())
        return f"postgresql://drivebay:{self.password}@{hosts}/drivebay?target_session_attrs=read-write"

    async def roles(self) -> dict[str, str]:
        """Return the role of each member that runs, as Patroni reports it: leader, replica or sync_standby."""
        async with httpx.AsyncClient(timeout=2) as http:
            for node in self.nodes.values():
                try:
                    response = await http.get(f"{node.api}/cluster")
                except httpx.HTTPError:
                    continue
                members: list[dict[str, Any]] = response.json()["members"]
                return {each["name"]: each["role"] for each in members if each["state"] in ("running", "streaming")}
        return {}

    async def is_replicating(self) -> bool:
        """Return whether there is a leader, and a standby that has every acknowledged write."""
        return sorted((await self.roles()).values()) == ["leader", "sync_standby"]

    async def leader(self) -> Node:
        """Return the leader of a cluster that has one."""
        (name,) = (name for name, role in (await self.roles()).items() if role == "leader")
        return self.nodes[name]

    def other(self, node: Node) -> Node:
        """Return the other node."""
        (other,) = (each for each in self.nodes.values() if each is not node)
        return other

    async def takes_writes(self, node: Node) -> bool:
        """Return whether this server is a primary now."""
        try:
            return await self._ask(node, "SELECT NOT pg_is_in_recovery()") is True
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError):
            return False

    async def clients(self, node: Node) -> int:
        """Return the number of connections that Drivebay has to this server."""
        return int(await self._ask(node, "SELECT count(*) FROM pg_stat_activity WHERE usename = 'drivebay'"))

    async def create_database(self, name: str) -> None:
        """Create an empty database that belongs to the role of Drivebay."""
        connection = await connect(await self.leader(), "postgres", self.password)
        try:
            await connection.execute(f"CREATE DATABASE {name} OWNER drivebay")
        finally:
            await connection.close()

    async def _ask(self, node: Node, sql: str) -> Any:
        connection = await connect(node, "postgres", self.password)
        try:
            return await connection.fetchval(sql)
        finally:
            connection.terminate()

    async def switch_over(self) -> Node:
        """Make the standby the leader, as `patronictl switchover` does, and return it."""
        leader = await self.leader()
        candidate = self.other(leader)
        async with httpx.AsyncClient(timeout=TIMEOUT) as http:
            names = {"leader": leader.name, "candidate": candidate.name}
            response = await http.post(f"{leader.api}/switchover", json=names)
            assert response.status_code in (200, 202), response.text
        return candidate


async def connect(node: Node, database: str, password: str) -> asyncpg.Connection[asyncpg.Record]:
    """Open a connection to one server as the superuser."""
    return await asyncpg.connect(
        host="127.0.0.1",
        port=node.port,
        user="postgres",
        password=password,
        database=database,
        timeout=5,
        command_timeout=10,
    )


@asynccontextmanager
async def run() -> AsyncIterator[PatroniCluster]:
    """Run etcd and both nodes, and yield when the standby replicates synchronously. The database is empty."""
    assert ETCD is not None
    root = Path(tempfile.mkdtemp(prefix="patroni-"))
    user = unprivileged_user(Path(sys.executable), installation_folder() / "bin" / "postgres", root)
    _create_folder(root, user)
    etcd_port, password = free_port(), uuid4().hex
    etcd = _etcd(root / "etcd", etcd_port, user)
    nodes = {name: _node(root / name, etcd_port, password, user) for name in NODES}
    cluster = PatroniCluster(nodes, password)
    try:
        await etcd.start()
        for node in nodes.values():
            await node.patroni.start()
        await eventually(cluster.is_replicating, TIMEOUT)
        connection = await connect(await cluster.leader(), "postgres", password)
        try:
            await connection.execute(f"CREATE ROLE drivebay LOGIN PASSWORD '{password}'")
        finally:
            await connection.close()
        await cluster.create_database("drivebay")
        yield cluster
    finally:
        for node in nodes.values():
            await node.kill()
        await etcd.kill()
        shutil.rmtree(root, ignore_errors=True)


def _create_folder(folder: Path, user: User | None) -> None:
    folder.mkdir(mode=0o700, exist_ok=True)
    if user:
        os.chown(folder, user.uid, user.gid)


def _etcd(folder: Path, port: int, user: User | None) -> ServerProcess:
    _create_folder(folder, user)
    url, peer_url = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{free_port()}"
    options = {
        "data-dir": f"{folder}/data",
        "listen-client-urls": url,
        "advertise-client-urls": url,
        "listen-peer-urls": peer_url,
        "initial-advertise-peer-urls": peer_url,
        "initial-cluster": f"default={peer_url}",
    }
    command = (str(ETCD), *(f"--{name}={value}" for name, value in options.items()))
    return _server("etcd", command, folder, user, f"{url}/health")


def _node(folder: Path, etcd_port: int, password: str, user: User | None) -> Node:
    _create_folder(folder, user)
    port, api_port = free_port(), free_port()
    configuration = folder / "patroni.yaml"
    configuration.write_text(_configuration(folder, port, api_port, etcd_port, password), "utf-8")
    if user:
        os.chown(configuration, user.uid, user.gid)
    command = (sys.executable, "-m", "patroni", str(configuration))
    api = f"http://127.0.0.1:{api_port}"
    return Node(folder.name, port, api, folder, _server("Patroni", command, folder, user, f"{api}/liveness"))


def _configuration(folder: Path, port: int, api_port: int, etcd_port: int, password: str) -> str:
    """Return the configuration of operators, with other addresses, paths and passwords."""
    text = _EXAMPLE.read_text("utf-8")
    for example, own in (
        ("name: one", f"name: {folder.name}"),
        ("[10.0.0.11:2379, 10.0.0.12:2379, 10.0.0.13:2379]", f"[127.0.0.1:{etcd_port}]"),
        ("10.0.0.1:8008", f"127.0.0.1:{api_port}"),
        ("10.0.0.1:5432", f"127.0.0.1:{port}"),
        ("10.0.0.0/24", "127.0.0.1/32"),
        ("/usr/lib/postgresql/18/bin", str(installation_folder() / "bin")),
        ("/var/lib/postgresql", str(folder)),
        ("/var/run/postgresql", str(folder)),
        ("PASSWORD", password),
    ):
        assert example in text, example
        text = text.replace(example, own)
    return text


def _server(name: str, command: tuple[str, ...], folder: Path, user: User | None, health: str) -> ServerProcess:
    program = Program(
        name=name,
        command=command,
        tag=str(folder),
        folder=folder,
        log=folder / "log",
        stop_signal=signal.SIGTERM,
        parent_death=signal.SIGTERM,  # Patroni then stops PostgreSQL
        user=user,
        start_timeout=TIMEOUT,
    )

    async def is_ready() -> bool:
        try:
            async with httpx.AsyncClient(timeout=2) as http:
                return (await http.get(health)).status_code == 200
        except httpx.HTTPError:
            return False

    return ServerProcess(program, is_ready)
