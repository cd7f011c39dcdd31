"""Unexpected exceptions, incomplete requests and repeated headers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from uuid_utils.compat import uuid7

from drivebay.auth.settings import Rate
from drivebay.gateway import app as gateway
from drivebay.gateway.settings import Settings

from .conftest import Gateway, User, assert_problem, client

SECRET_MESSAGE = "password of the database: hunter2"


class BrokenService:
    """A service whose methods raise an exception with a secret in its message."""

    def __getattr__(self, name: str) -> Any:
        async def fail(*_: object) -> None:
            raise RuntimeError(SECRET_MESSAGE)

        return fail


@pytest.mark.parametrize("path", ["/.well-known/jwks.json", "/readyz"])
async def test_an_unexpected_exception_gives_500_without_details(path: str) -> None:
    broken: Any = BrokenService()
    app = gateway.create_app(
        broken, broken, broken, Settings(), now=lambda: datetime.now(UTC), new_request_id=lambda: str(uuid7())
    )
    async with client(app) as http:
        response = await http.get(path, headers={"X-Request-Id": "broken-1"})
    assert assert_problem(response, 500, "internal")["request_id"] == "broken-1"
    assert response.headers["x-content-type-options"] == "nosniff"
    assert "hunter2" not in response.text
    assert "RuntimeError" not in response.text


@pytest.mark.parametrize("body", [b'{"name": "f"', b'{"name": "f"}'])
async def test_an_incomplete_body_has_no_effect(user: User, shared: Gateway, body: bytes) -> None:
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


@pytest.mark.parametrize("own", [{"body_timeout": timedelta(milliseconds=100)}], indirect=True)
async def test_a_body_that_does_not_arrive_times_out(own: Gateway) -> None:
    async def body() -> AsyncIterator[bytes]:
        yield b'{"refresh_token": '
        await asyncio.sleep(10)
        yield b'"too late"}'

    response = await own.http.post("/v1/logout", content=body())
    assert_problem(response, 400, "malformed_body")


@pytest.mark.parametrize("length", ["-1", "abc", "1.5", "", "+5", "5, 5", "٣"])
async def test_an_invalid_content_length_gives_no_500(user: User, length: str) -> None:
    headers = {b"Content-Length": length.encode(), b"Content-Type": b"application/json"}
    response = await user.http.post("/v1/logout", content=b'{"refresh_token": "x"}', headers=headers)
    assert response.status_code in (204, 400, 413)


async def test_two_authorization_headers_are_rejected(user: User, other: User) -> None:
    both = [("Authorization", f"Bearer {who.tokens['access_token']}") for who in (user, other)]
    response = await user.http.get("/v1/me", headers=both)
    assert_problem(response, 401, "unauthenticated")


async def test_two_if_match_headers_are_one_list(user: User) -> None:
    path = f"/v1/files/{(await user.ok('POST', '/v1/folders', {'name': 'f'}))['id']}"
    etag = (await user.call("GET", path)).headers["etag"]
    token = ("Authorization", f"Bearer {user.tokens['access_token']}")
    lines = [token, ("If-Match", etag), ("If-Match", '"x"')]  # RFC 9110, 5.3: the same as one line with both
    assert (await user.http.patch(path, json={"name": "g"}, headers=lines)).status_code == 200


LIMITED = {"signup_limit": Rate(2, timedelta(hours=1)), "trusted_proxies": ("192.0.2.0/24",)}


@pytest.mark.parametrize("own", [LIMITED], indirect=True)
@pytest.mark.parametrize("lines", [1, 2])
async def test_an_invented_address_does_not_bypass_the_rate_limit(own: Gateway, lines: int) -> None:
    statuses = []
    for n in range(4):
        invented, real = f"198.51.100.{n}", "203.0.113.9"
        sent = [f"{invented}, {real}"] if lines == 1 else [invented, real]
        account = {"email": f"{uuid4().hex}@example.com", "password": "correct horse"}
        headers = [("X-Forwarded-For", line) for line in sent]
        statuses.append((await own.http.post("/v1/signup", json=account, headers=headers)).status_code)
    assert statuses == [201, 201, 429, 429]
