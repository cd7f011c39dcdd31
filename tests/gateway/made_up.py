"""What no document can say of requests that are made up from it; schemathesis.toml names this file.

A cursor is text that a page before gave out; a key of idempotency belongs to one body; and to JSON Schema
`5.0` is an integer, to the gateway a float.
"""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import schemathesis
from requests.structures import CaseInsensitiveDict

KEY = "Idempotency-Key"


@schemathesis.hook
def before_call(_: schemathesis.HookContext, case: schemathesis.Case[Any], __: dict[str, Any]) -> None:
    if case.query:
        case.query.pop("cursor", None)
    headers = case.headers
    if isinstance(headers, CaseInsensitiveDict) and fits(headers.get(KEY)):
        headers[KEY] = uuid4().hex

    if isinstance(case.body, dict) and isinstance(size := case.body.get("size"), float) and size.is_integer():
        case.body["size"] = int(size)


def fits(key: object) -> bool:
    return isinstance(key, str) and 1 <= len(key) <= 255 and key.isascii() and key.isprintable()
