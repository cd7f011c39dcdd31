"""How a service says whether it can work."""

from __future__ import annotations

import msgspec


class Health(msgspec.Struct, frozen=True):
    """One thing that was tried: `postgres`, `store`, ...; `detail` says what is wrong, in one sentence."""

    name: str
    ok: bool
    detail: str = ""
