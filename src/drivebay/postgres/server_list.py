"""The servers that one URL names. A connection goes to the first server that can be used.

asyncpg has one timeout for all servers of a URL. So a server that accepts connections and does not respond, as on a
machine that hangs, would use the whole timeout, and the next server would never be tried.
"""

from __future__ import annotations

import asyncio
import urllib.parse
from collections.abc import Mapping
from typing import Final

import asyncpg

from .pool import Connection
from .server_errors import NO_RESPONSE, find_problem

_MIN_ATTEMPT: Final = 1.0
"""If a caller is cancelled after at least this number of seconds, the server to which it tried to connect counts as
hanging."""
_TRY_NEXT: Final = (
    OSError,  # includes TimeoutError
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,  # the server is starting or stopping
    asyncpg.TargetServerAttributeNotMatched,  # the server is a standby
)


def server_urls(url: str) -> tuple[str, ...]:
    """Return a URL for each server that a libpq URL names: hosts separated by commas, before the path or as `host=`.

    Only one of several servers accepts writes. So `target_session_attrs=read-write` is added to each URL if `url` has
    no value for it.
    """
    parts = urllib.parse.urlsplit(url)
    parts = parts._replace(query=_for_writes(parts.query)) if _names_several(parts) else parts
    credentials, at, hosts = parts.netloc.rpartition("@")
    if "," in hosts:
        return tuple(parts._replace(netloc=f"{credentials}{at}{host}").geturl() for host in hosts.split(","))
    query = dict(urllib.parse.parse_qsl(parts.query, keep_blank_values=True))
    names = query.get("host", "").split(",")
    if len(names) == 1:
        return (url,)
    ports = query.get("port", "").split(",")
    if len(ports) == 1:
        ports *= len(names)
    if len(ports) != len(names):
        return (url,)  # asyncpg says what is wrong
    return tuple(
        parts._replace(
            query=urllib.parse.urlencode({**query, "host": name, **({"port": port} if port else {})})
        ).geturl()
        for name, port in zip(names, ports, strict=True)
    )


def _names_several(parts: urllib.parse.SplitResult) -> bool:
    return "," in parts.netloc or any("," in host for host in urllib.parse.parse_qs(parts.query).get("host", ()))


def _for_writes(query: str) -> str:
    if "target_session_attrs" in urllib.parse.parse_qs(query):
        return query
    return f"{query}&target_session_attrs=read-write".removeprefix("&")


class ServerList:
    """The servers of `url`, a libpq URL."""

    def __init__(self, url: str) -> None:
        self._urls = server_urls(url)

    async def connect(
        self, *, timeout: float, command_timeout: float | None = None, server_settings: Mapping[str, str] | None = None
    ) -> Connection:
        """Open a connection to the first server that can be used. The server that was used last is tried first.

        Each server has its share of `timeout`. `command_timeout` bounds each statement. Both are in seconds. Raises an
        error of asyncpg, OSError or TimeoutError. It is the error of the first server whose error names a problem (see
        `find_problem`), if there is such a server.
        """
        urls = self._urls
        errors: list[Exception] = []
        loop = asyncio.get_running_loop()
        for number, url in enumerate(urls):
            started = loop.time()
            try:
                connection = await asyncpg.connect(
                    url,
                    timeout=timeout / len(urls),
                    command_timeout=command_timeout,
                    server_settings=dict(server_settings or {}),
                )
            except _TRY_NEXT as error:
                errors.append(error)
            except asyncio.CancelledError:
                if loop.time() - started > _MIN_ATTEMPT:  # guard: server-cancelled
                    # The caller had less time than the share of this server. The next caller begins with the next
                    # server.
                    self._urls = (*urls[number + 1 :], *urls[: number + 1])
                raise
            else:
                self._urls = (*urls[number:], *urls[:number])  # guard: server-order
                return connection
        # Prefer an error that names a problem: a process that starts during a failover waits if a standby responds.
        raise max(errors, key=lambda error: find_problem(error) is not NO_RESPONSE)
