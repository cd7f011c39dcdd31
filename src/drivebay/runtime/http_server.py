"""Serves an ASGI app with Granian inside the event loop of this process.

Only HTTP/1.1: Granian waits without a limit for the first bytes of a connection that may be HTTP/2, so silent
connections would never end (docs/decisions/0031).
"""

from __future__ import annotations

import asyncio
import resource
import socket
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final

from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.net import SocketHolder  # type: ignore[attr-defined]
from granian.server.embed import Server

from ..errors import StartError
from .body_drain import DrainingApp

_BACKLOG: Final = 1024
"""The maximum number of connections that wait until the server accepts them."""
_STOP_TIMEOUT: Final = 5.0
"""Seconds that running requests may still take after the server was stopped."""
_REACHABLE_TIMEOUT: Final = 60.0
"""Seconds after which a server that accepts no connection counts as failed."""
_CONNECT_POLL: Final = 0.02
"""Seconds between two attempts to connect."""
_MAX_CONNECTIONS: Final = 10_000
"""The maximum number of client connections at the same time. A connection takes about 20 KiB of memory, and most
connections are idle. The gateway limits the running requests itself, and a client must be connected to get its 503."""
_RESERVED_FILES: Final = 256
"""The number of open files that are kept free for databases, services and logs."""
IDLE_TIMEOUT: Final = timedelta(seconds=30)
_LOOPBACK_OF_WILDCARD: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104
"""The address at which a process reaches its own server that listens on all addresses."""


async def serve_http(
    app: Any,
    host: str,
    port: int,
    *,
    idle_timeout: timedelta = IDLE_TIMEOUT,
    before_stop: Callable[[], None] = lambda: None,
) -> None:
    """Serve an ASGI app until this call is cancelled. Then call `before_stop`, and wait up to 5 s for running requests.

    Requests that run longer are cancelled, and may then take 5 s more to respond.
    The server closes a connection if the headers of the next request do not arrive completely within `idle_timeout`,
    or if the client accepts no bytes of a response for that time. The handling of a request has no limit here.
    The rest of a request body that the app does not read is read here, within limits (see `body_drain`).
    Raises StartError when the server ends by itself, OSError when the address cannot be listened on.
    """
    with _listen(host, port, idle_timeout) as listener:
        requests = _RunningRequests(DrainingApp(app))
        server = _EmbeddedServer(
            requests,
            listener,
            interface=Interfaces.ASGINL,
            http=HTTPModes.http1,  # guard: http1-only
            http1_settings=HTTP1Settings(header_read_timeout=_milliseconds(idle_timeout)),  # guard: idle-timeout
            websockets=False,
            log_enabled=False,
            backlog=_BACKLOG,
            backpressure=_raise_file_limit(),
        )
        serving = asyncio.create_task(server.serve())
        try:
            await asyncio.shield(serving)
            raise StartError("the HTTP server ended unexpectedly")
        finally:
            before_stop()
            server.stop()  # type: ignore[no-untyped-call]
            # Granian ends its task after the last request, and logs an error if the task was cancelled before that.
            await asyncio.wait([serving], timeout=_STOP_TIMEOUT)
            if not serving.done():
                requests.cancel()  # guard: stop-cancels-requests
                await asyncio.wait([serving], timeout=_STOP_TIMEOUT)
            if serving.done():
                await serving


class _RunningRequests:
    """An ASGI app that calls `app`, and knows the tasks of its requests."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self._tasks: set[asyncio.Task[Any]] = set()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["http_version"] == "1":  # guard: http-1-0
            scope["http_version"] = "1.0"  # as ASGI writes it; Falcon refuses any other spelling
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a coroutine runs in a task
        self._tasks.add(task)
        try:
            await self._app(scope, receive, send)
        finally:
            self._tasks.discard(task)

    def cancel(self) -> None:
        """Cancel the requests that run now."""
        for task in self._tasks:
            task.cancel()


class _EmbeddedServer(Server):
    """A Granian server on a socket that we open, because Granian cannot set its options. Granian closes the socket."""

    def __init__(self, app: Any, listener: socket.socket, **options: Any) -> None:
        super().__init__(app, **options)
        self._listener = listener

    def _init_shared_socket(self) -> None:
        holder = SocketHolder(self._listener.detach(), False, _BACKLOG)  # type: ignore[call-arg]
        self._shd = holder  # type: ignore[assignment]


def _listen(host: str, port: int, idle_timeout: timedelta) -> socket.socket:
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)  # gateway processes share the port
        # Accepted connections inherit this limit for sent bytes that the client does not acknowledge or has no room
        # for. Without it a client that never reads its responses would keep its connection forever.
        # guard: send-timeout
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _milliseconds(idle_timeout))
        listener.setblocking(False)
        listener.bind((host, port))
        listener.listen(_BACKLOG)
    except BaseException:
        listener.close()
        raise
    return listener


def _milliseconds(duration: timedelta) -> int:
    return max(1, round(duration / timedelta(milliseconds=1)))


async def wait_until_reachable(host: str, port: int) -> None:
    """Wait until the server accepts connections. Raises StartError after a minute."""
    try:
        async with asyncio.timeout(_REACHABLE_TIMEOUT):
            await _connect(_LOOPBACK_OF_WILDCARD.get(host, host), port)
    except TimeoutError:
        raise StartError(f"the HTTP server accepts no connection on {host}:{port}") from None


async def _connect(host: str, port: int) -> None:
    """Try to connect until it succeeds."""
    while True:
        try:
            _, writer = await asyncio.open_connection(host, port)
        except OSError:
            await asyncio.sleep(_CONNECT_POLL)
        else:
            writer.close()
            return


def _raise_file_limit() -> int:
    """Raise the limit of open files as far as allowed. Return the number of client connections that the new limit
    allows.

    At the limit the HTTP server would accept no connection and would use the CPU in a loop.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = _MAX_CONNECTIONS + _RESERVED_FILES
    if soft != resource.RLIM_INFINITY and soft < needed:
        soft = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    if soft == resource.RLIM_INFINITY:
        return _MAX_CONNECTIONS
    return max(1, min(_MAX_CONNECTIONS, soft - _RESERVED_FILES))
