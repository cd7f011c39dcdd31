"""An HTTP endpoint for stores that can only POST their events. The endpoint puts each body into the event queue.

A store keeps an event until it gets status 200. So the endpoint responds with 200 only after JetStream has stored the
event. If JetStream does not store the event, the endpoint responds with 503, and the store tries again. The endpoint
does not parse the body. The consumer of the queue does, and stores a body that is not an event as a dead letter.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, Final, TypeAlias

from prometheus_client import Counter

from ..errors import Unavailable
from .event_queue import Message, QueueWriter

RECEIVED = Counter("drivebay_ingest_webhook_total", "Events that were POSTed, by status of the response", ["status"])

PATH: Final = "/events"
MAX_BODY: Final = 1_000_000
"""The maximum number of bytes of a body. NATS accepts messages of 1 MiB including headers."""
_BODY_TIMEOUT: Final = 10.0
"""The maximum number of seconds to receive the body of a request."""
_EXTRA_HEADERS: Final[Mapping[int, tuple[tuple[bytes, bytes], ...]]] = {
    401: ((b"www-authenticate", b"Bearer"),),
    405: ((b"allow", b"POST"),),
    503: ((b"retry-after", b"2"),),
}

Scope: TypeAlias = Mapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Mapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class EventEndpoint:
    """An ASGI app. It responds with 503 while it has no queue."""

    def __init__(self, token: str) -> None:
        self._token_digest = _digest(token.encode())
        self._queue: QueueWriter | None = None
        self._queue_failed = asyncio.Event()

    async def forward_to(self, queue: QueueWriter) -> None:
        """Publish events to `queue` until cancelled. Raises Unavailable when the queue fails."""
        self._queue_failed.clear()
        self._queue = queue
        try:
            await self._queue_failed.wait()
        finally:
            self._queue = None
        raise Unavailable("NATS did not store an event")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        status = await self._handle(scope, receive)
        RECEIVED.labels(str(status)).inc()
        headers = [(b"server", b"drivebay"), (b"content-length", b"0"), *_EXTRA_HEADERS.get(status, ())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _handle(self, scope: Scope, receive: Receive) -> int:
        # Check the token first, so that a client without it learns nothing about paths and methods.
        if not self._is_authorized(scope):  # guard: event-endpoint-authorization
            return 401
        if scope["path"] != PATH:
            return 404
        if scope["method"] != "POST":
            return 405
        try:
            async with asyncio.timeout(_BODY_TIMEOUT):
                body = await _read_body(receive)
        except TimeoutError:
            return 408
        if body is None:
            return 413
        return 200 if await self._publish(body) else 503  # guard: event-endpoint-status

    def _is_authorized(self, scope: Scope) -> bool:
        header = next((value for name, value in scope["headers"] if name == b"authorization"), b"")
        scheme, _, token = header.partition(b" ")
        # The digests have the same length, so the time of the comparison does not reveal the content or the length.
        # guard: event-endpoint-token
        return hmac.compare_digest(_digest(token.strip()), self._token_digest) and scheme.lower() == b"bearer"

    async def _publish(self, body: bytes) -> bool:
        queue = self._queue
        if queue is None:
            return False
        try:
            # The id is the digest of the body, so that the queue drops a repeat: a store that did not get the response
            # sends the same bytes again.
            await queue.publish([Message(_digest(body).hex(), body)])
        except (Unavailable, TimeoutError):
            self._queue_failed.set()
            return False  # guard: event-endpoint-failed-publish
        return True


async def _read_body(receive: Receive) -> bytes | None:
    """Return the body, or None if it is too large or the client has disconnected."""
    body = bytearray()
    while True:
        message = await receive()
        body += message.get("body", b"")
        if len(body) > MAX_BODY or message["type"] == "http.disconnect":
            return None
        if not message.get("more_body", False):
            return bytes(body)


def _digest(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()
