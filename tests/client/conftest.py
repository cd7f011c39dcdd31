"""A real Drivebay for clients, with a network between them and it, and another between them and the store."""

import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import pytest

from drivebay import node, settings
from drivebay.client import AsyncDrive, Patience, Resume, Session
from drivebay.embedded.postgres import Postgres
from drivebay.embedded.seaweedfs import Store
from drivebay.testing import proxy, servers, world
from drivebay.testing.proxy import Proxy
from drivebay.testing.world import World
from tests.e2e.conftest import FAST, server_settings

from .shell import PASSWORD, Shell

QUICK = Patience(seconds=20, first=0.02, longest=0.5, chance=random.Random(7).random)


@dataclass
class Site:
    """`api` and `store` are what a client's bytes pass through; both pass everything when a test begins."""

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
    place = urlsplit(store.s3_endpoint)
    async with AsyncExitStack() as stack:
        to_store = await stack.enter_async_context(proxy.run((str(place.hostname), int(place.port or 80))))
        public = {"DRIVEBAY_S3_PUBLIC_ENDPOINT": f"http://{to_store.host_port}"}
        running = await stack.enter_async_context(world.run(folder, FAST | environment | public, "one"))
        to_api = await stack.enter_async_context(proxy.run(("127.0.0.1", running.port)))
        yield Site(running, to_api, to_store)


@pytest.fixture(scope="session")
async def shared_site(
    tmp_path_factory: pytest.TempPathFactory, postgres: Postgres, database_template: str, nats_url: str, store: Store
) -> AsyncIterator[Site]:
    name = f"client_{uuid4().hex}"
    async with servers.database(postgres, database_template, name) as url:
        environment = server_settings(url, nats_url, store, name.replace("_", "-"))
        async with site_of(tmp_path_factory.mktemp("site"), environment, store) as site:
            yield site


@pytest.fixture
async def site(shared_site: Site) -> AsyncIterator[Site]:
    """Every invariant holds when a test is over."""
    shared_site.heal()
    yield shared_site
    shared_site.heal()
    running = shared_site.world
    environment = running.environment | {"DRIVEBAY_DATA": str(running.folder / "data")}
    async with node.services(
        settings.with_secret(settings.load(environment, running.folder)), frozenset({"files", "storage"})
    ) as services:
        assert await services.files.check() == ()


NewDrive = Callable[..., Awaitable[AsyncDrive]]


@pytest.fixture
async def new_drive(site: Site) -> AsyncIterator[NewDrive]:
    """Makes drives: of a new user who is logged in, or of the session that is given."""
    async with AsyncExitStack() as stack:

        async def make(session: Session | None = None, resume: Resume | None = None, **more: object) -> AsyncDrive:
            drive = AsyncDrive(site.server, session=session, resume=resume, **{"patience": QUICK, **more})  # type: ignore[arg-type]
            await stack.enter_async_context(drive)
            if session is None:
                email = f"{uuid4().hex}@example.com"
                await drive.sign_up(email, PASSWORD)
                await drive.log_in(email, PASSWORD)
            return drive

        yield make


@pytest.fixture
async def drive(new_drive: NewDrive) -> AsyncDrive:
    return await new_drive()


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(timeout=30) as client:
        yield client


@pytest.fixture
async def shell(site: Site, tmp_path: Path) -> Shell:
    """The computer of a new user who is logged in."""
    home = tmp_path / "home"
    home.mkdir()
    found = Shell(home, site.server)
    assert (await found.enter()).status == 0
    return found
