"""JSON types of password resets and of the confirmation of email addresses."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta


class PasswordResetRequest(msgspec.Struct, forbid_unknown_fields=True):  # guard: reset-unknown-fields
    """The email address of an account. Any text is accepted, and the response is always the same."""

    email: Annotated[str, Meta(examples=["ada@example.com"])]


class EmailVerification(msgspec.Struct, forbid_unknown_fields=True):
    """The token of the link in the mail."""

    token: Annotated[str, Meta(max_length=1000)]
