"""Cross-origin resource sharing (https://fetch.spec.whatwg.org/#http-cors-protocol).

CORS grants no access: a page still needs an access token, and no cookie contains one. Falcon's own CORS middleware does
not fit: it sends no `Vary: Origin` and allows all request headers that the page requests.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, TypeAlias

Headers: TypeAlias = tuple[tuple[str, str], ...]

_EXPOSE_HEADERS: Final = (
    "access-control-expose-headers",
    "Accept-Ranges, Allow, Content-Disposition, ETag, Location, RateLimit, RateLimit-Policy, Repr-Digest, Retry-After, "
    "Content-Range, WWW-Authenticate, "
    "X-Request-Id, Drivebay-File, Tus-Checksum-Algorithm, Tus-Extension, "
    "Tus-Max-Size, Tus-Resumable, Tus-Version, Upload-Defer-Length, Upload-Expires, Upload-Length, Upload-Metadata, "
    "Upload-Offset",
)
_VARY: Final = ("vary", "Origin")
_PREFLIGHT: Final = (
    (
        "access-control-allow-headers",
        "Authorization, Content-Type, If-Match, If-None-Match, If-Range, If-Unmodified-Since, Range, Idempotency-Key, "
        "Last-Event-ID, "
        "X-Request-Id, X-Link-Session, Tus-Resumable, Upload-Checksum, "
        "Upload-Defer-Length, Upload-Length, Upload-Metadata, Upload-Offset, X-HTTP-Method-Override, X-Requested-With, "
        # Tracing libraries add these to every request of a page.
        "traceparent, tracestate, baggage, sentry-trace",
    ),
    ("access-control-max-age", "600"),
)


class CorsPolicy:
    """Decides which origins may read responses.

    `allowed` are origins such as `https://app.example.com`. `*` allows every origin.
    """

    def __init__(self, allowed: Iterable[str]) -> None:
        self._allowed = frozenset(allowed)
        self.enabled = bool(self._allowed)

    def headers(self, origin: str | None) -> Headers:
        """Return the CORS headers of a response to a page of that origin. None: the request has no origin."""
        if not self._allowed:
            return ()
        if origin is None or not (origin in self._allowed or "*" in self._allowed):  # guard: cors-origin
            return (_VARY,)
        return (_VARY, ("access-control-allow-origin", origin), _EXPOSE_HEADERS)

    def preflight_headers(self, origin: str | None, allow: str) -> Headers:
        """Return the CORS headers that only a response to OPTIONS has. `allow` lists the methods of the path."""
        if len(self.headers(origin)) < 2:
            return ()
        return (("access-control-allow-methods", allow), *_PREFLIGHT)
