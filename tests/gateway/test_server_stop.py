"""The HTTP server stops while a request runs."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx

from drivebay.runtime.http_server import serve_http, wait_until_reachable
from drivebay.testing.world import free_port

LONG = 60.0
"""Seconds. A wait that reaches this limit has found something that hangs."""


async def test_a_request_that_runs_longer_than_the_stop_of_the_server_causes_no_error() -> None:
    errors: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: errors.append(context))
    runs, may_end = asyncio.Event(), asyncio.Event()

    async def app(scope: Any, _receive: Any, send: Any) -> None:
        assert scope["type"] == "http"
        runs.set()
        await may_end.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"late"})

    port = free_port()
    earlier = asyncio.all_tasks()
    serving = asyncio.create_task(serve_http(app, "127.0.0.1", port))
    await wait_until_reachable("127.0.0.1", port)
    async with httpx.AsyncClient(timeout=LONG) as http:
        request = asyncio.create_task(http.get(f"http://127.0.0.1:{port}/"))
        await asyncio.wait_for(runs.wait(), LONG)
        of_server = asyncio.all_tasks() - earlier - {serving, request}
        serving.cancel()
        await asyncio.wait([serving], timeout=LONG)
        assert serving.cancelled()
        assert of_server
        may_end.set()
        assert (await request).text == "late"
    done, pending = await asyncio.wait(of_server, timeout=LONG)
    assert not pending
    assert not [task for task in done if task.cancelled()]
    assert errors == []
