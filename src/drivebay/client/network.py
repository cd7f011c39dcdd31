"""The one way out: requests over kept connections, to Drivebay and to the store.

httpx's transports are used without its client, which writes every URL to the log: signed ones are secrets. Every
wait has an end. Nothing is tried again here, and nothing redirected.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final
from urllib.request import getproxies, proxy_bypass

import httpx

from .errors import NetworkError

_TIMEOUT: Final = {"connect": 10.0, "read": 60.0, "write": 60.0, "pool": 120.0}
"""Seconds for a connection, for the next bytes of an answer, for a chunk of a body, and for a free connection."""
_KEPT_FOR: Final = 20.0


class NotSent(NetworkError):
    """No connection came about: the request never left, so it may be repeated whatever it was."""


@dataclass(frozen=True)
class Answer:
    status: int
    headers: httpx.Headers
    body: bytes


class Network:
    """Holds the connections, `connections` at most to each side."""

    def __init__(self, connections: int) -> None:
        self._limits = httpx.Limits(
            max_connections=connections, max_keepalive_connections=connections, keepalive_expiry=_KEPT_FOR
        )
        self._transports: dict[tuple[str, str], httpx.AsyncHTTPTransport] = {}

    async def ask(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | AsyncIterable[bytes] = b""
    ) -> Answer:
        """The whole answer, of any status. Raises NotSent, NetworkError."""
        async with self.open(method, url, headers, body) as response:
            with translated():
                return Answer(response.status_code, response.headers, await response.aread())

    @asynccontextmanager
    async def open(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | AsyncIterable[bytes] = b""
    ) -> AsyncIterator[httpx.Response]:
        """An answer whose body is yet to be read, within `translated`. Raises NotSent, NetworkError."""
        with translated():
            request = httpx.Request(method, url, headers=headers, content=body, extensions={"timeout": _TIMEOUT})
            response = await self._transport(request.url).handle_async_request(request)
        try:
            yield response
        finally:
            await response.aclose()

    async def close(self) -> None:
        for transport in self._transports.values():
            await transport.aclose()

    def _transport(self, url: httpx.URL) -> httpx.AsyncHTTPTransport:
        place = (url.scheme, url.netloc.decode())
        if place not in self._transports:
            proxy = None if proxy_bypass(place[1]) else getproxies().get(url.scheme)
            self._transports[place] = httpx.AsyncHTTPTransport(
                verify=url.scheme == "https", limits=self._limits, proxy=httpx.Proxy(proxy) if proxy else None
            )
        return self._transports[place]


class translated:  # noqa: N801 - it reads as a word: `with translated():`
    """What httpx raises inside becomes ours, without the URL."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout | httpx.ProxyError):
            raise NotSent(_words(error)) from None
        if isinstance(error, httpx.HTTPError | httpx.InvalidURL):
            raise NetworkError(_words(error)) from None


def _words(error: Exception) -> str:
    return {
        "ConnectError": "no connection",
        "ConnectTimeout": "no connection in time",
        "PoolTimeout": "no free connection in time",
        "ReadTimeout": "no answer in time",
        "WriteTimeout": "the other side takes no more bytes",
    }.get(type(error).__name__, "the connection broke") + (
        f" ({error})" if str(error) and "://" not in str(error) else ""
    )
