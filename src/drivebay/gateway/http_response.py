"""Responses: JSON bodies, and the headers that every response has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec
from falcon.asgi import Response

JSON: Final = "application/json"
SECURITY_HEADERS: Final = (  # guard: header-nosniff, header-referrer-policy, header-no-store, header-content-policy
    ("server", "drivebay"),  # hides the name of the HTTP server
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("cache-control", "no-store"),
    ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
)
HSTS_HEADER: Final = ("strict-transport-security", "max-age=31536000; includeSubDomains")

_encoder = msgspec.json.Encoder()


def respond_json(
    resp: Response, value: msgspec.Struct, status: int = 200, headers: Mapping[str, str] | None = None
) -> None:
    """Make `value` the JSON body of a response."""
    resp.status = status
    # `data`, not `media`: Falcon's media handlers cost several microseconds a response.
    resp.data = _encoder.encode(value)
    resp.content_type = JSON
    if headers:
        resp.set_headers(headers)


def respond_empty(resp: Response, status: int, headers: Mapping[str, str] | None = None) -> None:
    """Respond without a body."""
    resp.status = status
    if headers:
        resp.set_headers(headers)
