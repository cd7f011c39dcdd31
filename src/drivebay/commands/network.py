"""`Network` by aiohttp, whose parser is not in Python: a request costs a fifth of what it does by httpx.

docs/decisions/0025 has the figures.
"""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final
from urllib.request import getproxies, proxy_bypass

import aiohttp
from yarl import URL

from drivebay.client import NetworkError, NotSent
from drivebay.client.network import CONNECT_WITHIN, KEPT_FOR, SILENCE, TURN_WITHIN, Body

_TIMEOUT: Final = aiohttp.ClientTimeout(total=None, connect=TURN_WITHIN, sock_connect=CONNECT_WITHIN, sock_read=SILENCE)
# Nothing goes out that the signature does not know of.
_NOT_BY_ITSELF: Final = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")


class AiohttpNetwork:
    """Implements `Network`. Holds the connections, `connections` at most to each side. Made where a loop runs."""

    def __init__(self, connections: int) -> None:
        self._connections = connections
        self._proxies: dict[tuple[str, str], str | None] = {}
        self._session: aiohttp.ClientSession | None = None

    @asynccontextmanager
    async def open(
        self, method: str, url: str, headers: Mapping[str, str], body: Body = b""
    ) -> AsyncIterator[_Response]:
        with _translated("nowhere"):
            whole = URL(url, encoded=True)
        place = whole.host_port_subcomponent or ""
        with _translated(place):
            response = await self._answered(method, whole, headers, body)
        try:
            yield _Response(response, place)
        finally:
            # What was not read to its end is not read on: the connection goes.
            response.close()

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def _answered(self, method: str, url: URL, headers: Mapping[str, str], body: Body) -> aiohttp.ClientResponse:
        async with asyncio.timeout(TURN_WITHIN + 2 * SILENCE) as writing:

            async def watched(chunks: AsyncIterable[bytes]) -> AsyncGenerator[bytes, None]:
                try:
                    async for chunk in chunks:
                        writing.reschedule(asyncio.get_running_loop().time() + SILENCE)
                        yield chunk
                except Exception as error:
                    own.append(error)
                    raise
                # From here on it is the answer that is waited for, as long as any.
                writing.reschedule(asyncio.get_running_loop().time() + 2 * SILENCE)

            own: list[Exception] = []
            data = (body or None) if isinstance(body, bytes) else watched(body)
            try:
                return await self._opened().request(
                    method, url, headers=headers, data=data, allow_redirects=False, proxy=self._proxy(url)
                )
            except Exception as error:
                if own:  # the body could not be read: that is nobody's connection
                    raise _Unread(own[0]) from error
                raise

    def _proxy(self, url: URL) -> str | None:
        """As the environment says. aiohttp would look at it for every request, and into ~/.netrc too."""
        place = (url.scheme, url.authority)
        if place not in self._proxies:
            self._proxies[place] = None if proxy_bypass(url.authority) else getproxies().get(url.scheme)
        return self._proxies[place]

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, limit_per_host=self._connections, keepalive_timeout=KEPT_FOR),
                timeout=_TIMEOUT,
                auto_decompress=False,
                skip_auto_headers=_NOT_BY_ITSELF,
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return self._session


class _Response:
    """Implements `Response`."""

    def __init__(self, response: aiohttp.ClientResponse, place: str) -> None:
        self._response = response
        self._place = place
        self.status = response.status
        self.headers = response.headers

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        with _translated(self._place):
            async for chunk in self._response.content.iter_any():
                yield chunk


class _Unread(Exception):
    """Around what reading a body raised, past the translation of what the network did."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error


class _translated:  # noqa: N801 - it reads as a word: `with _translated(place):`
    """What aiohttp raises inside becomes the SDK's: with the host and port, without the rest of the URL."""

    def __init__(self, place: str) -> None:
        self._place = place

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, _Unread):
            raise error.error from None
        if isinstance(error, aiohttp.ClientConnectorCertificateError):
            raise NotSent(f"no connection to {self._place} ({_why(error.certificate_error)})") from None
        if isinstance(error, aiohttp.ClientConnectorError):
            raise NotSent(f"no connection to {self._place} ({_why(error.os_error)})") from None
        if isinstance(error, aiohttp.ConnectionTimeoutError):
            raise NotSent(f"no connection to {self._place} in time") from None
        if isinstance(error, aiohttp.ServerTimeoutError):
            raise NetworkError(f"no answer from {self._place} in time") from None
        if isinstance(error, TimeoutError):
            raise NetworkError(f"{self._place} takes no more bytes") from None
        if isinstance(error, aiohttp.InvalidURL | ValueError):
            raise NetworkError("this is no URL") from None
        if isinstance(error, aiohttp.ClientError | OSError):
            raise NetworkError(f"the connection to {self._place} broke") from None


def _why(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message
    if isinstance(error, ConnectionError) and error.errno:
        return os.strerror(error.errno)  # its own words name the address once more
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
