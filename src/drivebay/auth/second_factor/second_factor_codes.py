"""Secrets, codes and recovery codes of the second factor, without a database."""

from __future__ import annotations

import hmac
import re
from base64 import b32encode
from collections.abc import Callable
from datetime import datetime
from typing import Final

import pyotp
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pyotp.exceptions import OTPVerificationError

from ...contract.ids import UserId
from ...errors import Internal

ISSUER: Final = "Drivebay"
RECOVERY_CODE_COUNT: Final = 10
_SECRET_LENGTH: Final = 20
"""The number of bytes of a secret, as RFC 4226 recommends. Authenticator apps accept at most 20 bytes with SHA-1."""
_RECOVERY_CODE_BYTES: Final = 10
"""The number of random bytes of a recovery code: 80 bits, which are 16 characters."""
_SKEW_STEPS: Final = 1
"""The number of time steps (30 seconds each) by which the clock of an app may be ahead or behind."""
_NONCE_LENGTH: Final = 12
_TOTP_PATTERN: Final = re.compile(r"[0-9]{6}")
_RECOVERY_PATTERN: Final = re.compile(r"[A-Z2-7]{16}")
_MAX_INPUT_LENGTH: Final = 64
"""The maximum number of characters of a code with spaces and hyphens."""


def new_secret(random_bytes: Callable[[int], bytes]) -> str:
    """Return a new secret in base32."""
    return b32encode(random_bytes(_SECRET_LENGTH)).decode()


def provisioning_uri(secret: str, email: str) -> str:
    """Return the `otpauth` URI of a secret, which apps read from a QR code."""
    return pyotp.TOTP(secret).provisioning_uri(name=email, issuer_name=ISSUER)


def seal(secret: str, user: UserId, key: bytes, random_bytes: Callable[[int], bytes]) -> bytes:
    """Return a secret encrypted with AES-256-GCM, bound to its account."""
    nonce = random_bytes(_NONCE_LENGTH)
    return nonce + AESGCM(key).encrypt(nonce, secret.encode(), user.bytes)


def unseal(sealed: bytes, user: UserId, key: bytes) -> str:
    """Return the secret that `seal` encrypted. Raises Internal if it was encrypted with another root secret."""
    try:
        return AESGCM(key).decrypt(sealed[:_NONCE_LENGTH], sealed[_NONCE_LENGTH:], user.bytes).decode()
    except (InvalidTag, ValueError) as error:
        raise Internal(f"the second factor of account {user} was encrypted with another DRIVEBAY_SECRET") from error


def find_step(secret: str, code: str, now: datetime) -> int | None:
    """Return the time step to which a code belongs, or None for a wrong code.

    Besides the code of the current step, the codes of the previous and of the next step are accepted.
    """
    try:
        return pyotp.TOTP(secret).verify_and_get_timecode(code, for_time=now, valid_window=_SKEW_STEPS)
    except OTPVerificationError:
        return None


def is_totp_code(code: str) -> bool:
    """Return whether a normalized code has the form of a TOTP code."""
    return _TOTP_PATTERN.fullmatch(code) is not None


def is_recovery_code(code: str) -> bool:
    """Return whether a normalized code has the form of a recovery code."""
    return _RECOVERY_PATTERN.fullmatch(code) is not None


def normalize(text: str) -> str:
    """Return a code without spaces and hyphens, in upper case. Return '' if the text does not have the form of a
    code."""
    if len(text) > _MAX_INPUT_LENGTH:
        return ""
    code = re.sub(r"[\s-]", "", text).upper()
    return code if _TOTP_PATTERN.fullmatch(code) or _RECOVERY_PATTERN.fullmatch(code) else ""


def new_recovery_codes(random_bytes: Callable[[int], bytes]) -> tuple[str, ...]:
    """Return new recovery codes in groups of four characters."""
    return tuple(
        _with_hyphens(b32encode(random_bytes(_RECOVERY_CODE_BYTES)).decode()) for _ in range(RECOVERY_CODE_COUNT)
    )


def recovery_digest(key: bytes, user: UserId, code: str) -> bytes:
    """Return the keyed hash of a recovery code. A stolen table is useless without the key."""
    return hmac.digest(key, user.bytes + normalize(code).encode(), "sha256")


def _with_hyphens(code: str) -> str:
    return "-".join(code[start : start + 4] for start in range(0, len(code), 4))
