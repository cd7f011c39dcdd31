"""Tests whether a connection pooler before PostgreSQL gives the statements of one connection to several sessions.

pgbouncer does so in its transaction and statement modes. A prepared statement and a session lock then belong to
another client a moment later. In session mode a connection keeps its session, and nothing here can tell it from
PostgreSQL itself.
"""

from __future__ import annotations

import asyncio
from typing import Final

import asyncpg

from .pool import Connection
from .server_errors import translate_errors

_ROUNDS: Final = 3
_TIMEOUT: Final = 10.0


async def pools_transactions(url: str) -> bool:
    """Return whether two statements of one connection may run in different sessions of the server.

    Opens two connections. Raises Unavailable when the server cannot be reached.
    """
    with translate_errors():
        first = await asyncpg.connect(url, timeout=_TIMEOUT, command_timeout=_TIMEOUT)
        try:
            return await _shares_sessions(first, url)
        finally:
            first.terminate()


async def _shares_sessions(first: Connection, url: str) -> bool:
    # A pooler hands out the session used last, or the next in turn. Each round notices both.
    seen = {await _backend_pid(first), await _backend_pid(first)}
    if len(seen) > 1:
        return True
    try:
        second = await asyncpg.connect(url, timeout=_TIMEOUT, command_timeout=_TIMEOUT)
    except (TimeoutError, asyncpg.TooManyConnectionsError):
        return False  # one session for one client: no session is shared
    try:
        for _ in range(_ROUNDS):
            # Simple statements in one message each: nothing is prepared.
            await second.execute("BEGIN")
            shared = await _backend_pid(second) in seen or await _backend_pid(first) not in seen
            await second.execute("ROLLBACK")
            if shared:
                return True
    except asyncpg.PostgresConnectionError:
        # pgbouncer in statement mode refuses BEGIN and closes the connection. Of a server that died, the next line
        # raises an error too.
        return await _backend_pid(first) > 0
    except TimeoutError:
        return False  # a pooler in session mode with one session: the second client waits
    finally:
        second.terminate()
    return False


async def _backend_pid(connection: Connection) -> int:
    """Return the process id of the session that runs this statement. The id that the pooler returned is its own."""
    chunks: list[bytes] = []

    async def collect(data: bytes) -> None:
        chunks.append(data)

    async with asyncio.timeout(_TIMEOUT):
        # COPY is the one simple statement, without a prepared statement, that asyncpg returns rows of.
        await connection.copy_from_query("SELECT pg_backend_pid()", output=collect)
    return int(b"".join(chunks))
