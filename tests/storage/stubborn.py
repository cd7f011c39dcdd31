"""A store that misbehaves as it is told: what no real store can be asked to do.

It keeps bytes by key and checks no signature; `answer` decides first, and None lets the request through.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

Answer = Callable[[web.Request, bytes], Awaitable[web.Response | None]]

EMPTY_LISTING = "<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>"


def refusal(status: int, code: str) -> web.Response:
    return web.Response(status=status, text=f"<Error><Code>{code}</Code></Error>", content_type="application/xml")


async def willing(request: web.Request, body: bytes) -> web.Response | None:
    return None


@dataclass
class Stubborn:
    """A running one; replace `answer` at any time. `asked` are methods and paths with queries, in order."""

    endpoint: str = ""
    answer: Answer = willing
    objects: dict[str, bytes] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.Response:
        body = await request.read()
        self.asked.append((request.method, request.path_qs))
        told = await self.answer(request, body)
        if told is not None:
            return told
        key = request.path.partition("/")[2].partition("/")[2]
        if request.method == "GET" and "list-type" in request.query:
            return web.Response(text=EMPTY_LISTING)
        if request.method == "POST" and "delete" in request.query:
            for named in re.findall(rb"<Key>([^<]*)</Key>", body):
                self.objects.pop(named.decode(), None)
            return web.Response(text="<DeleteResult/>")
        if request.method == "DELETE":
            self.objects.pop(key, None)
            return web.Response(status=204)
        if request.method == "PUT" and key:
            self.objects[key] = body
            return web.Response()
        if not key:
            return web.Response()
        return web.Response(body=self.objects[key]) if key in self.objects else refusal(404, "NoSuchKey")


@asynccontextmanager
async def stubborn(answer: Answer = willing) -> AsyncIterator[Stubborn]:
    store = Stubborn(answer=answer)
    runner = web.ServerRunner(web.Server(store.handle), shutdown_timeout=0.1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        store.endpoint = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield store
    finally:
        await runner.cleanup()
