"""The result of a health check."""

from __future__ import annotations

import msgspec


class Health(msgspec.Struct, frozen=True):
    """The state of one dependency. `name` is `postgres`, `store` and so on. `detail` is one sentence about the problem,
    and is empty if `ok`."""

    name: str
    ok: bool
    detail: str = ""
