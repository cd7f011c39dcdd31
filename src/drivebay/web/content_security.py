"""The response headers of the web app's page. They limit which files and servers the page can use."""

from __future__ import annotations

from urllib.parse import urlsplit

TRUSTED_TYPES_POLICY = "drivebay"
"""The name of the only Trusted Types policy. The policy allows only one URL: the script of a web worker,
which is a file of the web app."""


def origin_of(url: str) -> str:
    """Return scheme, host and port of an absolute URL, such as `https://store.example.com:9000`."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def policy(store_origin: str | None) -> str:
    """Return the Content-Security-Policy of the page. `store_origin` is the origin of presigned URLs, or None."""
    loads = "'self'" if store_origin is None else f"'self' {store_origin}"
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            f"img-src {loads}",
            f"media-src {loads}",
            f"connect-src {loads}",
            f"frame-src {loads}",
            "worker-src 'self'",
            "manifest-src 'self'",
            "require-trusted-types-for 'script'",
            f"trusted-types {TRUSTED_TYPES_POLICY}",
            "frame-ancestors 'none'",
            "base-uri 'none'",
            "form-action 'self'",
        )
    )


def page_headers(store_origin: str | None) -> tuple[tuple[str, str], ...]:
    """Return the headers that only the page has, in addition to the headers of every response."""
    return (
        ("content-security-policy", policy(store_origin)),
        ("cross-origin-opener-policy", "same-origin"),
        ("permissions-policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
    )
