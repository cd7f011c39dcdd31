"""The static files of the web app, read once at start and compressed in memory.

The URL of a file contains the version of all files, so a browser may cache a file forever. A new release has new URLs.
"""

from __future__ import annotations

import gzip
import hashlib
import html
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).with_name("static")
PAGE: Final = "index.html"
MEDIA_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".webp": "image/webp",
}
_COMPRESSED: Final = (".css", ".html", ".js", ".json", ".svg")


@dataclass(frozen=True, slots=True)
class Asset:
    """One file. `etag` is strong, with its quotes. `compressed` is the file in gzip, or None if that is not smaller."""

    body: bytes
    compressed: bytes | None
    media_type: str
    etag: str


@dataclass(frozen=True, slots=True)
class Assets:
    """All files by path, such as `lib/api.js`, and the `version` that their URLs contain."""

    files: Mapping[str, Asset]
    page: str
    version: str

    def render_page(self, values: Mapping[str, str]) -> Asset:
        """Replace each `{{name}}` in the page by its escaped value, and return the page. `version` is added to
        `values`."""
        text = self.page
        for name, value in {**values, "version": self.version}.items():
            text = text.replace("{{" + name + "}}", html.escape(value))  # guard: web-page-escape
        return _asset(text.encode(), ".html")


def read_assets(folder: Path = FOLDER) -> Assets:
    """Read all files of the web app. Raises OSError if one cannot be read."""
    bodies = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.suffix in MEDIA_TYPES and path.is_file()
    }
    digest = hashlib.sha256()
    for name, body in bodies.items():
        digest.update(f"{name}\0{len(body)}\0".encode() + body)
    page = bodies.pop(PAGE).decode()
    files = {name: _asset(body, Path(name).suffix) for name, body in bodies.items()}
    return Assets(files, page, digest.hexdigest()[:16])


def _asset(body: bytes, suffix: str) -> Asset:
    compressed = gzip.compress(body, mtime=0) if suffix in _COMPRESSED else None
    if compressed is not None and len(compressed) >= len(body):
        compressed = None
    return Asset(body, compressed, MEDIA_TYPES[suffix], f'"{hashlib.sha256(body).hexdigest()[:32]}"')
