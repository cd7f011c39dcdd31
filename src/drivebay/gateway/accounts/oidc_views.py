"""JSON types of the sign-in with an identity provider."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta


class OidcCode(msgspec.Struct, forbid_unknown_fields=True):
    """The sign-in code that the browser brought to the app."""

    code: Annotated[str, Meta(max_length=1000)]
