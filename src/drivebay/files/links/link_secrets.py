"""Tokens of links, and the link sessions that clients get for the password of a link.

A token is derived from the id of its link with a key of the service. So a repeated request gets the same token,
although only the hash of the token is stored. A link session contains its expiry time and a MAC over the link, this
time and the hash of the password. So a change of the password ends every session, and sessions are not stored.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import struct
from datetime import datetime, timedelta
from typing import Final

from ...contract.ids import LinkId
from ...errors import InvalidCursor

TOKEN_PREFIX: Final = "dbl_"  # noqa: S105 - it is public, and lets scanners find tokens that leaked
SESSION_LIFETIME: Final = timedelta(hours=1)
_MAC_BYTES: Final = 24
_END: Final = struct.Struct(">Q")


def hash_token(token: str) -> bytes:
    """Return the hash under which a token is stored. The text need not be a valid token."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


class LinkSecrets:
    """Creates and checks tokens, sessions and cursors of links. `secret` is the secret of the service."""

    def __init__(self, secret: bytes) -> None:
        self._token_key = hmac.digest(secret, b"link tokens", hashlib.sha256)
        self._session_key = hmac.digest(secret, b"link sessions", hashlib.sha256)
        self._cursor_key = hmac.digest(secret, b"link cursors", hashlib.sha256)

    def token(self, link: LinkId) -> str:
        """Return the token of a link: 256 bits, safe in URLs."""
        return TOKEN_PREFIX + _encode(hmac.digest(self._token_key, link.bytes, hashlib.sha256))

    def create_session(self, link: LinkId, password_hash: str, now: datetime) -> str:
        """Return a session that is valid for one hour, or until the password hash of the link changes."""
        end = _END.pack(int((now + SESSION_LIFETIME).timestamp()))
        return _encode(end + self._session_mac(link, password_hash, end))

    def is_session(self, text: str | None, link: LinkId, password_hash: str, now: datetime) -> bool:
        """Return whether a text is a valid session of the link."""
        try:
            raw = _decode(text or "")
        except ValueError:
            return False
        end, mac = raw[: _END.size], raw[_END.size :]
        if len(end) != _END.size or not hmac.compare_digest(mac, self._session_mac(link, password_hash, end)):
            return False
        (ends_at,) = _END.unpack(end)
        return now.timestamp() < int(ends_at)  # guard: link-session-expiry

    def seal_cursor(self, link: LinkId, cursor: str | None) -> str | None:
        """Return a cursor that is valid for this link only."""
        return None if cursor is None else f"{cursor}.{self._cursor_mac(link, cursor)}"

    def open_cursor(self, link: LinkId, sealed: str | None) -> str | None:
        """Return the cursor in a sealed cursor. Raises InvalidCursor."""
        if sealed is None:
            return None
        cursor, _, mac = sealed.rpartition(".")
        expected = self._cursor_mac(link, cursor)
        if not hmac.compare_digest(mac.encode("utf-8", "surrogatepass"), expected.encode()):  # guard: link-cursor
            raise InvalidCursor
        return cursor

    def _session_mac(self, link: LinkId, password_hash: str, end: bytes) -> bytes:
        text = link.bytes + end + password_hash.encode()  # guard: link-session-binding
        return hmac.digest(self._session_key, text, hashlib.sha256)[:_MAC_BYTES]

    def _cursor_mac(self, link: LinkId, cursor: str) -> str:
        text = link.bytes + cursor.encode("utf-8", "surrogatepass")
        return _encode(hmac.digest(self._cursor_key, text, hashlib.sha256)[:16])


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")


def _decode(text: str) -> bytes:
    """Return the bytes of base64url. Raises ValueError."""
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except binascii.Error as error:
        raise ValueError("not base64url") from error
