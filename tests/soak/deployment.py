"""The deployment under test: six services and three servers, with a proxy on every connection between them."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Final
from urllib.parse import parse_qs, quote, urlsplit

import aiohttp

from drivebay import config, embedded, node
from drivebay.config import parsing
from drivebay.embedded.server_process import ServerProcess
from drivebay.storage import s3
from drivebay.storage.bucket import PresignSpec
from drivebay.testing import proxy, world
from drivebay.testing.proxy import Proxy
from drivebay.testing.world import World

BUCKET: Final = "soak"
EVENTS_SUBJECT: Final = "soak.events"
EVENTS_STREAM: Final = "SOAK_EVENTS"

SHORT_TIMES: Final = {
    "DRIVEBAY_BCRYPT_COST": "4",
    "DRIVEBAY_SWEEP_INTERVAL": "2s",
    "DRIVEBAY_JANITOR_INTERVAL": "1s",
    "DRIVEBAY_SIGNUP_LIMIT": "off",
    "DRIVEBAY_LOGIN_LIMIT": "off",
    "DRIVEBAY_ACCESS_TOKEN_TTL": "2m",
    "DRIVEBAY_UPLOAD_TTL": "20s",
    "DRIVEBAY_PARTS_TTL": "20s",
    "DRIVEBAY_DOWNLOAD_TTL": "1d",
    "DRIVEBAY_TRASH_GRACE": "4s",
    "DRIVEBAY_VERSIONS_AGE": "4s",
    "DRIVEBAY_QUOTA": "48MiB",
    "DRIVEBAY_LOG": "info",
}
"""Settings that shorten minutes and days to seconds, so that uploads expire and files are purged during a run."""


@dataclass(frozen=True)
class Deployment:
    """A running deployment.

    `servers` and `proxies` are keyed by name. `direct_settings` name the servers themselves, not their proxies.
    `orphan_keys` are the keys of objects that a fault wrote and that no row accounts for.
    """

    folder: Path
    world: World
    servers: dict[str, ServerProcess]
    proxies: dict[str, Proxy]
    direct_settings: dict[str, str]
    bucket: s3.S3Bucket
    orphan_keys: set[str] = field(default_factory=set)

    @property
    def api(self) -> str:
        """Return the base URL of the API. It leads through a proxy."""
        return f"http://{self.proxies['api'].host_port}"

    @property
    def grace_seconds(self) -> float:
        """Return the grace period of the trash."""
        return parsing.duration(self.world.environment["DRIVEBAY_TRASH_GRACE"]).total_seconds()

    @property
    def upload_seconds(self) -> float:
        """Return the time until an upload expires."""
        return parsing.duration(self.world.environment["DRIVEBAY_UPLOAD_TTL"]).total_seconds()

    @property
    def database_url(self) -> str:
        """Return the URL of PostgreSQL without a proxy."""
        return self.direct_settings["DRIVEBAY_DATABASE_URL"]

    @property
    def nats_url(self) -> str:
        """Return the URL of NATS without a proxy."""
        return self.direct_settings["DRIVEBAY_NATS_URL"]

    @asynccontextmanager
    async def open_services(self) -> AsyncIterator[node.Services]:
        """Open the files and storage services in this process, on the same servers without proxies."""
        data = {"DRIVEBAY_DATA": str(self.folder / "world" / "data")}
        loaded = config.load_or_create_root_secret(
            config.load(self.world.environment | self.direct_settings | data, self.folder)
        )
        async with node.open_services(loaded, frozenset({"files", "storage"})) as services:
            yield services

    async def put_object(self, key: str, body: bytes) -> int:
        """Write a new object with the store's own keys, as an operator can. Return the HTTP status.

        An existing object is not overwritten, because it could not be restored.
        """
        headers = {"If-None-Match": "*"}
        url = self.bucket.presign(PresignSpec("PUT", key, datetime.now(UTC), 300, headers=headers, for_clients=False))
        return await self.bucket.send("PUT", url, headers, body)

    async def object_sizes(self) -> dict[str, int]:
        """List the bucket. Return the size of each object by key."""
        sizes: dict[str, int] = {}
        after = ""
        while True:
            page = await self.bucket.list_objects("", after, 1000)
            sizes |= {object.key: object.size for object in page.objects}
            if page.after is None:
                return sizes
            after = page.after


@asynccontextmanager
async def start(folder: Path, more_settings: Mapping[str, str] = MappingProxyType({})) -> AsyncIterator[Deployment]:
    """Start a deployment with data in `folder`, yield it when it is ready, and stop it at the end."""
    async with AsyncExitStack() as stack:
        embedded_servers = await stack.enter_async_context(embedded.run(folder / "servers"))
        postgres, nats, store = embedded_servers.postgres, embedded_servers.nats, embedded_servers.store
        assert postgres is not None
        assert nats is not None
        assert store is not None
        processes = {"postgres": postgres.server_process, "nats": nats.server_process, "store": store.server_process}
        servers = {name: process for name, process in processes.items() if process is not None}
        direct_settings = {
            "DRIVEBAY_DATABASE_URL": postgres.url,
            "DRIVEBAY_NATS_URL": nats.url,
            "DRIVEBAY_S3_ENDPOINT": store.s3_endpoint,
            "DRIVEBAY_S3_ACCESS_KEY": store.access_key,
            "DRIVEBAY_S3_SECRET_KEY": store.secret_key,
            "DRIVEBAY_FILER_ADDRESS": store.filer_grpc,
            "DRIVEBAY_S3_BUCKET": BUCKET,
            "DRIVEBAY_EVENTS_SUBJECT": EVENTS_SUBJECT,
        }
        sockets = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="soak-")))
        proxies = await _start_server_proxies(stack, sockets, direct_settings)
        proxied_settings = _settings_through_proxies(sockets, direct_settings, proxies)
        (folder / "world").mkdir()
        service_settings = await _start_service_proxies(stack, sockets, folder / "world", proxies)
        environment = SHORT_TIMES | proxied_settings | dict(more_settings)
        running = await stack.enter_async_context(world.run(folder / "world", environment, "six", service_settings))
        proxies["api"] = await stack.enter_async_context(proxy.run(("127.0.0.1", running.port)))
        bucket = await stack.enter_async_context(_connect_bucket(direct_settings))
        yield Deployment(folder, running, servers, proxies, direct_settings, bucket)


async def _start_server_proxies(
    stack: AsyncExitStack, sockets: Path, direct_settings: Mapping[str, str]
) -> dict[str, Proxy]:
    """Start a proxy before each server. The store has one for services and one for clients."""
    database = urlsplit(direct_settings["DRIVEBAY_DATABASE_URL"])
    postgres_socket = Path(parse_qs(database.query)["host"][0]) / ".s.PGSQL.5432"
    nats = urlsplit(direct_settings["DRIVEBAY_NATS_URL"])
    store = urlsplit(direct_settings["DRIVEBAY_S3_ENDPOINT"])
    filer_host, _, filer_port = direct_settings["DRIVEBAY_FILER_ADDRESS"].partition(":")
    assert nats.port
    assert store.port
    return {
        "postgres": await stack.enter_async_context(proxy.run(postgres_socket, sockets / ".s.PGSQL.5432")),
        "nats": await stack.enter_async_context(proxy.run(("127.0.0.1", nats.port))),
        "store": await stack.enter_async_context(proxy.run(("127.0.0.1", store.port))),
        "public store": await stack.enter_async_context(proxy.run(("127.0.0.1", store.port))),
        "filer": await stack.enter_async_context(proxy.run((filer_host, int(filer_port)))),
    }


def _settings_through_proxies(
    sockets: Path, direct_settings: Mapping[str, str], proxies: Mapping[str, Proxy]
) -> dict[str, str]:
    """Return the settings with the address of each server replaced by its proxy."""
    database = urlsplit(direct_settings["DRIVEBAY_DATABASE_URL"])
    nats = urlsplit(direct_settings["DRIVEBAY_NATS_URL"])
    return dict(direct_settings) | {
        "DRIVEBAY_DATABASE_URL": database._replace(query=f"host={quote(str(sockets), safe='/')}").geturl(),
        "DRIVEBAY_NATS_URL": nats.geturl().replace(f"127.0.0.1:{nats.port}", proxies["nats"].host_port),
        "DRIVEBAY_S3_ENDPOINT": f"http://{proxies['store'].host_port}",
        "DRIVEBAY_S3_PUBLIC_ENDPOINT": f"http://{proxies['public store'].host_port}",
        "DRIVEBAY_FILER_ADDRESS": proxies["filer"].host_port,
    }


async def _start_service_proxies(
    stack: AsyncExitStack, sockets: Path, folder: Path, proxies: dict[str, Proxy]
) -> dict[str, dict[str, str]]:
    """Start a proxy before each service that others call. Return the settings of each part that use the proxies."""
    settings: dict[str, dict[str, str]] = {part: {} for part in world.SIX_PROCESSES}
    for service in ("auth", "files", "storage"):
        proxy_socket = sockets / f"{service}.sock"
        proxies[service] = await stack.enter_async_context(proxy.run(folder / f"{service}.sock", proxy_socket))
        for part in settings.keys() - {service}:
            settings[part][f"DRIVEBAY_{service.upper()}_ADDRESS"] = f"unix:{proxy_socket}"
    return settings


def _connect_bucket(settings: Mapping[str, str]) -> AbstractAsyncContextManager[s3.S3Bucket]:
    options = s3.S3Options(
        settings["DRIVEBAY_S3_ENDPOINT"],
        settings["DRIVEBAY_S3_ACCESS_KEY"],
        settings["DRIVEBAY_S3_SECRET_KEY"],
        BUCKET,
        timeout=timedelta(seconds=10),
        copy_timeout=timedelta(seconds=60),
        connections=4,
    )
    return s3.connect(options, now=lambda: datetime.now(UTC))


async def run_python(code: str, *arguments: str) -> int:
    """Run `code` in a new Python process, for at most 60 s. Return its exit status."""
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, *arguments)
    return await asyncio.wait_for(process.wait(), 60)


async def restart_ended_services(deployment: Deployment, counts: Counter[str]) -> None:
    """Start each service again that ended by itself, as a process supervisor does. Runs until cancelled."""
    while True:
        for part, process in tuple(deployment.world.processes.items()):
            if process.returncode is not None:
                counts[f"{part} ended by itself"] += 1
                await deployment.world.start(part)
        await asyncio.sleep(0.5)


async def recover(deployment: Deployment) -> None:
    """End all faults and wait until the deployment is ready. The caller sets the time limit."""
    for each in deployment.proxies.values():
        each.heal()
    for server in deployment.servers.values():
        server.resume()
        await server.start()
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as http:
        while True:
            with suppress(aiohttp.ClientError, TimeoutError):
                async with http.get(f"{deployment.world.api}/readyz") as response:
                    if response.status == 200:
                        return
            await asyncio.sleep(0.2)
