"""Sharing with people and by links, what is shared with me, and shared drives, in the browser."""

from __future__ import annotations

import asyncio

from playwright.async_api import Route, expect

from .conftest import NewPerson, Person, row
from .stored_files import HOSTILE_NAME, store_file, store_folder


async def open_dialog(person: Person, name: str) -> None:
    """Open the dialog from the menu of a row."""
    page = await person.open("/files/root")
    await row(page, name).click(button="right")
    await page.get_by_role("menuitem", name="Share").click()
    await expect(page.get_by_role("heading", name=f"Share “{name}”")).to_be_visible()


async def test_a_folder_is_shared_with_a_person(new_person: NewPerson) -> None:
    ada, grace = await new_person(), await new_person()
    folder = await store_folder(ada, "Reports")
    await store_file(ada, HOSTILE_NAME, b"for Grace", parent_id=folder)
    await open_dialog(ada, "Reports")
    page = ada.page
    await page.get_by_label("Email address of a person").fill("nobody@example.com")
    await page.get_by_role("button", name="Add").click()
    await expect(page.get_by_text("No account has this email address")).to_be_visible()
    await page.get_by_label("Email address of a person").fill(grace.email)
    await page.get_by_role("button", name="Add").click()
    await expect(page.get_by_label(f"Role of {grace.email}")).to_have_value("viewer")

    await grace.open("/shared")
    await grace.page.get_by_role("link", name="Reports").click()
    await row(grace.page, HOSTILE_NAME).dblclick()
    await expect(grace.page.get_by_text("for Grace")).to_be_visible()

    await page.get_by_label(f"Role of {grace.email}").select_option("editor")
    await expect(page.get_by_label(f"Role of {grace.email}")).to_have_value("editor")
    await page.get_by_role("button", name=f"Remove {grace.email}").click()
    await expect(page.get_by_text("Nobody else has access yet")).to_be_visible()
    await grace.open("/shared")
    await expect(grace.page.get_by_text("Nothing is shared with you yet")).to_be_visible()


async def test_a_person_who_was_removed_elsewhere_has_no_access(new_person: NewPerson) -> None:
    """The 404 is about the person of the row here, not about the email address of the form."""
    ada, grace = await new_person(), await new_person()
    folder = await store_folder(ada, "Reports")
    await ada.call("PUT", f"/v1/files/{folder}/permissions", {"email": grace.email, "role": "viewer"})
    await open_dialog(ada, "Reports")
    page = ada.page
    await expect(page.get_by_label(f"Role of {grace.email}")).to_have_value("viewer")
    grace_id = (await grace.call("GET", "/v1/me"))["id"]
    await ada.call("DELETE", f"/v1/files/{folder}/permissions/{grace_id}")
    await page.get_by_role("button", name=f"Remove {grace.email}").click()
    await expect(page.get_by_text("This person has no access any more")).to_be_visible()
    await expect(page.get_by_text("Nobody else has access yet")).to_be_visible()
    await expect(page.get_by_text("No account has this email address")).to_have_count(0)


async def test_a_member_who_was_removed_elsewhere_has_no_access(new_person: NewPerson) -> None:
    ada, grace = await new_person(), await new_person()
    drive = (await ada.call("POST", "/v1/drives", {"name": "Research"}))["id"]
    await ada.call("PUT", f"/v1/drives/{drive}/members", {"email": grace.email, "role": "editor"})
    page = await ada.open("/drives")
    await page.get_by_role("button", name="Members of “Research”").click()
    await expect(page.get_by_label(f"Role of {grace.email}")).to_have_value("editor")
    await ada.call("DELETE", f"/v1/drives/{drive}/members/{(await grace.call('GET', '/v1/me'))['id']}")
    await page.get_by_role("button", name=f"Remove {grace.email}").click()
    await expect(page.get_by_text("This person has no access any more")).to_be_visible()
    await expect(page.get_by_label(f"Role of {grace.email}")).to_have_count(0)
    await expect(page.get_by_text("No account has this email address")).to_have_count(0)


async def test_a_link_is_created_opened_and_ended(person: Person, visitor: Person) -> None:
    folder = await store_folder(person, "Press")
    await store_file(person, "photo.txt", b"photo", parent_id=folder)
    await open_dialog(person, "Press")
    page = person.page
    await page.get_by_role("button", name="Create link").click()
    url = await page.get_by_label("URL of the link").input_value()
    guest = await visitor.open(url.removeprefix(person.api))
    await expect(guest.get_by_text("photo.txt")).to_be_visible()
    await page.get_by_role("button", name="End the link").click()
    await expect(page.get_by_label("URL of the link")).to_have_count(0)
    await guest.reload()
    await expect(guest.get_by_text("does not work any more")).to_be_visible()


async def test_a_link_is_created_once(person: Person) -> None:
    await store_folder(person, "Press")
    await open_dialog(person, "Press")
    page, gate = person.page, asyncio.Event()

    async def hold(route: Route) -> None:
        if route.request.method == "POST":
            await gate.wait()
        await route.continue_()

    await page.route("**/links*", hold)
    await page.get_by_role("button", name="Create link").click()
    await expect(page.get_by_role("button", name="Create link")).to_be_disabled()
    gate.set()
    await expect(page.get_by_label("URL of the link")).to_be_visible()
    await expect(page.get_by_role("button", name="Create link")).to_be_enabled()


async def test_a_link_has_a_password_an_end_and_a_limit(person: Person) -> None:
    await store_folder(person, "Press")
    await open_dialog(person, "Press")
    page = person.page
    await page.get_by_role("button", name="Create with password").click()
    await page.get_by_label("Password (optional)").fill("open sesame")
    await page.get_by_label("The link ends").select_option("7")
    await page.get_by_label("Number of downloads").fill("3")
    await page.get_by_label("Name for your own list").fill("for the press")
    await page.get_by_role("button", name="Create link").click()
    await expect(page.get_by_label("URL of the link")).to_be_visible()
    (link,) = (await person.call("GET", "/v1/links"))["items"]
    assert (link["has_password"], link["max_downloads"], link["name"]) == (True, 3, "for the press")
    assert link["expires_at"] is not None
    await page.keyboard.press("Escape")
    await person.open("/links")
    await expect(page.get_by_text("for the press")).to_be_visible()
    await page.get_by_role("button", name="End the link for the press").click()
    await expect(page.get_by_text("No links yet")).to_be_visible()


async def test_a_shared_drive_has_members(new_person: NewPerson) -> None:
    ada, grace = await new_person(), await new_person()
    page = await ada.open("/drives")
    await page.get_by_role("button", name="New shared drive").click()
    await page.get_by_label("Name of the drive").fill("Research")
    await page.get_by_role("button", name="Create", exact=True).click()
    await page.get_by_role("button", name="Members of “Research”").click()
    await page.get_by_label("Email address of a person").fill(grace.email)
    await page.get_by_role("button", name="Add").click()
    await expect(page.get_by_label(f"Role of {grace.email}")).to_have_value("editor")
    await page.get_by_label(f"Role of {ada.email}").select_option("viewer")
    await expect(page.get_by_role("dialog").get_by_role("alert")).to_be_visible()
    await page.keyboard.press("Escape")

    await grace.open("/drives")
    await grace.page.get_by_role("link", name="Research").click()
    await expect(grace.page.get_by_text("This folder is empty")).to_be_visible()
    await grace.open("/drives")
    await grace.page.get_by_role("button", name="Leave Research").click()
    await grace.page.get_by_role("dialog").get_by_role("button", name="Leave").click()
    await expect(grace.page.get_by_text("No shared drive yet")).to_be_visible()

    await page.get_by_role("button", name="Rename Research").click()
    await page.get_by_label("Name of the drive").fill("Research 2026")
    await page.get_by_role("button", name="Save").click()
    await page.get_by_role("button", name="Delete Research 2026").click()
    await page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    await expect(page.get_by_text("No shared drive yet")).to_be_visible()
