"""A folder of 10,000 files in the browser: only the rows in view are rendered, and all of them can be reached."""

from __future__ import annotations

from bench import seed
from playwright.async_api import expect

from drivebay.testing.world import World

from .conftest import Person, row

COUNT = 10_000
LAST = "file 9999.txt"
"""The last file in the order of names."""
MAX_ROWS = 100
_COUNT_ROWS = """() => {
  window.mostRows = 0;
  const count = () => {
    window.mostRows = Math.max(window.mostRows, document.querySelectorAll('[role=row]').length);
  };
  new MutationObserver(count).observe(document, { childList: true, subtree: true });
}"""


async def test_a_long_folder_renders_only_what_is_in_view(web_world: World, person: Person) -> None:
    owner = (await person.call("GET", "/v1/me"))["id"]
    await seed.files(web_world.environment["DRIVEBAY_DATABASE_URL"], owner, COUNT, COUNT)
    page = await person.open("/files/root")
    grid = page.get_by_role("grid")
    await row(page, "file 1.txt").click()
    await page.evaluate(_COUNT_ROWS)
    loaded = "0"
    while loaded != str(COUNT):
        await expect(grid).not_to_have_attribute("aria-rowcount", loaded)
        loaded = str(await grid.get_attribute("aria-rowcount"))
        await page.keyboard.press("End")
    await expect(row(page, LAST)).to_be_focused()
    assert 0 < await page.evaluate("window.mostRows") < MAX_ROWS
    await page.reload()
    await row(page, "file 1.txt").click()
    await page.evaluate(_COUNT_ROWS)
    await page.keyboard.press("Control+a")
    await expect(page.get_by_text(f"{COUNT} selected")).to_be_visible()
    await page.keyboard.press("End")
    await expect(row(page, LAST)).to_be_focused()
    assert 0 < await page.evaluate("window.mostRows") < MAX_ROWS
