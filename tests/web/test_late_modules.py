"""Modules that the first view does not need are loaded later, also if the connection is lost meanwhile."""

from __future__ import annotations

from playwright.async_api import Page, Route, expect

from .conftest import Person
from .stored_files import store_folder
from .test_copies import copies, copy_to, new_drive
from .uploading import drop, panel

COPYING = {"lib/copies.js", "components/copy_panel.js"}
_EARLY_NETWORK = """
  const start = window.setTimeout;
  window.setTimeout = (run, delay, ...more) => start(run, delay >= 1000 ? 10 : delay, ...more);
"""
"""Pauses of a second and more are short."""


class Lost:
    """Loses the connection for the first requests of a module."""

    def __init__(self, count: int) -> None:
        self.left = count

    async def install(self, page: Page, module: str) -> None:
        await page.route(f"**/web/*/{module}", self._handle)

    async def _handle(self, route: Route) -> None:
        self.left -= 1
        if self.left >= 0:
            await route.abort("connectionreset")
        else:
            await route.continue_()


async def test_a_panel_that_could_not_be_loaded_can_be_loaded_again(person: Person) -> None:
    page = person.page
    await page.reload()
    await Lost(1).install(page, "components/upload_panel.js")
    await drop(page, {"a.txt": "text"})
    await page.locator(".toast-error").get_by_role("button", name="Try again").click()
    await expect(panel(page).get_by_text("1 file uploaded")).to_be_visible()


async def test_an_upload_waits_for_the_module_that_sends_it(person: Person) -> None:
    page, lost = person.page, Lost(3)
    await page.add_init_script(_EARLY_NETWORK)
    await lost.install(page, "lib/uploads/transfer.js")
    await page.reload()
    await drop(page, {"a.txt": "text"})
    await expect(panel(page).get_by_text("1 file uploaded")).to_be_visible()
    assert lost.left < 0


async def test_the_list_of_copies_is_loaded_with_the_first_copy(person: Person) -> None:
    await new_drive(person)
    await store_folder(person, "Reports")
    page = await person.open("/files/root")
    loaded: set[str] = set()
    page.on("request", lambda request: loaded.add("/".join(request.url.rsplit("/", 2)[1:])))
    await page.reload()
    await expect(page.get_by_role("row")).to_have_count(1)
    assert not {*COPYING, "components/upload_panel.js"} & loaded
    await copy_to(page, "Reports", "Research")
    await expect(copies(page).get_by_text("1 item copied")).to_be_visible()
    assert loaded >= COPYING
