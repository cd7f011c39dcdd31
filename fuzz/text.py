"""What must hold for any text of a client: cursors, and names and types of files."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import unquote
from uuid import UUID

from drivebay.contract.storage import Disposition
from drivebay.errors import InvalidCursor
from drivebay.files.cursor import Place, seal, unseal
from drivebay.storage.headers import OCTETS, content_disposition, media_type, metadata_value

_KEY: Final = bytes(range(32))
_QUERY: Final = "owner None created True"
_HEADER: Final = re.compile(
    r"(attachment|inline); filename=\"([ !#$&-.0-\[\]-~]*)\"; "
    r"filename\*=UTF-8''((?:[!#$&+.^_`|~0-9A-Za-z-]|%[0-9A-F]{2})*)"
)
# By WHATWG's MIME Sniffing, browsers run XML and HTML and nothing else; an unknown type is downloaded.
_SHOWN: Final = re.compile(r"(?:image|audio|video)/(?!\S*\+?xml$)[^\s;]+|application/pdf|application/octet-stream")


def _text(data: bytes) -> str:
    """Any bytes as text, half surrogate pairs among it."""
    return data.decode("utf-8", "surrogateescape")


# -- cursors -------------------------------------------------------------------------------------------


def cursor(data: bytes) -> None:
    """A cursor is what `seal` made, for this query and to the letter, or InvalidCursor."""
    _only_ours(_text(data), _QUERY)
    place = _place(data)
    sealed = seal(_KEY, _QUERY, place)
    assert unseal(_KEY, _QUERY, sealed) == place
    assert re.fullmatch(r"[A-Za-z0-9_-]+", sealed)
    _refused(sealed, _QUERY + " ")
    at = data[0] % (len(sealed) + 1) if data else 0
    for bent in (sealed[:at], sealed[:at] + _text(data[1:3]) + sealed[at + 1 :], sealed + _text(data[1:3])):
        if bent != sealed:
            _refused(bent, _QUERY)


def _place(data: bytes) -> Place:
    id = UUID(bytes=data[1:17].ljust(16, b"\0"))
    if data[:1] < b"\x80":
        return Place(data[17:].decode("utf-8", "replace"), id)
    return Place(int.from_bytes(data[17:25], "big", signed=True), id)


def _only_ours(text: str, query: str) -> None:
    try:
        place = unseal(_KEY, query, text)
    except InvalidCursor:
        return
    assert seal(_KEY, query, place) == text


def _refused(text: str, query: str) -> None:
    try:
        unseal(_KEY, query, text)
    except InvalidCursor:
        return
    raise AssertionError(f"{text!r} was taken for {query!r}")


SEEDS_OF_CURSOR: Final = (
    seal(_KEY, _QUERY, Place("2026-01-01T12:00:00+00:00", UUID(int=1))).encode(),
    b"\x05a" + bytes(15) + b"report.pdf",
    b"\xff=" + bytes(15) + b"\x80" + bytes(7),
)


# -- headers -------------------------------------------------------------------------------------------


def disposition(data: bytes) -> None:
    """A name arrives whole and alone, a type is one or none, and nothing that a browser runs is inline."""
    wanted = Disposition.INLINE if data[:1] == b"\x01" else Disposition.ATTACHMENT
    content_type, _, name = (_text(part) for part in data[1:].partition(b"\0"))
    found = _HEADER.fullmatch(content_disposition(name, wanted, content_type))
    assert found is not None
    as_sent = name.encode("utf-8", "replace").decode()
    assert unquote(found[3], errors="strict") == as_sent
    assert len(found[2]) == len(name)
    sent = media_type(content_type)
    if found[1] == "inline":
        assert wanted is Disposition.INLINE
        assert _SHOWN.fullmatch((sent or OCTETS).partition(";")[0].strip().lower())
    if sent is not None:
        assert re.fullmatch(r"[!-~]+(?:[ \t][!-~]+)*", sent)
        assert media_type(sent) == sent
    value = metadata_value(name)
    assert re.fullmatch(r"[!-~]*", value)
    assert unquote(value, errors="strict") == as_sent
