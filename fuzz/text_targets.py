"""Targets for text of clients: cursors, and names and types of files."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import unquote
from uuid import UUID

from drivebay.contract.storage import Disposition
from drivebay.errors import InvalidCursor
from drivebay.formats.signed_cursors import Position, decode_cursor, encode_cursor
from drivebay.storage.media_types import media_type
from drivebay.storage.object_headers import BINARY_TYPE
from drivebay.storage.sealed_metadata import MetadataSeal
from drivebay.storage.url_signing import download_disposition

_KEY: Final = bytes(range(32))
_seal = MetadataSeal(_KEY)
_QUERY: Final = "owner None created True"
_HEADER: Final = re.compile(
    r"(attachment|inline); filename=\"([ !#$&-.0-\[\]-~]*)\"; "
    r"filename\*=UTF-8''((?:[!#$&+.^_`|~0-9A-Za-z-]|%[0-9A-F]{2})*)"
)
_MAX_ASCII_NAME: Final = 150 + 17
"""Characters of a name that was not ASCII: the longest stem, and a dot with the longest extension."""
# By the MIME Sniffing standard of WHATWG, browsers run XML and HTML and nothing else. They download unknown types.
_SAFE_INLINE: Final = re.compile(
    r"(?:image|audio|video)/(?!\S*\+?xml$)[^\s;]+|application/pdf|application/octet-stream"
)


def _text(data: bytes) -> str:
    """Return any bytes as text. Invalid UTF-8 becomes lone surrogates."""
    return data.decode("utf-8", "surrogateescape")


# -- cursors -------------------------------------------------------------------------------------------


def cursor(data: bytes) -> None:
    """A cursor is accepted only if `encode_cursor` made exactly this text for this query."""
    _check_encoded(_text(data), _QUERY)
    position = _position(data)
    encoded = encode_cursor(_KEY, _QUERY, position)
    assert decode_cursor(_KEY, _QUERY, encoded) == position
    assert re.fullmatch(r"[A-Za-z0-9_-]+", encoded)
    _check_refused(encoded, _QUERY + " ")
    at = data[0] % (len(encoded) + 1) if data else 0
    for changed in (encoded[:at], encoded[:at] + _text(data[1:3]) + encoded[at + 1 :], encoded + _text(data[1:3])):
        if changed != encoded:
            _check_refused(changed, _QUERY)


def _position(data: bytes) -> Position:
    id = UUID(bytes=data[1:17].ljust(16, b"\0"))
    if data[:1] < b"\x80":
        return Position(data[17:].decode("utf-8", "replace"), id)
    return Position(int.from_bytes(data[17:25], "big", signed=True), id)


def _check_encoded(text: str, query: str) -> None:
    try:
        position = decode_cursor(_KEY, query, text)
    except InvalidCursor:
        return
    assert encode_cursor(_KEY, query, position) == text


def _check_refused(text: str, query: str) -> None:
    try:
        decode_cursor(_KEY, query, text)
    except InvalidCursor:
        return
    raise AssertionError(f"{text!r} was accepted for {query!r}")


CURSOR_SEEDS: Final = (
    encode_cursor(_KEY, _QUERY, Position("2026-01-01T12:00:00+00:00", UUID(int=1))).encode(),
    b"\x05a" + bytes(15) + b"report.pdf",
    b"\xff=" + bytes(15) + b"\x80" + bytes(7),
)


# -- headers -------------------------------------------------------------------------------------------


def disposition(data: bytes) -> None:
    """The header carries exactly the name, the type is valid or left out, and no type that a browser runs is inline."""
    wanted = Disposition.INLINE if data[:1] == b"\x01" else Disposition.ATTACHMENT
    content_type, _, name = (_text(part) for part in data[1:].partition(b"\0"))
    found = _HEADER.fullmatch(download_disposition(name, wanted, content_type))
    assert found is not None
    as_sent = name.encode("utf-8", "replace").decode()
    assert unquote(found[3], errors="strict") == as_sent
    assert found[2].strip(" .")
    assert len(found[2]) <= max(len(name), _MAX_ASCII_NAME)
    sent = media_type(content_type)
    if found[1] == "inline":
        assert wanted is Disposition.INLINE
        assert _SAFE_INLINE.fullmatch((sent or BINARY_TYPE).partition(";")[0].strip().lower())
    if sent is not None:
        assert re.fullmatch(r"[!-~]+(?:[ \t][!-~]+)*", sent)
        assert media_type(sent) == sent
    value = _seal.seal("owner/upload", {"name": name})
    assert re.fullmatch(r"[!-~]*", value)
    assert _seal.open("owner/upload", value) == {"name": as_sent}
