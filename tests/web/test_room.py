"""Small windows: the last row of a list is never below messages or panels, and a dialog shows its buttons."""

from __future__ import annotations

import uuid

import pytest
from playwright.async_api import Locator, Page, expect

from .conftest import PASSWORD, NewPerson, Person, row
from .stored_files import store_folder
from .test_undo import _KEEP_MESSAGES, undo
from .uploading import drop, panel

COUNT = 30
LAST = f"{COUNT - 1:02}"
LONG = "Minutes of the meeting of the committee for the budget of the coming year"
SIZES = [{"width": 360, "height": 640}, {"width": 768, "height": 1024}]
_TO_START = "window.scrollTo(0, 0)"
_TO_END = "window.scrollTo(0, document.documentElement.scrollHeight)"


@pytest.fixture(params=SIZES, ids=lambda size: str(size["width"]))
async def person(request: pytest.FixtureRequest, new_person: NewPerson) -> Person:
    """A person with a small window and a folder of many items."""
    person = await new_person(viewport=request.param)
    await person.page.add_init_script(_KEEP_MESSAGES)
    for number in range(COUNT):
        await store_folder(person, f"{number:02}")
    for number in range(3):
        await store_folder(person, f"{LONG} {number}")
    await person.open("/files/root")
    return person


async def show_messages(page: Page, count: int) -> Locator:
    """Show messages, at most three. Return them."""
    for number in range(count):
        await page.evaluate(_TO_START)
        await row(page, "00").click()
        await page.keyboard.press("End")
        await row(page, f"{LONG} {2 - number}").click()
        await page.keyboard.press("Delete")
        await expect(undo(page)).to_have_count(number + 1)
    return page.locator(".toasts")


async def ends_above(last: Locator, cover: Locator) -> bool:
    end, start = await last.bounding_box(), await cover.bounding_box()
    assert end is not None
    assert start is not None
    return bool(end["y"] + end["height"] <= start["y"])


async def test_the_last_row_is_above_the_messages(person: Person) -> None:
    page = person.page
    messages = await show_messages(page, 3)
    await page.evaluate(_TO_END)
    await expect(row(page, LAST)).to_be_visible()
    assert await ends_above(row(page, LAST), messages)
    await page.evaluate(_TO_START)
    await row(page, "00").click()
    await page.keyboard.press("End")
    await expect(row(page, LAST)).to_be_focused()
    assert await ends_above(row(page, LAST), messages)


async def test_the_last_row_is_above_the_panel_and_the_messages_do_not_cover_it(person: Person) -> None:
    page = person.page
    await drop(page, {f"0a{number}.txt": "text" for number in range(9)})
    await expect(panel(page).get_by_text("9 files uploaded")).to_be_visible()
    messages = await show_messages(page, 1)
    await page.evaluate(_TO_END)
    last = row(page, f"{LONG} 1")
    await expect(last).to_be_visible()
    assert await ends_above(last, panel(page))
    assert await ends_above(last, messages)
    panels, shown = await panel(page).bounding_box(), await messages.bounding_box()
    assert panels is not None
    assert shown is not None
    assert shown["y"] + shown["height"] <= panels["y"]


async def test_no_message_is_above_a_short_window(new_person: NewPerson) -> None:
    """The panel of uploads and three messages are higher than the window."""
    person = await new_person(viewport={"width": 640, "height": 300})
    page = person.page
    await page.add_init_script(_KEEP_MESSAGES)
    for name in ("a", "b", "c", "d"):
        await store_folder(person, name)
    await person.open("/files/root")
    await drop(page, {f"z{number}.txt": "text" for number in range(9)})
    await expect(panel(page).get_by_text("9 files uploaded")).to_be_visible()
    await row(page, "a").focus()
    for number, name in enumerate(("b", "c", "d"), start=1):
        await page.keyboard.press("Delete")
        await expect(undo(page)).to_have_count(number)
        await expect(row(page, name)).to_be_focused()
    await expect(page.locator(".toasts")).to_be_in_viewport(ratio=1)


async def test_a_message_does_not_cover_a_menu(person: Person) -> None:
    page = person.page
    messages = await show_messages(page, 1)
    await expect(messages).to_be_visible()
    await page.evaluate(_TO_END)
    await page.get_by_role("button", name=f"Actions for {LONG} 1").click()
    await page.get_by_role("menuitem", name="Move to the trash").click()
    await expect(undo(page)).to_have_count(2)


async def test_the_buttons_of_the_dialog_for_folders_are_in_a_small_window(new_person: NewPerson) -> None:
    person = await new_person(viewport={"width": 360, "height": 640})
    await person.call("POST", "/v1/drives", {"name": "Research"})
    await store_folder(person, "a")
    page = await person.open("/files/root")
    await page.get_by_role("button", name="Actions for a").click()
    await page.get_by_role("menuitem", name="Copy to …").click()
    await expect(page.get_by_label("Drive or shared folder")).to_be_visible()
    await expect(page.get_by_role("button", name="Copy here")).to_be_in_viewport(ratio=1)


async def test_the_german_buttons_are_in_one_row(new_visitor: NewPerson) -> None:
    person = await new_visitor(locale="de-DE", viewport={"width": 360, "height": 640})
    page = await person.open("/sign-up")
    await page.get_by_label("E-Mail-Adresse").fill(f"{uuid.uuid4().hex}@example.com")
    await page.get_by_label("Passwort").fill(PASSWORD)
    await page.locator("button[type=submit]").click()
    await expect(page.get_by_role("heading", name="Meine Dateien")).to_be_visible()
    toolbar = page.locator(".page-header .toolbar:not(.is-away)")
    tops = await toolbar.locator("button").evaluate_all("(all) => all.map((each) => each.getBoundingClientRect().top)")
    assert len(tops) == 4
    assert max(tops) - min(tops) < 10
    assert await page.evaluate("document.documentElement.scrollWidth") == 360
