"""Folders that are shared with a person, in the browser: where they begin, and what the role allows."""

from __future__ import annotations

from playwright.async_api import expect

from .conftest import NewPerson, Person, row
from .stored_files import store_file, store_folder
from .uploading import drop, panel


async def share(owner: Person, folder: str, person: Person, role: str) -> None:
    await owner.call("PUT", f"/v1/files/{folder}/permissions", {"email": person.email, "role": role})


async def test_a_viewer_sees_only_what_a_viewer_may_do(new_person: NewPerson) -> None:
    ada, grace = await new_person(), await new_person()
    folder = await store_folder(ada, "Reports", await store_folder(ada, "Private"))
    inner = await store_folder(ada, "2026", folder)
    await store_file(ada, "note.txt", b"x", parent_id=inner)
    await share(ada, folder, grace, "viewer")
    page = await grace.open("/shared")
    await page.get_by_role("link", name="Reports").click()
    await row(page, "2026").dblclick()
    await row(page, "note.txt").click(button="right")
    await expect(page.get_by_role("menuitem")).to_have_text(["Open", "Download", "Details", "Copy to …"])
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("button", name="Download", exact=True)).to_be_visible()
    await expect(page.get_by_role("button", name="Move to the trash")).to_have_count(0)
    await page.get_by_role("button", name="Clear the selection").click()
    for name in ("Upload", "Upload folder", "New folder"):
        await expect(page.get_by_role("button", name=name, exact=True)).to_have_count(0)
    await row(page, "note.txt").press("F2")
    await expect(page.get_by_label("New name")).to_have_count(0)
    path = page.get_by_role("navigation", name="Path").get_by_role("link")
    await expect(path).to_have_text(["Reports"])
    await expect(page.locator(".sidebar [aria-current]")).to_have_text("Shared with me")


async def test_an_editor_uploads_and_moves_below_the_shared_folder(new_person: NewPerson) -> None:
    ada, grace = await new_person(), await new_person()
    folder = await store_folder(ada, "Reports", await store_folder(ada, "Private"))
    await store_folder(ada, "2026", folder)
    await share(ada, folder, grace, "editor")
    page = await grace.open("/shared")
    await page.get_by_role("link", name="Reports").click()
    await expect(page.get_by_role("button", name="Upload", exact=True)).to_be_visible()
    await drop(page, {"note.txt": "n"})
    await expect(panel(page).get_by_text("1 file uploaded")).to_be_visible()
    await row(page, "note.txt").click(button="right")
    await expect(page.get_by_role("menuitem", name="Share")).to_have_count(0)
    await page.get_by_role("menuitem", name="Move to …").click()
    dialog = page.get_by_role("dialog")
    await expect(dialog.get_by_text("Reports", exact=True)).to_be_visible()
    await dialog.get_by_role("button", name="2026").click()
    await page.get_by_role("button", name="Move here").click()
    await expect(page.get_by_text("moved to 2026")).to_be_visible()
    await expect(row(page, "note.txt")).to_have_count(0)
    await page.get_by_role("button", name="Undo").click()
    await expect(row(page, "note.txt")).to_be_visible()


async def test_a_shared_drive_has_its_name_and_the_role_of_the_member(new_person: NewPerson) -> None:
    ada, grace = await new_person(), await new_person()
    drive = (await ada.call("POST", "/v1/drives", {"name": "Research"}))["id"]
    inner = await ada.call("POST", f"/v1/folders?drive_id={drive}", {"name": "2026", "parent_id": "root"})
    await ada.call("PUT", f"/v1/drives/{drive}/members", {"email": grace.email, "role": "viewer"})
    for person, count in ((ada, 1), (grace, 0)):
        page = await person.open(f"/files/root?drive_id={drive}")
        await expect(page.get_by_role("heading", name="Research")).to_be_visible()
        await expect(page.locator(".sidebar [aria-current]")).to_have_text("Shared drives")
        await person.open(f"/files/{inner['id']}?drive_id={drive}")
        await expect(page.get_by_role("navigation", name="Path").get_by_role("link")).to_have_text(["Research"])
        await expect(page.get_by_role("button", name="New folder")).to_have_count(count)
