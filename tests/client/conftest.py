"""A real Drivebay, with one proxy between the client and the API, and one between the client and the object store."""

import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import pytest

from drivebay.client import AsyncDrive, ResumeStore, RetryPolicy, TokenStore
from drivebay.embedded.postgres import Postgres
from drivebay.embedded.seaweedfs import Store
from drivebay.node import Services
from drivebay.testing import proxy, servers, world
from drivebay.testing.proxy import Proxy
from drivebay.testing.world import World
from tests.cli.shell import PASSWORD
from tests.e2e.conftest import FAST, open_own_services, server_settings

FAST_RETRIES = RetryPolicy(timeout=20, first_delay=0.02, max_delay=0.5, random=random.Random(7).random)


@dataclass
class Site:
    """A running Drivebay and the proxies before it. Both proxies pass all bytes when a test starts."""

    world: World
    api: Proxy
    store: Proxy

    @property
    def server(self) -> str:
        return f"http://{self.api.host_port}"

    def heal(self) -> None:
        self.api.heal()
        self.store.heal()


@asynccontextmanager
async def site_of(folder: Path, environment: dict[str, str], store: Store) -> AsyncIterator[Site]:
    endpoint = urlsplit(store.s3_endpoint)
    async with AsyncExitStack() as stack:
        store_proxy = await stack.enter_async_context(proxy.run((str(endpoint.hostname), int(endpoint.port or 80))))
        public_endpoint = {"DRIVEBAY_S3_PUBLIC_ENDPOINT": f"http://{store_proxy.host_port}"}
        running = await stack.enter_async_context(world.run(folder, FAST | environment | public_endpoint, "one"))
        api_proxy = await stack.enter_async_context(proxy.run(("127.0.0.1", running.port)))
        yield Site(running, api_proxy, store_proxy)


@pytest.fixture(scope="session")
async def shared_site(
    tmp_path_factory: pytest.TempPathFactory, postgres: Postgres, database_template: str, nats_url: str, store: Store
) -> AsyncIterator[Site]:
    name = f"client_{uuid4().hex}"
    async with servers.database(postgres, database_template, name) as url:
        environment = server_settings(url, nats_url, store, name.replace("_", "-"))
        async with site_of(tmp_path_factory.mktemp("site"), environment, store) as site:
            yield site


@pytest.fixture(scope="session")
async def site_services(shared_site: Site) -> AsyncIterator[Services]:
    """Services of this process on the servers of the site, to check the invariants."""
    async with open_own_services(shared_site.world) as services:
        yield services


@pytest.fixture
async def site(shared_site: Site, site_services: Services) -> AsyncIterator[Site]:
    """The shared site. After the test, every invariant must hold."""
    shared_site.heal()
    yield shared_site
    shared_site.heal()
    assert await site_services.files.check_invariants() == ()


NewDrive = Callable[..., Awaitable[AsyncDrive]]


@pytest.fixture
async def new_drive(site: Site) -> AsyncIterator[NewDrive]:
    """Create drives: with the login of the given token store, or with a new user who is logged in."""
    async with AsyncExitStack() as stack:

        async def create(
            token_store: TokenStore | None = None, resume_store: ResumeStore | None = None, **options: object
        ) -> AsyncDrive:
            drive = AsyncDrive(
                site.server,
                token_store=token_store,
                resume_store=resume_store,
                **{"retry_policy": FAST_RETRIES, **options},  # type: ignore[arg-type]
            )
            await stack.enter_async_context(drive)
            if token_store is None:
                email = f"{uuid4().hex}@example.com"
                await drive.sign_up(email, PASSWORD)
                await drive.log_in(email, PASSWORD)
            return drive

        yield create


@pytest.fixture
async def drive(new_drive: NewDrive) -> AsyncDrive:
    return await new_drive()


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(timeout=30) as client:
        yield client
