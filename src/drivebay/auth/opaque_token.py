"""Opaque tokens: secrets of 32 bytes without a meaning. The database stores only the digest of a token.

Refresh tokens, challenges, sign-in codes and the tokens in mailed links are opaque tokens.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from typing import Final

_LENGTH: Final = 32
_TEXT_PATTERN: Final = re.compile(r"[A-Za-z0-9_-]{43}")


class OpaqueToken:
    """A secret of 32 bytes. Only the client gets `text`. Only `digest` is stored."""

    __slots__ = ("_value",)

    def __init__(self, value: bytes) -> None:
        self._value = value

    @classmethod
    def generate(cls, random_bytes: Callable[[int], bytes]) -> OpaqueToken:
        """Return a new random token."""
        return cls(random_bytes(_LENGTH))

    @classmethod
    def parse(cls, text: str) -> OpaqueToken | None:
        """Return the token of a text that a client sent, or None for a malformed text."""
        if _TEXT_PATTERN.fullmatch(text) is None:
            return None
        return cls(urlsafe_b64decode(text + "="))

    @property
    def value(self) -> bytes:
        return self._value

    @property
    def text(self) -> str:
        return urlsafe_b64encode(self._value).rstrip(b"=").decode("ascii")

    @property
    def digest(self) -> bytes:
        # A fast hash is enough, because the token has 256 random bits.
        return hashlib.sha256(self._value).digest()

    def derive_successor(self, key: bytes, salt: bytes) -> OpaqueToken:
        """Return the token that replaces this token after a refresh.

        The successor is derived, not random. So a repeated refresh returns the same token, although no token is stored.
        It is derived from this token, which the client has, the `salt` of its row, and `key`, which never leaves the
        service.
        """
        return OpaqueToken(hmac.digest(key, self._value + salt, "sha256"))
