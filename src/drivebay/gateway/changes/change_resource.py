"""Handlers of the change feed: reading it, waiting for changes, and a stream of events."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from falcon.asgi import Response

from ...contract import files as contract
from ...errors import MalformedBody
from ..http_request import Request, invalid_field_error, parse_limit
from ..http_response import respond_json
from . import views
from .change_stream import ChangeStream
from .change_waiters import ChangeWaiters, Wake

MAX_WAIT: Final = 60
"""The maximum number of seconds for which a request waits for a change."""
_STREAM_HEADERS: Final = {"X-Accel-Buffering": "no"}
"""Without this header, nginx buffers the events."""


class ChangeResource:
    def __init__(self, files: contract.Files, waiters: ChangeWaiters) -> None:
        self._files = files
        self._waiters = waiters

    async def list_changes(self, req: Request, resp: Response) -> None:
        cursor, limit = req.query_value("cursor"), parse_limit(req.query_value("limit"))
        wait = _parse_wait(req.query_value("wait"))
        if cursor is None or not wait:
            page = await self._files.list_changes(req.access, cursor, limit)
        else:
            page = await self._wait_for_changes(req, cursor, limit, time.monotonic() + wait)
        respond_json(resp, views.change_list_view(page))

    async def _wait_for_changes(self, req: Request, cursor: str, limit: int, until: float) -> contract.ChangePage:
        with self._waiters.listen(req.access.drive) as waiter:
            page = await self._files.list_changes(req.access, cursor, limit)
            if page.items:
                return page
            self._waiters.admit(req.user)
            disconnect_task = asyncio.create_task(_wait_for_disconnect(req))
            disconnect_task.add_done_callback(lambda _: waiter.end())
            try:
                with _paused(req):
                    while not page.items:
                        wake = await waiter.wait(until)
                        if waiter.is_ended:
                            break
                        async with self._waiters.read_slot(req.user):
                            await req.recheck_access()  # guard: waits-token
                            page = await self._files.list_changes(req.access, page.next_cursor, limit)
                        if wake is Wake.END:
                            break
            finally:
                disconnect_task.cancel()
                self._waiters.release(req.user)
        return page

    async def stream_changes(self, req: Request, resp: Response) -> None:
        cursor = req.get_header("Last-Event-ID")
        # If this call fails, the response can still be an error, because the stream has not begun.
        page = await self._files.list_changes(req.access, cursor or None, 1)
        start = page.next_cursor if cursor is None or not cursor else cursor
        resp.set_headers(_STREAM_HEADERS)
        resp.sse = ChangeStream(self._files, self._waiters, req, start)


def _parse_wait(text: str | None) -> int:
    """Return the number of seconds that a request may wait for changes, or 0 if the parameter is missing. Raises
    InvalidRequest."""
    if text is None:
        return 0
    if not re.fullmatch(r"[0-9]{1,2}", text) or int(text) > MAX_WAIT:
        raise invalid_field_error("wait", f"must be 0 to {MAX_WAIT}")
    return int(text)


@contextmanager
def _paused(req: Request) -> Iterator[None]:
    """While the request waits, do not count it in the concurrency limiter and the limit of its user."""
    req.pause()  # guard: waits-pause
    try:
        yield
    finally:
        req.resume()


async def _wait_for_disconnect(req: Request) -> None:
    """Return when the client closes its connection."""
    try:
        while True:
            event = await req.receive_event()
            if event["type"] == "http.disconnect":
                return
    except MalformedBody:  # the client closed the connection before its body was complete
        return
