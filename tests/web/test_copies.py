"""Copies into other drives in the browser: where they may go, their progress, and what a failure says."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import Locator, Page, Route, expect

from drivebay.testing.world import World

from .conftest import NewPerson, Person, make_admin, row
from .stored_files import HOSTILE_NAME, store_file, store_folder
from .test_accessibility import LOOK_CASES, LOOKS, violations

PLACE = "Drive or shared folder"


def copies(page: Page) -> Locator:
    return page.get_by_role("region", name="Copies")


async def new_drive(person: Person, name: str = "Research") -> str:
    return str((await person.call("POST", "/v1/drives", {"name": name}))["id"])


async def add_member(owner: Person, drive: str, member: Person, role: str) -> None:
    await owner.call("PUT", f"/v1/drives/{drive}/members", {"email": member.email, "role": role})


async def store_in(person: Person, drive: str, name: str, body: bytes) -> None:
    """Store a file in the root folder of a shared drive."""
    file = await store_file(person, name, body)
    await person.call("POST", f"/v1/files/{file}/copy", {"parent_id": "root", "drive_id": drive})
    await person.call("DELETE", f"/v1/files/{file}")


async def open_dialog(page: Page, name: str) -> Locator:
    await row(page, name).click(button="right")
    await page.get_by_role("menuitem", name="Copy to …").click()
    return page.get_by_role("dialog")


async def copy_to(page: Page, name: str, place: str) -> None:
    dialog = await open_dialog(page, name)
    await dialog.get_by_label(PLACE).select_option(place)
    await dialog.get_by_role("button", name="Copy here").click()


class HeldJob:
    """Answers for the jobs of a page: running with some progress, until `release`. Then the server answers."""

    def __init__(self) -> None:
        self.asked = 0
        self._is_held = True

    async def install(self, page: Page) -> None:
        await page.route("**/v1/jobs/*", self._handle)

    def release(self) -> None:
        self._is_held = False

    async def _handle(self, route: Route) -> None:
        if route.request.method != "GET" or not self._is_held:
            await route.continue_()
            return
        self.asked += 1
        job: dict[str, Any] = await (await route.fetch()).json()
        running = {"status": "running", "done": 1, "total": 2, "result": None, "error": None, "waiting_since": None}
        await route.fulfill(json=job | running | {"done_bytes": 2048, "total_bytes": 4096})


async def test_a_file_is_copied_into_a_shared_drive(person: Person) -> None:
    drive = await new_drive(person)
    inner = await person.call("POST", f"/v1/folders?drive_id={drive}", {"name": "2026", "parent_id": "root"})
    await store_file(person, "plan.txt", b"plan")
    page = await person.open("/files/root")
    dialog = await open_dialog(page, "plan.txt")
    await dialog.get_by_label(PLACE).select_option("Research")
    await dialog.get_by_role("button", name="2026").click()
    await dialog.get_by_role("button", name="Copy here").click()
    await expect(copies(page).get_by_text("1 item copied")).to_be_visible()
    await copies(page).get_by_role("link", name="Copied to 2026").click()
    await expect(row(page, "plan.txt")).to_be_visible()
    assert inner["id"] in page.url
    await copies(page).get_by_role("button", name="Close the list of copies").click()
    await expect(copies(page)).to_have_count(0)
    assert (await person.call("GET", "/v1/files/by-path?path=/plan.txt"))["size"] == 4


async def test_the_folders_of_another_drive_go_when_a_drive_is_chosen(person: Person) -> None:
    drive = await new_drive(person)
    await store_folder(person, "Reports")
    page = await person.open("/files/root")
    dialog = await open_dialog(page, "Reports")
    await expect(dialog.get_by_role("button", name="Reports")).to_be_visible()

    async def hold(route: Route) -> None:
        pass  # no answer

    await page.route(f"**/v1/files?*drive_id={drive}*", hold)
    await dialog.get_by_label(PLACE).select_option("Research")
    await expect(dialog.locator(".move-list .loading")).to_be_visible()
    await expect(dialog.get_by_role("button", name="Reports")).to_have_count(0)


async def test_a_folder_is_copied_with_progress_that_survives_a_reload(person: Person) -> None:
    await new_drive(person)
    await store_file(person, "a.txt", b"a", parent_id=await store_folder(person, "Reports"))
    page, held = await person.open("/files/root"), HeldJob()
    await held.install(page)
    await copy_to(page, "Reports", "Research")
    running = copies(page).get_by_role("listitem")
    await expect(running).to_contain_text("2 KiB of 4 KiB to Research")
    await expect(running.get_by_role("progressbar", name="Reports")).to_have_attribute("value", "0.5")
    await page.reload()
    await expect(running).to_contain_text("2 KiB of 4 KiB to Research")
    held.release()
    await expect(copies(page).get_by_text("1 item copied")).to_be_visible()
    await copies(page).get_by_role("link", name="Copied to Research").click()
    await row(page, "Reports").dblclick()
    await expect(row(page, "a.txt")).to_be_visible()


async def test_a_copy_is_cancelled(person: Person) -> None:
    await new_drive(person)
    await store_folder(person, "Reports")
    page = await person.open("/files/root")
    methods: list[str] = []
    job: dict[str, Any] = {"id": "1", "done": 0, "total": 0, "done_bytes": 0, "total_bytes": 0, "waiting_since": None}

    async def start(route: Route) -> None:
        await route.fulfill(status=202, json={"job": job | {"status": "running"}})

    async def answer(route: Route) -> None:
        methods.append(route.request.method)
        if route.request.method == "DELETE":
            await route.fulfill(status=204)
        else:
            status = "cancelled" if "DELETE" in methods else "running"
            await route.fulfill(json=job | {"status": status})

    await page.route("**/v1/files/*/copy*", start)
    await page.route("**/v1/jobs/1", answer)
    await copy_to(page, "Reports", "Research")
    running = copies(page).get_by_role("listitem")
    await expect(running).to_contain_text("Copying to Research")
    await running.get_by_role("button", name="Cancel the copy of Reports").click()
    await expect(running).to_contain_text("Cancelled")
    await expect(running.get_by_role("button")).to_have_count(0)
    assert methods.count("DELETE") == 1


async def test_only_places_where_a_person_may_write_are_offered(new_person: NewPerson) -> None:
    ada, grace = await new_person(), await new_person()
    for name, role in (("Edited", "editor"), ("Read", "viewer")):
        await add_member(ada, await new_drive(ada, name), grace, role)
        folder = await store_folder(ada, f"{name} folder")
        await ada.call("PUT", f"/v1/files/{folder}/permissions", {"email": grace.email, "role": role})
    await store_file(grace, "plan.txt", b"plan")
    page = await grace.open("/files/root")
    dialog = await open_dialog(page, "plan.txt")
    shared = f"Edited folder ({ada.email})"  # other people choose its name
    await expect(dialog.get_by_label(PLACE).get_by_role("option")).to_have_text(["My files", "Edited", shared])
    await dialog.get_by_label(PLACE).select_option(shared)
    await dialog.get_by_role("button", name="Copy here").click()
    await expect(copies(page).get_by_text("1 item copied")).to_be_visible()
    assert (await ada.call("GET", "/v1/files/by-path?path=/Edited folder/plan.txt"))["size"] == 4


async def test_a_viewer_copies_to_the_own_drive(new_person: NewPerson) -> None:
    ada, grace = await new_person(), await new_person()
    drive = await new_drive(ada)
    await store_in(ada, drive, "plan.txt", b"plan")
    await add_member(ada, drive, grace, "viewer")
    page = await grace.open(f"/files/root?drive_id={drive}")
    await expect(page.get_by_role("button", name="Upload", exact=True)).to_have_count(0)
    dialog = await open_dialog(page, "plan.txt")
    await expect(dialog.get_by_text("My files", exact=True)).to_be_visible()
    await dialog.get_by_role("button", name="Copy here").click()
    await expect(copies(page).get_by_role("link", name="Copied to My files")).to_be_visible()
    assert (await grace.call("GET", "/v1/files/by-path?path=/plan.txt"))["size"] == 4


async def test_a_full_drive_is_said_in_words(web_world: World, person: Person) -> None:
    await make_admin(web_world, person)
    drive = await new_drive(person)
    await store_in(person, drive, "big.txt", b"x" * 2000)
    await person.call("DELETE", "/v1/trash")
    me = await person.call("GET", "/v1/me")
    await person.call("PATCH", f"/v1/admin/users/{me['id']}", {"limit_bytes": 1000})
    page = await person.open(f"/files/root?drive_id={drive}")
    await copy_to(page, "big.txt", "My files")
    failed = copies(page).get_by_role("listitem")
    await expect(failed).to_contain_text("There is not enough space in the drive of My files.")
    await person.call("PATCH", f"/v1/admin/users/{me['id']}", {"limit_bytes": 1_000_000})
    await failed.get_by_role("button", name="Copy big.txt again").click()
    await expect(failed).to_contain_text("Copied to My files")


async def test_a_folder_with_too_many_items_is_said_in_words(person: Person) -> None:
    """`too_large` is about the number of files and folders here, and elsewhere about a large file."""
    await new_drive(person)
    await store_folder(person, "Reports")
    page = await person.open("/files/root")
    job: dict[str, Any] = {"id": "1", "done": 0, "total": 0, "done_bytes": 0, "total_bytes": 0, "waiting_since": None}
    error = {"code": "too_large", "title": "", "status": 413, "detail": "one copy may have 2 files and folders"}

    async def start(route: Route) -> None:
        await route.fulfill(status=202, json={"job": job | {"status": "running"}})

    async def answer(route: Route) -> None:
        await route.fulfill(json=job | {"status": "failed", "error": error})

    await page.route("**/v1/files/*/copy*", start)
    await page.route("**/v1/jobs/1", answer)
    await copy_to(page, "Reports", "Research")
    text = "This folder has too many files and folders for one copy. Copy the folders in it one after another."
    await expect(copies(page).get_by_role("listitem")).to_contain_text(text)


async def test_a_lost_permission_is_said_in_words(new_person: NewPerson) -> None:
    ada, grace = await new_person(), await new_person()
    drive = await new_drive(ada)
    await add_member(ada, drive, grace, "editor")
    await store_file(grace, "plan.txt", b"plan")
    page = await grace.open("/files/root")
    dialog = await open_dialog(page, "plan.txt")
    await dialog.get_by_label(PLACE).select_option("Research")
    await add_member(ada, drive, grace, "viewer")
    await dialog.get_by_role("button", name="Copy here").click()
    await expect(copies(page).get_by_role("listitem")).to_contain_text("You may not add files to Research.")
    await expect(copies(page).get_by_text("1 copy failed")).to_be_visible()


@pytest.mark.parametrize("look", LOOK_CASES)
async def test_axe_finds_nothing_in_the_dialog_and_the_list(new_person: NewPerson, look: str) -> None:
    person = await new_person(reduced_motion="reduce", **LOOKS[look])
    person.may_violate = True  # axe measures with inline styles
    await new_drive(person, HOSTILE_NAME)
    await store_file(person, HOSTILE_NAME, b"x")
    page = await person.open("/files/root")
    dialog = await open_dialog(page, HOSTILE_NAME)
    await expect(dialog.get_by_label(PLACE)).to_be_visible()
    found = await violations(page, "dialog")

    async def fail(route: Route) -> None:
        await route.fulfill(status=403, json={"code": "forbidden", "title": "", "status": 403})

    await page.route("**/v1/files/*/copy*", fail)
    await dialog.get_by_label(PLACE).select_option(HOSTILE_NAME)
    await dialog.get_by_role("button", name="Copy here").click()
    await expect(copies(page).get_by_role("listitem")).to_contain_text(f"You may not add files to {HOSTILE_NAME}.")
    found += await violations(page, "failed")
    await page.unroute("**/v1/files/*/copy*")
    await copies(page).get_by_role("button", name=f"Copy {HOSTILE_NAME} again").click()
    await expect(copies(page).get_by_role("listitem")).to_contain_text(f"Copied to {HOSTILE_NAME}")
    found += await violations(page, "done")
    assert found == []
    assert await page.locator("img[src=x]").count() == 0
