"""A full house: who is let in, who is told to come back, and that it passes."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import httpx
import pytest
from uuid_utils.compat import uuid7

from drivebay.gateway import app as gateway
from drivebay.gateway.room import HOLD, LEAST, PATIENCE, REFUSALS, Room
from drivebay.gateway.settings import Settings
from drivebay.testing.client import eventually

from .conftest import Gateway, User, assert_problem, client

MOST = 3


class Gated:
    """A service that works slowly: every call of its named methods waits at a gate; `waiting` is how many do."""

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
            async with asyncio.timeout(15):  # whoever should have been refused gets an end too
                await self.gate.wait()
            return await method(*arguments)

        return call

    async def holds(self, count: int) -> None:
        async def so() -> bool:
            return self.waiting == count

        await eventually(so, every=0.01)


class House:
    """A gateway with room for three, whose files and logins wait at gates, and a user of it."""

    def __init__(self, own: Gateway, user: User) -> None:
        self.files: Any = Gated(own.files, "list_files", "create_folder")
        self.auth: Any = Gated(own.auth, "log_in")
        settings = Settings(max_requests=MOST)
        self.app = gateway.create(self.auth, self.files, own.storage, settings, now=own.clock, new_id=uuid7)
        self.http = client(self.app)
        self.token = {"Authorization": f"Bearer {user.tokens['access_token']}"}

    def lists(self, count: int = 1) -> list[asyncio.Task[httpx.Response]]:
        return [asyncio.create_task(self.http.get("/v1/files", headers=self.token)) for _ in range(count)]

    async def filled(self) -> list[asyncio.Task[httpx.Response]]:
        """As many requests as there is room for, all of them inside."""
        tasks = self.lists(MOST)
        await self.files.holds(MOST)
        return tasks

    async def figure(self, name: str) -> float:
        text = (await self.http.get("/metrics")).text
        found = re.search(rf'^{name}{{room="work"}} (\S+)$', text, re.MULTILINE)
        assert found, text
        return float(found[1])


@pytest.fixture
async def house(own: Gateway) -> House:
    return House(own, await own.user())


async def test_as_many_as_fit_are_let_in_and_one_more_is_told_to_come_back(house: House) -> None:
    inside = await house.filled()
    refused = await house.http.get("/v1/files", headers=house.token | {"X-Request-Id": "one-more"})
    assert assert_problem(refused, 503, "unavailable")["request_id"] == "one-more"
    assert int(refused.headers["retry-after"]) >= 1
    assert house.files.waiting == MOST, "the service behind never heard of it"
    house.files.gate.set()
    assert {(await task).status_code for task in inside} == {200}
    assert (await house.http.get("/v1/files", headers=house.token)).status_code == 200, "and it passes"


async def test_a_full_house_still_says_how_it_is(house: House) -> None:
    inside = await house.filled()
    for path in ("/healthz", "/readyz", "/metrics"):
        assert (await house.http.get(path)).status_code == 200, path
    house.files.gate.set()
    await asyncio.gather(*inside)


async def test_the_figures_say_who_is_inside_and_who_was_refused(house: House) -> None:
    assert await house.figure("drivebay_http_requests_inside") == 0
    inside = await house.filled()
    before = await house.figure("drivebay_http_requests_shed_total")
    for task in house.lists(5):
        assert (await task).status_code == 503
    assert await house.figure("drivebay_http_requests_inside") == MOST
    assert await house.figure("drivebay_http_requests_shed_total") == before + 5
    house.files.gate.set()
    await asyncio.gather(*inside)
    assert await house.figure("drivebay_http_requests_inside") == 0


async def test_a_rush_of_logins_keeps_nobody_from_their_files(house: House) -> None:
    account = {"email": "somebody@example.com", "password": "a wrong password"}
    logins = [asyncio.create_task(house.http.post("/v1/login", json=account)) for _ in range(MOST)]
    await house.auth.holds(MOST)
    assert_problem(await house.http.post("/v1/login", json=account), 503, "unavailable")
    house.files.gate.set()
    assert (await house.http.get("/v1/files", headers=house.token)).status_code == 200
    house.auth.gate.set()
    assert {(await login).status_code for login in logins} == {401}


async def test_who_gives_up_leaves_and_who_is_refused_inside_does_too(house: House) -> None:
    inside = await house.filled()
    for task in inside:
        task.cancel()
    await asyncio.wait(inside)
    house.files.gate.set()
    for _ in range(MOST + 1):  # answered with a problem, each of them
        assert (await house.http.get("/v1/files?limit=0", headers=house.token)).status_code == 422
    assert (await house.http.get("/v1/files", headers=house.token)).status_code == 200


async def test_bodies_that_come_slowly_take_no_room(house: House) -> None:
    house.files.gate.set()
    rest = asyncio.Event()
    senders = []
    for _ in range(MOST + 2):
        senders.append(asyncio.create_task(_sends_slowly(house, rest)))
        assert (await house.http.get("/v1/files", headers=house.token)).status_code == 200
    rest.set()
    assert sorted(await asyncio.gather(*senders)) == [201, *[409] * (MOST + 1)]


async def _sends_slowly(house: House, rest: asyncio.Event) -> int:
    parts = [b'{"name": ', b'"a folder"}']
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        if len(parts) == 1:
            await rest.wait()
        return {"type": "http.request", "body": parts.pop(0), "more_body": bool(parts)}

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(name.lower().encode(), value.encode()) for name, value in house.token.items()]
    scope = {"type": "http", "method": "POST", "path": "/v1/folders", "query_string": b"", "headers": headers}
    await house.app({**scope, "client": ("192.0.2.7", 1)}, receive, send)
    return int(sent[0]["status"])


# -- the bound that moves -------------------------------------------------------------------------


def _crowded(most: int, *, moves: bool = True) -> Room:
    """A room with some in it who stay."""
    room = Room("test", most, moves=moves)
    for _ in range(min(most - 1, LEAST // 2)):
        assert room.enter()
    return room


def _answers(room: Room, count: int, took: float, *, at: float) -> None:
    for _ in range(count):
        assert room.enter()
        room.leave(at - took, at)


def test_while_most_answers_are_late_fewer_are_let_in_but_never_too_few() -> None:
    room = _crowded(256)
    seen = []
    for second in range(1, 40):
        _answers(room, 5, PATIENCE * 2, at=float(second))
        _answers(room, 4, PATIENCE / 2, at=float(second))
        seen.append(room.limit)
    assert seen == sorted(seen, reverse=True)
    assert seen[0] < 256
    assert seen[-1] == LEAST


def test_when_most_are_in_time_again_all_the_room_comes_back() -> None:
    room = _crowded(256)
    for second in range(1, 20):
        _answers(room, 5, PATIENCE * 2, at=float(second))
    for second in range(20, 80):
        _answers(room, 4, PATIENCE * 2, at=float(second))
        _answers(room, 5, PATIENCE / 2, at=float(second))
    assert room.limit == 256


def test_where_few_are_inside_being_late_closes_no_door() -> None:
    room = Room("test", 256, moves=True)
    for second in range(1, 10):
        _answers(room, 5, PATIENCE * 2, at=float(second))
    assert room.limit == 256


def test_a_room_that_is_small_by_choice_stays_so() -> None:
    room = _crowded(2)
    for second in range(1, 10):
        _answers(room, 1, PATIENCE * 2, at=float(second))
    assert room.limit == 2


def test_where_slow_is_usual_the_bound_stays() -> None:
    room = _crowded(256, moves=False)
    for second in range(1, 10):
        _answers(room, 5, PATIENCE * 2, at=float(second))
    assert room.limit == 256


def test_refusals_are_given_at_once_unless_there_are_too_many() -> None:
    room = Room("test", 1)
    assert {room.hold(second / REFUSALS) for second in range(5 * REFUSALS)} == {0.0}
    held = [room.hold(5.0) for _ in range(10 * REFUSALS)]
    assert held[0] == 0.0, "a few at once are nothing"
    assert held == sorted(held), "nobody overtakes"
    assert held[-1] == HOLD
    assert room.hold(5.0 + HOLD + 1.0) == 0.0, "and it passes"
