"""A gateway over real services, a real database and an in-memory bucket."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
import structlog
from uuid_utils.compat import uuid7

from drivebay import postgres
from drivebay.auth import service as auth
from drivebay.auth.settings import OidcProvider, Rate, SignupMode
from drivebay.contract.auth import ApiTokenClaims, Auth, PublicKey, RevokedSessions
from drivebay.embedded.postgres import Postgres
from drivebay.errors import Error
from drivebay.files import service as files
from drivebay.files import settings as files_settings
from drivebay.gateway import app as gateway
from drivebay.gateway.app import GatewayApp
from drivebay.gateway.settings import Settings
from drivebay.hints import HintChannel
from drivebay.runtime.http_server import IDLE_TIMEOUT, serve_http, wait_until_reachable
from drivebay.storage import service as storage
from drivebay.testing import databases, servers
from drivebay.testing.client import Client, Json
from drivebay.testing.databases import PooledDatabase
from drivebay.testing.memory import MemoryBucket
from drivebay.testing.world import free_port

from . import openapi_document

SECRET = bytes(range(7, 47))
QUOTA = 100_000
MAX_FILE_SIZE = 50_000


class Clock:
    """A clock that tests move `ahead` of the real time, or stop at one time."""

    def __init__(self) -> None:
        self.ahead = timedelta()
        self.stopped: datetime | None = None

    def __call__(self) -> datetime:
        return (self.stopped or datetime.now(UTC)) + self.ahead


class Keys:
    """The auth service with counts of calls, and the request id of the last call of `list_keys`.

    `list_revoked_sessions` raises `revocation_failure` if it is set. A call of `list_keys` takes `delay` seconds,
    returns the `published` keys if they are set, and raises the `failure` if it is set.
    """

    def __init__(self, auth: Auth) -> None:
        self._auth = auth
        self.fetch_count = 0
        self.delay = 0.0
        self.failure: Error | None = None
        self.revocation_failure: Error | None = None
        self.revocation_count = 0
        self.verify_count = 0
        self.published: tuple[PublicKey, ...] | None = None
        self.request_id = ""

    async def list_keys(self) -> tuple[PublicKey, ...]:
        self.fetch_count += 1
        self.request_id = structlog.contextvars.get_contextvars()["request_id"]
        await asyncio.sleep(self.delay)
        if self.failure is not None:
            raise self.failure
        return await self._auth.list_keys() if self.published is None else self.published

    async def list_revoked_sessions(self, since: datetime | None = None, *page: Any) -> RevokedSessions:
        self.revocation_count += 1
        if self.revocation_failure is not None:
            raise self.revocation_failure
        return await self._auth.list_revoked_sessions(since, *page)

    async def verify_api_token(self, secret: str) -> ApiTokenClaims:
        self.verify_count += 1
        return await self._auth.verify_api_token(secret)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._auth, name)


class User(Client):
    """A client that uploads into the in-memory bucket."""

    bucket: MemoryBucket

    async def store(self, name: str, body: bytes, **fields: str) -> Json:
        upload = await self.begin(name, body, fields=fields)
        if upload["status"] == "complete":  # an instant upload: the drive has these bytes already
            return await self.ok("GET", f"/v1/files/{upload['file_id']}")
        assert await self.bucket.send(upload["method"], upload["url"], upload["headers"], body) == 200
        done = await self.ok("POST", f"/v1/uploads/{upload['id']}/complete")
        return await self.ok("GET", f"/v1/files/{done['file_id']}")


async def make_large_folder(user: User) -> str:
    """Return the id of a folder whose copy is too large for one request."""

    async def make(parent: str) -> str:
        return str((await user.ok("POST", "/v1/folders", {"name": uuid4().hex, "parent_id": parent}))["id"])

    top = await make("root")
    middle = await make(top)
    for source, into in ((await make(middle), middle), (middle, top)):
        await user.ok("POST", "/v1/files/batch/copy", {"ids": [source] * 33, "parent_id": into})
    return top


async def start_job(user: User, folder: str | None = None) -> Json:
    """Start a job that copies a large folder, and return it."""
    folder = folder or await make_large_folder(user)
    answer = await user.call("POST", f"/v1/files/{folder}/copy", {"parent_id": "root"})
    assert answer.status_code == 202, answer.text
    job: Json = answer.json()["job"]
    return job


@dataclass
class Gateway:
    """A gateway app with everything that it depends on."""

    app: GatewayApp
    http: httpx.AsyncClient
    auth: auth.Service
    keys: Keys
    files: files.Service
    storage: storage.Service
    bucket: MemoryBucket
    database: postgres.Database
    clock: Clock

    async def user(self) -> User:
        """Return a new user with a session."""
        user = User(self.http, "")
        user.bucket = self.bucket
        await user.sign_up()
        return user

    def from_address(self, address: str) -> httpx.AsyncClient:
        """Return a client that connects from that address."""
        return client(self.app, address)


def client(app: GatewayApp, address: str = "192.0.2.7") -> httpx.AsyncClient:
    """Return a client at that address. It checks every response against the OpenAPI document."""
    # An exception that leaves the app fails the test.
    transport = httpx.ASGITransport(app, client=(address, 50_000), raise_app_exceptions=True)
    return httpx.AsyncClient(
        transport=transport, base_url="http://drivebay.test", event_hooks={"response": [openapi_document.hold]}
    )


async def raw_request(
    app: GatewayApp, method: str, path: str, headers: Mapping[str, str]
) -> tuple[int, dict[str, str], bytes]:
    """Send a request to the app without an HTTP client, which would change requests and responses."""
    sent: list[Any] = []

    events = iter([{"type": "http.request", "body": b"", "more_body": False}])

    async def receive() -> Json:
        return next(events, {"type": "http.disconnect"})

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
    start, *pieces = sent
    headers = {name.decode(): value.decode() for name, value in start["headers"]}
    return start["status"], headers, b"".join(piece.get("body", b"") for piece in pieces)


@asynccontextmanager
async def open_gateway(
    source: str | PooledDatabase,
    settings: Settings,
    signup_limit: Rate | None = None,
    login_limit: Rate | None = None,
    quota: int = QUOTA,
    largest: int = MAX_FILE_SIZE,
    signup: SignupMode = SignupMode.OPEN,
    sends_mail: bool = False,
    oidc: OidcProvider | None = None,
    passwords: bool = True,
    access_token_ttl: timedelta = timedelta(minutes=15),
) -> AsyncIterator[Gateway]:
    clock = Clock()
    accounts = auth.Settings(
        SECRET,
        bcrypt_cost=4,
        signup=signup,
        signup_limit=signup_limit,
        login_limit=login_limit,
        sends_mail=sends_mail,
        oidc=oidc,
        passwords=passwords,
        access_token_ttl=access_token_ttl,
        public_url=settings.public_url,
    )
    sizes = files_settings.Settings(
        SECRET[:32], quota=quota, max_file_size=largest, max_pending_uploads=1000, bcrypt_cost=4
    )
    async with (
        databases.connect(source) as database,
        auth.start(database, accounts, now=clock, new_id=uuid7, random_bytes=os.urandom) as auth_service,
    ):
        bucket = MemoryBucket(lambda: datetime.now(UTC))
        store = storage.Service(bucket, storage.Settings("memory:", "", ""), lambda: datetime.now(UTC), uuid7)
        await store.start()
        hints = HintChannel(is_alone=True)
        file_service = files.Service(database, store, sizes, new_id=uuid7, hints=hints)
        keys = Keys(auth_service)
        app = gateway.create_app(
            keys, file_service, store, settings, now=clock, new_request_id=lambda: str(uuid7()), hints=hints
        )
        async with client(app) as http:
            yield Gateway(app, http, auth_service, keys, file_service, store, bucket, database, clock)


@pytest.fixture(scope="session")
async def shared(postgres: Postgres, database_template: str) -> AsyncIterator[Gateway]:
    """One gateway for all tests that do not change it. Each test creates its own users."""
    async with (
        servers.database(postgres, database_template, f"test_{uuid4().hex}") as url,
        open_gateway(url, Settings()) as on,
    ):
        yield on


@pytest.fixture
async def user(shared: Gateway) -> User:
    return await shared.user()


@pytest.fixture
async def other(shared: Gateway) -> User:
    return await shared.user()


@pytest.fixture
async def own(pooled_database: PooledDatabase, request: pytest.FixtureRequest) -> AsyncIterator[Gateway]:
    """A gateway for one test, which may break it. The fixture parameter changes its settings."""
    changes: Mapping[str, Any] = dict(getattr(request, "param", {}))
    names = ("signup_limit", "login_limit", "quota", "largest", "signup", "sends_mail", "access_token_ttl")
    limits = {name: changes[name] for name in names if name in changes}
    rest = {name: value for name, value in changes.items() if name not in limits}
    async with open_gateway(pooled_database, replace(Settings(), **rest), **limits) as on:
        yield on


@asynccontextmanager
async def serve(
    app: Any, *, idle_timeout: timedelta = IDLE_TIMEOUT, before_stop: Callable[[], None] = lambda: None
) -> AsyncIterator[int]:
    """Serve an app with Granian, as in production. Yields its port on 127.0.0.1."""
    port = free_port()
    serving = asyncio.create_task(
        serve_http(app, "127.0.0.1", port, idle_timeout=idle_timeout, before_stop=before_stop)
    )
    try:
        await wait_until_reachable("127.0.0.1", port)
        yield port
    finally:
        serving.cancel()
        with suppress(asyncio.CancelledError):
            await serving


@pytest.fixture
async def served(own: Gateway) -> AsyncIterator[str]:
    """The URL of a gateway behind Granian, as in production."""
    async with serve(own.app) as port:
        yield f"http://127.0.0.1:{port}"


def assert_problem(response: httpx.Response, status: int, code: str) -> Json:
    """Check that a response is a complete problem document (RFC 9457) and return it."""
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
    named = {"challenge"} if code == "second_factor_required" else set()
    assert set(problem) <= {"type", "title", "status", "detail", "code", "request_id", "errors"} | named
    for error in problem.get("errors", []):
        assert set(error) == {"field", "message"}
    return problem
