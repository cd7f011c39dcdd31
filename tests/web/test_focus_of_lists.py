"""Keyboard focus in lists whose rows change, and in a region whose form comes and goes."""

from __future__ import annotations

import asyncio
import uuid

import pyotp
from playwright.async_api import Route, expect

from drivebay.testing.world import World

from .conftest import Person, make_admin, row
from .stored_files import store_file, store_folder
from .test_copies import copies, copy_to, new_drive
from .test_copy_requests import refuse
from .uploading import choose, panel, payload


async def hold(route: Route) -> None:
    """Never answer."""


async def test_the_list_of_shared_drives_keeps_the_focus(person: Person) -> None:
    for name in ("a", "b", "c"):
        await person.call("POST", "/v1/drives", {"name": name})
    page = await person.open("/drives")
    rows = page.get_by_role("list", name="Shared drives").get_by_role("listitem")
    await expect(rows).to_have_count(3)
    names = [text.strip() for text in await page.locator("a.item-name").all_inner_texts()]
    await page.get_by_role("button", name=f"Delete {names[1]}").press("Enter")
    await page.get_by_role("dialog").get_by_role("button", name="Delete", exact=True).press("Enter")
    await expect(rows).to_have_count(2)
    await expect(page.get_by_role("button", name=f"Delete {names[2]}")).to_be_focused()


async def test_the_list_of_versions_keeps_the_focus(person: Person) -> None:
    file = await store_file(person, "a.txt", b"first")
    await store_file(person, "a.txt", b"second", on_conflict="replace")
    await store_file(person, "a.txt", b"third", on_conflict="replace")
    page = await person.open(f"/preview/{file}")
    await page.get_by_role("button", name="Details").click()
    versions = page.get_by_role("region", name="Versions").get_by_role("listitem")
    await expect(versions).to_have_count(3)
    await versions.nth(1).get_by_role("button", name="Delete for good").press("Enter")
    await page.get_by_role("dialog").last.get_by_role("button", name="Delete for good").press("Enter")
    await expect(versions).to_have_count(2)
    await expect(versions.nth(1).get_by_role("button", name="Delete for good")).to_be_focused()


async def test_the_list_of_accounts_keeps_the_focus(web_world: World, person: Person) -> None:
    await make_admin(web_world, person)
    found = uuid.uuid4().hex
    emails = [f"{letter}-{found}@example.com" for letter in "abc"]
    for email in emails:
        await person.call("POST", "/v1/admin/users", {"email": email})
    page = await person.open(f"/admin?q={found}")
    accounts = page.get_by_role("list", name="Accounts").get_by_role("listitem")
    await expect(accounts).to_have_count(3)
    for deleted, focused in ((1, 2), (2, 0)):
        await page.get_by_role("button", name=emails[deleted]).press("Enter")
        await page.get_by_role("button", name="Delete account").press("Enter")
        question = page.get_by_role("dialog", name="Delete the account")
        await question.get_by_role("button", name="Delete account").press("Enter")
        await expect(page.get_by_role("button", name=emails[deleted])).to_have_count(0)
        await expect(page.get_by_role("button", name=emails[focused])).to_be_focused()


async def test_the_panel_of_copies_keeps_the_focus(person: Person) -> None:
    await new_drive(person)
    await store_folder(person, "Reports")
    page, gate = await person.open("/files/root"), asyncio.Event()
    gate.set()

    async def refuse_later(route: Route) -> None:
        await gate.wait()
        await refuse(route)

    await page.route("**/v1/files/*/copy*", refuse_later)
    await copy_to(page, "Reports", "Research")
    retry = copies(page).get_by_role("button", name="Copy Reports again")
    await expect(retry).to_be_visible()
    gate.clear()
    await retry.press("Enter")
    cancel = copies(page).get_by_role("button", name="Cancel the copy of Reports")
    await expect(cancel).to_be_focused()
    await cancel.press("Enter")
    await expect(copies(page).get_by_role("button", name="Hide the list")).to_be_focused()
    gate.set()
    await copies(page).get_by_role("button", name="Close the list of copies").press("Enter")
    await expect(copies(page)).to_have_count(0)
    await expect(page.locator("#main")).to_be_focused()


async def test_the_panel_of_uploads_keeps_the_focus(person: Person) -> None:
    page = person.page
    await page.route(lambda url: "partNumber=" in url, hold)
    await choose(page, payload("large.bin", bytes(7 * 2**20)))
    await page.get_by_role("button", name="Pause large.bin").press("Enter")
    await expect(page.get_by_role("button", name="Continue large.bin")).to_be_focused()
    await page.get_by_role("button", name="Cancel the upload of large.bin").press("Enter")
    await expect(panel(page).get_by_text("Cancelled")).to_be_visible()
    await expect(panel(page).get_by_role("button", name="Hide the list")).to_be_focused()
    await page.get_by_role("button", name="Close the list of uploads").press("Enter")
    await expect(panel(page)).to_have_count(0)
    await expect(page.locator("#main")).to_be_focused()


async def test_the_uploads_of_a_link_keep_the_focus_and_name_their_files(person: Person, visitor: Person) -> None:
    folder = await store_folder(person, "Applications")
    link = await person.call("POST", f"/v1/files/{folder}/links", {"role": "uploader"})
    page = await visitor.open(f"/s/{link['token']}")
    await page.route(lambda url: "X-Amz-Signature=" in url, hold)
    files = [{"name": name, "mimeType": "text/plain", "buffer": b"x"} for name in ("a.txt", "b.txt")]
    await page.get_by_test_id("link-files").set_input_files(files)  # type: ignore[arg-type]
    await page.get_by_role("button", name="Cancel: a.txt").press("Enter")
    await expect(page.get_by_role("button", name="Try again: a.txt")).to_be_focused()


async def test_the_form_of_a_link_gets_the_focus_and_gives_it_back(person: Person) -> None:
    await store_file(person, "a.txt", b"x")
    page = await person.open("/files/root")
    await page.get_by_role("button", name="Actions for a.txt").click()
    await page.get_by_role("menuitem", name="Share").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_role("button", name="Create with password").press("Enter")
    await expect(dialog.get_by_label("Password")).to_be_focused()
    await dialog.get_by_role("button", name="Cancel").press("Enter")
    await expect(dialog.get_by_role("button", name="Create link")).to_be_focused()
    await dialog.get_by_role("button", name="Create with password").press("Enter")
    await dialog.get_by_role("button", name="Create link").press("Enter")
    await expect(dialog.get_by_label("URL of the link")).to_be_focused()


async def test_the_steps_of_the_second_factor_have_the_focus(person: Person) -> None:
    page = await person.open("/settings")
    await page.get_by_role("button", name="Turn on the second factor").press("Enter")
    await expect(page.get_by_label("Code of the app")).to_be_focused()
    secret = await page.get_by_label("Key of the second factor").input_value()
    await page.get_by_label("Code of the app").fill(pyotp.TOTP(secret).now())
    await page.get_by_role("button", name="Turn on", exact=True).press("Enter")
    await expect(page.locator("pre.codes")).to_be_focused()


async def test_what_is_shown_once_stays_when_the_language_changes(person: Person) -> None:
    page = await person.open("/settings")
    await page.get_by_text("Create an API token").click()
    await page.get_by_label("Name of the token").fill("backup script")
    await page.get_by_role("button", name="Create token").click()
    token = await page.get_by_label("New API token").input_value()
    await page.get_by_role("button", name="Turn on the second factor").click()
    secret = await page.get_by_label("Key of the second factor").input_value()
    await page.get_by_label("Code of the app").fill(pyotp.TOTP(secret).now())
    await page.get_by_role("button", name="Turn on", exact=True).click()
    codes = await page.locator("pre.codes").inner_text()
    await page.get_by_label("Your name").fill("Ada, not saved yet")
    await page.get_by_label("Language").select_option("de")
    await expect(page.get_by_role("heading", name="Einstellungen")).to_be_visible()
    await expect(page.get_by_role("navigation").get_by_text("Meine Dateien")).to_be_visible()
    await expect(page.get_by_label("Neues API-Token")).to_have_value(token)
    assert await page.locator("pre.codes").inner_text() == codes
    await expect(page.get_by_label("Ihr Name")).to_have_value("Ada, not saved yet")


async def test_a_range_begins_at_an_item_that_exists(person: Person) -> None:
    """The item that was clicked last is deleted elsewhere. The range does not begin at the top of the list."""
    ids = {name: await store_folder(person, name) for name in ("a", "b", "c", "d", "e")}
    page = await person.open("/files/root")
    await row(page, "d").click()
    await person.call("DELETE", f"/v1/files/{ids['d']}")
    await expect(row(page, "d")).to_have_count(0)
    await row(page, "e").click(modifiers=["Shift"])
    await expect(page.get_by_text("1 selected")).to_be_visible()
