"""The change feed over HTTP: reading, waiting, and the stream of events."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from drivebay.contract.files import Access
from drivebay.contract.ids import ROOT, UserId
from drivebay.gateway.changes.change_stream import COMMENT_INTERVAL
from drivebay.gateway.changes.change_waiters import ChangeWaiters, Wake
from drivebay.gateway.changes.read_slots import ReadSlots
from drivebay.hints import HintChannel
from drivebay.hints.hint_channel import reaches_all
from drivebay.testing.client import Json

from .conftest import Gateway, User, assert_problem, raw_request, serve

LONG = 30
"""Seconds. A test that reaches this limit has found a wait that does not end."""


async def read(user: User, **query: object) -> Json:
    parameters = "&".join(f"{name}={value}" for name, value in query.items())
    return await user.ok("GET", f"/v1/changes?{parameters}")


def waiting(gateway: Gateway) -> int:
    """Return how many requests wait in a gateway."""
    return gateway.app.waiters.waiting


async def until(condition: Any) -> None:
    """Wait until a condition holds."""
    async with asyncio.timeout(LONG):
        while not condition():
            await asyncio.sleep(0.01)


async def test_changes_are_listed_after_a_cursor(user: User) -> None:
    start = await read(user)
    assert start["items"] == []
    folder = await user.ok("POST", "/v1/folders", {"name": "folder"})
    await user.ok("PATCH", f"/v1/files/{folder['id']}", {"name": "renamed"})
    await user.ok("DELETE", f"/v1/files/{folder['id']}")
    page = await read(user, cursor=start["next_cursor"], limit=2)
    assert [(change["what"], change["file_id"]) for change in page["items"]] == [
        ("created", folder["id"]),
        ("renamed", folder["id"]),
    ]
    assert all(set(change) == {"what", "file", "file_id", "at", "actor_id"} for change in page["items"])
    assert page["items"][0]["file"]["name"] == "renamed"
    assert page["items"][0]["file"]["trashed_at"] is not None
    me = await user.ok("GET", "/v1/me")
    assert page["items"][0]["actor_id"] == me["id"]
    await user.ok("DELETE", "/v1/trash")
    rest = await read(user, cursor=page["next_cursor"])
    assert [(change["what"], change["file"]) for change in rest["items"]] == [("trashed", None), ("deleted", None)]
    end = await read(user, cursor=rest["next_cursor"], wait=0)
    assert end["items"] == []
    assert end["next_cursor"]


async def test_a_listing_leads_to_the_changes_after_it(user: User) -> None:
    listing = await user.ok("GET", "/v1/files?parent_id=root")
    folder = await user.ok("POST", "/v1/folders", {"name": "folder"})
    page = await read(user, cursor=listing["changes_cursor"])
    assert [change["file_id"] for change in page["items"]] == [folder["id"]]
    assert "changes_cursor" not in await user.ok("GET", "/v1/trash")


@pytest.mark.parametrize("wait", ["-1", "61", "1.5", "x", "", "100", "٣"])
async def test_a_wait_is_0_to_60_seconds(user: User, wait: str) -> None:
    problem = assert_problem(await user.call("GET", f"/v1/changes?wait={wait}"), 422, "invalid_request")
    assert problem["errors"][0]["field"] == "wait"


@pytest.mark.parametrize("path", ["/v1/changes?cursor={}", "/v1/changes?cursor={}&wait=60", "/v1/events"])
async def test_a_wrong_cursor_is_a_problem_at_once(user: User, other: User, path: str) -> None:
    cursor = (await read(user))["next_cursor"]
    for wrong in ("x", cursor[:-1], f"{cursor}A", (await read(other))["next_cursor"], "a" * 4000):
        headers = {"Last-Event-ID": wrong} if path == "/v1/events" else {}
        assert_problem(await user.call("GET", path.format(wrong), headers=headers), 422, "invalid_cursor")


async def test_an_old_cursor_has_expired(own: Gateway) -> None:
    user = await own.user()
    cursor = (await read(user))["next_cursor"]
    await user.ok("POST", "/v1/folders", {"name": "folder"})
    await own.database.execute("UPDATE files.changes SET at = at - interval '31 days'")
    await own.files.trim_changes(1000)
    assert_problem(await user.call("GET", f"/v1/changes?cursor={cursor}&wait=60"), 410, "cursor_expired")
    assert_problem(await user.call("GET", "/v1/events", headers={"Last-Event-ID": cursor}), 410, "cursor_expired")


# -- waiting


async def test_a_change_ends_a_wait(own: Gateway, served: str) -> None:
    user = await own.user()
    cursor = (await read(user))["next_cursor"]
    async with asyncio.TaskGroup() as tasks, asyncio.timeout(LONG):
        waits = [tasks.create_task(read(user, cursor=cursor, wait=60)) for _ in range(3)]
        await until(lambda: waiting(own) == 3)
        folder = await user.ok("POST", "/v1/folders", {"name": "folder"})
    assert [[change["file_id"] for change in wait.result()["items"]] for wait in waits] == [[folder["id"]]] * 3
    assert waiting(own) == 0


async def test_a_wait_without_a_change_ends_in_time(user: User) -> None:
    cursor = (await read(user))["next_cursor"]
    began = time.monotonic()
    page = await read(user, cursor=cursor, wait=1)
    assert time.monotonic() - began >= 1
    assert page["items"] == []
    assert (await read(user, cursor=page["next_cursor"]))["items"] == []


async def test_a_wait_finds_a_change_without_a_hint_at_its_end(own: Gateway) -> None:
    user = await own.user()
    cursor = (await read(user))["next_cursor"]
    own.files.create_folder = own.files.create_folder.__wrapped__  # type: ignore[attr-defined]
    wait = asyncio.create_task(read(user, cursor=cursor, wait=2))
    await until(lambda: waiting(own) == 1)
    await user.ok("POST", "/v1/folders", {"name": "folder"})
    assert len((await wait)["items"]) == 1


@pytest.mark.parametrize("own", [{"user_waits": 20, "user_requests": 4, "max_concurrent_requests": 8}], indirect=True)
async def test_waiting_requests_take_no_place_of_others(own: Gateway) -> None:
    """More requests wait than the gateway handles at once, and than one user may have at once."""
    user = await own.user()
    cursor = (await read(user))["next_cursor"]
    async with asyncio.TaskGroup() as tasks, asyncio.timeout(4 * LONG):
        waits = []
        for number in range(20):
            waits.append(tasks.create_task(read(user, cursor=cursor, wait=60)))
            await until(lambda number=number: waiting(own) == number + 1)
        for path in (f"/v1/changes?cursor={cursor}&wait=60", "/v1/events"):
            response = await user.call("GET", path)
            assert_problem(response, 429, "rate_limited")
            assert int(response.headers["Retry-After"]) > 0
        assert (await read(user, cursor=cursor))["items"] == []
        await user.ok("GET", "/v1/files")
        await user.ok("POST", "/v1/folders", {"name": "folder"})
    assert all(wait.result()["items"] for wait in waits)
    assert waiting(own) == 0
    await asyncio.gather(*(user.ok("GET", "/v1/files") for _ in range(4)))


async def test_a_client_that_leaves_ends_its_wait(own: Gateway, served: str) -> None:
    user = await own.user()
    cursor = (await read(user))["next_cursor"]
    async with connection(served) as http:
        url = f"{served}/v1/changes?cursor={cursor}&wait=60"
        wait = asyncio.create_task(http.get(url, headers=bearer(user)))
        await until(lambda: waiting(own) == 1)
        wait.cancel()
        await until(lambda: waiting(own) == 0)


async def test_a_token_that_expires_ends_a_wait(own: Gateway) -> None:
    user = await own.user()
    cursor = (await read(user))["next_cursor"]
    async with asyncio.timeout(LONG):
        wait = asyncio.create_task(user.call("GET", f"/v1/changes?cursor={cursor}&wait=60"))
        await until(lambda: waiting(own) == 1)
        own.clock.ahead = timedelta(minutes=20)
        await own.files.create_folder(access_of(user), ROOT, "folder")
        assert_problem(await wait, 401, "unauthenticated")


async def test_a_member_who_is_removed_gets_no_more_changes(own: Gateway) -> None:
    manager, member = await own.user(), await own.user()
    drive = (await manager.ok("POST", "/v1/drives", {"name": "Team"}))["id"]
    added = await manager.ok("PUT", f"/v1/drives/{drive}/members", {"email": member.email, "role": "viewer"})
    cursor = (await read(member, drive_id=drive))["next_cursor"]
    async with asyncio.timeout(LONG):
        wait = asyncio.create_task(member.call("GET", f"/v1/changes?drive_id={drive}&cursor={cursor}&wait=60"))
        await until(lambda: waiting(own) == 1)
        await manager.ok("DELETE", f"/v1/drives/{drive}/members/{added['user_id']}")
        folder = await manager.ok("POST", f"/v1/folders?drive_id={drive}", {"name": "folder"})
        assert_problem(await wait, 404, "not_found")
    (change,) = (await read(manager, drive_id=drive, cursor=cursor))["items"]
    assert (change["file_id"], change["actor_id"]) == (folder["id"], (await manager.ok("GET", "/v1/me"))["id"])


async def test_a_stop_ends_waits_with_what_there_is(own: Gateway) -> None:
    user = await own.user()
    cursor = (await read(user))["next_cursor"]
    async with connection() as http, asyncio.timeout(LONG):
        async with serve(own.app, before_stop=own.app.waiters.close) as port:
            url = f"http://127.0.0.1:{port}/v1/changes?cursor={cursor}&wait=60"
            wait = asyncio.create_task(http.get(url, headers=bearer(user)))
            await until(lambda: waiting(own) == 1)
        response = await wait
    assert response.status_code == 200
    assert response.json()["items"] == []
    assert (await read(user, cursor=response.json()["next_cursor"], wait=60))["items"] == []


async def test_without_hints_a_wait_looks_again() -> None:
    waiters = ChangeWaiters(HintChannel(), 1, poll_interval=(0.01, 0.02))
    with waiters.listen(uuid4()) as waiter:
        assert await waiter.wait(time.monotonic() + LONG) is Wake.CHANGE


async def test_while_hints_are_healthy_a_wait_does_not_look_again() -> None:
    hints = HintChannel(is_alone=True)
    waiters = ChangeWaiters(hints, 1, poll_interval=(0.001, 0.002))
    drive = uuid4()
    with waiters.listen(drive) as waiter:
        assert await waiter.wait(time.monotonic() + 0.1) is Wake.END
        hints.publish(uuid4())
        assert await waiter.wait(time.monotonic() + 0.1) is Wake.END
        hints.publish(drive)
        assert await waiter.wait(time.monotonic() + LONG) is Wake.CHANGE


@pytest.mark.parametrize(
    ("database_url", "nats_url", "healthy"),
    [(None, None, True), (None, "nats://n", True), ("postgres://p", "nats://n", True), ("postgres://p", None, False)],
)
async def test_hints_are_healthy_only_where_they_can_reach_all_nodes_of_a_database(
    database_url: str | None, nats_url: str | None, healthy: bool
) -> None:
    """Two nodes may share a database. Without a common NATS they must look for the changes of each other."""
    hints = HintChannel(is_alone=True, reaches_all=reaches_all(database_url, nats_url))
    assert hints.is_healthy is healthy


async def test_hints_in_a_row_wake_a_request_a_few_times() -> None:
    hints = HintChannel(is_alone=True)
    waiters, drive = ChangeWaiters(hints, 1), uuid4()
    with waiters.listen(drive) as waiter:
        until_time, woken = time.monotonic() + 1, 0
        while time.monotonic() < until_time:
            hints.publish(drive)
            woken += await waiter.wait(until_time) is Wake.CHANGE
        assert 1 <= woken <= 6, "five a second, and the first at once"


async def test_a_read_takes_turns_between_users() -> None:
    slots, order, gate = ReadSlots(1), [], asyncio.Event()

    async def read_once(user: str) -> None:
        async with slots.slot(user):
            order.append(user)
            await gate.wait()

    reads = [asyncio.create_task(read_once(user)) for user in ["ann"] * 20 + ["bob"]]
    await asyncio.sleep(0)
    assert order == ["ann"]
    reads[1].cancel()
    gate.set()
    results = await asyncio.gather(*reads, return_exceptions=True)
    assert sum(result is None for result in results) == 20
    assert "bob" in order[:3]
    async with slots.slot("ann"):
        assert order.count("ann") == 19


async def test_an_update_that_changes_nothing_is_no_change_and_wakes_nobody(own: Gateway) -> None:
    user = await own.user()
    folder = await user.ok("POST", "/v1/folders", {"name": "folder"})
    cursor = (await read(user))["next_cursor"]
    hinted: list[UUID | None] = []
    own.app.waiters.hints.listen(hinted.append)
    for body in ({}, {"name": "folder"}, {"parent_id": "root"}, {"starred": False}, {"properties": {"a": None}}):
        answer = await user.ok("PATCH", f"/v1/files/{folder['id']}", body)
        assert answer["etag"] == folder["etag"]
    assert (await read(user, cursor=cursor))["items"] == []
    assert hinted == []
    await user.ok("PATCH", f"/v1/files/{folder['id']}", {"starred": True})
    assert len(hinted) == 1


# -- the stream


async def test_events_tell_each_change_with_its_cursor(own: Gateway, served: str) -> None:
    user = await own.user()
    async with stream(served, user) as events, asyncio.timeout(LONG):
        first = await anext(events)
        assert set(first) == {"", "id", "retry"}
        folder = await user.ok("POST", "/v1/folders", {"name": "folder"})
        created = await anext(events)
        await user.ok("DELETE", f"/v1/files/{folder['id']}")
        trashed = await anext(events)
    changes = [json.loads(event["data"]) for event in (created, trashed)]
    assert [(change["what"], change["file_id"]) for change in changes] == [
        ("created", folder["id"]),
        ("trashed", folder["id"]),
    ]
    assert [change["what"] for change in (await read(user, cursor=first["id"]))["items"]] == ["created", "trashed"]
    assert [change["what"] for change in (await read(user, cursor=created["id"]))["items"]] == ["trashed"]
    async with stream(served, user, first["id"]) as events, asyncio.timeout(LONG):
        assert (await anext(events))["id"] == first["id"]
        assert (await anext(events))["id"] == created["id"]
    async with stream(served, user, created["id"]) as events, asyncio.timeout(LONG):
        await anext(events)
        assert (await anext(events))["id"] == trashed["id"]


async def test_a_stream_without_a_reader_ends(own: Gateway, served: str) -> None:
    user = await own.user()
    async with stream(served, user) as events:
        await anext(events)
        assert waiting(own) == 1
    await user.ok("POST", "/v1/folders", {"name": "folder"})
    await until(lambda: waiting(own) == 0)


async def test_a_stream_whose_client_has_gone_gives_its_place_back_at_once(own: Gateway, served: str) -> None:
    """Without a change, and before the next comment."""
    user = await own.user()
    async with stream(served, user) as events:
        await anext(events)
        assert waiting(own) == 1
    began = time.monotonic()
    await until(lambda: waiting(own) == 0)
    assert time.monotonic() - began < COMMENT_INTERVAL / 2


async def test_a_stream_ends_with_its_token(own: Gateway, served: str) -> None:
    user = await own.user()
    async with stream(served, user) as events, asyncio.timeout(LONG):
        await anext(events)
        own.clock.ahead = timedelta(minutes=20)
        await own.files.create_folder(access_of(user), ROOT, "folder")
        assert [event async for event in events] == []
    assert waiting(own) == 0


async def test_a_stop_ends_streams(own: Gateway) -> None:
    user = await own.user()
    async with asyncio.timeout(LONG):
        async with serve(own.app, before_stop=own.app.waiters.close) as port:
            reading = stream(f"http://127.0.0.1:{port}", user)
            events = await reading.__aenter__()
            await anext(events)
        assert [event async for event in events] == []
        await reading.__aexit__(None, None, None)


async def test_a_stream_says_how_it_is_to_be_treated(own: Gateway) -> None:
    user = await own.user()
    status, headers, body = await raw_request(own.app, "GET", "/v1/events", bearer(user))
    assert status == 200
    assert headers["content-type"] == "text/event-stream"
    assert headers["cache-control"] == "no-store"
    assert headers["x-accel-buffering"] == "no"
    assert b"\nid: " in body
    status, headers, body = await raw_request(own.app, "HEAD", "/v1/events", bearer(user))
    assert (status, body) == (200, b"")
    await until(lambda: waiting(own) == 0)


# -- helpers


def bearer(user: User) -> dict[str, str]:
    return {"Authorization": f"Bearer {user.tokens['access_token']}"}


def access_of(user: User) -> Access:
    claims = user.tokens["access_token"].split(".")[1]
    return Access.personal(UserId(UUID(json.loads(base64.urlsafe_b64decode(claims + "==="))["sub"])))


@asynccontextmanager
async def connection(base: str = "") -> AsyncIterator[httpx.AsyncClient]:
    """Yield a client that waits longer than any request of these tests takes."""
    async with httpx.AsyncClient(base_url=base, timeout=2 * LONG) as http:
        yield http


@asynccontextmanager
async def stream(served: str, user: User, last: str | None = None) -> AsyncIterator[AsyncIterator[dict[str, str]]]:
    """Open the stream of events and yield its events as fields. A comment has the name ''."""
    headers = bearer(user) | ({} if last is None else {"Last-Event-ID": last})
    async with connection(served) as http, http.stream("GET", "/v1/events", headers=headers) as response:
        assert response.status_code == 200
        yield _events(response)


async def _events(response: httpx.Response) -> AsyncIterator[dict[str, str]]:
    fields: dict[str, str] = {}
    async for line in response.aiter_lines():
        if line:
            name, _, value = line.partition(": ")
            fields[name.rstrip(":")] = value
        else:
            yield fields
            fields = {}
