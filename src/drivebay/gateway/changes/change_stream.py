"""The stream of server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html) of one client."""

from __future__ import annotations

import time
import weakref
from collections.abc import AsyncIterator
from typing import Final

import msgspec
import structlog
from falcon.asgi import SSEvent

from ...contract import files as contract
from ...errors import Error
from ..http_request import Request
from . import views
from .change_waiters import ChangeWaiters, Waiter, Wake

log = structlog.get_logger(__name__)

COMMENT_INTERVAL: Final = 15.0
"""Seconds without an event after which a comment keeps the connection open."""
MAX_UNCHECKED: Final = 60.0
"""Seconds after which the feed is read even if no hint came, because a hint may be lost."""
_RETRY: Final = 3000
"""Milliseconds that a browser waits before it connects again."""
_PAGE: Final = 100
"""The number of changes in one read."""

_encoder = msgspec.json.Encoder()


class ChangeStream:
    """An iterable of events for Falcon.

    The stream ends when the access token expires, when the process stops, and when the client closes the connection.
    Until then it counts in the limit of the user. If the client disconnects before the response has begun, Falcon drops
    the stream without closing it. The count then ends when Python frees the stream.
    """

    def __init__(self, files: contract.Files, waiters: ChangeWaiters, req: Request, cursor: str) -> None:
        waiters.admit(req.user)
        self._release = weakref.finalize(self, waiters.release, req.user)
        self._events = _events(files, waiters, req, cursor)

    def __aiter__(self) -> AsyncIterator[SSEvent]:
        return self

    async def __anext__(self) -> SSEvent:
        try:
            return await anext(self._events)
        except BaseException:
            self._release()
            raise


async def _events(files: contract.Files, waiters: ChangeWaiters, req: Request, cursor: str) -> AsyncIterator[SSEvent]:
    # The first event has an id and no data. A client that reconnects before the first change sends this id.
    yield SSEvent(comment="changes follow", event_id=cursor, retry=_RETRY)
    with waiters.listen(req.access.drive) as waiter:
        req.on_disconnect(waiter.end)  # guard: stream-disconnect
        try:
            while not waiter.is_ended:
                async with waiters.read_slot(req.user):
                    await req.recheck_access()  # guard: stream-token
                    page = await files.list_changes(req.access, cursor, _PAGE)
                for change in page.items:
                    yield SSEvent(event_id=change.cursor, data=_encoder.encode(views.change_view(change)))
                cursor = page.next_cursor
                if not page.items:
                    async for comment in _comments_until_change(req, waiter):
                        yield comment
        except Error as error:
            # The response has begun, so no error can be sent. The client gets the error when it reconnects.
            log.info("change_stream_ended", code=error.code)


async def _comments_until_change(req: Request, waiter: Waiter) -> AsyncIterator[SSEvent]:
    """Yield comments until there may be a change, or until `MAX_UNCHECKED` has passed. Raises Unauthenticated when the
    token has expired, and the errors of a lost access."""
    checked_at = time.monotonic()
    while not waiter.is_ended and time.monotonic() - checked_at < MAX_UNCHECKED:
        interval = min(COMMENT_INTERVAL, await req.token_lifetime())
        if await waiter.wait(time.monotonic() + interval) is Wake.CHANGE:
            return
        if not waiter.is_ended:
            await req.recheck_access()
            yield SSEvent(comment="no change")
