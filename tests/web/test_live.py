"""Two browsers at once: what one changes appears in the other."""

from __future__ import annotations

from playwright.async_api import expect

from .conftest import NewPerson, Person, row, sign_in
from .uploading import drop


async def test_another_browser_sees_each_change(person: Person, new_visitor: NewPerson) -> None:
    second = await new_visitor()
    second.email = person.email
    await sign_in(second.page, second)
    await drop(person.page, {"note.txt": "hello"})
    await expect(row(second.page, "note.txt")).to_be_visible()
    await row(second.page, "note.txt").click()
    await second.page.keyboard.press("F2")
    await second.page.get_by_label("New name").fill("renamed.txt")
    await second.page.keyboard.press("Enter")
    await expect(row(person.page, "renamed.txt")).to_be_visible()
    await row(person.page, "renamed.txt").click()
    await person.page.keyboard.press("Delete")
    await expect(row(second.page, "renamed.txt")).to_have_count(0)
    await person.page.get_by_role("button", name="Undo").click()
    await expect(row(second.page, "renamed.txt")).to_be_visible()


async def test_members_of_a_shared_drive_see_each_others_changes(new_person: NewPerson) -> None:
    manager, member = await new_person(), await new_person()
    drive = (await manager.call("POST", "/v1/drives", {"name": "Team"}))["id"]
    me = await member.call("GET", "/v1/me")
    await manager.call("PUT", f"/v1/drives/{drive}/members/{me['id']}", {"role": "editor"})
    for person in (manager, member):
        await person.open(f"/files/root?drive_id={drive}")
    await drop(member.page, {"plan.txt": "plan"})
    await expect(row(manager.page, "plan.txt")).to_be_visible()


async def test_a_folder_that_another_person_trashes_says_so(person: Person) -> None:
    folder = await person.call("POST", "/v1/folders", {"name": "Reports", "parent_id": "root"})
    page = await person.open(f"/files/{folder['id']}")
    await expect(page.get_by_role("heading", name="Reports")).to_be_visible()
    await person.call("DELETE", f"/v1/files/{folder['id']}")
    await expect(page.get_by_text("This folder is gone")).to_be_visible()
    main = page.get_by_role("main")
    await expect(main.get_by_role("link", name="Trash")).to_be_visible()
    await expect(main.get_by_role("link", name="My files")).to_be_visible()
    await person.call("POST", f"/v1/files/{folder['id']}/restore")
    await expect(page.get_by_role("heading", name="Reports")).to_be_visible()
    await expect(page.get_by_text("This folder is gone")).to_have_count(0)
