"""The ten views of the pictures: how a page gets there, and when it is complete."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from playwright.async_api import Page, Route, expect

from tests.web.uploading import choose, panel, payload

from .people import ADA, GRACE, NAMES, PASSWORD, PHOTOS, Seeded


@dataclass(frozen=True)
class Place:
    """A page of a browser, the URL of the deployment, the items that the views show, and `light` or `dark`."""

    page: Page
    api: str
    items: Seeded
    look: str

    async def open(self, path: str) -> Page:
        """Open a path of the app, and wait until nothing loads."""
        await self.page.goto(self.api + path)
        await self.page.get_by_role("main").wait_for()
        await expect(self.page.locator("[aria-busy=true], .loading")).to_have_count(0)
        return self.page


async def sign_in(place: Place) -> None:
    """Sign in as Ada."""
    page = await place.open("/sign-in")
    await page.get_by_label("Email address").fill(ADA)
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_role("heading", name="My files")).to_be_visible()


async def _files(place: Place) -> None:
    page = await place.open("/")
    await expect(page.get_by_text("Plan.md")).to_be_visible()


async def _grid(place: Place) -> None:
    page = await place.open(f"/files/{place.items.photos}")
    await page.get_by_role("button", name="Show as grid").click()
    thumbnails = page.locator("img.file-thumbnail")
    await expect(thumbnails).to_have_count(len(PHOTOS))
    for number in range(len(PHOTOS)):
        await expect(thumbnails.nth(number)).to_have_js_property("complete", True)


async def _uploads(place: Place) -> None:
    page = await place.open(f"/files/{place.items.press[place.look]}")
    sent: list[str] = []

    async def send_two(route: Route) -> None:
        # The other parts wait, so that one upload is in progress.
        sent.append(route.request.url)
        if len(sent) <= 2:
            await route.continue_()

    await page.route(lambda url: "partNumber=" in url, send_two)
    names = ("Slides.pdf", "Letter.docx", "Cover.png")
    await choose(page, *(payload(name, b"x" * 64_000) for name in names), payload("Film.mp4", b"x" * 20_000_000))
    await expect(panel(page).get_by_text("3 of 4 uploaded")).to_be_visible()
    await expect(panel(page).get_by_text(re.compile(r"^[1-9][0-9.]* MiB of"))).not_to_have_count(0)


async def _preview(place: Place) -> None:
    page = await place.open(f"/preview/{place.items.photo}")
    await expect(page.get_by_role("dialog").locator("img")).to_have_js_property("complete", True)


async def _versions(place: Place) -> None:
    page = await place.open(f"/preview/{place.items.plan}")
    await page.get_by_role("button", name="Details").click()
    await expect(page.get_by_role("complementary", name="Details").get_by_text("Restore").first).to_be_visible()


async def _share(place: Place) -> None:
    page = await place.open("/")
    await page.get_by_role("button", name="Actions for Photos").click()
    await page.get_by_role("menuitem", name="Share").click()
    await expect(page.get_by_role("dialog").get_by_text(NAMES[GRACE])).to_be_visible()
    await expect(page.get_by_role("dialog").get_by_text("for the family")).to_be_visible()


async def _link(place: Place) -> None:
    page = await place.open(place.items.link)
    await expect(page.get_by_text("Camp.jpg")).to_be_visible()


async def _search(place: Place) -> None:
    page = await place.open("/search?q=budgt")
    await expect(page.get_by_text("Budget 2026.csv")).to_be_visible()


async def _trash(place: Place) -> None:
    page = await place.open("/trash")
    await expect(page.get_by_text("old notes.txt")).to_be_visible()


async def _settings(place: Place) -> None:
    page = await place.open("/settings")
    await expect(page.get_by_text("Password").first).to_be_visible()


VIEWS: Final[dict[str, Callable[[Place], Awaitable[None]]]] = {
    "files": _files,
    "grid": _grid,
    "uploads": _uploads,
    "preview": _preview,
    "versions": _versions,
    "share": _share,
    "link": _link,
    "search": _search,
    "trash": _trash,
    "settings": _settings,
}
