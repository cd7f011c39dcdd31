"""Photos for the pictures: landscapes that the browser draws, so that no photo of anybody is stored here."""

from __future__ import annotations

import random
from typing import Final

from playwright.async_api import Browser

SIZE: Final = (1600, 1067)
_SKIES: Final = {
    "dawn": ("#20315f", "#f3a683"),
    "noon": ("#2f80c1", "#cfe8f7"),
    "evening": ("#3a2152", "#ff7b54"),
    "fog": ("#7c8a99", "#e6e9ed"),
}
_HILLS: Final = {
    "dawn": ("#56608f", "#39406b", "#1d2244"),
    "noon": ("#7fae9a", "#4c8064", "#2b5138"),
    "evening": ("#6f3b63", "#47254b", "#241330"),
    "fog": ("#b3bcc4", "#8b96a1", "#626d78"),
}


def draw(light: str, seed: int) -> str:
    """Return an SVG of hills under a sky. `light` is dawn, noon, evening or fog."""
    choose = random.Random(seed)
    width, height = SIZE
    top, bottom = _SKIES[light]
    x, y = choose.randrange(width // 5, width * 4 // 5), choose.randrange(height // 6, height // 2)
    parts = [
        f'<linearGradient id="sky" x2="0" y2="1"><stop stop-color="{top}"/>'
        f'<stop offset="1" stop-color="{bottom}"/></linearGradient>',
        f'<rect width="{width}" height="{height}" fill="url(#sky)"/>',
        f'<circle cx="{x}" cy="{y}" r="{height // 14}" fill="#fff" opacity="0.85"/>',
    ]
    for number, color in enumerate(_HILLS[light]):
        level = height * (0.5 + 0.16 * number)
        points = [f"{step * width // 12},{level - choose.random() * height * 0.22:.0f}" for step in range(13)]
        parts.append(f'<polygon fill="{color}" points="0,{height} {" ".join(points)} {width},{height}"/>')
    return f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}">{"".join(parts)}</svg>'


async def photograph(browser: Browser, light: str, seed: int) -> bytes:
    """Return a landscape as JPEG."""
    page = await browser.new_page(viewport={"width": SIZE[0], "height": SIZE[1]})
    await page.set_content(f'<body style="margin:0">{draw(light, seed)}</body>')
    body = await page.screenshot(type="jpeg", quality=85)
    await page.close()
    return body
