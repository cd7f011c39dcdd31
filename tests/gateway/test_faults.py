"""What nobody foresaw, and requests that break off or say a thing twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from uuid_utils.compat import uuid7

from drivebay.auth.throttle import Rate
from drivebay.gateway import app as gateway
from drivebay.gateway.settings import Settings

from .conftest import Gateway, User, assert_problem, client

WORDS = "password of the database: hunter2"


class Defect:
    """A service with a defect in every method, whose message nobody outside may read."""

    def __getattr__(self, name: str) -> Any:
        async def fail(*_: object) -> None:
            raise RuntimeError(WORDS)

        return fail


@pytest.mark.parametrize("path", ["/.well-known/jwks.json", "/readyz"])
async def test_a_defect_is_an_internal_problem_that_tells_nothing(path: str) -> None:
    broken: Any = Defect()
    app = gateway.create(broken, broken, broken, Settings(), now=lambda: datetime.now(UTC), new_id=uuid7)
    async with client(app) as http:
        response = await http.get(path, headers={"X-Request-Id": "broken-1"})
    assert assert_problem(response, 500, "internal")["request_id"] == "broken-1"
    assert response.headers["x-content-type-options"] == "nosniff"
    assert "hunter2" not in response.text
    assert "RuntimeError" not in response.text


@pytest.mark.parametrize("body", [b'{"name": "f"', b'{"name": "f"}'])
async def test_a_body_that_breaks_off_makes_nothing(user: User, shared: Gateway, body: bytes) -> None:
    messages: Iterator[dict[str, Any]] = iter(
        [{"type": "http.request", "body": body, "more_body": True}, {"type": "http.disconnect"}]
    )
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return next(messages)

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(b"authorization", f"Bearer {user.tokens['access_token']}".encode())]
    scope = {"type": "http", "method": "POST", "path": "/v1/folders", "query_string": b"", "headers": headers}
    await shared.app({**scope, "client": ("192.0.2.7", 1)}, receive, send)
    assert sent[0]["status"] == 400
    assert (await user.ok("GET", "/v1/files", parameters={"parent_id": "root"}))["items"] == []


@pytest.mark.parametrize("own", [{"body_within": timedelta(milliseconds=100)}], indirect=True)
async def test_a_body_that_does_not_come_is_not_waited_for(own: Gateway) -> None:
    async def body() -> AsyncIterator[bytes]:
        yield b'{"refresh_token": '
        await asyncio.sleep(10)
        yield b'"too late"}'

    response = await own.http.post("/v1/logout", content=body())
    assert_problem(response, 400, "malformed_body")


@pytest.mark.parametrize("length", ["-1", "abc", "1.5", "", "+5", "5, 5", "٣"])
async def test_a_length_that_is_none_is_no_fault_of_ours(user: User, length: str) -> None:
    headers = {b"Content-Length": length.encode(), b"Content-Type": b"application/json"}
    response = await user.http.post("/v1/logout", content=b'{"refresh_token": "x"}', headers=headers)
    assert response.status_code in (204, 400, 413)


async def test_two_tokens_are_not_one(user: User, other: User) -> None:
    both = [("Authorization", f"Bearer {who.tokens['access_token']}") for who in (user, other)]
    response = await user.http.get("/v1/me", headers=both)
    assert_problem(response, 401, "unauthenticated")


async def test_tags_on_two_lines_are_one_list(user: User) -> None:
    path = f"/v1/files/{(await user.ok('POST', '/v1/folders', {'name': 'f'}))['id']}"
    etag = (await user.call("GET", path)).headers["etag"]
    token = ("Authorization", f"Bearer {user.tokens['access_token']}")
    lines = [token, ("If-Match", etag), ("If-Match", '"x"')]  # RFC 9110, 5.3: the same as one line with both
    assert (await user.http.patch(path, json={"name": "g"}, headers=lines)).status_code == 200


LIMITED = {"signup_limit": Rate(2, timedelta(hours=1)), "trusted_proxies": ("192.0.2.0/24",)}


@pytest.mark.parametrize("own", [LIMITED], indirect=True)
@pytest.mark.parametrize("lines", [1, 2])
async def test_an_address_that_a_client_made_up_does_not_help_it(own: Gateway, lines: int) -> None:
    statuses = []
    for n in range(4):
        made_up, real = f"198.51.100.{n}", "203.0.113.9"
        sent = [f"{made_up}, {real}"] if lines == 1 else [made_up, real]
        account = {"email": f"{uuid4().hex}@example.com", "password": "correct horse"}
        headers = [("X-Forwarded-For", line) for line in sent]
        statuses.append((await own.http.post("/v1/signup", json=account, headers=headers)).status_code)
    assert statuses == [201, 201, 429, 429]
