"""Encrypt and authenticate the metadata of an object, so that a holder of a download URL learns nothing from it.

A store returns the metadata of an object with every download. So an object has only one metadata value, sealed with a
key that is derived from the root secret. With the root secret, an operator can open the value, and find the drive and
the name of every object even without the database.

The form is `v1.<key id>.<base64url>`. The key id identifies the secret without revealing it. The encryption is
AES-256-SIV (RFC 5297): the same metadata of the same object always gives the same value, so a repeated request gets the
same URL. The value is bound to the key of the object, so the value of another object cannot be decrypted.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from ..contract.storage import QUARANTINE_PREFIX, upload_key

METADATA_HEADER: Final = "x-amz-meta-drivebay"
"""The only metadata header of an object."""

_VERSION: Final = "v1"
_KEY_BYTES: Final = 64
_KEY_ID_BYTES: Final = 6
_BLOCK: Final = 256
"""The text is padded to a multiple of this number of bytes, so that its length does not reveal the length of the
name."""

_decoder = msgspec.json.Decoder(dict[str, str])


class UnreadableMetadata(Exception):
    """A value cannot be decrypted. The message says why."""


class MetadataSeal:
    """Seals metadata with the root secret, and opens it again. `key_id` identifies the secret."""

    def __init__(self, secret: bytes) -> None:
        self._cipher = AESSIV(_derive(secret, b"key", _KEY_BYTES))
        self.key_id = _derive(secret, b"key id", _KEY_ID_BYTES).hex()

    def seal(self, key: str, metadata: Mapping[str, str]) -> str:
        """Return the value for the metadata of the upload with this object key. It is printable ASCII."""
        # The name may contain a lone surrogate, which UTF-8 cannot encode.
        clean = {name: value.encode("utf-8", "replace").decode() for name, value in metadata.items()}
        text = msgspec.json.encode(clean)
        text += b" " * (-len(text) % _BLOCK)  # guard: metadata-length
        sealed = self._cipher.encrypt(text, _associated_data(key))
        return f"{_VERSION}.{self.key_id}.{base64.urlsafe_b64encode(sealed).decode()}"

    def open(self, key: str, value: str) -> dict[str, str]:
        """Return the metadata of the object `key` from its sealed value. Raises UnreadableMetadata."""
        version, _, rest = value.partition(".")
        key_id, _, sealed = rest.partition(".")
        if version != _VERSION:
            raise UnreadableMetadata(f"the value is not sealed metadata of version {_VERSION}")
        if key_id != self.key_id:
            raise UnreadableMetadata(f"the value was sealed with another secret; its key id is {key_id}")
        try:
            text = self._cipher.decrypt(base64.b64decode(sealed, b"-_", validate=True), _associated_data(key))
            return _decoder.decode(text)
        except (InvalidTag, binascii.Error, ValueError):
            raise UnreadableMetadata("the value was changed, or belongs to another object") from None


def open_metadata(key: str, value: str, secrets: Sequence[bytes]) -> dict[str, str]:
    """Return the metadata of the object `key` from its value. One of `secrets`, which are not empty, has sealed it.

    `key` may be the key of a copy, a staged object or a quarantined object. Raises UnreadableMetadata.
    """
    seals = [MetadataSeal(secret) for secret in secrets]
    key_id = value.partition(".")[2].partition(".")[0]
    seal = next((seal for seal in seals if seal.key_id == key_id), seals[0])
    return seal.open(key, value)


def _associated_data(key: str) -> list[bytes]:
    return [upload_key(key.removeprefix(QUARANTINE_PREFIX)).encode("utf-8", "surrogatepass")]


def _derive(secret: bytes, label: bytes, length: int) -> bytes:
    info = b"drivebay.storage.metadata." + label
    return HKDF(algorithm=SHA256(), length=length, salt=None, info=info).derive(secret)
