"""What the list of copies asks of the server, and what it says when an answer is missing. The server is the test."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from typing import Any

from playwright.async_api import Page, Route, expect

from drivebay.testing.client import eventually

from .conftest import WITHIN, Person
from .stored_files import store_folder
from .test_copies import copies, copy_to, new_drive, store_in
from .uploading import drop, panel

_NOTE_TIMES = """
  window.asked = [];
  const start = window.fetch;
  window.fetch = (url, options) => {
    if (String(url).includes('/v1/jobs/')) window.asked.push(performance.now());
    return start(url, options);
  };
"""
GAP_MS = 250
MANY = 8
_JOB: dict[str, Any] = {"done": 0, "total": 0, "done_bytes": 0, "total_bytes": 0, "waiting_since": None}


def job(id: str, status: str = "running") -> dict[str, Any]:
    return _JOB | {"id": id, "status": status}


class Copying:
    """Answers for the copy of a page: `start` for its request after `release`, and a running job after that.

    The first `refused` requests that cancel the job get 503.
    """

    def __init__(self, start: Callable[[Route], Awaitable[None]], refused: int = 0) -> None:
        self.keys: list[str] = []
        self.cancellations = 0
        self._start = start
        self._refused = refused
        self._gate = asyncio.Event()

    async def install(self, page: Page) -> None:
        await page.route("**/v1/files/*/copy*", self._hold)
        await page.route("**/v1/jobs/1", self._answer)

    def release(self) -> None:
        self._gate.set()

    async def _hold(self, route: Route) -> None:
        self.keys.append(route.request.headers["idempotency-key"])
        await self._gate.wait()
        await self._start(route)

    async def _answer(self, route: Route) -> None:
        if route.request.method != "DELETE":
            await route.fulfill(json=job("1", "cancelled" if self.cancellations > self._refused else "running"))
            return
        self.cancellations += 1
        await route.fulfill(status=503 if self.cancellations <= self._refused else 204)


async def start_job(route: Route) -> None:
    await route.fulfill(status=202, json={"job": job("1")})


async def lose(route: Route) -> None:
    await route.abort("connectionreset")


async def refuse(route: Route) -> None:
    await route.fulfill(status=403, json={"code": "forbidden", "title": "", "status": 403})


async def copy_and_cancel(person: Person, copying: Copying) -> Page:
    """Cancel the copy of a folder while the request that begins it runs."""
    await new_drive(person)
    await store_folder(person, "Reports")
    page = await person.open("/files/root")
    await copying.install(page)
    await copy_to(page, "Reports", "Research")
    item = copies(page).get_by_role("listitem")
    await item.get_by_role("button", name="Cancel the copy of Reports").click()
    await expect(item).to_contain_text("Cancelling …")
    copying.release()
    return page


async def test_a_cancellation_that_fails_can_be_repeated(person: Person) -> None:
    copying = Copying(start_job, refused=1)
    page = await copy_and_cancel(person, copying)
    item = copies(page).get_by_role("listitem")
    await expect(page.locator(".toast-error")).to_be_visible()
    await expect(item).to_contain_text("Copying to Research")
    await item.get_by_role("button", name="Cancel the copy of Reports").click()
    await expect(item).to_contain_text("Cancelled")
    assert copying.cancellations == 2


async def test_a_cancelled_copy_whose_answer_is_lost_may_have_been_made(person: Person) -> None:
    copying = Copying(lose)
    page = await copy_and_cancel(person, copying)
    item = copies(page).get_by_role("listitem")
    await expect(item).to_contain_text("Not cancelled: the server did not answer, so Research may have the copy.")
    await item.get_by_role("button", name="Copy Reports again").click()

    async def is_repeated() -> bool:
        return len(copying.keys) == 2

    await eventually(is_repeated, WITHIN / 1000)
    assert len(set(copying.keys)) == 1  # so that there is no second copy


async def test_a_copy_that_was_refused_is_cancelled(person: Person) -> None:
    page = await copy_and_cancel(person, Copying(refuse))
    item = copies(page).get_by_role("listitem")
    await expect(item).to_contain_text("Cancelled")
    await expect(item.get_by_role("button")).to_have_count(0)


async def copy_many(person: Person, answer: Callable[[Route], Awaitable[None]]) -> Page:
    """Copy `MANY` folders at once, by jobs that `answer` answers for. Return the page, which notes when it asks."""
    await new_drive(person)
    for number in range(MANY):
        await store_folder(person, f"{number}")
    page = person.page
    await page.add_init_script(_NOTE_TIMES)
    await person.open("/files/root")
    started = 0

    async def start(route: Route) -> None:
        nonlocal started
        started += 1
        await route.fulfill(status=202, json={"job": job(str(started))})

    await page.route("**/v1/files/*/copy*", start)
    await page.route("**/v1/jobs/*", answer)
    await page.get_by_role("row").first.click()
    await page.keyboard.press("Control+a")
    await copy_to(page, "0", "Research")
    return page


async def pauses(page: Page, count: int) -> list[float]:
    """Return the milliseconds between the first requests about jobs."""
    await page.wait_for_function("(count) => window.asked.length > count", arg=count)
    asked = await page.evaluate("window.asked")
    return [later - earlier for earlier, later in itertools.pairwise(asked)]


async def test_many_jobs_are_few_requests(person: Person) -> None:
    names: list[str] = []

    async def answer(route: Route) -> None:
        id = route.request.url.rsplit("/", 1)[1]
        names.append(id)
        await route.fulfill(json=job(id))

    page = await copy_many(person, answer)
    between = await pauses(page, 2 * MANY)
    assert min(between) >= GAP_MS - 1  # browsers round the time
    assert set(names) == {str(number + 1) for number in range(MANY)}


async def test_a_busy_server_is_not_asked_before_it_wants(person: Person) -> None:
    seconds = 2

    async def answer(route: Route) -> None:
        await route.fulfill(status=429, headers={"Retry-After": str(seconds)}, json={"code": "too_many_requests"})

    page = await copy_many(person, answer)
    assert min(await pauses(page, 2)) >= seconds * 1000 - 1
    await expect(copies(page).get_by_text(f"0 of {MANY} copied")).to_be_visible()


async def test_the_user_is_loaded_once_after_all_copies(person: Person) -> None:
    drive = await new_drive(person)
    for number in range(4):
        await store_in(person, drive, f"{number}.txt", b"text")
    page = await person.open(f"/files/root?drive_id={drive}")
    await page.get_by_role("row").first.click()
    await page.keyboard.press("Control+a")
    loads: list[str] = []
    page.on("request", lambda request: loads.append(request.url) if request.url.endswith("/v1/me") else None)
    await copy_to(page, "0.txt", "My files")
    await expect(copies(page).get_by_text("4 items copied")).to_be_visible()

    async def is_loaded() -> bool:
        return bool(loads)

    await eventually(is_loaded, WITHIN / 1000)
    await page.evaluate("fetch('/web/none')")  # requests before it were noted
    assert len(loads) == 1


async def test_the_buttons_of_both_lists_have_their_own_names(person: Person) -> None:
    await new_drive(person)
    await store_folder(person, "Reports")
    page = await person.open("/files/root")
    await drop(page, {"a.txt": "text"})
    await expect(panel(page).get_by_text("1 file uploaded")).to_be_visible()
    await copy_to(page, "Reports", "Research")
    await expect(copies(page).get_by_text("1 item copied")).to_be_visible()
    for name in ("Hide the list of {}", "Close the list of {}"):
        for kind in ("copies", "uploads"):
            await expect(page.get_by_role("button", name=name.format(kind), exact=True)).to_have_count(1)
    await copies(page).get_by_role("button", name="Hide the list of copies").click()
    await expect(copies(page).get_by_role("button", name="Show the list of copies")).to_be_focused()
    await expect(panel(page).get_by_role("listitem")).to_have_count(1)
