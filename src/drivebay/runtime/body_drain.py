"""Reads the rest of a request body that the app has not read, within limits, so that the response reaches the client.

If a server responds early and closes the connection, the connection is reset, because unread bytes are left. A proxy
that is still sending the body then responds 502 and drops our response. Some proxies lose an early response even if
the connection stays open. So the body is read before the response as well as after it.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

MAX_BYTES: Final = 64 * 2**20
"""The maximum number of bytes that are read before the response, and again after it."""
MAX_SECONDS: Final = 10.0
"""The maximum number of seconds for which bytes are read before the response, and again after it."""
_LINGER_SECONDS: Final = 1.0
"""Seconds for which a connection stays open if a part of the body was not read, so that the client can still read the
response."""
_PAUSE_SECONDS: Final = 1.0
"""Seconds for which the response waits for the next bytes of the body."""
_MAX_AT_ONCE: Final = 256
"""The maximum number of bodies that are drained at the same time. Further bodies are not drained."""
_BODY_HEADERS: Final = frozenset({b"content-length", b"transfer-encoding"})
_EXPECT: Final = b"expect"


class DrainingApp:
    """An ASGI app that calls `app`, and reads the rest of the request body before the response and again after it.

    Each time it reads for at most `max_seconds`, and at most MAX_BYTES. Before the response it stops earlier: when the
    client has sent nothing for a second.
    """

    def __init__(self, app: Any, max_seconds: float = MAX_SECONDS) -> None:
        self._app = app
        self._max_seconds = max_seconds
        self._draining = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        headers = dict(scope["headers"])
        if _BODY_HEADERS.isdisjoint(headers):
            await self._app(scope, receive, send)
            return
        body = _TrackedBody(receive, _content_length(headers))
        # A client with `Expect: 100-continue` does not send its body before the server reads it.
        waits_for_continue = _EXPECT in headers

        async def drain_and_send(message: Any) -> None:
            if message["type"] == "http.response.start" and (body.started or not waits_for_continue):
                await self._drain(body, min(self._max_seconds, _PAUSE_SECONDS))
            await send(message)

        await self._app(scope, body, drain_and_send)
        if body.started or not waits_for_continue:
            await self._drain(body, self._max_seconds)
            if not body.ended:
                await asyncio.sleep(_LINGER_SECONDS)

    async def _drain(self, body: _TrackedBody, max_pause: float) -> None:
        if body.ended or self._draining >= _MAX_AT_ONCE:  # guard: body-drain
            return
        self._draining += 1
        try:
            await _drain(body, self._max_seconds, max_pause)
        finally:
            self._draining -= 1


class _TrackedBody:
    """An ASGI `receive` that records whether the body has ended. After a cancelled read, the body counts as ended.

    `missing` is the number of bytes that have not arrived. It is infinite for a body of unknown length.
    """

    __slots__ = ("_missing", "_receive", "ended", "started")

    def __init__(self, receive: Any, missing: float) -> None:
        self._receive = receive
        self._missing = missing
        self.started = False
        self.ended = False

    async def __call__(self) -> Any:
        self.started = True
        try:
            event = await self._receive()
        except asyncio.CancelledError:
            self.ended = True
            raise
        self._missing -= len(event.get("body", b""))
        # The server reports the end in a separate event. Waiting for it would cost each request an iteration of the
        # loop.
        self.ended = self._missing <= 0 or not event.get("more_body", False)  # also after a disconnect
        return event


def _content_length(headers: Mapping[bytes, bytes]) -> float:
    length = headers.get(b"content-length", b"")
    return int(length) if length.isdigit() and b"transfer-encoding" not in headers else math.inf


async def _drain(body: _TrackedBody, max_seconds: float, max_pause: float) -> None:
    received = 0
    with suppress(TimeoutError):
        async with asyncio.timeout(max_seconds):  # guard: body-drain-time
            while not body.ended and received < MAX_BYTES:  # guard: body-drain-bytes
                async with asyncio.timeout(max_pause):
                    received += len((await body()).get("body", b""))
