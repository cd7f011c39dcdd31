"""The HTTP server stops while a request runs."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
from falcon.asgi import Response
from uuid_utils.compat import uuid7

from drivebay.gateway.app import create_app_from_routes
from drivebay.gateway.http_request import Request
from drivebay.gateway.route import Route
from drivebay.gateway.settings import Settings
from drivebay.runtime.http_server import serve_http, wait_until_reachable
from drivebay.testing.world import free_port

LONG = 60.0
"""Seconds. A wait that reaches this limit has found something that hangs."""


async def test_a_request_that_runs_longer_than_the_stop_of_the_server_gets_503() -> None:
    errors: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: errors.append(context))
    runs = asyncio.Event()

    async def wait(_req: Request, _resp: Response) -> None:
        runs.set()
        await asyncio.Event().wait()

    no_auth: Any = None
    no_files: Any = None
    route = Route("GET", "/wait", "operation", "summary", wait, {200: None}, public=True)
    app = create_app_from_routes((route,), no_auth, no_files, Settings(), new_request_id=lambda: str(uuid7()))
    port = free_port()
    earlier = asyncio.all_tasks()
    serving = asyncio.create_task(serve_http(app, "127.0.0.1", port))
    await wait_until_reachable("127.0.0.1", port)
    async with httpx.AsyncClient(timeout=LONG) as http:
        request = asyncio.create_task(http.get(f"http://127.0.0.1:{port}/wait"))
        await asyncio.wait_for(runs.wait(), LONG)
        of_server = asyncio.all_tasks() - earlier - {serving, request}
        serving.cancel()
        await asyncio.wait([serving], timeout=LONG)
        assert serving.cancelled()
        response = await request
    assert (response.status_code, response.json()["code"]) == (503, "unavailable")
    assert int(response.headers["Retry-After"]) >= 1
    # A task of Granian that is still pending is cancelled when the process ends, and logs an error then.
    assert of_server
    assert not [task for task in of_server if not task.done() or task.cancelled()]
    assert errors == []
