"""A minimal HTTP/1.1 client for load tests. It must use little CPU, because it shares the machine with the servers.

It supports what our API and the store send: plain HTTP, one request at a time on a connection, bodies with a length or
in chunks.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import cast

_REUSE_SECONDS = 15.0
"""Idle connections are not used after this time. The server closes them after thirty seconds."""
_NO_BODY = (204, 304)
_NO_HEADERS: Mapping[str, str] = {}


class BrokenConnection(Exception):
    """The connection was closed, or the response was not HTTP."""


@dataclass(frozen=True)
class Response:
    """Header names are in lower case."""

    status: int
    headers: dict[bytes, bytes]
    body: bytes


class _Connection(asyncio.Protocol):
    def __init__(self) -> None:
        self.open = True
        self.idle_since = 0.0
        self._transport: asyncio.WriteTransport | None = None
        self._answer: asyncio.Future[Response] | None = None
        self._buffer = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.WriteTransport", transport)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if self._answer is None or self._answer.done():
            return self.close()
        try:
            found = _parse(self._buffer)
        except ValueError:
            self._answer.set_exception(BrokenConnection("not HTTP"))
            return self.close()
        if found is not None:
            self._buffer.clear()
            self._answer.set_result(found)
        return None

    def connection_lost(self, error: Exception | None) -> None:
        self.open = False
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(BrokenConnection("closed"))

    async def ask(self, message: bytes) -> Response:
        assert self._transport is not None
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(message)
        return await self._answer

    def close(self) -> None:
        self.open = False
        if self._transport is not None:
            self._transport.close()


class Http:
    """A pool of connections to any hosts. Made by `connect`."""

    def __init__(self, deadline: float) -> None:
        self._deadline = deadline
        self._idle: dict[str, list[_Connection]] = {}
        self._all: set[_Connection] = set()

    async def ask(
        self, method: str, url: str, headers: Mapping[str, str] = _NO_HEADERS, body: bytes | None = None
    ) -> Response:
        """Raises TimeoutError, OSError, BrokenConnection."""
        host, slash, path = url.removeprefix("http://").partition("/")
        lines = [f"{method} {slash or '/'}{path} HTTP/1.1", f"Host: {host}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        if body is not None:
            lines.append(f"Content-Length: {len(body)}")
        message = "\r\n".join((*lines, "\r\n")).encode() + (body or b"")
        async with asyncio.timeout(self._deadline):
            connection = self._idle_connection(host) or await self._connect(host)
            try:
                answer = await connection.ask(message)
            except BaseException:
                connection.close()
                self._all.discard(connection)
                raise
        if answer.headers.get(b"connection", b"").lower() == b"close":
            connection.close()
        else:
            connection.idle_since = time.monotonic()
            self._idle[host].append(connection)
        return answer

    def _idle_connection(self, host: str) -> _Connection | None:
        """Return the most recently used connection that is still usable."""
        idle = self._idle.setdefault(host, [])
        oldest = time.monotonic() - _REUSE_SECONDS
        while idle:
            connection = idle.pop()
            if connection.open and connection.idle_since > oldest:
                return connection
            connection.close()
            self._all.discard(connection)
        return None

    async def _connect(self, host: str) -> _Connection:
        name, _, port = host.partition(":")
        _, connection = await asyncio.get_running_loop().create_connection(_Connection, name, int(port or 80))
        self._all.add(connection)
        return connection

    def close(self) -> None:
        for connection in self._all:
            connection.close()


@asynccontextmanager
async def connect(deadline: float) -> AsyncIterator[Http]:
    """Open a client. `deadline`: seconds that one request may take."""
    http = Http(deadline)
    try:
        yield http
    finally:
        http.close()


def _parse(buffer: bytearray) -> Response | None:
    """Return the response if it is complete. Raises ValueError if it is not HTTP."""
    end = buffer.find(b"\r\n\r\n")
    if end < 0:
        return None
    first, *lines = bytes(buffer[:end]).split(b"\r\n")
    headers = {}
    for line in lines:
        name, _, value = line.partition(b":")
        headers[name.lower()] = value.strip()
    status = int(first.split(b" ", 2)[1])
    if status in _NO_BODY:
        return Response(status, headers, b"")
    if headers.get(b"transfer-encoding", b"").lower() == b"chunked":
        body = _join_chunks(buffer, end + 4)
        return None if body is None else Response(status, headers, body)
    length = int(headers.get(b"content-length", b"0"))
    if len(buffer) < end + 4 + length:
        return None
    return Response(status, headers, bytes(buffer[end + 4 : end + 4 + length]))


def _join_chunks(buffer: bytearray, at: int) -> bytes | None:
    body = b""
    while (line := buffer.find(b"\r\n", at)) >= 0:
        size = int(buffer[at:line].split(b";")[0], 16)
        after = line + 2 + size + 2
        if len(buffer) < after:
            return None
        if size == 0:
            return body
        body += buffer[line + 2 : line + 2 + size]
        at = after
    return None
