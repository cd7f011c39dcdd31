"""The deployment of one process for each service and three servers, with a proxy on every connection between them."""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from urllib.parse import parse_qs, quote, urlsplit

import aiohttp

from drivebay import embedded
from drivebay.embedded.server_process import ServerProcess
from drivebay.testing import proxy, world
from drivebay.testing.proxy import Proxy
from drivebay.testing.world import World

from . import six_process_faults
from .deployment import BUCKET, EVENTS_SUBJECT, SHORT_TIMES, Deployment, connect_bucket
from .faults import Fault


@dataclass(frozen=True)
class SixProcesses:
    """The deployment, its services, and its servers and proxies by name."""

    deployment: Deployment
    world: World
    servers: dict[str, ServerProcess]
    proxies: dict[str, Proxy]

    @property
    def recovery_limit(self) -> float:
        """Return the seconds after the last fault in which every guarantee must hold again."""
        return 60.0

    def faults(self) -> dict[str, Fault]:
        """Return all faults by name."""
        return six_process_faults.fault_table(self)

    async def restart_ended_services(self, counts: Counter[str]) -> None:
        """Start each service again that ended by itself, as a process supervisor does. Runs until cancelled."""
        while True:
            for part, process in tuple(self.world.processes.items()):
                if process.returncode is not None:
                    counts[f"{part} ended by itself"] += 1
                    await self.world.start(part)
            await asyncio.sleep(0.5)

    async def recover(self) -> None:
        """End all faults and wait until the deployment is ready. The caller sets the time limit."""
        for each in self.proxies.values():
            each.heal()
        for server in self.servers.values():
            server.resume()
            await server.start()
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as http:
            while True:
                with suppress(aiohttp.ClientError, TimeoutError):
                    async with http.get(f"{self.world.api}/readyz") as response:
                        if response.status == 200:
                            return
                await asyncio.sleep(0.2)


@asynccontextmanager
async def start(folder: Path, more_settings: Mapping[str, str] = MappingProxyType({})) -> AsyncIterator[SixProcesses]:
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
        await running.start("worker")  # a World of six processes has none
        proxies["api"] = await stack.enter_async_context(proxy.run(("127.0.0.1", running.port)))
        bucket = await stack.enter_async_context(connect_bucket(direct_settings))
        api = f"http://{proxies['api'].host_port}"
        deployment = Deployment(api, running.folder, running.environment, direct_settings, bucket)
        yield SixProcesses(deployment, running, servers, proxies)


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
    settings: dict[str, dict[str, str]] = {part: {} for part in (*world.SIX_PROCESSES, "worker")}
    for service in ("auth", "files", "storage"):
        proxy_socket = sockets / f"{service}.sock"
        proxies[service] = await stack.enter_async_context(proxy.run(folder / f"{service}.sock", proxy_socket))
        for part in settings.keys() - {service}:
            settings[part][f"DRIVEBAY_{service.upper()}_ADDRESS"] = f"unix:{proxy_socket}"
    return settings
