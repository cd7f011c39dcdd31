"""Accessibility: axe finds nothing on any page, wide and narrow, light and dark."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, expect

from .conftest import NewPerson, row
from .uploading import drop, panel

AXE = Path(__file__).parents[2] / "node_modules" / "axe-core" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
WIDE = {"width": 1280, "height": 800}
NARROW = {"width": 360, "height": 740}
LOOKS = {
    "wide": {"viewport": WIDE, "color_scheme": "light"},
    "wide, dark": {"viewport": WIDE, "color_scheme": "dark"},
    "narrow": {"viewport": NARROW, "color_scheme": "light", "has_touch": True},
}

LOOK_CASES = [pytest.param(name, marks=() if name == "wide" else pytest.mark.slow) for name in LOOKS]
"""`make test-slow` measures the other looks."""


async def violations(page: Page, where: str) -> list[str]:
    """Return what axe finds, and a page that is wider than its window."""
    await page.evaluate(AXE.read_text("utf-8"))
    found: Any = await page.evaluate(
        "async (tags) => (await axe.run(document, { runOnly: tags })).violations"
        ".map((each) => `${each.id}: ${each.nodes.map((node) => node.html).join(' ').slice(0, 600)}`)",
        RULES,
    )
    overflow = await page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
    return [f"{where}: {each}" for each in [*found, *(["wider than the window"] if overflow else [])]]


@pytest.mark.parametrize("look", LOOK_CASES)
async def test_pages_without_a_session(new_visitor: NewPerson, look: str) -> None:
    visitor = await new_visitor(reduced_motion="reduce", **LOOKS[look])
    visitor.may_violate = True  # axe measures with inline styles
    found = []
    for path in ("/sign-in", "/sign-up", "/reset", "/reset-password#token=x", "/no-such-page"):
        page = await visitor.open(path)
        await page.get_by_role("heading", level=1).wait_for()
        found += await violations(page, path)
    assert found == []


async def test_without_motion_nothing_changes_gradually(new_visitor: NewPerson) -> None:
    """A short transition of each element would show the texts of both toolbars at once, for some frames."""
    visitor = await new_visitor(reduced_motion="reduce", viewport=NARROW)
    page = await visitor.open("/sign-in")
    await page.get_by_role("heading", level=1).wait_for()
    durations = await page.evaluate(
        "[...new Set([...document.querySelectorAll('*')].map((each) => getComputedStyle(each).transitionDuration))]"
    )
    assert durations == ["0s"]


@pytest.mark.parametrize("look", LOOK_CASES)
async def test_pages_with_files(new_person: NewPerson, look: str) -> None:
    person = await new_person(reduced_motion="reduce", **LOOKS[look])
    person.may_violate = True  # axe measures with inline styles
    page = person.page
    await expect(page.get_by_text("This folder is empty")).to_be_visible()
    found = await violations(page, "empty folder")
    long_name = "a name without a space and without an end " + "x" * 180
    await person.call("POST", "/v1/folders", {"name": long_name, "parent_id": "root"})
    await drop(page, {"note.txt": "x", "photo.png": "y"})
    await expect(panel(page).get_by_text("2 files uploaded")).to_be_visible()
    await expect(row(page, long_name)).to_be_visible()
    found += await violations(page, "list and uploads")
    await page.get_by_role("button", name="Close the list of uploads").click()
    await page.get_by_role("button", name="Show as grid").click()
    found += await violations(page, "grid")
    await page.get_by_role("button", name="Show as list").click()
    await page.get_by_role("button", name="Actions for note.txt").click()
    found += await violations(page, "menu")
    await page.get_by_role("menuitem", name="Move to …").click()
    await expect(page.get_by_role("dialog").get_by_text("a name without")).to_be_visible()
    found += await violations(page, "move dialog")
    await page.get_by_role("button", name="Cancel").click()
    await row(page, long_name).focus()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name=long_name)).to_be_visible()
    found += await violations(page, "a folder with a long name")
    assert found == []
