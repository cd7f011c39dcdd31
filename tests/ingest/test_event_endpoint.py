"""The event endpoint: it needs the token, and responds with 200 only after JetStream has stored the event."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import httpx
import pytest
from ingest_helpers import RecordingFiles, event_message, new_ref, running_ingest, wait_until

from drivebay.embedded.nats import Nats
from drivebay.errors import Unavailable
from drivebay.ingest.event_endpoint import MAX_BODY, EventEndpoint
from drivebay.ingest.event_queue import Message
from drivebay.ingest.settings import Settings

TOKEN = "0123456789abcdef" * 2
BEARER = {"Authorization": f"Bearer {TOKEN}"}


class FakeQueue:
    """A `QueueWriter` that records messages. Publishing waits for `gate`, and fails while `is_down`."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.is_down = False

    async def publish(self, messages: Sequence[Message]) -> None:
        await self.gate.wait()
        if self.is_down:
            raise Unavailable("down")
        self.messages += messages


@asynccontextmanager
async def endpoint_client(endpoint: EventEndpoint, queue: FakeQueue | None = None) -> AsyncIterator[httpx.AsyncClient]:
    forwarding = asyncio.create_task(endpoint.forward_to(queue)) if queue is not None else None  # type: ignore[arg-type]
    transport = httpx.ASGITransport(endpoint)  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://ingest", timeout=10) as http:
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
async def test_a_request_without_the_token_is_refused(headers: dict[str, str]) -> None:
    queue = FakeQueue()
    async with endpoint_client(EventEndpoint(TOKEN), queue) as http:
        for method, path in (("POST", "/events"), ("GET", "/events"), ("POST", "/else")):
            answer = await http.request(method, path, headers=headers, content=b"{}")
            assert answer.status_code == 401
            assert answer.headers["www-authenticate"] == "Bearer"
    assert queue.messages == []


async def test_the_scheme_of_the_token_is_case_insensitive() -> None:
    async with endpoint_client(EventEndpoint(TOKEN), FakeQueue()) as http:
        answer = await http.post("/events", headers={"Authorization": f"bearer {TOKEN}"}, content=b"{}")
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/events", 405), ("PUT", "/events", 405), ("POST", "/", 404)]
)
async def test_only_a_post_to_the_events_path_is_accepted(method: str, path: str, status: int) -> None:
    queue = FakeQueue()
    async with endpoint_client(EventEndpoint(TOKEN), queue) as http:
        assert (await http.request(method, path, headers=BEARER)).status_code == status
    assert queue.messages == []


async def test_the_response_waits_until_the_event_is_stored() -> None:
    queue = FakeQueue()
    queue.gate.clear()
    async with endpoint_client(EventEndpoint(TOKEN), queue) as http:
        answer = asyncio.create_task(http.post("/events", headers=BEARER, content=b"{}"))
        await asyncio.wait([answer], timeout=0.1)
        assert not answer.done()
        queue.gate.set()
        assert (await answer).status_code == 200
    assert [message.payload for message in queue.messages] == [b"{}"]


async def test_a_failing_queue_gives_503_and_ends_the_forwarding() -> None:
    queue, endpoint = FakeQueue(), EventEndpoint(TOKEN)
    queue.is_down = True
    forwarding = asyncio.create_task(endpoint.forward_to(queue))  # type: ignore[arg-type]
    async with endpoint_client(endpoint) as http:
        answer = await http.post("/events", headers=BEARER, content=b"{}")
        assert answer.status_code == 503
        assert int(answer.headers["retry-after"]) >= 1
        with pytest.raises(Unavailable):
            await asyncio.wait_for(forwarding, 5)
        assert (await http.post("/events", headers=BEARER, content=b"{}")).status_code == 503


async def test_a_repeated_event_has_the_same_message_id() -> None:
    queue = FakeQueue()
    async with endpoint_client(EventEndpoint(TOKEN), queue) as http:
        for body in (b"one", b"one", b"two"):
            assert (await http.post("/events", headers=BEARER, content=body)).status_code == 200
    ids = [message.deduplication_id for message in queue.messages]
    assert ids[0] == ids[1] != ids[2]


@pytest.mark.parametrize(("size", "status"), [(MAX_BODY, 200), (MAX_BODY + 1, 413)])
async def test_a_body_above_the_maximum_size_is_refused(size: int, status: int) -> None:
    queue = FakeQueue()
    async with endpoint_client(EventEndpoint(TOKEN), queue) as http:
        assert (await http.post("/events", headers=BEARER, content=b"x" * size)).status_code == status
    assert len(queue.messages) == (status == 200)


@asynccontextmanager
async def running_endpoint(files: RecordingFiles, settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """Run ingest with an event endpoint, as the node does. Yields the client of a store that POSTs to it."""
    endpoint = EventEndpoint(TOKEN)
    async with running_ingest(files, settings, endpoint=endpoint), endpoint_client(endpoint) as http:
        yield http


async def post_event(http: httpx.AsyncClient, payload: bytes) -> int:
    return (await http.post("/events", headers=BEARER, content=payload)).status_code


async def deliver_event(http: httpx.AsyncClient, payload: bytes) -> None:
    """POST an event until it is accepted, as a store with a queue does."""
    async with asyncio.timeout(15):
        while await post_event(http, payload) != 200:
            await asyncio.sleep(0.05)


async def test_a_posted_event_is_committed(files: RecordingFiles, settings: Settings) -> None:
    ref = new_ref()
    async with running_endpoint(files, settings) as http:
        await deliver_event(http, event_message(settings, ref).payload)
        await wait_until(lambda: ref in files.completed)


async def test_an_unreadable_body_is_accepted_and_dead_lettered(files: RecordingFiles, settings: Settings) -> None:
    # If it were refused, the store would repeat it forever and send no later event.
    async with running_endpoint(files, settings) as http:
        await deliver_event(http, b"no json")
        await wait_until(lambda: len(files.dead_letters) == 1)


async def test_a_body_of_the_maximum_size_fits_into_jetstream(files: RecordingFiles, settings: Settings) -> None:
    async with running_endpoint(files, settings) as http:
        await deliver_event(http, b"x" * MAX_BODY)
        await wait_until(lambda: len(files.dead_letters) == 1)


async def test_the_event_endpoint_responds_503_while_the_broker_is_down_and_recovers(
    files: RecordingFiles, own_broker: Nats, make_settings: Callable[..., Settings]
) -> None:
    settings = make_settings(own_broker.url)
    assert own_broker.server_process is not None
    before, during = new_ref(), new_ref()
    async with running_endpoint(files, settings) as http:
        await deliver_event(http, event_message(settings, before).payload)
        await wait_until(lambda: before in files.completed)
        await own_broker.server_process.kill()
        assert await post_event(http, event_message(settings, during).payload) == 503
        await own_broker.server_process.start()
        await deliver_event(http, event_message(settings, during).payload)
        await wait_until(lambda: during in files.completed)
