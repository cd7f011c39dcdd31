"""The keyboard: what has the focus after a row, a message or a menu has gone, and the names of the keys."""

from __future__ import annotations

import uuid

from playwright.async_api import expect

from .conftest import PASSWORD, NewPerson, Person, row
from .stored_files import store_folder


async def test_the_next_row_has_the_focus_after_a_deletion(person: Person) -> None:
    for name in ("a", "b", "c", "d"):
        await store_folder(person, name)
    page = await person.open("/files/root")
    await row(page, "b").click()
    await page.keyboard.press("Delete")
    await expect(row(page, "c")).to_be_focused()
    await page.keyboard.press("End")
    await page.keyboard.press("Delete")
    await expect(row(page, "c")).to_be_focused()
    await page.keyboard.press("ArrowUp")
    await expect(row(page, "a")).to_be_focused()


async def test_the_nearest_row_has_the_focus_after_a_deletion_of_several(person: Person) -> None:
    for name in ("a", "b", "c", "d", "e"):
        await store_folder(person, name)
    page = await person.open("/files/root")
    await row(page, "b").click()
    await row(page, "c").click(modifiers=["Shift"])
    await page.keyboard.press("Delete")
    await expect(row(page, "d")).to_be_focused()
    await row(page, "d").click()
    await row(page, "e").click(modifiers=["Shift"])
    await page.keyboard.press("Delete")
    await expect(row(page, "a")).to_be_focused()


async def test_the_view_has_the_focus_after_the_last_item_of_a_folder_was_deleted(person: Person) -> None:
    await store_folder(person, "a")
    page = await person.open("/files/root")
    await row(page, "a").click()
    await page.keyboard.press("Delete")
    await expect(page.get_by_text("This folder is empty")).to_be_visible()
    await expect(page.locator("#main")).to_be_focused()


async def test_the_view_has_the_focus_if_no_other_row_has_a_button(person: Person) -> None:
    """Only the session of this tab is left, and it has no button that ends it."""
    page = await person.open("/settings")
    sessions = page.get_by_role("list", name="Sessions").get_by_role("listitem")
    await expect(sessions).to_have_count(2)
    await sessions.get_by_role("button", name="End").press("Enter")
    await expect(sessions).to_have_count(1)
    await expect(page.locator("#main")).to_be_focused()


async def test_the_menu_of_a_row_that_goes_gives_the_focus_to_the_next_menu(person: Person) -> None:
    for name in ("a", "b"):
        await store_folder(person, name)
    page = await person.open("/files/root")
    await page.get_by_role("button", name="Actions for a").click()
    await page.get_by_role("menuitem", name="Move to the trash").click()
    await expect(page.get_by_role("button", name="Actions for b")).to_be_focused()


async def test_the_keys_go_on_in_a_folder_that_was_opened(person: Person) -> None:
    outer = await store_folder(person, "outer")
    for name in ("a", "b"):
        await store_folder(person, name, outer)
    page = await person.open("/files/root")
    await row(page, "outer").focus()
    await page.keyboard.press("Enter")
    await expect(row(page, "a")).to_be_focused()
    await page.keyboard.press("ArrowDown")
    await expect(row(page, "b")).to_be_focused()


async def test_the_trash_keeps_the_focus(person: Person) -> None:
    for name in ("a", "b"):
        await person.call("DELETE", f"/v1/files/{await store_folder(person, name)}")
    page = await person.open("/trash")
    await expect(page.locator(".item-name")).to_have_count(2)
    names = await page.locator(".item-name").all_inner_texts()
    await page.get_by_role("button", name=f"Restore {names[0]}").press("Enter")
    await expect(page.get_by_role("button", name=f"Restore {names[1]}")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("The trash is empty")).to_be_visible()
    await expect(page.locator("#main")).to_be_focused()


async def test_a_dialog_keeps_the_focus(person: Person) -> None:
    await store_folder(person, "Press")
    page = await person.open("/files/root")
    await page.get_by_role("button", name="Actions for Press").click()
    await page.get_by_role("menuitem", name="Share").click()
    await page.get_by_role("button", name="Create link").click()
    await page.get_by_role("button", name="End the link").press("Enter")
    await expect(page.get_by_role("button", name="End the link")).to_have_count(0)
    await expect(page.get_by_role("dialog").get_by_role("button", name="Close")).to_be_focused()


async def test_undo_gives_the_focus_back(person: Person) -> None:
    for name in ("a", "b"):
        await store_folder(person, name)
    page = await person.open("/files/root")
    await row(page, "a").click()
    await page.keyboard.press("Delete")
    await expect(row(page, "b")).to_be_focused()
    await page.get_by_role("button", name="Undo").press("Enter")
    await expect(row(page, "a")).to_be_visible()
    await expect(row(page, "b")).to_be_focused()


async def test_a_button_that_was_refused_has_the_focus(visitor: Person) -> None:
    page = await visitor.open("/sign-in")
    await page.get_by_label("Email address").fill("nobody@example.com")
    await page.get_by_label("Password").fill("a wrong password")
    await page.get_by_role("button", name="Sign in", exact=True).press("Enter")
    await expect(page.get_by_role("alert")).to_be_visible()
    await expect(page.get_by_role("button", name="Sign in", exact=True)).to_be_focused()


async def test_escape_closes_the_navigation_of_a_small_window(new_person: NewPerson) -> None:
    person = await new_person(viewport={"width": 360, "height": 640})
    page = person.page
    menu, trash = page.get_by_role("button", name="Menu"), page.get_by_role("link", name="Trash")
    await menu.click()
    await trash.focus()
    await page.keyboard.press("Escape")
    await expect(trash).to_be_hidden()
    await expect(menu).to_be_focused()


async def test_the_keys_have_german_names(new_visitor: NewPerson) -> None:
    person = await new_visitor(locale="de-DE")
    page = await person.open("/sign-up")
    await page.get_by_label("E-Mail-Adresse").fill(f"{uuid.uuid4().hex}@example.com")
    await page.get_by_label("Passwort").fill(PASSWORD)
    await page.locator("button[type=submit]").click()
    await expect(page.get_by_role("heading", name="Meine Dateien")).to_be_visible()
    await page.keyboard.press("?")
    await expect(page.get_by_role("dialog").locator("kbd")).to_contain_text(["Eingabe", "Leertaste", "Entf", "Strg A"])
