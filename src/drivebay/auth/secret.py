"""One secret of the deployment, and a key of its own for every use of it (HKDF, RFC 5869).

The uses cannot be told from one another's keys. Changing a label is losing what was made under it.
"""

from __future__ import annotations

from typing import Literal

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

Label = Literal["pepper", "signing-keys", "refresh-tokens", "idempotency"]

MIN_LENGTH = 32
"""In bytes: as long as each key made from it."""


def subkey(secret: bytes, label: Label) -> bytes:
    """The 32-byte key for one use."""
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=b"drivebay.auth." + label.encode()).derive(secret)
