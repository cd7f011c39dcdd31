"""One user cannot starve the others: slow uploads, and very many empty files, over real connections."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from drivebay.testing import world
from drivebay.testing.client import Client

from .conftest import FAST, http_client

STREAMS = 16
SLOW = 64
LIMITS = {"DRIVEBAY_USER_STREAMS": str(STREAMS), "DRIVEBAY_MAX_ENTRIES": "150"}
TUS = {"Tus-Resumable": "1.0.0"}


@pytest.fixture
async def users(server_environment: dict[str, str], tmp_path: Path) -> AsyncIterator[tuple[Client, Client]]:
    """Two users of one process with the default limit of streams, and a low limit of entries."""
    async with (
        world.run(tmp_path, FAST | server_environment | LIMITS, "one") as running,
        http_client() as one,
        http_client() as two,
    ):
        yield await Client(one, running.api).sign_up(), await Client(two, running.api).sign_up()


def bearer(user: Client) -> dict[str, str]:
    return {"Authorization": f"Bearer {user.tokens['access_token']}"}


async def create(user: Client, name: str, length: int) -> str:
    """Create a tus upload and return its URL."""
    headers = bearer(user) | TUS | {
        "Upload-Length": str(length), "Upload-Metadata": f"filename {base64.b64encode(name.encode()).decode()}",
    }  # fmt: skip
    response = await user.http.post(f"{user.api}/v1/tus", headers=headers)
    assert response.status_code == 201, response.text
    return str(httpx.URL(user.api).join(response.headers["location"]))


class SlowRequest:
    """A PATCH that has sent one byte of two."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    @classmethod
    async def begin(cls, user: Client, at: str) -> SlowRequest:
        url = urlsplit(at)
        self = cls(*await asyncio.open_connection(url.hostname, url.port))
        headers = bearer(user) | TUS | {
            "Host": url.netloc, "Upload-Offset": "0", "Content-Length": "2",
            "Content-Type": "application/offset+octet-stream",
        }  # fmt: skip
        lines = [f"PATCH {url.path}?{url.query} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
        self._writer.write("\r\n".join([*lines, "", "x"]).encode())
        await self._writer.drain()
        return self

    async def status(self) -> int:
        """Return the status of the response, when there is one."""
        line = await self._reader.readline()
        return int(line.split()[1])

    async def end(self) -> int:
        """Send the other byte, and return the status of the response."""
        self._writer.write(b"y")
        await self._writer.drain()
        return await self.status()

    def close(self) -> None:
        self._writer.close()


async def test_slow_uploads_of_one_user_leave_the_streams_of_others(users: tuple[Client, Client]) -> None:
    slow, other = users
    uploads = [await create(slow, f"{number}.bin", 2) for number in range(SLOW)]
    requests = [await SlowRequest.begin(slow, at) for at in uploads]
    answers = {asyncio.create_task(request.status()): request for request in requests}
    refused: list[SlowRequest] = []
    while len(refused) < SLOW - STREAMS:
        done, _ = await asyncio.wait(answers, timeout=30, return_when=asyncio.FIRST_COMPLETED)
        assert done, "the gateway answers requests above the limit at once"
        for task in done:
            assert task.result() == 429
            refused.append(answers.pop(task))
    assert len(answers) == STREAMS
    # The others are served meanwhile, and so are other requests of this user.
    at = await create(other, "quick.bin", 5)
    patch = bearer(other) | TUS | {"Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}
    sent = await other.http.patch(at, content=b"hello", headers=patch)
    assert sent.status_code == 204, sent.text
    assert await other.names() == ["quick.bin"]
    assert await slow.names() == []
    assert not any(task.done() for task in answers)
    running = list(answers.values())
    for task in answers:
        task.cancel()
    await asyncio.wait(answers)
    assert [await request.end() for request in running] == [204] * STREAMS
    for request in requests:
        request.close()
    assert len(await slow.names()) == STREAMS


async def test_a_flood_of_empty_files_ends_at_the_limit_of_its_drive(users: tuple[Client, Client]) -> None:
    flooding, other = users

    async def flood(number: int) -> list[int]:
        statuses = []
        for step in range(50):
            body = {"name": f"{number}-{step}", "size": 0, "content_type": "text/plain", "on_conflict": "fail"}
            response = await flooding.call("POST", "/v1/uploads", body)
            statuses.append(response.status_code)
        return statuses

    floods = [asyncio.create_task(flood(number)) for number in range(8)]
    served = 0
    while not all(task.done() for task in floods):
        stored = await other.store(f"{served}.txt", f"{served}".encode())
        assert stored["size"] == len(f"{served}")
        served += 1
    statuses = [status for task in floods for status in await task]
    assert set(statuses) == {201, 507}
    assert statuses.count(201) == 150
    assert served >= 1
    assert len(await other.names()) == served


async def test_a_client_sees_its_limit_of_streams(users: tuple[Client, Client]) -> None:
    user, _ = users
    at = await create(user, "a.bin", 5)
    headers = bearer(user) | TUS | {"Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}
    response: httpx.Response = await user.http.patch(at, content=b"hello", headers=headers)
    assert response.headers["ratelimit-policy"] == f'"streams";q={STREAMS};qu="concurrent-requests"'
    assert response.headers["ratelimit"] == f'"streams";r={STREAMS - 1}'
