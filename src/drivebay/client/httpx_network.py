"""`Network` by httpx's transports, without its client, which writes every URL to the log."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final
from urllib.request import getproxies, proxy_bypass

import httpx

from .errors import NetworkError
from .network import CONNECT_WITHIN, KEPT_FOR, SILENCE, TURN_WITHIN, Body, NotSent

_TIMEOUT: Final = {"connect": CONNECT_WITHIN, "read": SILENCE, "write": SILENCE, "pool": TURN_WITHIN}


class HttpxNetwork:
    """Implements `Network`. Holds the connections, `connections` at most to each side."""

    def __init__(self, connections: int) -> None:
        self._limits = httpx.Limits(
            max_connections=connections, max_keepalive_connections=connections, keepalive_expiry=KEPT_FOR
        )
        self._transports: dict[tuple[str, str], httpx.AsyncHTTPTransport] = {}

    @asynccontextmanager
    async def open(
        self, method: str, url: str, headers: Mapping[str, str], body: Body = b""
    ) -> AsyncIterator[_Response]:
        with _translated("nowhere"):
            request = httpx.Request(method, url, headers=headers, content=body, extensions={"timeout": _TIMEOUT})
        place = request.url.netloc.decode()
        with _translated(place):
            response = await self._transport(request.url).handle_async_request(request)
        try:
            yield _Response(response, place)
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


class _Response:
    """Implements `Response`."""

    def __init__(self, response: httpx.Response, place: str) -> None:
        self._response = response
        self._place = place
        self.status = response.status_code
        self.headers = response.headers

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        with _translated(self._place):
            async for chunk in self._response.aiter_raw():
                yield chunk


class _translated:  # noqa: N801 - it reads as a word: `with _translated(place):`
    """What httpx raises inside becomes ours: with the host and port, without the rest of the URL."""

    def __init__(self, place: str) -> None:
        self._place = place

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout | httpx.ProxyError):
            raise NotSent(self._words(error)) from None
        if isinstance(error, httpx.HTTPError | httpx.InvalidURL):
            raise NetworkError(self._words(error)) from None

    def _words(self, error: Exception) -> str:
        words = {
            "ConnectError": f"no connection to {self._place}",
            "ConnectTimeout": f"no connection to {self._place} in time",
            "PoolTimeout": f"no free connection to {self._place} in time",
            "ReadTimeout": f"no answer from {self._place} in time",
            "WriteTimeout": f"{self._place} takes no more bytes",
            "InvalidURL": "this is no URL",
        }.get(type(error).__name__, f"the connection to {self._place} broke")
        return words + (f" ({error})" if str(error) and "://" not in str(error) else "")
