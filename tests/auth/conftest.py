"""The auth service on a database of its own, with cheap hashes and a clock that a test can set forward."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import bcrypt
import pytest
from uuid_utils.compat import uuid7

from drivebay import postgres, proto
from drivebay.auth import service
from drivebay.auth.settings import Settings
from drivebay.contract.auth import Auth
from drivebay.testing.databases import PooledDatabase
from drivebay.testing.deliveries import deliver

StartService = Callable[..., AbstractAsyncContextManager[service.Service]]


class Clock:
    """The current time plus `offset`."""

    def __init__(self) -> None:
        self.offset = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.offset


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def settings() -> Settings:
    # The lowest cost that bcrypt allows. Tests of the limits set their own.
    return Settings(secret=bytes(range(7, 47)), bcrypt_cost=4, signup_limit=None, login_limit=None)


@pytest.fixture
async def database(pooled_database: PooledDatabase) -> postgres.Database:
    return pooled_database.connections


@pytest.fixture
def start_service(database: postgres.Database, settings: Settings, clock: Clock) -> StartService:
    """Start one more service on the same database, as another process would. Keywords change its settings."""

    def start(
        *,
        compare: Callable[[bytes, bytes], bool] = bcrypt.checkpw,
        on: postgres.Database = database,
        **changes: object,
    ) -> AbstractAsyncContextManager[service.Service]:
        changed = replace(settings, **changes)  # type: ignore[arg-type]
        return service.start(on, changed, now=clock, new_id=uuid7, random_bytes=os.urandom, compare=compare)

    return start


@pytest.fixture(params=["direct", "encoded", pytest.param("grpc", marks=pytest.mark.slow), "stream", "twice"])
async def auth(request: pytest.FixtureRequest, start_service: StartService) -> AsyncIterator[Auth]:
    """The service, called directly, encoded, over gRPC, and with each call delivered twice."""
    async with start_service() as running, deliver(request.param, Auth, proto.AUTH, running) as auth:  # type: ignore[type-abstract]
        yield auth
