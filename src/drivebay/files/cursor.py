"""Where a listing goes on: a place in one ordering of one owner's files, sealed so that nobody bends it.

A cursor is base64url of a MAC and the MessagePack of the place. The MAC covers the query as well, so a
cursor works only for the listing that gave it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from uuid import UUID

import msgspec

from ..errors import InvalidCursor

_MAC = 16


class Place(msgspec.Struct, frozen=True, array_like=True):
    """The last item that was given out: its sort value (text; times and sizes as written below) and its id."""

    value: str | int
    id: UUID


_decoder = msgspec.msgpack.Decoder(Place)
_encoder = msgspec.msgpack.Encoder()


def _mac(key: bytes, query: str, body: bytes) -> bytes:
    # Keyed BLAKE2 (RFC 7693): a listing makes one a page, and HMAC costs nine times as much.
    return hashlib.blake2b(query.encode() + b"\0" + body, key=key, digest_size=_MAC).digest()


def seal(key: bytes, query: str, place: Place) -> str:
    body = _encoder.encode(place)
    return base64.urlsafe_b64encode(_mac(key, query, body) + body).rstrip(b"=").decode()


def unseal(key: bytes, query: str, cursor: str) -> Place:
    """Raises InvalidCursor for whatever `seal` did not make for this key and query."""
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise InvalidCursor from None
    mac, body = raw[:_MAC], raw[_MAC:]
    if not hmac.compare_digest(mac, _mac(key, query, body)):
        raise InvalidCursor
    if seal(key, query, place := _decoder.decode(body)) != cursor:
        raise InvalidCursor  # the same bytes written another way: stray bits in the last character
    return place
