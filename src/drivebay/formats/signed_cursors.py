"""Cursors: the position at which the next page of a list begins, signed against forgery.

A cursor is base64url of a MAC and the MessagePack of the position. The MAC also covers the query, so a cursor is
valid only for the list that returned it.
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

_MAC_BYTES: Final = 16


class Position(msgspec.Struct, frozen=True, array_like=True):
    """The last item of a page: its sort value (times as ISO 8601 text, sizes as numbers) and its id."""

    value: str | int
    id: UUID


_decoder = msgspec.msgpack.Decoder(Position)
_encoder = msgspec.msgpack.Encoder()


def encode_cursor(key: bytes, query: str, position: Position) -> str:
    """Return the cursor for a position in the list that `query` identifies."""
    body = _encoder.encode(position)
    return base64.urlsafe_b64encode(_mac(key, query, body) + body).rstrip(b"=").decode()


def decode_cursor(key: bytes, query: str, cursor: str) -> Position:
    """Return the position in a cursor. Raises InvalidCursor unless it was created for this key and query."""
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise InvalidCursor from None
    mac, body = raw[:_MAC_BYTES], raw[_MAC_BYTES:]
    if not hmac.compare_digest(mac, _mac(key, query, body)):  # guard: cursor-mac
        raise InvalidCursor
    position = _decoder.decode(body)
    if encode_cursor(key, query, position) != cursor:  # guard: cursor-canonical-text
        # base64 ignores the spare bits of the last character, so other texts decode to the same bytes.
        raise InvalidCursor
    return position


def _mac(key: bytes, query: str, body: bytes) -> bytes:
    # Keyed BLAKE2 (RFC 7693). Each page needs one MAC, and HMAC takes nine times as long.
    # guard: cursor-query
    return hashlib.blake2b(query.encode() + b"\0" + body, key=key, digest_size=_MAC_BYTES).digest()
