"""Lists of the web app in Chromium: when a change of another session is seen, and a folder of 100,000 entries."""

from __future__ import annotations

import time
from typing import Final

from playwright.async_api import BrowserContext, Page

from drivebay.testing.client import Client
from drivebay.testing.world import World

from .report import Report, median, percentile

MANY_ENTRIES: Final = 100_000
_CHANGES: Final = 20
_FRAMES: Final = 600
_STEP: Final = 400
"""Pixels of one frame: eight rows, about what a fast turn of the wheel scrolls."""
_SEEN: Final = """(name) => new Promise((resolve) => {
  const look = () => {
    const found = [...document.querySelectorAll('[role=row] .file-text')].some((each) => each.textContent === name);
    if (!found) return;
    watch.disconnect();
    // After two frames, what was rendered has been painted.
    requestAnimationFrame(() => requestAnimationFrame(() => resolve(Date.now() / 1000)));
  };
  const watch = new MutationObserver(look);
  watch.observe(document.body, { childList: true, characterData: true, subtree: true });
  look();
})"""
_SELECT_ALL: Final = """(count) => new Promise((resolve) => {
  const began = performance.now();
  const look = () => {
    if (document.querySelector('[role=grid]').getAttribute('aria-rowcount') === String(count)) {
      resolve((performance.now() - began) / 1000);
    } else requestAnimationFrame(look);
  };
  const row = document.querySelector('[role=row]');
  row.dispatchEvent(new KeyboardEvent('keydown', { key: 'a', ctrlKey: true, bubbles: true, cancelable: true }));
  look();
})"""
_SCROLL: Final = """([frames, step]) => new Promise((resolve) => {
  const gaps = [];
  let before = performance.now();
  let rows = 0;
  const next = (now) => {
    gaps.push(now - before);
    before = now;
    rows = Math.max(rows, document.querySelectorAll('[role=row]').length);
    window.scrollBy(0, step);
    if (gaps.length < frames) requestAnimationFrame(next);
    else resolve([gaps.slice(1), rows]);
  };
  requestAnimationFrame(next);
})"""


async def measure_changes(context: BrowserContext, world: World, user: Client, report: Report) -> None:
    """Create folders over the API, one after another. Each figure is from the request until the row is painted."""
    page = await context.new_page()
    await page.goto(f"{world.api}/files/root")
    await page.locator("[role=grid] [role=row], .empty").first.wait_for()
    seconds = [await _see_change(page, user, f"change {number}") for number in range(_CHANGES)]
    await page.close()
    report.add(
        "a change of another session is seen",
        goal="1 s",
        met=max(seconds) < 1,
        seconds=round(median(seconds), 3),
        longest_seconds=round(max(seconds), 3),
    )


async def _see_change(page: Page, user: Client, name: str) -> float:
    began = time.time()
    await user.ok("POST", "/v1/folders", {"name": name, "parent_id": "root"})
    return float(await page.evaluate(_SEEN, name)) - began


async def measure_scrolling(context: BrowserContext, world: World, report: Report) -> None:
    """Load and select all entries of a folder, and scroll 5,000 of them with one step in each frame."""
    page = await context.new_page()
    await page.goto(f"{world.api}/files/root")
    await page.locator("[role=grid] [role=row]").first.wait_for()
    loaded = float(await page.evaluate(_SELECT_ALL, MANY_ENTRIES))
    gaps, rows = await page.evaluate(_SCROLL, [_FRAMES, _STEP])
    await page.close()
    report.add(
        f"scrolling in a list of {MANY_ENTRIES:,} selected entries",
        goal="34 ms for 95 % of the frames",
        met=percentile(gaps, 0.95) <= 34,
        frame_ms=round(median(gaps), 1),
        frame_ms_p95=round(percentile(gaps, 0.95), 1),
        longest_ms=round(max(gaps), 1),
        rows=rows,
        loaded_in_seconds=round(loaded, 1),
    )
