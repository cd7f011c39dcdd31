"""Servers and Worlds for benchmarks, in a temporary folder."""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

from drivebay import embedded, postgres
from drivebay.auth import store as auth_store
from drivebay.embedded import Servers
from drivebay.testing import world
from drivebay.testing.client import Client
from drivebay.testing.world import World

MIGRATIONS = Path(auth_store.__file__).parent.parent / "files" / "migrations"


@dataclass(frozen=True)
class BenchServers:
    folder: Path
    servers: Servers
    database_url: str
    environment: dict[str, str]

    @asynccontextmanager
    async def world(self, topology: str, **more: str) -> AsyncIterator[World]:
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        async with world.run(folder, self.environment | more, topology) as running:
            yield running


@asynccontextmanager
async def start_servers() -> AsyncIterator[BenchServers]:
    with tempfile.TemporaryDirectory(prefix="drivebay-bench-") as name:
        folder = Path(name)
        async with embedded.run(folder / "servers") as servers:
            assert servers.postgres is not None
            assert servers.nats is not None
            assert servers.store is not None
            url = servers.postgres.url
            await postgres.migrate(url, "auth", auth_store.MIGRATIONS)
            await postgres.migrate(url, "files", MIGRATIONS)
            environment = {
                "DRIVEBAY_DATABASE_URL": url,
                "DRIVEBAY_NATS_URL": servers.nats.url,
                "DRIVEBAY_S3_ENDPOINT": servers.store.s3_endpoint,
                "DRIVEBAY_S3_ACCESS_KEY": servers.store.access_key,
                "DRIVEBAY_S3_SECRET_KEY": servers.store.secret_key,
                "DRIVEBAY_FILER_ADDRESS": servers.store.filer_grpc,
                "DRIVEBAY_BCRYPT_COST": "4",
                "DRIVEBAY_SIGNUP_LIMIT": "off",
                "DRIVEBAY_LOGIN_LIMIT": "off",
                "DRIVEBAY_LOG": "warning",
                "DRIVEBAY_QUOTA": "10TiB",
                "DRIVEBAY_SECRET": secrets.token_hex(32),
            }
            yield BenchServers(folder, servers, url, environment)


@asynccontextmanager
async def users(running: World, count: int = 1) -> AsyncIterator[list[Client]]:
    async with httpx.AsyncClient(timeout=30) as http:
        yield [await Client(http, running.api).sign_up() for _ in range(count)]


def memory(running: World) -> dict[str, float]:
    """Return the resident memory of each process of a World, in MiB."""
    return {
        part: round(psutil.Process(process.pid).memory_info().rss / 2**20, 1)
        for part, process in running.processes.items()
    }
