"""JSON types of the second factor."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

Code = Annotated[str, Meta(description="a one-time code or a recovery code", examples=["123456"])]


class TotpSecret(msgspec.Struct):
    """The secret in base32, and the `otpauth` URI for a QR code. It is not active before its confirmation."""

    secret: str
    uri: str


class Confirmation(msgspec.Struct, forbid_unknown_fields=True):
    """A code that the authenticator app shows for the new secret."""

    code: Annotated[str, Meta(examples=["123456"])]


class RecoveryCodes(msgspec.Struct):
    """Ten codes, each of which replaces a one-time code once. They are shown only here."""

    recovery_codes: list[str]


class Removal(msgspec.Struct, forbid_unknown_fields=True):
    """The password of the account, and a code. An account without a password signs in within 5 minutes before."""

    code: Code
    password: str = ""
