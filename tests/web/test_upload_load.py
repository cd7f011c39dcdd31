"""What uploads cost the tab: Workers of the checksums, and renderings of the panel."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from playwright.async_api import expect

from drivebay.testing.client import eventually

from .conftest import Person
from .uploading import choose, drop, panel, payload

MIB = 2**20
LARGE = 72 * MIB
"""Bytes of a file of nine parts. More than one Worker reads."""
COUNT = 20
_COUNT_SORTS = """
  window.sorts = 0;
  const groupBy = Map.groupBy;
  Map.groupBy = (...options) => {
    window.sorts += 1;
    return groupBy.call(Map, ...options);
  };
"""
"""The panel sorts the uploads by status each time when it renders all of them."""


async def test_a_worker_that_has_read_much_is_replaced(person: Person, tmp_path: Path) -> None:
    page = person.page
    async with page.expect_event("worker") as started:
        await choose(page, payload("small.bin", b"x"))
    first = await started.value
    await expect(panel(page).get_by_text("1 file uploaded")).to_be_visible()
    assert page.workers == [first]
    large = tmp_path / "large.bin"
    with large.open("wb") as sparse:
        sparse.truncate(LARGE)
    await choose(page, str(large))
    await expect(panel(page).get_by_text("2 files uploaded")).to_be_visible()
    assert len(page.workers) == 1
    assert first not in page.workers
    (file,) = (await person.call("GET", "/v1/files?parent_id=root&name=large.bin"))["items"]
    assert "parts_sha256" in await person.call("GET", f"/v1/files/{file['id']}")


async def test_the_panel_does_not_render_for_each_change(person: Person) -> None:
    page = person.page
    await page.add_init_script(_COUNT_SORTS)
    now = datetime.now(UTC)
    await page.clock.install(time=now)
    await page.reload()
    await expect(page.get_by_text("This folder is empty")).to_be_visible()
    await page.clock.pause_at(now + timedelta(minutes=1))
    before = await page.evaluate("window.sorts")

    async def all_are_stored() -> bool:
        return len((await person.call("GET", "/v1/files?parent_id=root&limit=100"))["items"]) == COUNT

    await drop(page, {f"{number:02}.txt": f"text {number}" for number in range(COUNT)})
    await eventually(all_are_stored, within=60)
    assert await page.evaluate("window.sorts") - before <= 2
    await page.clock.run_for(1000)
    await expect(panel(page).get_by_text(f"{COUNT} files uploaded")).to_be_visible()
