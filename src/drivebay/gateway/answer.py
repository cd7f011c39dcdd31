"""What a handler gives back, and how it becomes ASGI messages."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import msgspec

from ..errors import Error
from . import problems
from .asgi import Headers, Send

_NO_HEADERS: Final[Mapping[str, str]] = MappingProxyType({})
_ALWAYS: Final = (
    (b"server", b"drivebay"),  # else the HTTP server puts its own name
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
)
_POLICY: Final = "default-src 'none'; frame-ancestors 'none'"
_HSTS: Final = (b"strict-transport-security", b"max-age=31536000; includeSubDomains")

_encoder = msgspec.json.Encoder()


class Answer(msgspec.Struct, frozen=True):
    """A status, the bytes of a body, and headers beside those that every answer has."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = _NO_HEADERS
    media_type: str = "application/json"
    policy: str = _POLICY
    """The `Content-Security-Policy`."""


def json(value: msgspec.Struct, status: int = 200, headers: Mapping[str, str] = _NO_HEADERS) -> Answer:
    return Answer(status, _encoder.encode(value), headers)


def problem(
    error: Error, request_id: str, *, authorized: bool = False, headers: Mapping[str, str] = _NO_HEADERS
) -> Answer:
    """`authorized` is whether the client sent an `Authorization` at all."""
    own = problems.headers(error, authorized=authorized)
    return Answer(error.http, problems.body(error, request_id), {**own, **headers}, problems.MEDIA_TYPE)


class Sender:
    """Sends answers with the headers that all of them carry."""

    def __init__(self, *, hsts: bool) -> None:
        self._always = (*_ALWAYS, _HSTS) if hsts else _ALWAYS

    async def send(self, answer: Answer, request_id: str, more: Headers, send: Send, *, empty: bool) -> None:
        """`more` are further headers; `empty` is for HEAD, which gets the headers of the whole answer."""
        headers = [
            *self._always,
            (b"content-security-policy", answer.policy.encode()),
            (b"x-request-id", request_id.encode()),
            *more,
        ]
        if answer.status != 204:  # RFC 9110, 8.6: no length where there can be no content
            headers.append((b"content-length", b"%d" % len(answer.body)))
            if answer.body:
                headers.append((b"content-type", answer.media_type.encode()))
        for name, value in answer.headers.items():
            headers.append((name.lower().encode(), value.encode("latin-1")))
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if empty else answer.body, "more_body": False})
