"""What no document can say of requests that are made up from it; schemathesis.toml names this file.

A cursor is text that a page before gave out; a name is looked up in a folder; a key of idempotency belongs to one body;
to JSON Schema `5.0` is an integer, to the gateway a float. And nobody makes up the id of a file whose bytes are there,
or a token that is good: every other time such a one, of KNOWN in the environment, takes the place of a made-up one.
"""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from typing import Any
from uuid import UUID, uuid4

import schemathesis
from requests.structures import CaseInsensitiveDict

KEY = "Idempotency-Key"
KNOWN: dict[str, list[str]] = json.loads(os.environ.get("KNOWN", "{}"))
"""By operation: ids that may be used again and again, and under `tokens` those that are good once."""
_turns: Counter[str] = Counter()


@schemathesis.hook
def before_call(_: schemathesis.HookContext, case: schemathesis.Case[Any], __: dict[str, Any]) -> None:
    if case.query:
        case.query.pop("cursor", None)
        if "name" in case.query:
            case.query.setdefault("parent_id", "root")
    _know(case, case.operation.label)
    headers = case.headers
    if isinstance(headers, CaseInsensitiveDict) and fits(headers.get(KEY)):
        headers[KEY] = uuid4().hex

    if case.operation.label == "POST /v1/uploads/{id}/parts" and _is_parts(case.body):
        case.body["parts"] = [{"number": 1}]

    if isinstance(case.body, dict):
        several = case.body.get("uploads")
        for body in (case.body, *(several if isinstance(several, list) else ())):
            if isinstance(body, dict) and isinstance(size := body.get("size"), float) and size.is_integer():
                body["size"] = int(size)


def _know(case: schemathesis.Case[Any], operation: str) -> None:
    _turns[operation] += 1
    if _turns[operation] % 2:
        return
    given = case.path_parameters.get("id") if case.path_parameters else None
    if operation in KNOWN and is_uuid(given):
        case.path_parameters["id"] = KNOWN[operation][_turns[operation] % len(KNOWN[operation])]
    tokens = KNOWN.get("tokens", [])
    if tokens and isinstance(case.body, dict) and isinstance(case.body.get("refresh_token"), str):
        case.body["refresh_token"] = tokens.pop()


def _is_parts(body: object) -> bool:
    """Whether these are right as far as a document can say: how many parts an upload has is another matter, and that
    no number may come twice, and that all have a checksum or none."""
    parts = body.get("parts") if isinstance(body, dict) and set(body) == {"parts"} else None
    return (
        isinstance(parts, list)
        and 1 <= len(parts) <= 100
        and all(isinstance(part, dict) and set(part) <= {"number", "sha256"} and _is_part(part) for part in parts)
    )


def _is_part(part: dict[str, object]) -> bool:
    number, sha256 = part.get("number"), part.get("sha256")
    return (
        type(number) in (int, float)
        and number == int(number)  # type: ignore[call-overload]
        and 1 <= number <= 10_000  # type: ignore[operator]
        and (sha256 is None or (isinstance(sha256, str) and re.fullmatch("[A-Za-z0-9+/]{43}=", sha256) is not None))
    )


def is_uuid(text: object) -> bool:
    try:
        return str(UUID(str(text))) == text
    except ValueError:
        return False


def fits(key: object) -> bool:
    return isinstance(key, str) and 1 <= len(key) <= 255 and key.isascii() and key.isprintable()
