"""The start of the page: what it shows when a file of the app does not arrive, and while other tabs are at work."""

from __future__ import annotations

import asyncio

import pytest
from playwright.async_api import Route, expect

from .conftest import NewPerson, Person

WITHIN_ENTRIES = "() => performance.getEntriesByType('resource').map((entry) => new URL(entry.name).pathname)"


@pytest.mark.parametrize("file", ["vendor/preact.js", "lib/session.js", "texts/en.js", "app.js"])
async def test_a_file_that_does_not_arrive_is_said_in_words(person: Person, file: str) -> None:
    page = person.page
    fails = True

    async def answer(route: Route) -> None:
        await (route.abort() if fails else route.continue_())

    await page.route(f"**/{file}", answer)
    await page.reload()
    alert = page.get_by_role("alert")
    await expect(alert.get_by_role("heading", name="The page could not be loaded")).to_be_visible()
    fails = False
    await alert.get_by_role("button", name="Load again").click()
    await expect(page.get_by_role("heading", name="My files")).to_be_visible()
    person.problems = [each for each in person.problems if "could not be loaded" not in each]


async def test_the_message_is_in_the_language_of_the_browser(new_visitor: NewPerson) -> None:
    visitor = await new_visitor(locale="de-DE")
    await visitor.page.route("**/app.js", lambda route: route.abort())
    page = await visitor.open("/sign-in")
    await expect(page.get_by_role("heading", name="Die Seite konnte nicht geladen werden")).to_be_visible()


async def test_a_page_that_waits_for_a_file_shows_that_it_loads(visitor: Person) -> None:
    gate = asyncio.Event()

    async def hold(route: Route) -> None:
        await gate.wait()
        await route.continue_()

    await visitor.page.route("**/lib/router.js", hold)
    page = await visitor.open("/sign-in")
    await expect(page.locator(".start .spinner")).to_be_visible()
    gate.set()
    await expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


async def test_a_view_that_does_not_arrive_is_loaded_with_the_page(person: Person) -> None:
    fails = True

    async def answer(route: Route) -> None:
        await (route.abort() if fails else route.continue_())

    page = person.page
    await page.route("**/views/trash.js", answer)
    await page.get_by_role("link", name="Trash").click()
    await expect(page.get_by_role("alert")).to_be_visible()
    fails = False
    await page.get_by_role("button", name="Load again").click()
    await expect(page.get_by_role("heading", name="Trash", exact=True)).to_be_visible()


async def test_the_page_names_each_module_of_the_first_view(person: Person) -> None:
    """A module that the page does not name is found only when another one has arrived."""
    page = await person.open("/files/root")
    await expect(page.get_by_text("This folder is empty")).to_be_visible()
    loaded = {path.split("/", 3)[3] for path in await page.evaluate(WITHIN_ENTRIES) if path.startswith("/web/")}
    named = await page.evaluate(
        "() => [...document.querySelectorAll('link[rel=modulepreload]')].map(({ href }) => new URL(href).pathname)"
    )
    named = {path.split("/", 3)[3] for path in named}
    modules = {name for name in loaded if name.endswith(".js") and not name.startswith("texts/")}
    assert modules - named == {"start.js"}


async def test_a_tab_that_holds_the_lock_for_ever_ends_in_words(person: Person) -> None:
    """Only one tab at a time asks for a token. A tab that hangs meanwhile must not keep the others from starting."""
    other = await person.new_page()
    await other.goto(f"{person.api}/healthz")
    await other.evaluate("() => void navigator.locks.request('drivebay-refresh', () => new Promise(() => {}))")
    page = await person.open("/files/root")
    await expect(page.get_by_role("alert")).to_contain_text("The server cannot be reached")
    await other.close()
    await page.get_by_role("button", name="Try again").click()
    await expect(page.get_by_role("heading", name="My files")).to_be_visible()


async def test_a_start_that_is_refused_for_now_says_when_to_try_again(person: Person) -> None:
    page = person.page
    refusal = {"code": "rate_limited", "title": "Too many requests", "status": 429}

    async def refuse(route: Route) -> None:
        await route.fulfill(status=429, headers={"Retry-After": "17"}, json=refusal)

    await page.route("**/v1/token/refresh", refuse)
    await page.reload()
    await expect(page.get_by_role("alert")).to_contain_text("Too many requests. Try again in 17 s.")
    await page.unroute("**/v1/token/refresh")
    await page.get_by_role("button", name="Try again").click()
    await expect(page.get_by_role("heading", name="My files")).to_be_visible()


async def test_many_reloads_end_in_the_page(person: Person) -> None:
    page = person.page
    for _ in range(20):
        await page.reload()
        await expect(page.get_by_role("heading", name="My files")).to_be_visible()
