"""A door for stores that can only POST their events: what comes in is put into the queue as it is.

A store keeps an event until it is told 200, and that is said only once JetStream has stored it; until then it
is 503, and the store's own queue tries again. Nothing is read or believed here: what a message means, and
whether it is one, is for whoever takes it out of the queue.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, Final, TypeAlias

from prometheus_client import Counter

from ..errors import Unavailable
from .events import Message, Outlet

RECEIVED = Counter("drivebay_ingest_webhook_total", "Events that were POSTed, by what was answered", ["status"])

PATH: Final = "/events"
LARGEST: Final = 1_000_000
"""Bytes of one POST: NATS takes messages of a MiB, headers included."""
_BODY_WITHIN: Final = 10.0

Scope: TypeAlias = Mapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Mapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class Webhook:
    """An ASGI app. Without an outlet it answers 503."""

    def __init__(self, token: str) -> None:
        self._token = _digest(token.encode())
        self._outlet: Outlet | None = None
        self._broken = asyncio.Event()

    async def forward(self, outlet: Outlet) -> None:
        """Put what comes in into `outlet`, until it takes no more. Raises Unavailable then."""
        self._broken.clear()
        self._outlet = outlet
        try:
            await self._broken.wait()
        finally:
            self._outlet = None
        raise Unavailable("NATS did not take an event")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        status = await self._status(scope, receive)
        RECEIVED.labels(str(status)).inc()
        headers = [(b"server", b"drivebay"), (b"content-length", b"0"), *_MORE.get(status, ())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _status(self, scope: Scope, receive: Receive) -> int:
        # The token first: whoever has none learns nothing and sends nothing.
        if not self._is_allowed(scope):
            return 401
        if scope["path"] != PATH:
            return 404
        if scope["method"] != "POST":
            return 405
        try:
            async with asyncio.timeout(_BODY_WITHIN):
                body = await _body(receive)
        except TimeoutError:
            return 408
        if body is None:
            return 413
        return 200 if await self._is_stored(body) else 503

    def _is_allowed(self, scope: Scope) -> bool:
        told = next((value for name, value in scope["headers"] if name == b"authorization"), b"")
        scheme, _, token = told.partition(b" ")
        # Hashed first, so that neither content nor length shows in the time it takes.
        return hmac.compare_digest(_digest(token.strip()), self._token) and scheme.lower() == b"bearer"

    async def _is_stored(self, body: bytes) -> bool:
        outlet = self._outlet
        if outlet is None:
            return False
        try:
            # The same bytes again are the same event again: a store that did not hear our answer.
            await outlet.publish([Message(_digest(body).hex(), body)])
        except (Unavailable, TimeoutError):
            self._broken.set()
            return False
        return True


_MORE: Final[Mapping[int, tuple[tuple[bytes, bytes], ...]]] = {
    401: ((b"www-authenticate", b"Bearer"),),
    405: ((b"allow", b"POST"),),
    503: ((b"retry-after", b"2"),),
}


async def _body(receive: Receive) -> bytes | None:
    """What was sent; None if that is too much. A client that went away has sent nothing that counts."""
    body = bytearray()
    while True:
        message = await receive()
        body += message.get("body", b"")
        if len(body) > LARGEST or message["type"] == "http.disconnect":
            return None
        if not message.get("more_body", False):
            return bytes(body)


def _digest(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()
