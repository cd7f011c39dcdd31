"""Connects to NATS and checks its JetStream.

A connection is never repaired. After any error it is closed, and the caller opens a new one with `connect`.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, replace
from typing import Final

import nats.errors
from nats.aio.client import Client

from ..errors import Unavailable
from .jetstream_queue import JetStreamQueue
from .nats_errors import translate_nats_errors
from .settings import Settings
from .stream_replicas import replica_problems
from .stream_setup import stream_problems

_CONNECT_TIMEOUT: Final = 3
"""The maximum number of seconds to connect to one server."""
_CHECK_WAIT: Final = 2.0
"""The number of seconds for which `ConnectionCheck.find_problem` waits. The readiness check has a timeout of 3
seconds."""


@asynccontextmanager
async def connect(settings: Settings, *, creates_stream: bool = True) -> AsyncIterator[JetStreamQueue]:
    """Connect to a server of `settings.nats_url`. With `creates_stream`, create the stream if it does not exist.

    Raises Unavailable.
    """
    last_error: Exception | None = None

    async def on_closed() -> None:
        queue.mark_closed()

    async def on_error(error: Exception) -> None:
        # A failed call raises its own error. Without this callback the client would also print it.
        nonlocal last_error
        last_error = error

    client = Client()
    queue = JetStreamQueue(client, settings)
    try:
        with translate_nats_errors():
            try:
                await client.connect(
                    (settings.nats_url or "").split(","),
                    name="drivebay-ingest",
                    allow_reconnect=False,
                    # The next two settings also apply to the first connection. By default, the client would retry the
                    # first connection for two minutes.
                    max_reconnect_attempts=1,
                    reconnect_time_wait=0,
                    connect_timeout=_CONNECT_TIMEOUT,
                    ping_interval=10,
                    max_outstanding_pings=2,
                    closed_cb=on_closed,
                    error_cb=on_error,
                )
            except nats.errors.NoServersError as error:
                raise last_error or error from None
        if creates_stream:
            await queue.open_stream()
        yield queue
    finally:
        # Closing sends the last acknowledgements.
        with suppress(nats.errors.Error, TimeoutError, OSError):
            async with asyncio.timeout(1):
                await client.close()


async def find_connection_problem(settings: Settings) -> str | None:
    """Return None if NATS, its JetStream and the stream are usable, otherwise the problem in one line.

    Create the stream if it does not exist.
    """
    try:
        async with connect(settings):
            return None
    except Unavailable as error:
        return error.detail


class ConnectionCheck:
    """Checks NATS again and again on one connection. It creates nothing.

    When the connection breaks, each server is tried once before the check fails. A server whose machine has vanished
    does not respond, so the check takes a few seconds for each such server. Until the check has ended, `find_problem`
    returns the previous result.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._connection = AsyncExitStack()
        self._queue: JetStreamQueue | None = None
        self._running: asyncio.Task[str | None] | None = None
        self._previous: str | None = "no response from NATS yet"

    async def find_problem(self) -> str | None:
        """Return the problem as `find_connection_problem` does, but accept that the stream does not exist yet.

        If the check takes more than 2 seconds, return the previous result, and let the check continue.
        """
        if self._running is None:
            self._running = asyncio.create_task(self._check())
        await asyncio.wait((self._running,), timeout=_CHECK_WAIT)  # guard: nats-check-wait
        if self._running.done():
            running, self._running = self._running, None
            self._previous = running.result()
        return self._previous

    async def _check(self) -> str | None:
        problem = "not connected to NATS" if self._queue is None else await self._ask(self._queue)
        if problem is None:
            return None
        servers = (self._settings.nats_url or "").split(",")  # guard: nats-check-reconnects
        # Try one server after the other: if a server accepts the connection and then does not respond, the client tries
        # no other server.
        for server in random.sample(servers, len(servers)):
            connection = connect(replace(self._settings, nats_url=server), creates_stream=False)
            try:
                self._queue = await self._connection.enter_async_context(connection)
            except Unavailable as error:
                problem = error.detail
                continue
            if (problem := await self._ask(self._queue)) is None:
                return None
        return problem

    async def _ask(self, queue: JetStreamQueue) -> str | None:
        """Return None if NATS responds on this connection. Otherwise close the connection, and return the problem."""
        try:
            await queue.check_stream()
        except Unavailable as error:
            await self._disconnect()
            return error.detail
        return None

    async def close(self) -> None:
        """Cancel a running check and close the connection."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.wait((self._running,))
            self._running = None
        await self._disconnect()

    async def _disconnect(self) -> None:
        self._queue = None
        await self._connection.aclose()


@dataclass(frozen=True, slots=True)
class StreamProblems:
    """The problems of the stream, one line for each. Problems in `settings` make events unreliable.

    Problems in `replicas` are replicas that are missing or behind.
    """

    settings: tuple[str, ...]
    replicas: tuple[str, ...]


async def find_stream_problems(settings: Settings) -> StreamProblems:
    """Return the problems of the stream. Create the stream if it does not exist. Raises Unavailable."""
    async with connect(settings) as queue:
        info = await queue.stream_info()
    stream = f"the stream {settings.stream}"
    return StreamProblems(
        tuple(f"{stream}: {problem}" for problem in stream_problems(info.config)),
        tuple(f"{stream}: {problem}" for problem in replica_problems(info, settings.replicas)),
    )
