"""JSON types of the second factor."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

Code = Annotated[str, Meta(description="a code of the authenticator app or a recovery code", examples=["123456"])]


class TotpSecret(msgspec.Struct):
    """The secret in base32, and the `otpauth` URI for a QR code. The secret is not active until it is confirmed."""

    secret: str
    uri: str


class Confirmation(msgspec.Struct, forbid_unknown_fields=True):
    """A code that the authenticator app shows for the new secret."""

    code: Annotated[str, Meta(examples=["123456"])]


class RecoveryCodes(msgspec.Struct):
    """Ten codes. Each replaces a code of the authenticator app once. They are shown only here."""

    recovery_codes: list[str]


class Removal(msgspec.Struct, forbid_unknown_fields=True):
    """The password and a code. A user without a password must have signed in within the last 5 minutes."""

    code: Code
    password: str = ""
