"""The URLs of a sign-in: the check of the URL at which it ends, and parameters that are appended to a URL.

A sign-in ends at a page of the deployment, or at a port of the user's machine (RFC 8252).
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import SplitResult, urlencode, urlsplit

_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_CHARACTERS: Final = re.compile(r"[A-Za-z0-9._~:/?\[\]@!$&'()*+,;=%-]+")
"""The characters of a URL (RFC 3986) without `#`. Browsers read a backslash as a slash, and ignore line breaks."""

_AMBIGUOUS: Final = re.compile(r"(?:^|/)(?:\.|%2e){1,2}(?:/|$)|%2f|%5c|%25|//", re.IGNORECASE)
"""Parts of a path that servers may read differently: `.` and `..`, two slashes, and an encoded slash, backslash or
percent sign, which some servers decode (a percent sign twice)."""


def is_allowed(url: str, public_url: str) -> bool:
    """Return whether a sign-in may send a browser to `url`. `public_url` is the public URL of the deployment."""
    if not _CHARACTERS.fullmatch(url):  # guard: oidc-redirect-characters
        return False
    try:
        parts, deployment = urlsplit(url), urlsplit(public_url)
        if parts.username is not None or parts.password is not None or "@" in parts.netloc:
            return False
        if parts.scheme == "http" and parts.hostname in _LOOPBACK and parts.port is not None:
            return True
        is_below = _is_below(parts.path, deployment.path)  # guard: oidc-redirect-path
        return _origin(parts) == _origin(deployment) and is_below  # guard: oidc-redirect-origin
    except ValueError:
        return False


def append_parameters(url: str, parameters: dict[str, str]) -> str:
    """Return `url` with further parameters in its query.

    `url` has no fragment. It may have a query, also an empty one (`https://host/path?`).
    """
    base, _, query = url.partition("?")
    separator = "&" if query and not query.endswith("&") else ""  # guard: oidc-redirect-query
    return f"{base}?{query}{separator}{urlencode(parameters)}"


def _is_below(path: str, base: str) -> bool:
    """Return whether a path is `base` or below it.

    Return False for a path that browsers or proxies may read differently.
    """
    if _AMBIGUOUS.search(path):  # guard: oidc-redirect-segments
        return False
    base = base.rstrip("/")
    return path == base or path.startswith(f"{base}/")


def _origin(parts: SplitResult) -> tuple[str, str | None, int | None]:
    return parts.scheme, parts.hostname, parts.port or _DEFAULT_PORTS.get(parts.scheme)
