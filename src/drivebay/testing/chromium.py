"""Finds the system's Chromium for tests, pictures and benchmarks in a browser."""

from __future__ import annotations

import shutil
from typing import Final

_HEADLESS_SHELL: Final = "chromium-headless-shell"
"""Opens a page with a third less CPU than the whole browser."""
_BROWSERS: Final = ("chromium", "chromium-browser", "google-chrome")


def find_browser(*, whole: bool = False) -> str | None:
    """Return the path of a Chromium, None without one.

    `whole` prefers the browser that people have to the headless shell: for measurements.
    """
    names = (*_BROWSERS, _HEADLESS_SHELL) if whole else (_HEADLESS_SHELL, *_BROWSERS)
    return next((path for name in names if (path := shutil.which(name))), None)
