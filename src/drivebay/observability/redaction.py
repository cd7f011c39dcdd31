"""Replaces secrets in log events with `[redacted]` just before an event is written.

A field with the name of a secret is redacted completely, except a number. In any other value only the secret itself is
redacted, for example a bearer token, an API token, a JWT, a login in a URL, the query of a URL, a SigV4 signature, or
`password=...`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, MutableMapping
from typing import Any, Final

REDACTED: Final = "[redacted]"

_SECRET_FIELD: Final = re.compile(
    r"(?i)token|password|secret|authorization|cookie|credential|signature|pepper|(?:api|private)_?key"
)
_BEARER: Final = re.compile(r"(?i)\b(bearer\s+)[A-Za-z0-9._~+/=-]{8,}")
_BASIC: Final = re.compile(r"(?i)(authorization\W{1,6}basic\s+)[A-Za-z0-9+/=_-]+")
_SIGV4: Final = re.compile(r"(?i)\b((?:x-amz-)?(?:signature|credential|security-token)=)[^\s&,\"']+")
_TOKEN: Final = re.compile(r"(?<![A-Za-z0-9])(?:db[tl]_[A-Za-z0-9_-]{8,}+|whsec_[A-Za-z0-9+/=]{8,}+)")
"""API tokens, tokens of links, and secrets of webhooks."""
_ARCHIVE_TOKEN: Final = re.compile(r"(?<=/v1/archives/)[A-Za-z0-9_-]{16,}+")
# The next three patterns also match a text that only begins like a secret. Group 1 is then unset and the text stays.
# Without this, each position in such a text would be tried again, which takes seconds for a long text.
_JWT: Final = re.compile(r"\b(?:(eyJ[\w-]{8,}+\.[\w-]{8,}+\.[\w-]*)|eyJ[\w-]{8,}+)")
_NAMED_VALUE: Final = re.compile(
    r"""(?i)(?:token|password|secret)\w*+(?:(?:=|["']\s?:\s?)b?("[^"]*"|'[^']*'|[^\s"'&,;)}\]]+))?"""
)
"""`password='...'` in the repr of a value, `"password": "..."` in JSON."""
_URL_QUERY: Final = re.compile(r"(?i)\b[a-z][a-z0-9+.-]{0,20}://[^\s?\"']++(?:\?([^\s\"']+))?")
_URL_LOGIN: Final = re.compile(r"(?i)\b([a-z][a-z0-9+.-]{0,20}://)([^\s:/@?#\"']*:)?[^\s/?#\"']+@")
"""The user and the password in a URL. A user without a password is redacted too, because NATS accepts a token in place
of the user."""
_MARKERS: Final = (
    "://",
    "bearer",
    "authorization",
    "token",
    "password",
    "secret",
    "signature",
    "credential",
    "eyj",
    "dbt_",
    "dbl_",
    "whsec_",
    "/archives/",
)
"""If the lower-case form of a text contains none of these markers, no pattern above matches the text."""
_MAX_DEPTH: Final = 8
"""The number of levels of nested collections whose values are redacted one by one. At a deeper level, the repr of the
collection is redacted as one text."""


def redact(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Redact the secrets of a log event in place and return it. This is a structlog processor."""
    for name, value in event.items():
        event[name] = _redact_field(name, value, _MAX_DEPTH)
    return event


def _redact_field(name: object, value: Any, depth: int) -> Any:
    # Numbers are not redacted: a count of tokens is not a token.
    # guard: log-secret-field
    if isinstance(name, str) and _SECRET_FIELD.search(name) and not isinstance(value, int | float | None):
        return REDACTED
    return _redact_value(value, depth)


def _redact_value(value: Any, depth: int) -> Any:
    if value is None or isinstance(value, int | float):
        return value
    if isinstance(value, str):
        return _redact_text(value)
    if isinstance(value, bytes | bytearray):
        return _redact_text(value.decode("latin-1")).encode("latin-1")
    if depth and isinstance(value, Mapping):
        return {_redact_value(name, 0): _redact_field(name, inner, depth - 1) for name, inner in value.items()}
    if depth and isinstance(value, tuple | list | set | frozenset):
        items = [_redact_value(inner, depth - 1) for inner in value]
        return tuple(items) if isinstance(value, tuple) else items
    # The renderer writes any other value as its repr.
    representation = repr(value)
    return value if (text := _redact_text(representation)) == representation else text


def _redact_text(text: str) -> str:
    lower = text.lower()
    for marker in _MARKERS:
        if marker in lower:
            break
    else:
        return text
    text = _TOKEN.sub(REDACTED, text)  # guard: log-api-token
    text = _ARCHIVE_TOKEN.sub(REDACTED, text)  # guard: log-archive-token
    text = _URL_LOGIN.sub(rf"\1\2{REDACTED}@", _URL_QUERY.sub(_redact_group, text))  # guard: log-url-query
    # guard: log-token
    text = _JWT.sub(_redact_group, _BASIC.sub(rf"\1{REDACTED}", _BEARER.sub(rf"\1{REDACTED}", text)))
    return _NAMED_VALUE.sub(_redact_group, _SIGV4.sub(rf"\1{REDACTED}", text))


def _redact_group(match: re.Match[str]) -> str:
    if match[1] is None:
        return match[0]
    return match[0][: match.start(1) - match.start()] + REDACTED
