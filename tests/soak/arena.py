"""Where the soak takes place: six processes and three servers, with a proxy on every way between them."""

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

from drivebay import embedded, node, settings, values
from drivebay.embedded.process import Process
from drivebay.storage import s3
from drivebay.testing import proxy, world
from drivebay.testing.proxy import Proxy
from drivebay.testing.world import World

BUCKET: Final = "soak"
SUBJECT: Final = "soak.events"
STREAM: Final = "SOAK_EVENTS"

HURRIED: Final = {
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
    "DRIVEBAY_QUOTA": "48MiB",
    "DRIVEBAY_LOG": "info",
}
"""Waits that are minutes to days in life are seconds here, so that everything happens often."""


@dataclass(frozen=True)
class Arena:
    """`servers` and `proxies` by name; `plain` are the settings that go around the proxies; `strays` the keys
    of objects that nobody recorded."""

    folder: Path
    world: World
    servers: dict[str, Process]
    proxies: dict[str, Proxy]
    plain: dict[str, str]
    bucket: s3.S3
    strays: set[str] = field(default_factory=set)

    @property
    def api(self) -> str:
        """Where users reach the API: through a proxy."""
        return f"http://{self.proxies['api'].host_port}"

    @property
    def grace(self) -> float:
        """How long the trash keeps a file, in seconds."""
        return values.duration(self.world.environment["DRIVEBAY_TRASH_GRACE"]).total_seconds()

    @property
    def upload_life(self) -> float:
        """How long an upload waits for its bytes, in seconds."""
        return values.duration(self.world.environment["DRIVEBAY_UPLOAD_TTL"]).total_seconds()

    @property
    def database_url(self) -> str:
        return self.plain["DRIVEBAY_DATABASE_URL"]

    @property
    def nats_url(self) -> str:
        return self.plain["DRIVEBAY_NATS_URL"]

    @asynccontextmanager
    async def services(self) -> AsyncIterator[node.Services]:
        """The files and storage contracts on the same servers, around the proxies, in this process."""
        environment = self.world.environment | self.plain | {"DRIVEBAY_DATA": str(self.folder / "world" / "data")}
        loaded = settings.with_secret(settings.load(environment, self.folder))
        async with node.services(loaded, frozenset({"files", "storage"})) as services:
            yield services

    async def put_raw(self, key: str, body: bytes) -> int:
        """Write a new object with the deployment's own keys, as only an operator could. One that is there is
        left alone: what an operator overwrites, nobody can bring back."""
        headers = {"If-None-Match": "*"}
        url = self.bucket.presign(
            "PUT", key, query={}, headers=headers, at=datetime.now(UTC), seconds=300, public=False
        )
        return await self.bucket.send("PUT", url, headers, body)

    async def keys(self) -> dict[str, int]:
        """Every object in the bucket and its size."""
        found: dict[str, int] = {}
        after = ""
        while True:
            page = await self.bucket.page("", after, 1000)
            found |= {object.key: object.size for object in page.objects}
            if page.after is None:
                return found
            after = page.after


@asynccontextmanager
async def open(folder: Path, more: Mapping[str, str] = MappingProxyType({})) -> AsyncIterator[Arena]:
    """Everything up and ready, with `more` settings; gone afterwards."""
    async with AsyncExitStack() as stack:
        ours = await stack.enter_async_context(embedded.run(folder / "servers"))
        assert ours.postgres is not None
        assert ours.nats is not None
        assert ours.store is not None
        servers = {"postgres": ours.postgres.process, "nats": ours.nats.process, "store": ours.store.process}
        owned = {name: process for name, process in servers.items() if process is not None}
        plain = {
            "DRIVEBAY_DATABASE_URL": ours.postgres.url,
            "DRIVEBAY_NATS_URL": ours.nats.url,
            "DRIVEBAY_S3_ENDPOINT": ours.store.s3_endpoint,
            "DRIVEBAY_S3_ACCESS_KEY": ours.store.access_key,
            "DRIVEBAY_S3_SECRET_KEY": ours.store.secret_key,
            "DRIVEBAY_FILER_ADDRESS": ours.store.filer_grpc,
            "DRIVEBAY_S3_BUCKET": BUCKET,
            "DRIVEBAY_EVENTS_SUBJECT": SUBJECT,
        }
        sockets = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="soak-")))
        proxies, proxied = await _proxies(stack, sockets, plain)
        (folder / "world").mkdir()
        own = await _between(stack, sockets, folder / "world", proxies)
        environment = HURRIED | proxied | dict(more)
        running = await stack.enter_async_context(world.run(folder / "world", environment, "six", own))
        proxies["api"] = await stack.enter_async_context(proxy.run(("127.0.0.1", running.port)))
        bucket = await stack.enter_async_context(_bucket(plain))
        yield Arena(folder, running, owned, proxies, plain, bucket)


async def _between(
    stack: AsyncExitStack, sockets: Path, folder: Path, proxies: dict[str, Proxy]
) -> dict[str, dict[str, str]]:
    """A proxy before each service, and the settings by which every other part goes through it."""
    own: dict[str, dict[str, str]] = {part: {} for part in world.PARTS}
    for service in ("auth", "files", "storage"):
        door = sockets / f"{service}.sock"
        proxies[service] = await stack.enter_async_context(proxy.run(folder / f"{service}.sock", door))
        for part in own.keys() - {service}:
            own[part][f"DRIVEBAY_{service.upper()}_ADDRESS"] = f"unix:{door}"
    return own


async def _proxies(
    stack: AsyncExitStack, sockets: Path, plain: dict[str, str]
) -> tuple[dict[str, Proxy], dict[str, str]]:
    """A proxy before each server, and the settings that lead through them."""
    database = urlsplit(plain["DRIVEBAY_DATABASE_URL"])
    upstream = Path(parse_qs(database.query)["host"][0]) / ".s.PGSQL.5432"
    nats = urlsplit(plain["DRIVEBAY_NATS_URL"])
    store = urlsplit(plain["DRIVEBAY_S3_ENDPOINT"])
    filer_host, _, filer_port = plain["DRIVEBAY_FILER_ADDRESS"].partition(":")
    assert nats.port
    assert store.port
    proxies = {
        "postgres": await stack.enter_async_context(proxy.run(upstream, sockets / ".s.PGSQL.5432")),
        "nats": await stack.enter_async_context(proxy.run(("127.0.0.1", nats.port))),
        "store": await stack.enter_async_context(proxy.run(("127.0.0.1", store.port))),
        "public store": await stack.enter_async_context(proxy.run(("127.0.0.1", store.port))),
        "filer": await stack.enter_async_context(proxy.run((filer_host, int(filer_port)))),
    }
    proxied = plain | {
        "DRIVEBAY_DATABASE_URL": database._replace(query=f"host={quote(str(sockets), safe='/')}").geturl(),
        "DRIVEBAY_NATS_URL": plain["DRIVEBAY_NATS_URL"].replace(f"127.0.0.1:{nats.port}", proxies["nats"].host_port),
        "DRIVEBAY_S3_ENDPOINT": f"http://{proxies['store'].host_port}",
        "DRIVEBAY_S3_PUBLIC_ENDPOINT": f"http://{proxies['public store'].host_port}",
        "DRIVEBAY_FILER_ADDRESS": proxies["filer"].host_port,
    }
    return proxies, proxied


def _bucket(plain: dict[str, str]) -> AbstractAsyncContextManager[s3.S3]:
    return s3.connect(
        endpoint=plain["DRIVEBAY_S3_ENDPOINT"],
        public_endpoint=plain["DRIVEBAY_S3_ENDPOINT"],
        access_key=plain["DRIVEBAY_S3_ACCESS_KEY"],
        secret_key=plain["DRIVEBAY_S3_SECRET_KEY"],
        region="us-east-1",
        bucket=BUCKET,
        timeout=timedelta(seconds=10),
        copy_timeout=timedelta(seconds=60),
        connections=4,
        now=lambda: datetime.now(UTC),
    )


async def python(code: str, *arguments: str) -> int:
    """The exit status of a Python of our own that runs `code`."""
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, *arguments)
    return await asyncio.wait_for(process.wait(), 60)


async def supervise(arena: Arena, tally: Counter[str]) -> None:
    """Start again what ended by itself, as whoever runs a deployment does; until cancelled."""
    while True:
        for part, process in tuple(arena.world.processes.items()):
            if process.returncode is not None:
                tally[f"{part} ended by itself"] += 1
                await arena.world.start(part)
        await asyncio.sleep(0.5)


async def settle(arena: Arena) -> None:
    """Everything passes, runs and answers again. Whoever calls decides how long that may take."""
    for each in arena.proxies.values():
        each.heal()
    for server in arena.servers.values():
        server.resume()
        await server.start()
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as http:
        while True:
            with suppress(aiohttp.ClientError, TimeoutError):
                async with http.get(f"{arena.world.api}/readyz") as response:
                    if response.status == 200:
                        return
            await asyncio.sleep(0.2)
