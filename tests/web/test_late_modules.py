"""Modules that the first view does not need are loaded later. After a lost connection, a reload loads them.

Most browsers keep a failed load of a module until the page is reloaded, so no test tries it again in the same page.
"""

from __future__ import annotations

import re

from playwright.async_api import Page, Route, expect

from .conftest import Person, row
from .stored_files import store_file, store_folder
from .test_copies import copies, copy_to, new_drive
from .uploading import drop

COPYING = {"lib/copies.js", "components/copy_panel.js"}


class Lost:
    """Loses the connection for the requests of a module until `end`."""

    def __init__(self) -> None:
        self.is_lost = True

    async def install(self, page: Page, module: str) -> None:
        await page.route(f"**/web/*/{module}", self._handle)

    def end(self) -> None:
        self.is_lost = False

    async def _handle(self, route: Route) -> None:
        if self.is_lost:
            await route.abort("connectionreset")
        else:
            await route.continue_()


async def test_a_panel_that_could_not_be_loaded_says_so_and_a_reload_loads_it(person: Person) -> None:
    await new_drive(person)
    await store_folder(person, "Reports")
    page, lost = await person.open("/files/root"), Lost()
    await lost.install(page, "components/copy_panel.js")
    await copy_to(page, "Reports", "Research")
    notice = page.locator(".panels").get_by_role("alert")
    await expect(notice).to_contain_text("A part of this page could not be loaded.")
    page.on("dialog", lambda dialog: dialog.accept())
    lost.end()
    await page.reload()
    await copy_to(page, "Reports", "Research")
    await expect(copies(page).get_by_text(re.compile("items? copied"))).to_be_visible()
    await expect(notice).to_have_count(0)


async def test_an_upload_is_sent_without_its_panel(person: Person) -> None:
    page = person.page
    await Lost().install(page, "components/upload_panel.js")
    await drop(page, {"a.txt": "text"})
    await expect(page.locator(".panels").get_by_role("button", name="Load again")).to_be_visible()
    await expect(row(page, "a.txt")).to_be_visible()


async def test_a_preview_that_could_not_be_loaded_is_there_after_a_reload(person: Person) -> None:
    await store_file(person, "a.txt", b"bytes of the file")
    page, lost = await person.open("/files/root"), Lost()
    await lost.install(page, "components/preview.js")
    await row(page, "a.txt").dblclick()
    reload = page.locator(".toast-error").get_by_role("button", name="Load again")
    await expect(reload).to_be_visible()
    lost.end()
    async with page.expect_event("load"):
        await reload.click()
    await row(page, "a.txt").dblclick()
    await expect(page.get_by_text("bytes of the file")).to_be_visible()


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
