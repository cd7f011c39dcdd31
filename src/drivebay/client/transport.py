"""The HTTP transport of the SDK: one aiohttp connection pool for the API and the object store.

Every wait has a limit. Redirects are not followed and URLs are not logged, because presigned URLs are secrets.
"""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Iterator, Mapping
from contextlib import aclosing, asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Final, TypeAlias
from urllib.request import getproxies, proxy_bypass

import aiohttp
from yarl import URL

from .errors import NetworkError, RequestNotSent

Body: TypeAlias = bytes | AsyncIterable[bytes]

READ_TIMEOUT: Final = 15.0
"""A request fails if the server sends no byte of the response, or accepts no chunk of the body, for this number of
seconds."""
RESPONSE_TIMEOUT: Final = 60.0
"""A request with a body in chunks fails if no byte of the response arrives for this number of seconds after the body.
The last bytes of the body may still be in a buffer of this computer, and a slow connection needs time for these bytes.
`_USER_TIMEOUT` ends a connection over which the bytes make no progress."""
POOL_TIMEOUT: Final = 120.0
"""The maximum number of seconds for which a request waits for a free connection of the pool."""
KEEPALIVE_TIMEOUT: Final = 20.0
"""The number of seconds for which an idle connection stays open."""
_USER_TIMEOUT: Final = 15_000
"""The operating system closes a connection if the server acknowledges no sent bytes for this number of milliseconds."""
_NO_TLS: Final = ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG")
"""The reasons of OpenSSL for a response that is not TLS, such as one of HTTP."""
_SKIPPED_HEADERS: Final = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")
"""Headers that aiohttp would add to a request. A presigned request must be sent as it was signed."""


@dataclass(frozen=True)
class FullResponse:
    """A response whose body has been read. Header names are case-insensitive."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Response:
    """A response whose body has not been read. Header names are case-insensitive."""

    def __init__(self, response: aiohttp.ClientResponse, host: str) -> None:
        self._response = response
        self._host = host
        self.status = response.status
        self.headers: Mapping[str, str] = response.headers

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """Yield the body as it arrives, without decoding Content-Encoding. Raises NetworkError."""
        with _translate_errors(self._host):
            async for chunk in self._response.content.iter_any():
                yield chunk

    async def read(self) -> FullResponse:
        """Read the whole body. Raises NetworkError."""
        async with aclosing(self.chunks()) as chunks:
            body = b"".join([chunk async for chunk in chunks])
        return FullResponse(self.status, self.headers, body)


class Transport:
    """A pool of at most `max_connections` connections to each host. `connect_timeout` is in seconds."""

    def __init__(self, max_connections: int, connect_timeout: float = 10.0) -> None:
        self._max_connections = max_connections
        self._connect_timeout = connect_timeout
        self._proxies: dict[tuple[str, str], str | None] = {}
        self._session: aiohttp.ClientSession | None = None

    @asynccontextmanager
    async def open(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: Body = b"",
        response_timeout: float = READ_TIMEOUT,
    ) -> AsyncIterator[Response]:
        """Send a request and yield its response, with any status.

        `response_timeout` is how many seconds may pass without a byte of the response. The URL and the headers are sent
        unchanged, and the headers that HTTP requires are added. `headers` must contain `Content-Length` if the body is
        not bytes. Raises RequestNotSent, NetworkError, and exceptions of the body.
        """
        try:
            target = URL(url, encoded=True)
        except ValueError:
            raise NetworkError("the URL of the request is not valid") from None
        host = target.host_port_subcomponent or ""
        with _translate_errors(host):
            response = await self._send(method, target, headers, body, response_timeout)
        try:
            yield Response(response, host)
        finally:
            # Close the connection instead of reading the rest of the body.
            response.close()

    async def fetch(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: Body = b"",
        response_timeout: float = READ_TIMEOUT,
    ) -> FullResponse:
        """Send a request and read the whole response, with any status. Arguments and errors as `open`."""
        async with self.open(method, url, headers, body, response_timeout) as response:
            return await response.read()

    async def close(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()

    async def _send(
        self, method: str, url: URL, headers: Mapping[str, str], body: Body, response_timeout: float
    ) -> aiohttp.ClientResponse:
        body_errors: list[Exception] = []
        async with asyncio.timeout(POOL_TIMEOUT + 2 * RESPONSE_TIMEOUT) as deadline:
            data: bytes | AsyncGenerator[bytes, None] | None
            if isinstance(body, bytes):
                data = body or None
            else:
                data, response_timeout = _watch_body(body, deadline, body_errors), RESPONSE_TIMEOUT
            timeout = self._timeout(response_timeout)
            proxy = self._proxy_for(url)
            try:
                return await self._open_session().request(
                    method, url, headers=headers, data=data, allow_redirects=False, proxy=proxy, timeout=timeout
                )
            except Exception as error:
                if body_errors:
                    raise _BodyError(body_errors[0]) from error
                raise

    def _proxy_for(self, url: URL) -> str | None:
        """Return the proxy of the environment. aiohttp would look it up for each request, and read ~/.netrc too."""
        origin = (url.scheme, url.authority)
        if origin not in self._proxies:
            self._proxies[origin] = None if proxy_bypass(url.authority) else getproxies().get(url.scheme)
        return self._proxies[origin]

    def _timeout(self, sock_read: float) -> aiohttp.ClientTimeout:
        return aiohttp.ClientTimeout(
            total=None, connect=POOL_TIMEOUT, sock_connect=self._connect_timeout, sock_read=sock_read
        )

    def _open_session(self) -> aiohttp.ClientSession:
        # Do not create the session in __init__: it must be created while the event loop runs.
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    limit=0,
                    limit_per_host=self._max_connections,
                    keepalive_timeout=KEEPALIVE_TIMEOUT,
                    socket_factory=_open_socket,
                ),
                timeout=self._timeout(READ_TIMEOUT),
                auto_decompress=False,
                skip_auto_headers=_SKIPPED_HEADERS,
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return self._session


def _open_socket(address: aiohttp.AddrInfoType) -> socket.socket:
    """Return a socket whose connection fails if the server does not acknowledge sent bytes in time."""
    family, kind, protocol, _, _ = address
    new_socket = socket.socket(family, kind, protocol)
    new_socket.setblocking(False)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        new_socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _USER_TIMEOUT)
    return new_socket


class _BodyError(Exception):
    """Contains an exception of the body, so that it is not translated like a network error."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error


async def _watch_body(
    chunks: AsyncIterable[bytes], deadline: asyncio.Timeout, errors: list[Exception]
) -> AsyncGenerator[bytes, None]:
    """Yield the chunks, and move the deadline with each accepted chunk. Append an error of the body to `errors`."""
    now = asyncio.get_running_loop().time
    try:
        async for chunk in chunks:
            deadline.reschedule(now() + READ_TIMEOUT)
            yield chunk
    except Exception as error:
        errors.append(error)
        raise
    # The body is sent. aiohttp's own read timeout covers the response, so this deadline only has to be longer.
    deadline.reschedule(now() + 2 * RESPONSE_TIMEOUT)


@contextmanager
def _translate_errors(host: str) -> Iterator[None]:
    """Raise errors of aiohttp as errors of the SDK. Their messages name the host and port, not the whole URL."""
    try:
        yield
    except _BodyError as error:
        raise error.error from None
    except aiohttp.ClientConnectorCertificateError as error:
        raise RequestNotSent(f"cannot connect to {host}: {_failure_reason(error.certificate_error)}") from None
    except aiohttp.ClientConnectorError as error:
        raise RequestNotSent(f"cannot connect to {host}: {_failure_reason(error.os_error)}") from None
    except aiohttp.ConnectionTimeoutError:
        raise RequestNotSent(f"cannot connect to {host}: no connection in time") from None
    except aiohttp.ServerTimeoutError:
        raise NetworkError(f"{host} sent no response in time") from None
    except TimeoutError:
        raise NetworkError(f"{host} accepted no more data within {READ_TIMEOUT:.0f} seconds") from None
    except (aiohttp.InvalidURL, ValueError):
        raise NetworkError("the URL of the request is not valid") from None
    except (aiohttp.ClientError, OSError):
        raise NetworkError(f"the connection to {host} broke") from None


def _failure_reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message
    if isinstance(error, ssl.SSLError) and error.reason in _NO_TLS:
        return "the server does not use TLS, so its URL starts with http://"
    if isinstance(error, ConnectionError) and error.errno:
        return os.strerror(error.errno)  # the exception's own text repeats the address
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
