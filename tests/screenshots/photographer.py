"""Starts Drivebay and a browser, and takes the pictures as WebP."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any, Final

from playwright.async_api import Browser, Page, async_playwright, expect

from drivebay.testing import world
from drivebay.testing.chromium import find_browser

from . import people, views

WIDTH: Final = 1280
_NARROW: Final = 600
_QUALITY: Final = 80
"""Of WebP, from 0 to 100."""
_WITHIN: Final = 120_000.0
"""Milliseconds that a condition may take."""
_SETTLE: Final = 400
"""Milliseconds for fonts, images and the end of a movement. A picture too early is seen, and no test depends on it."""
_ENVIRONMENT: Final = {"DRIVEBAY_BCRYPT_COST": "4", "DRIVEBAY_MULTIPART_THRESHOLD": "6MiB", "DRIVEBAY_QUOTA": "256MiB"}


async def take(folder: Path, names: list[str], to: Path, width: int) -> list[Path]:
    """Take a picture of each view, light and dark. Return the files. The data of the deployment is in `folder`."""
    program = find_browser()
    if program is None:
        raise SystemExit("No Chromium was found. Install it with: apt-get install chromium-headless-shell")
    expect.set_options(timeout=_WITHIN)
    async with world.run(folder, _ENVIRONMENT) as deployment, async_playwright() as playwright:
        # The sandbox of Chromium does not start as root.
        browser = await playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        items = await people.seed(deployment, browser)
        pictures = []
        for look in people.LOOKS:
            pictures += await _take_look(browser, deployment.api, items, look, names, to, width)
        await browser.close()
    return pictures


async def _take_look(
    browser: Browser, api: str, items: people.Seeded, look: str, names: list[str], to: Path, width: int
) -> list[Path]:
    options: dict[str, Any] = {
        "locale": "en-US",
        "color_scheme": look,
        "reduced_motion": "reduce",
        "viewport": {"width": width, "height": 800},
        "has_touch": width < _NARROW,
    }
    pictures = []
    for name in names:
        # Each view has a browser of its own, so that none shows what another one left open.
        context = await browser.new_context(**options)
        context.set_default_timeout(_WITHIN)
        page = await context.new_page()
        place = views.Place(page, api, items, look)
        if name != "link":
            await views.sign_in(place)
        await views.VIEWS[name](place)
        await page.wait_for_timeout(_SETTLE)
        pictures.append(to / f"{name}-{look}.webp")
        pictures[-1].write_bytes(await _photograph(page))
        await context.close()
    return pictures


async def _photograph(page: Page) -> bytes:
    session = await page.context.new_cdp_session(page)
    taken = await session.send("Page.captureScreenshot", {"format": "webp", "quality": _QUALITY})
    return base64.b64decode(taken["data"])
