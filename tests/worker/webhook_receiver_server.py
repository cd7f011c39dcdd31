"""A real HTTP receiver of webhooks on loopback, which keeps every request, and answers as the test says."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import msgspec
from standardwebhooks.webhooks import Webhook

Answer = Callable[["Request", asyncio.StreamWriter], Awaitable[None]]


@dataclass(frozen=True)
class Request:
    """A request as it arrived."""

    path: str
    headers: dict[str, str]
    body: bytes

    def verified(self, secret: str) -> Any:
        """Return the event, verified as a receiver does it."""
        return Webhook(secret).verify(self.body, self.headers)

    @property
    def event(self) -> Any:
        return msgspec.json.decode(self.body)


@dataclass
class ReceiverServer:
    """A receiver. `answer` answers each request; `requests` are those that arrived."""

    url: str
    answer: Answer
    requests: list[Request] = field(default_factory=list)
    arrived: asyncio.Condition = field(default_factory=asyncio.Condition)

    @property
    def ids(self) -> list[str]:
        return [request.headers["webhook-id"] for request in self.requests]

    async def wait_for(self, count: int) -> None:
        """Return when that many requests have arrived."""
        async with asyncio.timeout(120), self.arrived:
            await self.arrived.wait_for(lambda: len(self.requests) >= count)


def status(code: int, *headers: str) -> Answer:
    """Return an answer with a status and headers."""

    async def answer(_: Request, writer: asyncio.StreamWriter) -> None:
        lines = [f"HTTP/1.1 {code} x", "Content-Length: 0", "Connection: close", *headers]
        writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())

    return answer


async def hang(_: Request, writer: asyncio.StreamWriter) -> None:
    """Answer nothing until the client closes the connection."""
    while not writer.is_closing():
        await asyncio.sleep(0.05)


async def slow_bytes(_: Request, writer: asyncio.StreamWriter) -> None:
    """Send the headers of an answer one by one, without an end."""
    writer.write(b"HTTP/1.1 200 OK\r\n")
    number = 0
    while not writer.is_closing():
        number += 1
        writer.write(f"X-{number}: a\r\n".encode())
        await writer.drain()
        await asyncio.sleep(0.1)


async def endless(_: Request, writer: asyncio.StreamWriter) -> None:
    """Answer 200 with a body of 10 GB."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10000000000\r\n\r\n")
    while not writer.is_closing():
        writer.write(b"x" * 65536)
        await writer.drain()


async def cut_body(_: Request, writer: asyncio.StreamWriter) -> None:
    """Answer 200 and close the connection in the middle of the body."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nok")


async def stalled_body(_: Request, writer: asyncio.StreamWriter) -> None:
    """Answer 200, and no more of the body than its beginning."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nok")
    while not writer.is_closing():
        await asyncio.sleep(0.05)


async def garbage(_: Request, writer: asyncio.StreamWriter) -> None:
    """Answer something that is no HTTP."""
    writer.write(b"\x00\xff" * 2000 + b"\r\n\r\n")


@asynccontextmanager
async def serve_receiver(
    answer: Answer | None = None, *, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1"
) -> AsyncIterator[ReceiverServer]:
    """Serve a receiver on a port of its own. Without an answer it answers 204."""
    server = ReceiverServer("", answer or status(204))

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
            body = await reader.readexactly(int(headers.get("content-length", 0)))
            request = Request(head[0].split(" ")[1], headers, body)
            server.requests.append(request)
            async with server.arrived:
                server.arrived.notify_all()
            await server.answer(request, writer)
            await writer.drain()
        except (OSError, EOFError):
            pass
        finally:
            writer.close()

    listener = await asyncio.start_server(handle, host, 0, ssl=tls)
    port = listener.sockets[0].getsockname()[1]
    server.url = f"{'https' if tls else 'http'}://{host}:{port}/hook"
    try:
        yield server
    finally:
        listener.close()
