"""A bounded pool of PostgreSQL connections.

There are `size` slots. A slot is reserved before a connection is opened and is freed after the connection is closed. A
free slot goes to the first waiter. A new caller cannot take it before that waiter.
With asyncpg's own pool, a small query uses twice the CPU time: docs/decisions/0017-our-own-connection-pool.md.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

import asyncpg

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

_CLOSE_TIMEOUT: Final = 2.0
"""Seconds that the orderly close of a connection may take."""
_SILENCE: Final = 2.0
"""Seconds without any response after which the server counts as lost."""


class ConnectionPool:
    """At most `size` connections. Each connection is lent to one caller at a time. Waiters are served in order.

    A session is not reset between two callers, because no caller changes a session outside of its transaction.
    `acquire` has no timeout. The deadline of the call cancels it.
    """

    def __init__(self, open_connection: Callable[[], Awaitable[Connection]], size: int, idle_timeout: float) -> None:
        self._open_connection = open_connection
        self._size = size
        self._idle_timeout = idle_timeout
        self._used_slots = 0
        self._open: set[Connection] = set()
        self._retired: set[Connection] = set()
        """Connections in use that are closed when they come back."""
        # Pairs of a connection and the time at which it became idle. It is a stack, so index 0 has been idle longest.
        self._idle: list[tuple[Connection, float]] = []
        # A waiter gets a connection, or None. None is a free slot, in which the waiter opens a connection itself.
        self._waiters: deque[asyncio.Future[Connection | None]] = deque()
        self._idle_timer: asyncio.TimerHandle | None = None
        self._closed = False
        self._responded_at = 0.0
        """The time of the event loop when a statement last had a response, or began while no other one was running."""

    async def acquire(self) -> Connection:
        """Return a connection. The caller must pass it to `release` or `discard`."""
        if len(self._idle) == self._used_slots:  # guard: silence-while-idle
            # No statement waits for a response, so a silence can only begin now.
            self._responded_at = asyncio.get_running_loop().time()
        while self._idle:
            connection, _ = self._idle.pop()
            if not connection.is_closed():
                return connection
            self._terminate(connection)
            self._used_slots -= 1
        if self._used_slots < self._size:  # guard: connection-limit
            self._used_slots += 1
            return await self._connect()
        waiter: asyncio.Future[Connection | None] = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        try:
            received = await waiter
        except asyncio.CancelledError:
            # The waiter was served and then cancelled. Pass its connection or slot to the next waiter.
            if waiter.done() and not waiter.cancelled():
                received = waiter.result()
                if received is None:
                    self._free_slot()
                else:
                    self.release(received)
            raise
        return received or await self._connect()

    def release(self, connection: Connection) -> None:
        """Take back a connection on which no statement runs."""
        now = self._responded_at = asyncio.get_running_loop().time()
        # guard: retired-connection
        if self._closed or connection in self._retired or connection.is_closed():
            self.discard(connection)
            return
        if (waiter := self._pop_waiter()) is not None:
            waiter.set_result(connection)
            return
        self._idle.append((connection, now))
        if self._idle_timer is None:
            self._idle_timer = asyncio.get_running_loop().call_later(self._idle_timeout, self._close_expired)

    def discard(self, connection: Connection) -> None:
        """Take back a connection in an unknown state and close it."""
        self._terminate(connection)
        self._free_slot()

    def discard_unanswered(self, connection: Connection) -> None:
        """Take back a connection whose statement ended without a response, and close it.

        If no statement on any connection has had a response for two seconds, close all connections. The machine of the
        server may hang or be cut off. Then each further connection would cost one caller the timeout of a statement.
        """
        self.discard(connection)
        if asyncio.get_running_loop().time() - self._responded_at > _SILENCE:  # guard: silent-server
            self.retire()

    def retire(self) -> None:
        """Close all connections that are open now. Idle connections are closed immediately, and connections in use when
        they are released."""
        for connection, _ in self._idle:
            self._terminate(connection)
        self._used_slots -= len(self._idle)
        self._idle.clear()
        self._retired = set(self._open)

    async def close(self) -> None:
        """Close every idle connection. Connections in use are closed when they are released."""
        self._closed = True
        if self._idle_timer is not None:
            self._idle_timer.cancel()
        for connection, _ in self._idle:
            try:
                await connection.close(timeout=_CLOSE_TIMEOUT)
            except (TimeoutError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                connection.terminate()
        self._used_slots -= len(self._idle)
        self._idle.clear()

    async def _connect(self) -> Connection:
        """Open a connection in a slot that the caller has taken."""
        try:
            connection = await self._open_connection()
        except BaseException:
            self._free_slot()
            raise
        self._open.add(connection)
        return connection

    def _terminate(self, connection: Connection) -> None:
        connection.terminate()
        self._open.discard(connection)
        self._retired.discard(connection)

    def _free_slot(self) -> None:
        if (waiter := self._pop_waiter()) is not None:
            waiter.set_result(None)
        else:
            self._used_slots -= 1

    def _pop_waiter(self) -> asyncio.Future[Connection | None] | None:
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                return waiter
        return None

    def _close_expired(self) -> None:
        loop = asyncio.get_running_loop()
        cutoff = loop.time() - self._idle_timeout
        while self._idle and self._idle[0][1] <= cutoff:
            self._terminate(self._idle.pop(0)[0])
            self._used_slots -= 1
        self._idle_timer = None
        if self._idle:
            self._idle_timer = loop.call_at(self._idle[0][1] + self._idle_timeout, self._close_expired)
