"""The message with `Undo` in the browser: it goes when the items were restored, deleted or trashed elsewhere."""

from __future__ import annotations

import pytest
from playwright.async_api import Locator, Page, expect

from .conftest import Person, row
from .stored_files import store_folder

_KEEP_MESSAGES = """
  const start = window.setTimeout;
  window.setTimeout = (run, delay, ...more) => (delay === 8000 ? 0 : start(run, delay, ...more));
"""
"""A message stays until something removes it."""


def undo(page: Page) -> Locator:
    return page.get_by_role("button", name="Undo")


async def trash(person: Person, *names: str) -> list[str]:
    """Make folders and put them into the trash together. Return their ids."""
    await person.page.add_init_script(_KEEP_MESSAGES)
    ids = [await store_folder(person, name) for name in names]
    page = await person.open("/files/root")
    await row(page, names[0]).click()
    for name in names[1:]:
        await row(page, name).click(modifiers=["Control"])
    await page.keyboard.press("Delete")
    await expect(undo(page)).to_be_visible()
    return ids


async def test_a_restore_in_another_tab_removes_it(person: Person) -> None:
    (folder,) = await trash(person, "Reports")
    await person.call("POST", f"/v1/files/{folder}/restore")
    await expect(row(person.page, "Reports")).to_be_visible()
    await expect(undo(person.page)).to_have_count(0)


async def test_what_is_still_in_the_trash_can_be_undone(person: Person) -> None:
    (folder, _) = await trash(person, "one", "two")
    await person.call("POST", f"/v1/files/{folder}/restore")
    await expect(row(person.page, "one")).to_be_visible()
    async with person.page.expect_request("**/v1/files/batch/restore*") as sent:
        await undo(person.page).click()
    assert len((await sent.value).post_data_json["ids"]) == 1
    await expect(row(person.page, "two")).to_be_visible()
    await expect(person.page.get_by_role("status").get_by_text("not in the trash")).to_have_count(0)


@pytest.mark.parametrize("button", ["Restore Reports", "Delete for good: Reports", "Empty trash"])
async def test_the_view_of_the_trash_removes_it(person: Person, button: str) -> None:
    await trash(person, "Reports")
    page = person.page
    message = page.locator(".toast").filter(has_text="“Reports” is in the trash.")
    await page.get_by_role("link", name="Trash").click()
    await page.get_by_role("button", name=button).click()
    if not button.startswith("Restore"):
        await page.get_by_role("dialog").locator(".button-danger").click()
    await expect(page.get_by_text("The trash is empty")).to_be_visible()
    await expect(message).to_have_count(0)


async def test_a_late_undo_says_what_happened(person: Person) -> None:
    (folder,) = await trash(person, "Reports")
    page = person.page
    await page.get_by_role("link", name="Starred").click()  # a view that follows no changes
    await expect(page.get_by_role("heading", name="Starred", exact=True)).to_be_visible()
    await person.call("POST", f"/v1/files/{folder}/restore")
    await undo(page).click()
    await expect(page.get_by_text("Already restored, or deleted for good")).to_be_visible()


async def test_a_moved_item_that_is_trashed_elsewhere_cannot_go_back(person: Person) -> None:
    await person.page.add_init_script(_KEEP_MESSAGES)
    await store_folder(person, "box")
    thing = await store_folder(person, "thing")
    page = await person.open("/files/root")
    await row(page, "thing").drag_to(row(page, "box"))
    await expect(undo(page)).to_be_visible()
    await person.call("DELETE", f"/v1/files/{thing}")
    await expect(undo(page)).to_have_count(0)
