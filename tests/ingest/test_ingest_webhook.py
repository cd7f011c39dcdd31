"""The door for stores that POST: nothing without the token, and 200 only for what JetStream has stored."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import httpx
import pytest
from ingest_fakes import RecordingFiles, event, running, some_ref, until

from drivebay.embedded.nats import Nats
from drivebay.errors import Unavailable
from drivebay.ingest.events import Message
from drivebay.ingest.settings import Settings
from drivebay.ingest.webhook import LARGEST, Webhook

TOKEN = "0123456789abcdef" * 2
BEARER = {"Authorization": f"Bearer {TOKEN}"}


class Kept:
    """An outlet that keeps what it is given, once `gate` is open, and fails while it is `broken`."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.broken = False

    async def publish(self, messages: Sequence[Message]) -> None:
        await self.gate.wait()
        if self.broken:
            raise Unavailable("down")
        self.messages += messages


@asynccontextmanager
async def door(hook: Webhook, outlet: Kept | None = None) -> AsyncIterator[httpx.AsyncClient]:
    forwarding = asyncio.create_task(hook.forward(outlet)) if outlet is not None else None  # type: ignore[arg-type]
    transport = httpx.ASGITransport(hook)  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://door", timeout=10) as http:
        await asyncio.sleep(0)
        yield http
    if forwarding is not None:
        forwarding.cancel()
        await asyncio.wait([forwarding])


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": ""},
        {"Authorization": TOKEN},
        {"Authorization": f"Basic {TOKEN}"},
        {"Authorization": "Bearer "},
        {"Authorization": f"Bearer {TOKEN}0"},
        {"Authorization": f"Bearer {TOKEN[:-1]}"},
        {"Authorization": f"Bearer {TOKEN.upper()}"},
        {"X-Token": TOKEN},
    ],
)
async def test_without_the_token_nothing_is_taken(headers: dict[str, str]) -> None:
    kept = Kept()
    async with door(Webhook(TOKEN), kept) as http:
        for method, path in (("POST", "/events"), ("GET", "/events"), ("POST", "/else")):
            answer = await http.request(method, path, headers=headers, content=b"{}")
            assert answer.status_code == 401
            assert answer.headers["www-authenticate"] == "Bearer"
    assert kept.messages == []


async def test_the_word_before_the_token_is_of_any_case() -> None:
    async with door(Webhook(TOKEN), Kept()) as http:
        answer = await http.post("/events", headers={"Authorization": f"bearer {TOKEN}"}, content=b"{}")
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/events", 405), ("PUT", "/events", 405), ("POST", "/", 404)]
)
async def test_only_a_post_to_its_one_path_is_an_event(method: str, path: str, status: int) -> None:
    kept = Kept()
    async with door(Webhook(TOKEN), kept) as http:
        assert (await http.request(method, path, headers=BEARER)).status_code == status
    assert kept.messages == []


async def test_200_waits_for_the_queue() -> None:
    kept = Kept()
    kept.gate.clear()
    async with door(Webhook(TOKEN), kept) as http:
        answer = asyncio.create_task(http.post("/events", headers=BEARER, content=b"{}"))
        await asyncio.wait([answer], timeout=0.1)
        assert not answer.done()
        kept.gate.set()
        assert (await answer).status_code == 200
    assert [message.payload for message in kept.messages] == [b"{}"]


async def test_a_queue_that_fails_is_503_and_the_connection_is_given_up() -> None:
    kept, hook = Kept(), Webhook(TOKEN)
    kept.broken = True
    forwarding = asyncio.create_task(hook.forward(kept))  # type: ignore[arg-type]
    async with door(hook) as http:
        answer = await http.post("/events", headers=BEARER, content=b"{}")
        assert answer.status_code == 503
        assert int(answer.headers["retry-after"]) >= 1
        with pytest.raises(Unavailable):
            await asyncio.wait_for(forwarding, 5)
        assert (await http.post("/events", headers=BEARER, content=b"{}")).status_code == 503


async def test_the_same_event_again_is_the_same_message() -> None:
    kept = Kept()
    async with door(Webhook(TOKEN), kept) as http:
        for body in (b"one", b"one", b"two"):
            assert (await http.post("/events", headers=BEARER, content=body)).status_code == 200
    ids = [message.id for message in kept.messages]
    assert ids[0] == ids[1] != ids[2]


@pytest.mark.parametrize(("size", "status"), [(LARGEST, 200), (LARGEST + 1, 413)])
async def test_a_body_has_a_largest_size(size: int, status: int) -> None:
    kept = Kept()
    async with door(Webhook(TOKEN), kept) as http:
        assert (await http.post("/events", headers=BEARER, content=b"x" * size)).status_code == status
    assert len(kept.messages) == (status == 200)


@asynccontextmanager
async def ingesting(files: RecordingFiles, settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """Ingest with a webhook, as the node runs it, and a store that POSTs to it."""
    hook = Webhook(TOKEN)
    async with running(files, settings, webhook=hook), door(hook) as http:
        yield http


async def posted(http: httpx.AsyncClient, payload: bytes) -> int:
    return (await http.post("/events", headers=BEARER, content=payload)).status_code


async def delivered(http: httpx.AsyncClient, payload: bytes) -> None:
    """As a store with a queue does it: again and again, until it is taken."""
    async with asyncio.timeout(15):
        while await posted(http, payload) != 200:
            await asyncio.sleep(0.05)


async def test_what_is_posted_is_committed(files: RecordingFiles, settings: Settings) -> None:
    ref = some_ref()
    async with ingesting(files, settings) as http:
        await delivered(http, event(settings, ref).payload)
        await until(lambda: ref in files.completed)


async def test_what_is_no_event_is_taken_and_buried(files: RecordingFiles, settings: Settings) -> None:
    # Refused, it would stay at the head of the store's queue for ever.
    async with ingesting(files, settings) as http:
        await delivered(http, b"no json")
        await until(lambda: len(files.buried) == 1)


async def test_the_largest_body_fits_into_a_real_queue(files: RecordingFiles, settings: Settings) -> None:
    async with ingesting(files, settings) as http:
        await delivered(http, b"x" * LARGEST)
        await until(lambda: len(files.buried) == 1)


async def test_while_the_broker_is_down_it_is_503_and_then_it_is_taken(
    files: RecordingFiles, own_broker: Nats, make_settings: Callable[..., Settings]
) -> None:
    settings = make_settings(own_broker.url)
    assert own_broker.process is not None
    before, during = some_ref(), some_ref()
    async with ingesting(files, settings) as http:
        await delivered(http, event(settings, before).payload)
        await until(lambda: before in files.completed)
        await own_broker.process.kill()
        assert await posted(http, event(settings, during).payload) == 503
        await own_broker.process.start()
        await delivered(http, event(settings, during).payload)
        await until(lambda: during in files.completed)
