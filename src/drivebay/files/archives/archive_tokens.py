"""Tokens of archives: the drive and the id of an archive, encrypted, so that a URL does not reveal the drive.

The id of a personal drive is the id of its user, which the holder of a link must not learn. The encryption
(AES-256-SIV, RFC 5297) also authenticates, so a forged token opens no archive.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from typing import Final
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from ...contract.ids import DriveId
from ...errors import NotFound

_LENGTH: Final = 64
"""The number of characters of a token: base64url of two ids and a tag of 16 bytes. 48 bytes are exactly 64
characters."""


class ArchiveTokens:
    """Issues and opens tokens. `secret` is the secret of the service."""

    def __init__(self, secret: bytes) -> None:
        self._cipher = AESSIV(hmac.digest(secret, b"files archive", hashlib.sha512))

    def issue(self, owner: DriveId, id: UUID) -> str:
        return base64.urlsafe_b64encode(self._cipher.encrypt(owner.bytes + id.bytes, None)).decode()

    def open(self, token: str) -> tuple[DriveId, UUID]:
        """Return the drive and the id of an archive. Raises NotFound for a token that `issue` has not returned."""
        try:
            raw = base64.b64decode(token, altchars=b"-_", validate=True) if len(token) == _LENGTH else b""
            ids = self._cipher.decrypt(raw, None)
        except (InvalidTag, binascii.Error, ValueError):
            raise NotFound("no such archive, or it has expired") from None
        return DriveId(UUID(bytes=ids[:16])), UUID(bytes=ids[16:])
