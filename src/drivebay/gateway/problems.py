"""Failures as `application/problem+json` (RFC 9457)."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from ..errors import Error

MEDIA_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:drivebay:problem:"


class FieldProblem(msgspec.Struct):
    field: str
    message: str


class Problem(msgspec.Struct):
    """`code` is stable; `detail` is for people; `errors` names fields of a request that is not valid."""

    type: Annotated[str, Meta(examples=["urn:drivebay:problem:not_found"])]
    title: str
    status: Annotated[int, Meta(examples=[404])]
    detail: str
    code: Annotated[str, Meta(examples=["not_found"])]
    request_id: str
    errors: list[FieldProblem] | UnsetType = UNSET


_encoder = msgspec.json.Encoder()


def body(error: Error, request_id: str) -> bytes:
    problem = Problem(TYPE_PREFIX + error.code, error.title, error.http, error.detail, error.code, request_id)
    if error.errors:
        problem.errors = [FieldProblem(field, message) for field, message in error.errors]
    return _encoder.encode(problem)


def headers(error: Error, *, authorized: bool = False) -> dict[str, str]:
    """What the status itself promises to carry. `authorized` is whether the client sent an `Authorization`."""
    found: dict[str, str] = {}
    if error.http == 401:
        # RFC 6750, 3.1: no error code for a client that sent no token.
        bad_token = authorized and error.code == "unauthenticated"
        found["WWW-Authenticate"] = 'Bearer error="invalid_token"' if bad_token else "Bearer"
    if error.retry_after is not None or error.http in (423, 429, 503):
        found["Retry-After"] = str(max(1, error.retry_after or 1))
    return found
