"""Lists that have more than one page, in the browser."""

from __future__ import annotations

import asyncio
from typing import Any

from playwright.async_api import Route, expect

from .conftest import Person, row

_TEN_FRAMES = """async () => {
  for (let count = 0; count < 10; count += 1) await new Promise(requestAnimationFrame);
}"""


def account(number: int) -> dict[str, Any]:
    usage = {"used_bytes": 0, "reserved_bytes": 0, "limit_bytes": 1, "file_count": 0}
    return {
        "id": str(number), "email": f"{number}@example.com", "display_name": "", "role": "user", "disabled": False,
        "usage": usage, "last_login_at": None,
    }  # fmt: skip


async def test_a_page_that_fails_is_loaded_again_only_by_a_person(person: Person) -> None:
    requests, fails = 0, True

    async def answer(route: Route) -> None:
        nonlocal requests
        if "cursor=" not in route.request.url:
            await route.fulfill(json={"items": [account(1)], "next_cursor": "second"})
            return
        requests += 1
        if fails:
            await route.fulfill(status=500, json={"code": "internal", "title": "", "status": 500})
        else:
            await route.fulfill(json={"items": [account(2)], "next_cursor": None})

    await person.page.route("**/v1/admin/users*", answer)
    await person.page.route("**/v1/admin/stats", lambda route: route.fulfill(json={}))
    page = await person.open("/admin")
    alert = page.get_by_role("alert").filter(has_text="The server has failed")
    await expect(alert).to_be_visible()
    await page.evaluate(_TEN_FRAMES)
    assert requests == 1
    async with page.expect_response(lambda response: "cursor=" in response.url):
        await page.get_by_role("button", name="Show more").click()
    await expect(alert).to_be_visible()
    fails = False
    await alert.get_by_role("button", name="Try again").click()
    await expect(page.get_by_role("button", name="2@example.com")).to_be_visible()
    await expect(page.get_by_role("button", name="1@example.com")).to_be_visible()
    assert requests == 3


class TwoPages:
    """Answers with the items of a folder in two pages. The second one fails, or waits for `release`."""

    def __init__(self) -> None:
        self.requests = 0
        self.fails = False
        self._items: list[Any] = []
        self._gate = asyncio.Event()

    def release(self) -> None:
        self._gate.set()

    async def answer(self, route: Route) -> None:
        if "cursor=" in route.request.url:
            self.requests += 1
            if self.fails:
                await route.fulfill(status=500, json={"code": "internal", "title": "", "status": 500})
                return
            await self._gate.wait()
            await route.fulfill(json={"items": self._items, "next_cursor": None, "changes_cursor": None})
            return
        response = await route.fetch()
        page = await response.json()
        self._items = page["items"][1:]
        await route.fulfill(json=page | {"items": page["items"][:1], "next_cursor": "second"})


async def test_a_folder_whose_second_page_fails_says_so(person: Person) -> None:
    for name in ("a", "b"):
        await person.call("POST", "/v1/folders", {"name": name, "parent_id": "root"})
    pages = TwoPages()
    pages.fails = True
    await person.page.route("**/v1/files?parent_id=root*", pages.answer)
    page = await person.open("/files/root")
    await expect(page.get_by_role("alert")).to_contain_text("The server has failed")
    await expect(row(page, "a")).to_be_visible()
    await page.evaluate("() => { for (let count = 0; count < 9; count += 1) dispatchEvent(new Event('scroll')); }")
    await page.evaluate(_TEN_FRAMES)
    assert pages.requests == 1
    pages.fails = False
    pages.release()
    await page.get_by_role("button", name="Try again").click()
    await expect(row(page, "b")).to_be_visible()
    await expect(page.get_by_role("alert")).to_have_count(0)


async def test_all_is_selected_after_the_page_that_loads(person: Person) -> None:
    for name in ("a", "b"):
        await person.call("POST", "/v1/folders", {"name": name, "parent_id": "root"})
    pages = TwoPages()
    await person.page.route("**/v1/files?parent_id=root*", pages.answer)
    async with person.page.expect_request(lambda request: "cursor=" in request.url and "/v1/files" in request.url):
        page = await person.open("/files/root")
    await row(page, "a").click()
    await page.keyboard.press("Control+a")
    pages.release()
    await expect(page.get_by_text("2 selected")).to_be_visible()
