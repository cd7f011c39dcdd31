"""The story of a person who was given nothing but a URL, with the keyboard alone.

They sign up, upload a folder, share a link, open it in a private window, and take back a deleted file.
"""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, expect

from .conftest import PASSWORD, NewPerson, Person, row

MAX_TABS = 80
See = Callable[[Page, str], Awaitable[None]]
"""Is called at each step with its name. A person who looks at the pages saves pictures there."""
WIDTHS = (360, 768, 1440)


async def see_nothing(page: Page, step: str) -> None:
    pass


async def tab_to(page: Page, target: Any) -> None:
    """Press Tab until an element has the focus. Fails if the keyboard does not reach it."""
    await target.wait_for()
    for _ in range(MAX_TABS):
        if await target.evaluate("(element) => element === document.activeElement"):
            return
        await page.keyboard.press("Tab")
    raise AssertionError(f"Tab does not reach {target}")


async def press(page: Page, target: Any) -> None:
    """Use a link or button with the keyboard."""
    await tab_to(page, target)
    await page.keyboard.press("Enter")


async def choose_in_menu(page: Page, name: str, text: str) -> None:
    """Choose an entry of the menu of a row."""
    await tab_to(page, row(page, name))
    await page.keyboard.press("Shift+F10")
    entry = page.get_by_role("menuitem", name=text, exact=True)
    await entry.wait_for()
    for _ in range(MAX_TABS):
        if await entry.evaluate("(element) => element === document.activeElement"):
            break
        await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Enter")


def write_folder(folder: Path) -> Path:
    """Write the folder that the person uploads."""
    (folder / "Holiday" / "maps").mkdir(parents=True)
    (folder / "Holiday" / "plan.txt").write_text("Five days, from hut to hut.")
    (folder / "Holiday" / "maps" / "day 1.txt").write_text("Over the pass.")
    return folder / "Holiday"


async def walk(person: Person, guest: Person, folder: Path, see: See = see_nothing) -> None:
    """Do all of it. `guest` is the private window."""
    # Playwright takes file dialogs over only while somebody listens, and a key is faster than that beginning.
    person.page.on("filechooser", lambda _: None)
    page = await person.open("/")
    await expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    await see(page, "url")
    await press(page, page.get_by_role("link", name="Create an account"))
    await expect(page.get_by_role("heading", name="Create an account")).to_be_visible()
    await tab_to(page, page.get_by_label("Email address"))
    await page.keyboard.type(f"{uuid.uuid4().hex}@example.com")
    await tab_to(page, page.get_by_label("Password"))
    await page.keyboard.type(PASSWORD)
    await see(page, "sign-up")
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("This folder is empty")).to_be_visible()
    await see(page, "empty")
    await tab_to(page, page.get_by_role("main").get_by_role("button", name="Upload folder").first)
    async with page.expect_file_chooser() as chooser:
        await page.keyboard.press("Enter")
    await (await chooser.value).set_files(folder)
    await expect(page.get_by_text("2 files uploaded")).to_be_visible()
    await see(page, "uploaded")
    await press(page, page.get_by_role("button", name="Close the list of uploads"))
    await choose_in_menu(page, "Holiday", "Share")
    await press(page, page.get_by_role("button", name="Create link", exact=True))
    link = await page.get_by_label("URL of the link").input_value()
    await see(page, "link")
    await page.keyboard.press("Escape")

    private = guest.page
    await private.goto(link)
    await expect(private.get_by_role("heading", name="Holiday")).to_be_visible()
    await see(private, "private window")
    await press(private, private.get_by_role("button", name="plan.txt", exact=True))
    await expect(private.get_by_text("Five days, from hut to hut.")).to_be_visible()
    await see(private, "private preview")
    await private.keyboard.press("Escape")
    await tab_to(private, private.get_by_role("button", name="Download plan.txt"))
    async with private.expect_download() as download:
        await private.keyboard.press("Enter")
    assert Path(await (await download.value).path()).read_text() == "Five days, from hut to hut."

    await tab_to(page, row(page, "Holiday"))
    await page.keyboard.press("Enter")
    await expect(row(page, "plan.txt")).to_be_visible()
    await tab_to(page, row(page, "maps"))
    await page.keyboard.press("ArrowDown")
    await see(page, "folder")
    await page.keyboard.press("Delete")
    await expect(page.get_by_text("“plan.txt” is in the trash.")).to_be_visible()
    await expect(row(page, "plan.txt")).to_have_count(0)
    await see(page, "deleted")
    if await page.get_by_role("button", name="Menu", exact=True).is_visible():
        await press(page, page.get_by_role("button", name="Menu", exact=True))
        await see(page, "menu")
    await press(page, page.get_by_role("navigation").get_by_role("link", name="Trash"))
    await see(page, "trash")
    await press(page, page.get_by_role("button", name="Restore plan.txt"))
    await expect(page.get_by_text("“plan.txt” is back.")).to_be_visible()
    await page.go_back()
    await expect(row(page, "plan.txt")).to_be_visible()
    await see(page, "restored")


@pytest.mark.parametrize("width", WIDTHS)
async def test_a_person_with_a_url_and_a_keyboard_does_it_all(
    new_visitor: NewPerson, tmp_path: Path, width: int
) -> None:
    options = {"viewport": {"width": width, "height": 800}, "reduced_motion": "reduce"}
    await walk(await new_visitor(**options), await new_visitor(**options), write_folder(tmp_path))
