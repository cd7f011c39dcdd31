"""Several tabs of one browser: they share the access token, and the end of the session."""

from __future__ import annotations

from playwright.async_api import Page, Request, expect

from .conftest import Person, row
from .stored_files import store_folder


def refreshes(page: Page) -> list[str]:
    """Collect the requests of a page for a new access token."""
    found: list[str] = []

    def note(request: Request) -> None:
        if request.url.endswith("/v1/token/refresh"):
            found.append(request.url)

    page.on("request", note)
    return found


async def open_tab(person: Person) -> tuple[Page, list[str]]:
    """Open a view that sends no requests by itself once its list is complete."""
    page = await person.new_page()
    sent = refreshes(page)
    await page.goto(f"{person.api}/starred")
    await expect(page.get_by_role("heading", name="Nothing is starred yet")).to_be_visible()
    return page, sent


async def test_a_new_tab_gets_the_token_of_another(person: Person) -> None:
    for _ in range(3):
        _, sent = await open_tab(person)
        assert sent == []


async def test_a_reload_gets_the_token_of_another_tab(person: Person) -> None:
    await open_tab(person)
    sent = refreshes(person.page)
    await person.page.reload()
    await expect(person.page.get_by_role("heading", name="My files")).to_be_visible()
    assert sent == []


async def test_a_tab_without_others_asks_the_server(person: Person) -> None:
    sent = refreshes(person.page)
    await person.page.reload()
    await expect(person.page.get_by_role("heading", name="My files")).to_be_visible()
    assert len(sent) == 1


async def test_a_tab_that_gives_no_answer_is_not_waited_for(person: Person) -> None:
    silent = await person.new_page()
    await silent.goto(f"{person.api}/healthz")
    await silent.evaluate("() => void navigator.locks.request('drivebay-token', () => new Promise(() => {}))")
    sent = refreshes(person.page)
    await person.page.reload()
    await expect(person.page.get_by_role("heading", name="My files")).to_be_visible()
    assert len(sent) == 1


async def test_a_session_that_was_ended_elsewhere_ends_in_every_tab(person: Person) -> None:
    idle, _ = await open_tab(person)
    asked: list[str] = []
    idle.on("request", lambda request: asked.append(request.url) if "/v1/" in request.url else None)
    await person.call("DELETE", "/v1/me/sessions")
    ended = person.page.get_by_role("heading", name="Sign in")
    for number in range(100):  # a gateway may take some seconds until it knows
        await store_folder(person, f"folder {number}")
        await expect(ended.or_(row(person.page, f"folder {number}"))).to_be_visible()
        if await ended.is_visible():
            break
    for page in (person.page, idle):
        await expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert asked == []
