"""Whatever the auth service is asked, by whatever way, it answers as it promises."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from itertools import count
from random import Random
from typing import Any, Final
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings

from drivebay import db, proto
from drivebay.auth import service
from drivebay.contract.auth import Auth
from drivebay.embedded.postgres import Postgres
from drivebay.testing import servers
from drivebay.testing.deliveries import WAYS
from drivebay.wire.shape import promised

from .hostile import arguments
from .ways import Loop, Ways, masked

NOW: Final = datetime.now(UTC)
SETTINGS: Final = service.Settings(bytes(range(40)), bcrypt_cost=4, signup_limit=None, login_limit=None)
# Tokens and keys are new at each call, and how many keys there are depends on the calls before.
_SECRETS: Final = re.compile(r"\"(?:access_token|refresh_token|kid|x|token_id)\":\"[^\"]*\"")
ADA: Final = "ada@example.com", "correct horse", "192.0.2.7"


class Accounts:
    """A service for each way, all alike to their last byte: ids and chance are the same for each."""

    def __init__(self, stack: AsyncExitStack) -> None:
        self._stack = stack
        self.known: dict[str, list[Any]] = {}

    async def open(self, urls: dict[str, str]) -> None:
        services = {way: await self._start(url) for way, url in urls.items()}
        for running in services.values():
            user = await running.sign_up(*ADA, "a key")
            live, ended = [await running.log_in(*ADA) for _ in range(2)]
            await running.log_out(ended.refresh_token)
        self.known = {
            "UserId": [user.id, UUID(int=7)],
            "email": [ADA[0], "Ada@Example.com ", "grace@example.com", "e\u0301@bücher.example"],
            "password": [ADA[1], "wrong horse", "\U0001f600" * 8],
            "address": [ADA[2], "2001:db8::1%eth0", "nowhere"],
            "idempotency_key": [None, "a key", "fresh"],
            "refresh_token": [live.refresh_token, ended.refresh_token, "A" * 43],
            "access_token": [live.access_token, ended.access_token, live.access_token[:-4] + "AAAA"],
        }
        self.ways = Ways(Auth, proto.AUTH, services)
        await self.ways.open(self._stack)

    async def _start(self, url: str) -> service.Service:
        database = await self._stack.enter_async_context(db.connect(url, size=4))
        ids = count(1)
        return await self._stack.enter_async_context(
            service.start(
                database,
                SETTINGS,
                now=lambda: NOW,
                new_id=lambda: UUID(int=next(ids)),
                random_bytes=Random(7).randbytes,
            )
        )


@pytest.fixture
async def urls(postgres: Postgres, database_template: str) -> AsyncIterator[dict[str, str]]:
    """A database for each way."""
    async with AsyncExitStack() as stack:
        yield {
            way: await stack.enter_async_context(servers.database(postgres, database_template, f"test_{uuid4().hex}"))
            for way in WAYS
        }


@pytest.fixture
def loop() -> Iterator[Loop]:
    with Loop() as loop:
        yield loop


@pytest.mark.parametrize("name", promised(Auth))
def test_any_call_of_auth_ends_as_promised_by_every_way(urls: dict[str, str], loop: Loop, name: str) -> None:
    accounts = Accounts(loop.stack)
    loop.run(accounts.open(urls))

    def same(_: str, text: str) -> str:
        if name in ("keys", "rotate_key"):
            return "keys"
        return masked(_SECRETS.sub("<secret>", text), ())

    @settings(max_examples=30, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(drawn=arguments(promised(Auth)[name], accounts.known))
    def each(drawn: tuple[Any, ...]) -> None:
        loop.run(accounts.ways.call(name, dict.fromkeys(WAYS, drawn), same))

    each()
    assert accounts.ways.seen["value"]
