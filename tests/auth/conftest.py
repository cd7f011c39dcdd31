"""A service over a database of its own, with cheap hashes, and a clock that can be set forward."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import bcrypt
import pytest
from uuid_utils.compat import uuid7

from drivebay import db, proto
from drivebay.auth import service
from drivebay.contract.auth import Auth
from drivebay.testing.deliveries import deliver

Start = Callable[..., AbstractAsyncContextManager[service.Service]]


class Clock:
    """The time, and as much later as a test says."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def settings() -> service.Settings:
    # The lowest cost there is, and no limits but where a test is about them.
    return service.Settings(secret=bytes(range(7, 47)), bcrypt_cost=4, signup_limit=None, login_limit=None)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[db.Database]:
    async with db.connect(database_url, size=8) as database:
        yield database


@pytest.fixture
def start(database: db.Database, settings: service.Settings, clock: Clock) -> Start:
    """Starts one more process, as it were, over the same database; keywords change its settings."""

    def start(
        *, check: Callable[[bytes, bytes], bool] = bcrypt.checkpw, over: db.Database = database, **changes: object
    ) -> AbstractAsyncContextManager[service.Service]:
        changed = replace(settings, **changes)  # type: ignore[arg-type]
        return service.start(over, changed, now=clock, new_id=uuid7, random_bytes=os.urandom, check=check)

    return start


@pytest.fixture(params=["direct", "encoded", "grpc", "twice"])
async def auth(request: pytest.FixtureRequest, start: Start) -> AsyncIterator[Auth]:
    """Every promise is tried near, encoded, over gRPC, and with each call delivered twice."""
    async with start() as running, deliver(request.param, Auth, proto.AUTH, running) as auth:  # type: ignore[type-abstract]
        yield auth
