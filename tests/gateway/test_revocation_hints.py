"""Gateways tell each other over a real NATS that sessions have ended."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime

import httpx
import pytest
from uuid_utils.compat import uuid7

from drivebay.embedded.nats import Nats
from drivebay.gateway import app as gateway
from drivebay.gateway.app import GatewayApp
from drivebay.gateway.settings import Settings
from drivebay.hints import HintChannel
from drivebay.hints.nats_transport import NatsTransport

from .conftest import Gateway, User, client

LIMIT = 60.0
"""Seconds. A wait ends when its condition holds. This only bounds a hang."""
NEVER = 1e6
"""Seconds between two polls, longer than a test takes."""


@dataclass
class OtherGateway:
    """Another gateway of the same deployment."""

    app: GatewayApp
    http: httpx.AsyncClient
    hints: HintChannel

    async def status(self, token: str) -> int:
        response = await self.http.get("/v1/files", headers={"Authorization": f"Bearer {token}"})
        return response.status_code

    async def expect_refusal(self, token: str) -> None:
        async with asyncio.timeout(LIMIT):
            while await self.status(token) != 401:
                await asyncio.sleep(0.01)


@asynccontextmanager
async def connected(url: str, hints: HintChannel, *, publishes: bool = False) -> AsyncIterator[None]:
    """Carry hints over NATS. Returns when this process is connected."""
    opened = asyncio.Event()
    hints.listen(lambda drive: opened.set() if drive is None else None)
    running = asyncio.create_task(NatsTransport(url, hints, publishes=publishes, listens=True).run())
    try:
        async with asyncio.timeout(LIMIT):
            await opened.wait()
        yield
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


@asynccontextmanager
async def other_gateway(own: Gateway, url: str, poll_interval: float) -> AsyncIterator[OtherGateway]:
    hints = HintChannel()
    app = gateway.create_app(
        own.keys, own.files, own.storage, Settings(), now=own.clock, new_request_id=lambda: str(uuid7()), hints=hints
    )  # type: ignore[arg-type]
    app.revoked_sessions.poll_interval = poll_interval
    async with connected(url, hints), client(app) as http:
        running = asyncio.create_task(app.revoked_sessions.run())
        try:
            yield OtherGateway(app, http, hints)
        finally:
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running


async def log_out(user: User) -> None:
    answer = await user.http.post("/v1/logout", json={"refresh_token": user.tokens["refresh_token"]})
    assert answer.status_code == 204


@pytest.fixture
def stopped(own: Gateway) -> Gateway:
    """A gateway whose clock stands still, so that no list of ended sessions becomes too old."""
    own.clock.stopped = datetime.now(UTC)
    return own


async def test_other_gateways_refuse_an_ended_session_after_a_hint(stopped: Gateway, nats_url: str) -> None:
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(connected(nats_url, stopped.app.waiters.hints, publishes=True))
        others = [await stack.enter_async_context(other_gateway(stopped, nats_url, NEVER)) for _ in range(2)]
        for _ in range(3):  # a hint also works after another one
            user = await stopped.user()
            token = user.tokens["access_token"]
            assert [await other.status(token) for other in others] == [200, 200]
            await log_out(user)
            for other in others:
                await other.expect_refusal(token)


async def test_a_gateway_does_not_fetch_again_because_of_its_own_hint(stopped: Gateway, nats_url: str) -> None:
    user = await stopped.user()
    async with (
        connected(nats_url, stopped.app.waiters.hints),
        other_gateway(stopped, nats_url, NEVER) as other,
    ):
        hints: list[None] = []
        stopped.app.waiters.hints.listen_for_revocations(lambda: hints.append(None))
        await log_out(user)
        await other.expect_refusal(user.tokens["access_token"])
        other.hints.publish_revocation()  # NATS keeps the order, so an own hint would have arrived before this one
        async with asyncio.timeout(LIMIT):
            while not hints:
                await asyncio.sleep(0.01)
        assert len(hints) == 1


async def test_without_nats_other_gateways_poll(stopped: Gateway, own_nats: Callable[[], Awaitable[Nats]]) -> None:
    server = await own_nats()
    assert server.server_process is not None
    hints = stopped.app.waiters.hints
    async with connected(server.url, hints), other_gateway(stopped, server.url, 0.05) as other:
        await server.server_process.kill()
        user = await stopped.user()
        assert await other.status(user.tokens["access_token"]) == 200
        await log_out(user)
        assert (await user.call("GET", "/v1/files")).status_code == 401
        await other.expect_refusal(user.tokens["access_token"])


async def test_hints_go_on_after_nats_was_away(stopped: Gateway, own_nats: Callable[[], Awaitable[Nats]]) -> None:
    server = await own_nats()
    assert server.server_process is not None
    hints = stopped.app.waiters.hints
    async with connected(server.url, hints), other_gateway(stopped, server.url, NEVER) as other:
        again = [asyncio.Event(), asyncio.Event()]
        await server.server_process.kill()
        for channel, event in zip((hints, other.hints), again, strict=True):
            channel.listen(lambda drive, event=event: event.set() if drive is None else None)  # type: ignore[misc]
        await server.server_process.start()
        async with asyncio.timeout(LIMIT):
            await asyncio.gather(*(event.wait() for event in again))
        user = await stopped.user()
        assert await other.status(user.tokens["access_token"]) == 200
        await log_out(user)
        await other.expect_refusal(user.tokens["access_token"])
