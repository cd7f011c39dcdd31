"""Checks responses against the OpenAPI document. This suite checks every response that it gets."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import jsonschema_rs

DOCUMENT = Path(__file__).parents[2] / "docs" / "openapi.json"


@cache
def document() -> Any:
    return json.loads(DOCUMENT.read_text("utf-8"))


async def hold(response: httpx.Response) -> None:
    """Fail unless the document describes the response."""
    await response.aread()
    request = response.request
    problem = undocumented(request.method, request.url.path, response.status_code, response.headers, response.content)
    assert problem is None, f"{request.method} {request.url.path}: {problem}"


def undocumented(method: str, path: str, status: int, headers: Mapping[str, str], body: bytes) -> str | None:
    """Return how a response differs from the document; None if it does not, or if the path is not documented."""
    at = template(path)
    if at is None:
        return None
    methods = document()["paths"][at]
    operation = methods.get(method.lower(), methods.get("get") if method == "HEAD" else None)
    if operation is None:
        return None if status == (204 if method == "OPTIONS" else 405) else f"{status} of an unknown method"
    promised = operation["responses"].get(str(status))
    if promised is None:
        return f"{status} is not documented: {body[:200]!r}"
    for name, header in promised.get("headers", {}).items():
        if _resolved(header).get("required") and name.lower() not in headers:
            return f"{status} has no {name}"
    return None if method == "HEAD" else _unlike(promised.get("content", {}), headers.get("content-type", ""), body)


def _unlike(contents: Mapping[str, Any], sent_as: str, body: bytes) -> str | None:
    kind = sent_as.partition(";")[0]
    if kind not in (contents or {""}):
        return f"a body of {kind!r}, not of {sorted(contents)}"
    if not kind.endswith("json"):
        return None if contents or not body else f"a body that is not documented: {body[:200]!r}"
    errors = _validator(contents[kind]["schema"]["$ref"]).iter_errors(json.loads(body))
    return next((f"{error.message} in {body[:300]!r}" for error in errors), None)


@cache
def template(path: str) -> str | None:
    """Return the path template of the document that matches a path."""
    paths = document()["paths"]
    if path in paths:
        return path
    templates = (at for at in paths if "{" in at)
    return next((at for at in templates if re.fullmatch(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(at)), path)), None)


def _resolved(part: Any) -> Any:
    found = document()
    for name in part.get("$ref", "#").split("/")[1:]:
        found = found[name]
    return found if "$ref" in part else part


@cache
def _validator(ref: str) -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator(
        {"$ref": ref, "components": document()["components"]}, validate_formats=True
    )
