"""A store with scripted responses, for failures that no real store produces on request.

It keeps bytes by key and checks no signature. The script decides first; None lets the request through.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

Script = Callable[[web.Request, bytes], Awaitable[web.Response | None]]

EMPTY_LISTING = "<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>"


def error_response(status: int, code: str) -> web.Response:
    return web.Response(status=status, text=f"<Error><Code>{code}</Code></Error>", content_type="application/xml")


async def let_through(request: web.Request, body: bytes) -> web.Response | None:
    return None


@dataclass
class ScriptedStore:
    """A running store. A test may replace `script` at any time. `requests` are methods and paths with queries, in
    order."""

    endpoint: str = ""
    script: Script = let_through
    objects: dict[str, bytes] = field(default_factory=dict)
    requests: list[tuple[str, str]] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.Response:
        body = await request.read()
        self.requests.append((request.method, request.path_qs))
        scripted = await self.script(request, body)
        if scripted is not None:
            return scripted
        key = request.path.partition("/")[2].partition("/")[2]
        if request.method == "GET" and "list-type" in request.query:
            return web.Response(text=EMPTY_LISTING)
        if request.method == "POST" and "delete" in request.query:
            for name in re.findall(rb"<Key>([^<]*)</Key>", body):
                self.objects.pop(name.decode(), None)
            return web.Response(text="<DeleteResult/>")
        if request.method == "DELETE":
            self.objects.pop(key, None)
            return web.Response(status=204)
        if request.method == "PUT" and key:
            self.objects[key] = body
            return web.Response()
        if not key:
            return web.Response()
        return web.Response(body=self.objects[key]) if key in self.objects else error_response(404, "NoSuchKey")


@asynccontextmanager
async def run_store(script: Script = let_through) -> AsyncIterator[ScriptedStore]:
    store = ScriptedStore(script=script)
    runner = web.ServerRunner(web.Server(store.handle), shutdown_timeout=0.1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        store.endpoint = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield store
    finally:
        await runner.cleanup()
