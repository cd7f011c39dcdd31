"""Search, trash and starred items in the browser."""

from __future__ import annotations

from playwright.async_api import expect

from .conftest import Person
from .stored_files import HOSTILE_NAME, store_file, store_folder


async def test_the_search_finds_names_as_a_person_types(person: Person) -> None:
    folder = await store_folder(person, "Reports")
    await store_file(person, "annual report.txt", b"annual", parent_id=folder)
    await store_file(person, HOSTILE_NAME, b"x")
    page = await person.open("/files/root")
    await page.get_by_role("searchbox", name="Search files").press_sequentially("report")
    results = page.get_by_role("list", name="Results")
    await expect(results.get_by_text("annual report.txt")).to_be_visible()
    await expect(results.get_by_text("/Reports", exact=False).first).to_be_visible()
    await page.get_by_label("Kind").select_option("folder")
    await expect(results.get_by_text("annual report.txt")).to_have_count(0)
    await expect(results.get_by_role("link", name="Reports")).to_be_visible()
    await page.reload()
    await expect(results.get_by_role("link", name="Reports")).to_be_visible()
    await expect(page.get_by_role("searchbox", name="Search files")).to_have_value("report")
    await page.get_by_label("Kind").select_option("any")
    await page.get_by_role("searchbox", name="Search files").fill("onerror")
    await expect(results.get_by_text(HOSTILE_NAME, exact=True)).to_be_visible()
    await page.get_by_role("searchbox", name="Search files").fill("zzzzzzzz")
    await expect(page.get_by_text("Nothing found for “zzzzzzzz”")).to_be_visible()


async def test_the_trash_gives_back_and_deletes_for_good(person: Person) -> None:
    for name in ("one.txt", "two.txt", HOSTILE_NAME):
        await person.call("DELETE", f"/v1/files/{await store_file(person, name, b'bytes')}")
    page = await person.open("/trash")
    await page.get_by_role("button", name="Restore one.txt").click()
    await expect(page.get_by_role("status").get_by_text("“one.txt” is back.")).to_be_visible()
    assert [item["name"] for item in (await person.call("GET", "/v1/files"))["items"]] == ["one.txt"]
    await page.get_by_role("button", name="Undo").click()
    await expect(page.get_by_role("button", name="Restore one.txt")).to_be_visible()
    await page.get_by_role("button", name="Delete for good: two.txt").click()
    await page.get_by_role("dialog").get_by_role("button", name="Delete for good").click()
    await expect(page.get_by_role("button", name="Restore two.txt")).to_have_count(0)
    await page.get_by_role("button", name="Empty trash").click()
    await page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    await expect(page.get_by_text(HOSTILE_NAME, exact=True)).to_be_visible()
    await page.get_by_role("button", name="Empty trash").click()
    await page.get_by_role("dialog").get_by_role("button", name="Empty trash").click()
    await expect(page.get_by_text("The trash is empty")).to_be_visible()
    assert (await person.call("GET", "/v1/trash"))["items"] == []


async def test_starred_items_are_in_one_list(person: Person) -> None:
    folder = await store_folder(person, "Reports")
    await person.call("PATCH", f"/v1/files/{folder}", {"starred": True})
    page = await person.open("/starred")
    await expect(page.get_by_role("link", name="Reports")).to_be_visible()
    await page.get_by_role("button", name="Remove star: Reports").click()
    await expect(page.get_by_text("Nothing is starred yet")).to_be_visible()


async def test_search_stars_and_trash_are_those_of_the_drive_that_is_shown(person: Person) -> None:
    drive = (await person.call("POST", "/v1/drives", {"name": "Research"}))["id"]
    of = f"drive_id={drive}"
    for name in ("starred folder", "trashed folder"):
        folder = await person.call("POST", f"/v1/folders?{of}", {"name": name, "parent_id": "root"})
        if name == "starred folder":
            await person.call("PATCH", f"/v1/files/{folder['id']}?{of}", {"starred": True})
        else:
            await person.call("DELETE", f"/v1/files/{folder['id']}?{of}")
    page = await person.open(f"/files/root?{of}")
    main = page.get_by_role("navigation", name="Main navigation")
    await main.get_by_role("link", name="Starred").click()
    await expect(page.get_by_role("heading", name="Starred · Research")).to_be_visible()
    await expect(page.get_by_role("link", name="starred folder")).to_be_visible()
    await main.get_by_role("link", name="Trash").click()
    await expect(page.get_by_role("button", name="Restore trashed folder")).to_be_visible()
    await page.get_by_role("searchbox", name="Search files").fill("starred")
    await expect(page.get_by_role("heading", name="Search · Research")).to_be_visible()
    await expect(page.get_by_role("list", name="Results").get_by_text("starred folder")).to_be_visible()
    await main.get_by_role("link", name="My files").click()
    await main.get_by_role("link", name="Starred").click()
    await expect(page.get_by_text("Nothing is starred yet")).to_be_visible()
