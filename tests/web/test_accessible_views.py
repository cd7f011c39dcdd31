"""Accessibility of sharing, search, trash, settings and administration: axe finds nothing, wide, narrow and dark."""

from __future__ import annotations

import pytest
from playwright.async_api import Page, expect

from drivebay.testing.world import World

from .conftest import NewPerson, Person
from .stored_files import HOSTILE_NAME, store_file, store_folder
from .test_accessibility import LOOK_CASES, LOOKS, violations

PATHS = ("/shared", "/drives", "/starred", "/links", "/search?q=name", "/trash", "/settings", "/admin", "/admin/audit")
LONG_NAME = "a name without a space and without an end " + "x" * 180


async def settle(page: Page) -> None:
    """Wait until the view has its heading, and nothing loads."""
    await page.get_by_role("heading", level=1).wait_for()
    await expect(page.locator("[aria-busy=true], .loading")).to_have_count(0)


async def fill(person: Person) -> str:
    """Put something into every view. Return the path of a public link."""
    folder = await store_folder(person, LONG_NAME)
    await store_file(person, HOSTILE_NAME, b"x", parent_id=folder)
    await person.call("PATCH", f"/v1/files/{folder}", {"starred": True})
    await person.call("DELETE", f"/v1/files/{await store_file(person, LONG_NAME + '.txt', b'x')}")
    await person.call("POST", "/v1/drives", {"name": LONG_NAME})
    link = await person.call("POST", f"/v1/files/{folder}/links", {"role": "editor", "name": LONG_NAME})
    return f"/s/{link['token']}"


@pytest.mark.parametrize("look", LOOK_CASES)
async def test_views_empty_and_full(web_world: World, new_person: NewPerson, look: str) -> None:
    person = await new_person(reduced_motion="reduce", **LOOKS[look])
    status, out, err = await web_world.command("admin", "create", person.email)
    assert status == 0, out + err
    found = []
    for state in ("empty", "full"):
        if state == "full":
            public = await fill(person)
        for path in PATHS:
            page = await person.open(path)
            await settle(page)
            found += await violations(page, f"{path}, {state}")
    page = await person.open(public)
    await settle(page)
    found += await violations(page, "the page of a link")
    await page.get_by_role("button", name=HOSTILE_NAME, exact=True).click()
    await expect(page.get_by_role("dialog", name=HOSTILE_NAME)).to_be_visible()
    await expect(page.locator("pre.preview-text")).to_be_visible()
    found += await violations(page, "the preview of a link")
    page = await person.open("/s/unknown")
    await settle(page)
    found += await violations(page, "the page of an ended link")
    person.may_violate = True  # axe measures with inline styles
    assert found == []


@pytest.mark.parametrize("look", LOOK_CASES)
async def test_dialogs_and_preview(new_person: NewPerson, look: str) -> None:
    person = await new_person(reduced_motion="reduce", **LOOKS[look])
    folder = await store_folder(person, LONG_NAME)
    file = await store_file(person, HOSTILE_NAME, b"some text")
    await person.call("POST", f"/v1/files/{folder}/links", {"password": "open sesame", "max_downloads": 3})
    page = await person.open("/files/root")
    await page.get_by_role("button", name=f"Actions for {LONG_NAME}").click()
    await page.get_by_role("menuitem", name="Share").click()
    await page.get_by_role("button", name="Create with password").click()
    await expect(page.get_by_role("dialog").get_by_role("listitem")).to_have_count(1)
    found = await violations(page, "share dialog")
    await person.open(f"/preview/{file}")
    await expect(page.get_by_text("some text")).to_be_visible()
    await page.get_by_role("button", name="Details").click()
    await expect(page.get_by_role("region", name="Activity").get_by_role("listitem")).to_have_count(1)
    found += await violations(page, "preview with details")
    await person.open("/files/root")
    await page.get_by_role("button", name=f"Actions for {LONG_NAME}").click()
    await page.get_by_role("menuitem", name="Details").click()
    await expect(page.get_by_role("region", name="Activity").get_by_role("listitem")).to_have_count(2)
    found += await violations(page, "details of a folder")
    person.may_violate = True  # axe measures with inline styles
    assert found == []
