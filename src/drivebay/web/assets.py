"""The static files of the web app, read once at start and compressed in memory.

The URL of a file contains a hash of all files (`Assets.version`), so a browser may cache a file forever. A new release
has new URLs.

A browser learns which modules it needs only from the modules that import them. So the page names all modules of the
first view, and the browser loads them at the same time.
"""

from __future__ import annotations

import gzip
import hashlib
import html
import posixpath
import re
from collections.abc import Iterable, Mapping
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
_FIRST_MODULES: Final = ("app.js", "views/files.js")
"""The modules that the page needs for its first view, with everything that they import statically."""
_PRELOADS: Final = "<!-- modules -->"
_IMPORT: Final = re.compile(r"""(?:^|;)\s*(?:import|export)\b[^;'"(]*['"](\.[^'"]+)['"]""", re.MULTILINE)
_COMPRESSED: Final = (".css", ".html", ".js", ".json", ".svg")


@dataclass(frozen=True, slots=True)
class Asset:
    """One file. `etag` is a strong entity tag with its quotes. `compressed` is the content in the format gzip, or None
    if this would not be smaller."""

    body: bytes
    compressed: bytes | None
    media_type: str
    etag: str


@dataclass(frozen=True, slots=True)
class Assets:
    """All files by path, such as `lib/api.js`. `version` is a hash of all files. Their URLs contain it."""

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
    """Read all files of the web app. Raises OSError if a file cannot be read."""
    bodies = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.suffix in MEDIA_TYPES and path.is_file()
    }
    digest = hashlib.sha256()
    for name, body in bodies.items():
        digest.update(f"{name}\0{len(body)}\0".encode() + body)
    page = bodies.pop(PAGE).decode().replace(_PRELOADS, _preloads(static_imports(bodies, _FIRST_MODULES)))
    files = {name: _asset(body, Path(name).suffix) for name, body in bodies.items()}
    return Assets(files, page, digest.hexdigest()[:16])


def static_imports(bodies: Mapping[str, bytes], first: Iterable[str]) -> tuple[str, ...]:
    """Return the names of the modules `first`, and of all modules that they import statically.

    A module that `bodies` does not have is left out.
    """
    found: dict[str, None] = {}
    waiting = list(first)
    while waiting:
        name = waiting.pop()
        if name in found or name not in bodies:
            continue
        found[name] = None
        folder = posixpath.dirname(name)
        waiting += [posixpath.normpath(posixpath.join(folder, each)) for each in _IMPORT.findall(bodies[name].decode())]
    return tuple(found)


def _preloads(modules: Iterable[str]) -> str:
    return "\n    ".join(
        f'<link rel="modulepreload" href="{{{{base}}}}/web/{{{{version}}}}/{name}" />' for name in modules
    )


def _asset(body: bytes, suffix: str) -> Asset:
    compressed = gzip.compress(body, mtime=0) if suffix in _COMPRESSED else None
    if compressed is not None and len(compressed) >= len(body):
        compressed = None
    return Asset(body, compressed, MEDIA_TYPES[suffix], f'"{hashlib.sha256(body).hexdigest()[:32]}"')
