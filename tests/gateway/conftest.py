"""The HTTP door over real services, a real database and a bucket in memory."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
import structlog
from granian.constants import Interfaces
from granian.server.embed import Server
from uuid_utils.compat import uuid7

from drivebay import db
from drivebay.auth import service as auth
from drivebay.auth.throttle import Rate
from drivebay.contract.auth import Auth, Key
from drivebay.embedded.postgres import Postgres
from drivebay.errors import Error
from drivebay.files import service as files
from drivebay.files import settings as files_settings
from drivebay.gateway import app as gateway
from drivebay.gateway.asgi import App
from drivebay.gateway.settings import Settings
from drivebay.storage import service as storage
from drivebay.testing import servers
from drivebay.testing.client import Client, Json, eventually
from drivebay.testing.memory import MemoryBucket
from drivebay.testing.world import free_port

from . import described

SECRET = bytes(range(7, 47))
QUOTA = 100_000
MAX_FILE_SIZE = 50_000


class Clock:
    """The time, and as much later as a test says; or one moment."""

    def __init__(self) -> None:
        self.ahead = timedelta()
        self.stopped: datetime | None = None

    def __call__(self) -> datetime:
        return (self.stopped or datetime.now(UTC)) + self.ahead


class Keys:
    """The auth service as the gateway sees it: how often its keys were asked for, and for which request.

    It takes `slow` seconds to give them, gives the `published` ones if that is set, and fails with its `failure`.
    """

    def __init__(self, auth: Auth) -> None:
        self._auth = auth
        self.asked = 0
        self.slow = 0.0
        self.failure: Error | None = None
        self.published: tuple[Key, ...] | None = None
        self.request_id = ""

    async def keys(self) -> tuple[Key, ...]:
        self.asked += 1
        self.request_id = structlog.contextvars.get_contextvars()["request_id"]
        await asyncio.sleep(self.slow)
        if self.failure is not None:
            raise self.failure
        return await self._auth.keys() if self.published is None else self.published

    def __getattr__(self, name: str) -> Any:
        return getattr(self._auth, name)


class User(Client):
    """A client whose bytes go into the bucket in memory."""

    bucket: MemoryBucket

    async def store(self, name: str, body: bytes, **fields: str) -> Json:
        upload = await self.begin(name, body, fields=fields)
        assert await self.bucket.send(upload["method"], upload["url"], upload["headers"], body) == 200
        done = await self.ok("POST", f"/v1/uploads/{upload['id']}/complete")
        return await self.ok("GET", f"/v1/files/{done['file_id']}")


@dataclass
class Gateway:
    """One app, and the hands of its surroundings."""

    app: App
    http: httpx.AsyncClient
    auth: auth.Service
    keys: Keys
    files: files.Service
    storage: storage.Service
    bucket: MemoryBucket
    database: db.Database
    clock: Clock

    async def user(self) -> User:
        """Somebody new with a session."""
        user = User(self.http, "")
        user.bucket = self.bucket
        await user.sign_up()
        return user

    def from_address(self, address: str) -> httpx.AsyncClient:
        """A client whose connection comes from there."""
        return client(self.app, address)


def client(app: App, address: str = "192.0.2.7") -> httpx.AsyncClient:
    """Requests from that address, whose answers have to be as the document says."""
    # An exception that gets out of the app is a failure of the test, not an answer.
    transport = httpx.ASGITransport(app, client=(address, 50_000), raise_app_exceptions=True)
    return httpx.AsyncClient(
        transport=transport, base_url="http://drivebay.test", event_hooks={"response": [described.hold]}
    )


async def bare(app: App, method: str, path: str, headers: Mapping[str, str]) -> tuple[int, dict[str, str], bytes]:
    """A request past every client, which would make something of what it sends and gets."""
    sent: list[Any] = []

    async def receive() -> Json:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": method,
        "path": path.partition("?")[0],
        "query_string": path.partition("?")[2].encode(),
        "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()],
        "client": ("192.0.2.7", 50_000),
    }
    await app(scope, receive, send)
    start, body = sent
    return start["status"], {name.decode(): value.decode() for name, value in start["headers"]}, body["body"]


@asynccontextmanager
async def opened(
    url: str,
    settings: Settings,
    signup_limit: Rate | None = None,
    login_limit: Rate | None = None,
    quota: int = QUOTA,
    largest: int = MAX_FILE_SIZE,
) -> AsyncIterator[Gateway]:
    clock = Clock()
    accounts = auth.Settings(SECRET, bcrypt_cost=4, signup_limit=signup_limit, login_limit=login_limit)
    sizes = files_settings.Settings(SECRET[:32], quota=quota, max_file_size=largest, max_open_uploads=1000)
    async with (
        db.connect(url, size=8) as database,
        auth.start(database, accounts, now=clock, new_id=uuid7, random_bytes=os.urandom) as auth_service,
    ):
        bucket = MemoryBucket(lambda: datetime.now(UTC))
        store = storage.Service(bucket, storage.Settings("memory:", "", ""), lambda: datetime.now(UTC), uuid7)
        await store.start()
        file_service = files.Service(database, store, sizes, new_id=uuid7)
        keys = Keys(auth_service)
        app = gateway.create(keys, file_service, store, settings, now=clock, new_id=uuid7)
        async with client(app) as http:
            yield Gateway(app, http, auth_service, keys, file_service, store, bucket, database, clock)


@pytest.fixture(scope="session")
async def shared(postgres: Postgres, database_template: str) -> AsyncIterator[Gateway]:
    """One gateway for all tests that only ask: each makes its own users."""
    async with (
        servers.database(postgres, database_template, f"test_{uuid4().hex}") as url,
        opened(url, Settings()) as on,
    ):
        yield on


@pytest.fixture
async def user(shared: Gateway) -> User:
    return await shared.user()


@pytest.fixture
async def other(shared: Gateway) -> User:
    return await shared.user()


@pytest.fixture
async def own(database_url: str, request: pytest.FixtureRequest) -> AsyncIterator[Gateway]:
    """A gateway for this test alone, to break. Its parameter changes its settings."""
    changes: Mapping[str, Any] = dict(getattr(request, "param", {}))
    limits = {name: changes[name] for name in ("signup_limit", "login_limit", "quota", "largest") if name in changes}
    rest = {name: value for name, value in changes.items() if name not in limits}
    async with opened(database_url, replace(Settings(), **rest), **limits) as on:
        yield on


@pytest.fixture
async def served(own: Gateway) -> AsyncIterator[str]:
    """The address of a gateway behind the server it runs on in life."""
    port = free_port()
    server = Server(
        own.app,
        address="127.0.0.1",
        port=port,
        interface=Interfaces.ASGINL,
        websockets=False,
        log_enabled=False,
    )
    serving = asyncio.create_task(server.serve())
    try:

        async def answers() -> bool:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                return False
            writer.close()
            return True

        await eventually(answers)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.stop()  # type: ignore[no-untyped-call]
        await asyncio.wait_for(serving, 10)


def assert_problem(response: httpx.Response, status: int, code: str) -> Json:
    """The answer is a whole problem document (RFC 9457) of that kind; it."""
    assert (response.status_code, response.headers["content-type"]) == (status, "application/problem+json"), (
        response.text
    )
    problem: Json = response.json()
    assert problem["code"] == code, problem
    assert problem["type"] == f"urn:drivebay:problem:{code}"
    assert problem["status"] == status
    assert problem["title"]
    assert problem["detail"]
    assert problem["request_id"] == response.headers["x-request-id"]
    assert set(problem) <= {"type", "title", "status", "detail", "code", "request_id", "errors"}
    for error in problem.get("errors", []):
        assert set(error) == {"field", "message"}
    return problem
