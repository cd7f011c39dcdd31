"""Tests whether a connection pooler in front of PostgreSQL runs the statements of one connection in several sessions.

pgbouncer does so in its transaction and statement modes. Then another client may get the session with its prepared
statements and locks. In session mode a connection keeps its session, and behaves like a connection to PostgreSQL.
"""

from __future__ import annotations

import asyncio
from typing import Final

import asyncpg

from .pool import Connection
from .server_errors import translate_errors
from .server_list import ServerList

_ROUNDS: Final = 3
"""The maximum number of rounds of the test. The test ends with the first round that finds a shared session."""
_TIMEOUT: Final = 10.0
"""Seconds for each connection and each statement."""


async def pools_transactions(url: str) -> bool:
    """Return whether two statements of one connection may run in different sessions of the server.

    Opens two connections. Raises Unavailable when the server cannot be reached.
    """
    with translate_errors():
        servers = ServerList(url)
        first = await servers.connect(timeout=_TIMEOUT, command_timeout=_TIMEOUT)
        try:
            return await _shares_sessions(first, servers)
        finally:
            first.terminate()


async def _shares_sessions(first: Connection, servers: ServerList) -> bool:
    # Some poolers give a statement the session that was used last, others take the sessions in turn. Each round detects
    # both kinds. `second` holds a session in a transaction. With a pooler of the first kind, `first` has used this
    # session before. With the second kind, `first` now gets a session that it has not used before.
    pids = {await _backend_pid(first), await _backend_pid(first)}
    if len(pids) > 1:
        return True
    try:
        second = await servers.connect(timeout=_TIMEOUT, command_timeout=_TIMEOUT)
    except (TimeoutError, asyncpg.TooManyConnectionsError):
        return False  # the server allows only one session, so none is shared
    try:
        for _ in range(_ROUNDS):
            # Simple statements, because prepared statements may fail behind a pooler.
            await second.execute("BEGIN")
            shared = await _backend_pid(second) in pids or await _backend_pid(first) not in pids
            await second.execute("ROLLBACK")
            if shared:
                return True
    except asyncpg.PostgresConnectionError:
        # pgbouncer in statement mode refuses BEGIN and closes the connection. If the server died instead, the next
        # line raises an error.
        return await _backend_pid(first) > 0
    except TimeoutError:
        return False  # a pooler in session mode has only one session, so the second client waits for it
    finally:
        second.terminate()
    return False


async def _backend_pid(connection: Connection) -> int:
    """Return the process id of the session that runs this statement.

    The id that asyncpg has from the connect is not used, because a pooler sends an id of its own there.
    """
    chunks: list[bytes] = []

    async def collect(data: bytes) -> None:
        chunks.append(data)

    async with asyncio.timeout(_TIMEOUT):
        # COPY, because asyncpg prepares every other statement that returns rows.
        await connection.copy_from_query("SELECT pg_backend_pid()", output=collect)
    return int(b"".join(chunks))
