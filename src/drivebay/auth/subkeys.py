"""Derives one key for each purpose from the root secret (HKDF, RFC 5869).

The key of one purpose reveals nothing about the other keys. If a label changes, its key changes, and all data that was
created with the old key is lost.
"""

from __future__ import annotations

from typing import Final, Literal

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

Label = Literal[
    "pepper",
    "signing-keys",
    "refresh-tokens",
    "idempotency",
    "cursors",
    "invitations",
    "totp",
    "recovery-codes",
    "mail-tokens",
    "api-tokens",
    "oidc",
]

MIN_SECRET_LENGTH: Final = 32
"""The minimum number of bytes of a secret. It must be at least as long as each key derived from it."""


def derive_key(secret: bytes, label: Label) -> bytes:
    """Return the 32-byte key for the purpose `label`."""
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=b"drivebay.auth." + label.encode()).derive(secret)
