"""The way out: requests over kept connections, to Drivebay and to the store.

Whoever implements `Network` may be given to a drive. Every wait has an end, nothing is redirected, and no URL is
logged: signed ones are secrets.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, Mapping
from contextlib import AbstractAsyncContextManager, aclosing
from dataclasses import dataclass
from typing import Final, Protocol, TypeAlias

from .errors import NetworkError

Body: TypeAlias = bytes | AsyncIterable[bytes]

CONNECT_WITHIN: Final = 10.0
"""Seconds for a connection."""
SILENCE: Final = 60.0
"""Seconds for the next bytes of an answer, and for the other side to take a chunk of a body."""
TURN_WITHIN: Final = 120.0
"""Seconds for a free connection."""
KEPT_FOR: Final = 20.0
"""Seconds that an idle connection is kept."""


class NotSent(NetworkError):
    """No connection came about: the request never left, so it may be repeated whatever it was."""


class Response(Protocol):
    """An answer whose body is yet to be read. `headers` are found whatever the case of their names."""

    @property
    def status(self) -> int: ...

    @property
    def headers(self) -> Mapping[str, str]: ...

    def chunks(self) -> AsyncGenerator[bytes, None]:
        """The body as it comes, not decoded. Raises NetworkError."""
        ...


class Network(Protocol):
    def open(
        self, method: str, url: str, headers: Mapping[str, str], body: Body = b""
    ) -> AbstractAsyncContextManager[Response]:
        """Send this to exactly this URL with exactly these headers, and those that HTTP needs. `Content-Length` is
        among them if the body is not bytes. Raises NotSent, NetworkError."""
        ...

    async def close(self) -> None: ...


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes


async def ask(network: Network, method: str, url: str, headers: Mapping[str, str], body: Body = b"") -> Answer:
    """The whole answer, of any status. Raises NotSent, NetworkError."""
    async with network.open(method, url, headers, body) as response:
        return await whole(response)


async def whole(response: Response) -> Answer:
    """Raises NetworkError."""
    async with aclosing(response.chunks()) as chunks:
        body = b"".join([chunk async for chunk in chunks])
    return Answer(response.status, response.headers, body)
