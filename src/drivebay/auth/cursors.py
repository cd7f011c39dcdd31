"""Cursors of the lists of accounts and audit events. A cursor is the position of the last item, with a MAC.

The MAC also covers the query, so a cursor is valid only for the list that returned it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from typing import Final
from uuid import UUID

import msgspec

from ..errors import InvalidCursor

_MAC_LENGTH: Final = 16


class Position(msgspec.Struct, frozen=True, array_like=True):
    """The last item of a page: the text that it is sorted by (times as ISO 8601), and its id."""

    value: str
    id: UUID


_decoder = msgspec.msgpack.Decoder(Position)


def encode_cursor(key: bytes, query: str, position: Position) -> str:
    """Return the cursor for a position in the list that `query` identifies."""
    body = msgspec.msgpack.encode(position)
    return base64.urlsafe_b64encode(_mac(key, query, body) + body).rstrip(b"=").decode()


def decode_cursor(key: bytes, query: str, cursor: str) -> Position:
    """Return the position in a cursor. Raises InvalidCursor unless it was made for this key and query."""
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise InvalidCursor from None
    body = raw[_MAC_LENGTH:]
    if not hmac.compare_digest(raw[:_MAC_LENGTH], _mac(key, query, body)):  # guard: account-cursor-mac
        raise InvalidCursor
    position = _decoder.decode(body)
    if encode_cursor(key, query, position) != cursor:
        # base64 ignores the spare bits of the last character, so other texts decode to the same bytes.
        raise InvalidCursor
    return position


def _mac(key: bytes, query: str, body: bytes) -> bytes:
    return hashlib.blake2b(query.encode() + b"\0" + body, key=key, digest_size=_MAC_LENGTH).digest()
