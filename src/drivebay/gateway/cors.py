"""Which web pages may read answers: cross-origin sharing (https://fetch.spec.whatwg.org/#http-cors-protocol).

Nothing here lets anybody in: a page still needs a token, and tokens never travel by cookie.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from .asgi import Headers

_EXPOSED: Final = (
    b"access-control-expose-headers",
    b"ETag, Location, Repr-Digest, Retry-After, X-Request-Id, Drivebay-File, Tus-Checksum-Algorithm, Tus-Extension, "
    b"Tus-Max-Size, Tus-Resumable, Tus-Version, Upload-Defer-Length, Upload-Expires, Upload-Length, Upload-Metadata, "
    b"Upload-Offset",
)
_VARY: Final = (b"vary", b"Origin")
_PREFLIGHT: Final = (
    (
        b"access-control-allow-headers",
        b"Authorization, Content-Type, If-Match, Idempotency-Key, X-Request-Id, Tus-Resumable, Upload-Checksum, "
        b"Upload-Defer-Length, Upload-Length, Upload-Metadata, Upload-Offset, X-HTTP-Method-Override, X-Requested-With",
    ),
    (b"access-control-max-age", b"600"),
)


class Origins:
    """`allowed` are origins such as `https://app.example.com`; `*` is any."""

    def __init__(self, allowed: Iterable[str]) -> None:
        self._allowed = frozenset(origin.encode() for origin in allowed)

    def headers(self, origin: bytes | None) -> Headers:
        """What an answer to a page of that origin carries."""
        if not self._allowed:
            return ()
        if origin is None or not (origin in self._allowed or b"*" in self._allowed):
            return (_VARY,)
        return (_VARY, (b"access-control-allow-origin", origin), _EXPOSED)

    def preflight(self, origin: bytes | None, methods: str) -> Headers:
        """What an OPTIONS carries besides: leave to send the request that the page asks about."""
        if len(self.headers(origin)) < 2:
            return ()
        return ((b"access-control-allow-methods", methods.encode()), *_PREFLIGHT)
