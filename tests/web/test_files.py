"""Folders in the browser: list, keyboard, selection, moves, trash with undo, downloads."""

from __future__ import annotations

import asyncio
import json
import zipfile
from pathlib import Path

from playwright.async_api import Locator, Page, Route, expect

from .conftest import Person, row
from .stored_files import store_file


async def folders(person: Person, *names: str, parent: str = "root") -> list[str]:
    made = [await person.call("POST", "/v1/folders", {"name": name, "parent_id": parent}) for name in names]
    return [each["id"] for each in made]


async def upload(person: Person, name: str, body: str) -> None:
    await person.page.locator(".files").first.wait_for()
    async with person.page.expect_file_chooser() as chooser:
        await person.page.get_by_role("button", name="Upload", exact=True).first.click()
    await (await chooser.value).set_files({"name": name, "mimeType": "text/plain", "buffer": body.encode()})
    await expect(row(person.page, name)).to_be_visible()


def chosen(page: Page) -> Locator:
    """Return the names of the selected items."""
    return page.locator("[role=row][aria-selected=true] .file-text")


async def test_a_folder_is_made_opened_and_renamed(person: Person) -> None:
    page = person.page
    await page.get_by_role("button", name="New folder").click()
    await page.get_by_label("Name of the folder").fill("Reports")
    await page.get_by_role("button", name="Create").click()
    await row(page, "Reports").click()
    await page.keyboard.press("F2")
    await page.get_by_label("New name").fill("Reports 2026")
    await page.keyboard.press("Enter")
    await row(page, "Reports 2026").dblclick()
    await expect(page.get_by_role("heading", name="Reports 2026")).to_be_visible()
    await page.get_by_role("navigation", name="Path").get_by_role("link", name="My files").click()
    await expect(row(page, "Reports 2026")).to_be_visible()
    await page.go_back()
    await expect(page.get_by_text("This folder is empty")).to_be_visible()


async def test_a_taken_name_is_refused_in_words(person: Person) -> None:
    await folders(person, "Reports")
    page = await person.open("/files/root")
    await page.get_by_role("button", name="New folder").click()
    await page.get_by_label("Name of the folder").fill("Reports")
    await page.get_by_role("button", name="Create").click()
    await expect(page.get_by_role("alert")).to_contain_text("already an item with this name")


async def test_the_trash_and_its_undo(person: Person) -> None:
    await folders(person, "one", "two", "three")
    page = await person.open("/files/root")
    await row(page, "one").click()
    await row(page, "two").click(modifiers=["Shift"])
    await expect(chosen(page)).to_have_text(["one", "three", "two"])
    await page.keyboard.press("Delete")
    await expect(page.get_by_text("3 items are in the trash.")).to_be_visible()
    await expect(page.get_by_text("This folder is empty")).to_be_visible()
    await page.get_by_role("button", name="Undo").click()
    for name in ("one", "two", "three"):
        await expect(row(page, name)).to_be_visible()


async def test_what_was_trashed_before_a_failure_can_be_undone(person: Person) -> None:
    names = [f"folder {number:03}" for number in range(101)]
    await asyncio.gather(*(folders(person, *names[first::4]) for first in range(4)))
    calls = 0

    async def fail_second(route: Route) -> None:
        nonlocal calls
        calls += 1
        if calls == 2:
            await route.fulfill(status=500, json={"code": "internal", "title": "", "status": 500})
        else:
            await route.continue_()

    await person.page.route("**/v1/files/batch/trash*", fail_second)
    page = await person.open("/files/root")
    await row(page, "folder 000").click()
    await page.keyboard.press("Control+a")
    await expect(page.get_by_text("101 selected")).to_be_visible()
    await page.keyboard.press("Delete")
    await expect(page.get_by_text("The server has failed")).to_be_visible()
    await expect(page.get_by_text("100 items are in the trash.")).to_be_visible()
    await expect(page.get_by_role("grid")).to_have_attribute("aria-rowcount", "1")
    await page.get_by_role("button", name="Undo").click()
    await expect(page.get_by_role("grid")).to_have_attribute("aria-rowcount", "101")


async def test_the_message_names_the_item_that_was_trashed(person: Person) -> None:
    (first, _) = await folders(person, "one", "two")

    async def without_first(route: Route) -> None:
        body = route.request.post_data_json
        kept = [id for id in body["ids"] if id != first]
        response = await route.fetch(post_data=json.dumps(body | {"ids": kept}))
        problem = {"type": "", "title": "", "status": 409, "detail": "busy", "code": "conflict"}
        results = (await response.json())["items"]
        await route.fulfill(json={"items": [{"error": problem}, *results]})

    await person.page.route("**/v1/files/batch/trash*", without_first)
    page = await person.open("/files/root")
    await row(page, "one").click()
    await row(page, "two").click(modifiers=["Shift"])
    await page.keyboard.press("Delete")
    await expect(page.get_by_text("“two” is in the trash.")).to_be_visible()
    await expect(row(page, "one")).to_be_visible()


async def test_items_are_dragged_to_a_folder_and_back(person: Person) -> None:
    await folders(person, "box", "thing")
    page = await person.open("/files/root")
    await row(page, "thing").drag_to(row(page, "box"))
    await expect(row(page, "thing")).to_have_count(0)
    await page.get_by_role("button", name="Undo").click()
    await expect(row(page, "thing")).to_be_visible()
    await row(page, "thing").drag_to(row(page, "box"))
    await expect(row(page, "thing")).to_have_count(0)
    await row(page, "box").dblclick()
    await row(page, "thing").drag_to(page.get_by_role("navigation", name="Path").get_by_role("link", name="My files"))
    await expect(page.get_by_text("This folder is empty")).to_be_visible()


async def test_the_move_dialog_browses_and_searches(person: Person) -> None:
    (deep,) = await folders(person, "archive")
    await folders(person, "inner folder", parent=deep)
    await folders(person, "thing")
    page = await person.open("/files/root")
    await row(page, "thing").click(button="right")
    await page.get_by_role("menuitem", name="Move to …").click()
    await page.get_by_role("dialog").get_by_role("button", name="archive").click()
    await page.get_by_role("dialog").get_by_role("button", name="inner folder").click()
    await page.get_by_role("button", name="Move here").click()
    await expect(page.get_by_text("moved to inner folder")).to_be_visible()
    await expect(row(page, "thing")).to_have_count(0)


async def test_items_are_copied_to_a_folder(person: Person) -> None:
    await folders(person, "target", "thing", "other")
    page = await person.open("/files/root")
    await row(page, "thing").click(button="right")
    await page.get_by_role("menuitem", name="Copy to …").click()
    await page.get_by_role("dialog").get_by_role("button", name="target").click()
    await page.get_by_role("button", name="Copy here").click()
    await expect(page.get_by_text("copied to target")).to_be_visible()
    await expect(row(page, "thing")).to_be_visible()
    await row(page, "target").dblclick()
    await expect(row(page, "thing")).to_be_visible()


async def test_the_keyboard_alone_is_enough(person: Person) -> None:
    await folders(person, "a", "b", "c")
    page = await person.open("/files/root")
    await row(page, "a").focus()
    await page.keyboard.press("ArrowDown")
    await expect(chosen(page)).to_have_text(["b"])
    await page.keyboard.press("Shift+ArrowDown")
    await expect(chosen(page)).to_have_text(["b", "c"])
    await page.keyboard.press("Control+a")
    await expect(chosen(page)).to_have_text(["a", "b", "c"])
    await page.keyboard.press("Escape")
    await expect(chosen(page)).to_have_count(0)
    await page.keyboard.press("?")
    await expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("dialog")).to_have_count(0)
    await page.keyboard.press("/")
    await expect(page.get_by_role("searchbox")).to_be_focused()
    await row(page, "b").focus()
    await page.keyboard.press("Home")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="a", exact=True)).to_be_visible()


async def test_a_file_is_downloaded_with_its_name_and_bytes(person: Person) -> None:
    await upload(person, "hello ü.txt", "hello")
    await row(person.page, "hello ü.txt").click(button="right")
    async with person.page.expect_download() as download:
        await person.page.get_by_role("menuitem", name="Download").click()
    saved = await download.value
    assert saved.suggested_filename == "hello ü.txt"
    assert Path(await saved.path()).read_text() == "hello"


async def test_several_items_are_downloaded_as_one_zip_file(person: Person) -> None:
    (folder,) = await folders(person, "folder")
    await store_file(person, "inner.txt", b"inner", parent_id=folder)
    await upload(person, "hello.txt", "hello")
    await row(person.page, "folder").click()
    await person.page.keyboard.press("Control+a")
    await expect(chosen(person.page)).to_have_count(2)
    async with person.page.expect_download() as download:
        await person.page.get_by_role("button", name="Download").click()
    with zipfile.ZipFile(await (await download.value).path()) as opened:
        assert {name: opened.read(name) for name in opened.namelist()} == {
            "folder/": b"",
            "folder/inner.txt": b"inner",
            "hello.txt": b"hello",
        }


async def test_a_star_and_the_grid(person: Person) -> None:
    await folders(person, "thing")
    page = await person.open("/files/root")
    await page.get_by_role("button", name="Actions for thing").click()
    await page.get_by_role("menuitem", name="Add star").click()
    await expect(row(page, "thing").get_by_text("Starred")).to_be_attached()
    await page.get_by_role("button", name="Show as grid").click()
    await expect(page.locator(".file-tile")).to_have_count(1)
    await page.reload()
    await expect(page.locator(".file-tile")).to_have_count(1)


async def test_the_columns_sort(person: Person) -> None:
    await folders(person, "b", "a", "c")
    page = await person.open("/files/root")
    await expect(page.locator("[role=row] .file-text")).to_have_text(["a", "b", "c"])
    await page.get_by_role("button", name="Name").click()
    await expect(page.locator("[role=row] .file-text")).to_have_text(["c", "b", "a"])
