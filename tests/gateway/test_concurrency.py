"""Concurrency limits: which requests run, which are rejected, and how the limit adapts."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from uuid_utils.compat import uuid7

from drivebay.auth.settings import Rate
from drivebay.gateway import app as gateway
from drivebay.gateway.concurrency import (
    MAX_REJECTION_DELAY,
    MAX_REJECTIONS_PER_SECOND,
    MIN_LIMIT,
    SLOW_RESPONSE,
    ConcurrencyLimiter,
)
from drivebay.gateway.settings import Settings
from drivebay.testing.client import eventually

from .conftest import Gateway, User, assert_problem, client

MAX_REQUESTS = 3


class GatedService:
    """A service whose `slow` methods wait until the gate opens. `waiting` counts the calls that have started."""

    def __init__(self, service: Any, *slow: str) -> None:
        self._service = service
        self._slow = slow
        self.gate = asyncio.Event()
        self.waiting = 0

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._service, name)
        if name not in self._slow:
            return method

        async def call(*arguments: Any) -> Any:
            self.waiting += 1
            async with asyncio.timeout(15):  # a request that should have been rejected ends too
                await self.gate.wait()
            return await method(*arguments)

        return call

    async def wait_for_calls(self, count: int) -> None:
        async def reached() -> bool:
            return self.waiting == count

        await eventually(reached, every=0.01)


class LimitedGateway:
    """A gateway that runs at most three requests. Its files and auth services wait at gates."""

    settings = Settings(max_concurrent_requests=MAX_REQUESTS)

    def __init__(self, own: Gateway, user: User) -> None:
        self.files: Any = GatedService(own.files, "list_files", "create_folder")
        self.auth: Any = GatedService(own.auth, "log_in", "verify_api_token")
        self.app = gateway.create_app(
            self.auth, self.files, own.storage, self.settings, now=own.clock, new_request_id=lambda: str(uuid7())
        )
        self.http = client(self.app)
        self.token = {"Authorization": f"Bearer {user.tokens['access_token']}"}

    def start_listings(self, count: int = 1) -> list[asyncio.Task[httpx.Response]]:
        return [asyncio.create_task(self.http.get("/v1/files", headers=self.token)) for _ in range(count)]

    async def fill(self) -> list[asyncio.Task[httpx.Response]]:
        """Start as many requests as the limit allows, and wait until all run."""
        tasks = self.start_listings(MAX_REQUESTS)
        await self.files.wait_for_calls(MAX_REQUESTS)
        return tasks

    async def read_metric(self, name: str) -> float:
        text = (await self.http.get("/metrics")).text
        found = re.search(rf'^{name}{{room="work"}} (\S+)$', text, re.MULTILINE)
        assert found, text
        return float(found[1])


@pytest.fixture
async def limited(own: Gateway) -> LimitedGateway:
    return LimitedGateway(own, await own.user())


async def test_requests_above_the_limit_get_503_with_retry_after(limited: LimitedGateway) -> None:
    running = await limited.fill()
    rejected = await limited.http.get("/v1/files", headers=limited.token | {"X-Request-Id": "one-more"})
    assert assert_problem(rejected, 503, "unavailable")["request_id"] == "one-more"
    assert int(rejected.headers["retry-after"]) >= 1
    assert limited.files.waiting == MAX_REQUESTS, "the service was not called"
    limited.files.gate.set()
    assert {(await task).status_code for task in running} == {200}
    assert (await limited.http.get("/v1/files", headers=limited.token)).status_code == 200, "the limit is free again"


async def test_health_checks_are_answered_at_the_limit(limited: LimitedGateway) -> None:
    running = await limited.fill()
    for path in ("/healthz", "/readyz", "/metrics"):
        assert (await limited.http.get(path)).status_code == 200, path
    limited.files.gate.set()
    await asyncio.gather(*running)


async def test_metrics_count_running_and_rejected_requests(limited: LimitedGateway) -> None:
    assert await limited.read_metric("drivebay_http_requests_inside") == 0
    running = await limited.fill()
    before = await limited.read_metric("drivebay_http_requests_shed_total")
    for task in limited.start_listings(5):
        assert (await task).status_code == 503
    assert await limited.read_metric("drivebay_http_requests_inside") == MAX_REQUESTS
    assert await limited.read_metric("drivebay_http_requests_shed_total") == before + 5
    limited.files.gate.set()
    await asyncio.gather(*running)
    assert await limited.read_metric("drivebay_http_requests_inside") == 0


async def test_logins_have_their_own_limit(limited: LimitedGateway) -> None:
    account = {"email": "somebody@example.com", "password": "a wrong password"}
    logins = [asyncio.create_task(limited.http.post("/v1/login", json=account)) for _ in range(MAX_REQUESTS)]
    await limited.auth.wait_for_calls(MAX_REQUESTS)
    assert_problem(await limited.http.post("/v1/login", json=account), 503, "unavailable")
    limited.files.gate.set()
    assert (await limited.http.get("/v1/files", headers=limited.token)).status_code == 200
    limited.auth.gate.set()
    assert {(await login).status_code for login in logins} == {401}


async def test_cancelled_and_failed_requests_release_the_limiter(limited: LimitedGateway) -> None:
    running = await limited.fill()
    for task in running:
        task.cancel()
    await asyncio.wait(running)
    limited.files.gate.set()
    for _ in range(MAX_REQUESTS + 1):  # each gets a problem document
        assert (await limited.http.get("/v1/files?limit=0", headers=limited.token)).status_code == 422
    assert (await limited.http.get("/v1/files", headers=limited.token)).status_code == 200


async def test_slow_bodies_do_not_count_against_the_limit(limited: LimitedGateway) -> None:
    limited.files.gate.set()
    rest = asyncio.Event()
    senders = []
    for _ in range(MAX_REQUESTS + 2):
        senders.append(asyncio.create_task(_sends_slowly(limited, rest)))
        assert (await limited.http.get("/v1/files", headers=limited.token)).status_code == 200
    rest.set()
    assert sorted(await asyncio.gather(*senders)) == [201, *[409] * (MAX_REQUESTS + 1)]


async def _sends_slowly(limited: LimitedGateway, rest: asyncio.Event) -> int:
    parts = [b'{"name": ', b'"a folder"}']
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        if len(parts) == 1:
            await rest.wait()
        return {"type": "http.request", "body": parts.pop(0), "more_body": bool(parts)}

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(name.lower().encode(), value.encode()) for name, value in limited.token.items()]
    scope = {"type": "http", "method": "POST", "path": "/v1/folders", "query_string": b"", "headers": headers}
    await limited.app({**scope, "client": ("192.0.2.7", 1)}, receive, send)
    return int(sent[0]["status"])


# -- the share of each user ------------------------------------------------------------------------


class SharingGateway(LimitedGateway):
    """A gateway whose users may have two requests at once, and whose listings wait at a gate."""

    settings = Settings(user_requests=2, user_streams=1, trusted_proxies=("192.0.2.0/24",))


async def test_one_user_cannot_use_up_the_requests(own: Gateway) -> None:
    user, other = await own.user(), await own.user()
    sharing = SharingGateway(own, user)
    running = sharing.start_listings(2)
    await sharing.files.wait_for_calls(2)
    over = await sharing.http.get("/v1/files", headers=sharing.token)
    assert_problem(over, 429, "rate_limited")
    assert int(over.headers["retry-after"]) >= 1
    sharing.files.gate.set()
    theirs = {"Authorization": f"Bearer {other.tokens['access_token']}"}
    assert (await sharing.http.get("/v1/files", headers=theirs)).status_code == 200
    assert {(await task).status_code for task in running} == {200}
    for _ in range(3):  # the limit is free again
        assert (await sharing.http.get("/v1/files", headers=sharing.token)).status_code == 200


@pytest.mark.parametrize("own", [{"user_requests": 2, "login_limit": Rate(1, timedelta(hours=1))}], indirect=True)
async def test_responses_say_how_many_more_requests_are_allowed(own: Gateway) -> None:
    user = await own.user()
    answer = await user.call("GET", "/v1/files")
    assert answer.headers["ratelimit-policy"] == '"requests";q=2;qu="concurrent-requests"'
    assert answer.headers["ratelimit"] == '"requests";r=1'
    login = {"email": user.email, "password": "another password"}
    answers = [await own.http.post("/v1/login", json=login) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [401, 429]
    state = answers[1].headers["ratelimit"]
    assert state == f'"requests";r=1, "attempts";r=0;t={answers[1].headers["retry-after"]}'
    assert "ratelimit" not in (await own.http.get("/healthz")).headers


async def test_cancelled_requests_release_the_limit(own: Gateway) -> None:
    sharing = SharingGateway(own, await own.user())
    running = sharing.start_listings(2)
    await sharing.files.wait_for_calls(2)
    for task in running:
        task.cancel()
    await asyncio.wait(running)
    sharing.files.gate.set()
    assert (await sharing.http.get("/v1/files", headers=sharing.token)).status_code == 200


async def test_without_a_login_the_limit_is_that_of_the_network(own: Gateway) -> None:
    sharing = SharingGateway(own, await own.user())
    account = {"email": "somebody@example.com", "password": "a wrong password"}

    def log_in(address: str) -> asyncio.Task[httpx.Response]:
        forwarded = {"X-Forwarded-For": address}
        return asyncio.create_task(sharing.http.post("/v1/login", json=account, headers=forwarded))

    running = [log_in(address) for address in ("[2001:db8::1]:4711", "2001:db8::2")]
    await sharing.auth.wait_for_calls(2)
    assert_problem(await log_in("2001:db8::3"), 429, "rate_limited")
    others = [log_in("2001:db8:0:1::1"), log_in("203.0.113.7:4711")]
    await sharing.auth.wait_for_calls(4)
    sharing.auth.gate.set()
    assert {(await task).status_code for task in (*running, *others)} == {401}


async def test_unknown_api_tokens_of_a_network_leave_the_requests_of_others(own: Gateway) -> None:
    user = await own.user()
    sharing = SharingGateway(own, user)
    sharing.files.gate.set()
    own.clock.stopped = datetime.now(UTC)
    created = await user.ok("POST", "/v1/me/tokens", {"name": "a", "scopes": ["read"]})

    def send(secret: str, address: str) -> asyncio.Task[httpx.Response]:
        headers = {"Authorization": f"Bearer {secret}", "X-Forwarded-For": address}
        return asyncio.create_task(sharing.http.get("/v1/files", headers=headers))

    running = [send(f"dbt_{letter * 43}", f"2001:db8::{letter}") for letter in "ab"]
    await sharing.auth.wait_for_calls(2)
    refused = await send("dbt_" + "c" * 43, "2001:db8::c")
    assert_problem(refused, 429, "rate_limited")
    assert refused.headers["ratelimit"] == '"requests";r=0;t=1'
    elsewhere = send(created["token"], "203.0.113.7")
    await sharing.auth.wait_for_calls(3)
    sharing.auth.gate.set()
    assert (await elsewhere).status_code == 200
    assert {(await task).status_code for task in running} == {401}
    # A token that was verified some seconds ago needs no call, so it is not limited by its network.
    sharing.auth.gate.clear()
    running = [send(f"dbt_{letter * 43}", f"2001:db8::{letter}") for letter in "ab"]
    await sharing.auth.wait_for_calls(5)
    assert (await send(created["token"], "2001:db8::d")).status_code == 200
    sharing.auth.gate.set()
    assert {(await task).status_code for task in running} == {401}


async def test_slow_bodies_count_in_the_limit(own: Gateway) -> None:
    sharing = SharingGateway(own, await own.user())
    sharing.files.gate.set()
    rest = asyncio.Event()
    senders = [asyncio.create_task(_sends_slowly(sharing, rest)) for _ in range(2)]
    await asyncio.sleep(0)

    async def is_over() -> bool:
        return (await sharing.http.get("/v1/files", headers=sharing.token)).status_code == 429

    await eventually(is_over, every=0.01)
    rest.set()
    assert sorted(await asyncio.gather(*senders)) == [201, 409]


# -- the adaptive limit ----------------------------------------------------------------------------


def _busy_limiter(most: int, *, adaptive: bool = True) -> ConcurrencyLimiter:
    """Return a limiter with requests that stay."""
    limiter = ConcurrencyLimiter("test", most, adaptive=adaptive)
    for _ in range(min(most - 1, MIN_LIMIT // 2)):
        assert limiter.acquire()
    return limiter


def _finish_requests(limiter: ConcurrencyLimiter, count: int, seconds: float, *, at: float) -> None:
    for _ in range(count):
        assert limiter.acquire()
        limiter.release(at - seconds, at)


def test_the_limit_falls_to_its_minimum_while_most_responses_are_slow() -> None:
    limiter = _busy_limiter(256)
    seen = []
    for second in range(1, 40):
        _finish_requests(limiter, 5, SLOW_RESPONSE * 2, at=float(second))
        _finish_requests(limiter, 4, SLOW_RESPONSE / 2, at=float(second))
        seen.append(limiter.limit)
    assert seen == sorted(seen, reverse=True)
    assert seen[0] < 256
    assert seen[-1] == MIN_LIMIT


def test_the_limit_recovers_when_most_responses_are_fast() -> None:
    limiter = _busy_limiter(256)
    for second in range(1, 20):
        _finish_requests(limiter, 5, SLOW_RESPONSE * 2, at=float(second))
    for second in range(20, 80):
        _finish_requests(limiter, 4, SLOW_RESPONSE * 2, at=float(second))
        _finish_requests(limiter, 5, SLOW_RESPONSE / 2, at=float(second))
    assert limiter.limit == 256


def test_the_limit_stays_while_few_requests_run() -> None:
    limiter = ConcurrencyLimiter("test", 256, adaptive=True)
    for second in range(1, 10):
        _finish_requests(limiter, 5, SLOW_RESPONSE * 2, at=float(second))
    assert limiter.limit == 256


def test_a_maximum_below_the_minimum_limit_is_kept() -> None:
    limiter = _busy_limiter(2)
    for second in range(1, 10):
        _finish_requests(limiter, 1, SLOW_RESPONSE * 2, at=float(second))
    assert limiter.limit == 2


def test_a_limiter_that_is_not_adaptive_keeps_its_limit() -> None:
    limiter = _busy_limiter(256, adaptive=False)
    for second in range(1, 10):
        _finish_requests(limiter, 5, SLOW_RESPONSE * 2, at=float(second))
    assert limiter.limit == 256


def test_rejections_are_delayed_only_above_their_rate() -> None:
    limiter = ConcurrencyLimiter("test", 1)
    assert {
        limiter.rejection_delay(second / MAX_REJECTIONS_PER_SECOND) for second in range(5 * MAX_REJECTIONS_PER_SECOND)
    } == {0.0}
    delays = [limiter.rejection_delay(5.0) for _ in range(10 * MAX_REJECTIONS_PER_SECOND)]
    assert delays[0] == 0.0, "a burst is not delayed"
    assert delays == sorted(delays), "delays keep the order"
    assert delays[-1] == MAX_REJECTION_DELAY
    assert limiter.rejection_delay(5.0 + MAX_REJECTION_DELAY + 1.0) == 0.0, "the limit is free again"
